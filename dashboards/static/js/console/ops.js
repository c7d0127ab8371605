// Wires the operations console: lists from the API, and the wall's stream as the bell that says when to look.
import { byId, hidden, text } from "../dom.js";
import { sawVersion } from "../renewal.js";
import { Stream } from "../stream.js";
import { number, t } from "../words.js";
import { alarmList } from "./alarms.js";
import { greet, visitor } from "./api.js";
import { nodeList } from "./nodes.js";
import { quarantineList } from "./quarantine.js";
import { schoolNames } from "./schools.js";
import { statusList } from "./status.js";
import { Tabs } from "./tabs.js";

const REFRESH_MS = 5000;
const RING_MS = 400;

const link = byId("link");
const show = (state) => {
  link.dataset.state = state;
  text(link.querySelector("span"), { live: t("LIVE"), lost: t("CONNECTION LOST"), refused: t("NO LIVE UPDATES") }[state] ?? t("CONNECTING"));
};

const who = await visitor(() => show("lost"));
show("starting");
greet(who);
const names = await schoolNames();
const schoolName = (code) => names.get(code) ?? code;
const counted = (name) => (count, more) => text(document.querySelector(`[data-count=${name}]`), count ? number(count) + (more ? "+" : "") : "");

const makers = {
  alarms: () => alarmList(who, schoolName, counted("alarms")),
  nodes: () => nodeList(who, schoolName, names, counted("nodes")),
  quarantine: () => quarantineList(who, counted("quarantine")),
  status: () => statusList(),
};
const lists = {};
const tabs = new Tabs(who.permissions, (name) => (lists[name] ??= makers[name]()).refresh());
for (const name of tabs.names) if (name !== tabs.current) (lists[name] = makers[name]()).refresh();
hidden(document.querySelector(".tabs"), !tabs.names.length);
hidden(byId("nothing"), tabs.names.length > 0);
hidden(byId("nothing-wall"), !who.permissions.includes("wall.read"));

let rung = null;
const ring = () => {
  rung ??= setTimeout(() => {
    rung = null;
    lists.alarms.refresh();
  }, RING_MS);
};

if (lists.alarms && who.permissions.includes("wall.read"))
  new Stream("/api/v1/wall/main/stream", {
    snapshot: ring, delta: (change) => change.alarms && ring(), version: sawVersion, state: show,
  }).start();
else link.hidden = true;

// Nodes, quarantine and counters are lists of the API without a stream of their own; only the open one is asked.
setInterval(() => {
  if (!document.hidden && !document.querySelector("dialog[open]") && (tabs.current !== "alarms" || link.hidden || link.dataset.state !== "live"))
    lists[tabs.current]?.refresh();
}, REFRESH_MS);
