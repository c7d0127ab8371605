// One school: where its line is broken, what is wrong, and every room with its devices.
import { byId, element, text } from "../dom.js";
import { schoolShape, schoolStateName, worstFirst } from "../severity.js";
import { NOTHING, nt, number, t } from "../words.js";
import { agedSince } from "../console/ages.js";
import { present } from "../console/absent.js";
import { at, get, greet, visitor } from "../console/api.js";
import { presenceMark, why } from "../console/facts.js";
import { openAlarms } from "./device_alarms.js";
import { roomName } from "./device_row.js";
import { drawPath } from "./path.js";
import { roomDevice } from "./room_device.js";
import { Section, every, once } from "./section.js";

const REFRESH_MS = 5000;
const ALARMS = 100;

const code = decodeURIComponent(location.pathname.split("/")[3]);
let asked = null;
const detail = () => (asked ??= get(at("/api/v1/schools", code)).finally(() => setTimeout(() => (asked = null), 500)));

const isOn = (device) => device.presence?.state === "born";
// nothing is online in a school that cannot be reached, whatever was heard last
const reachable = (state) => state !== "down" && state !== "unknown";

function head({ school, state, since_ms: since, rooms }) {
  const devices = rooms.flatMap((room) => room.devices);
  const online = reachable(state) ? devices.filter(isOn).length : 0;
  byId("trail").replaceChildren(element("a", { href: "/tech/schools" }, byId("trail").firstElementChild.textContent),
    element("a", { href: `/tech/schools?district=${encodeURIComponent(school.district ?? "")}` }, school.district_name ?? school.district ?? NOTHING));
  byId("title").replaceChildren(element("h1", {}, school.name), element("i", { class: `shape ${schoolShape(state)}`, "aria-hidden": "true" }),
    element("p", {}, schoolStateName(state), " · ", agedSince(since, "for")),
    element("p", { class: "code" }, school.code),
    element("p", {}, [nt("{n} room", "{n} rooms", rooms.filter((room) => room.code !== "-").length), t("{on} of {all} devices online", { on: number(online), all: number(devices.length) })].join(" · ")),
    element("a", { href: `/tech?school=${encodeURIComponent(school.code)}` }, t("as a list")));
  document.title = school.name;
}

const parts = [
  new Section("path", {
    load: detail,
    draw(content, body) {
      head(content);
      return drawPath(content.path, body);
    },
    empty: () => t("The hub says nothing about the way to this school."),
  }),
  new Section("nodes", {
    load: detail,
    draw: once(({ nodes }) => nodes.map((node) => [node.node, node.presence, node.devices_online, node.devices.length]), ({ nodes }, body) =>
      body.replaceChildren(...nodes.map((node) => element("div", { class: "line alarm-line" }, presenceMark(node.presence),
        element("div", {}, node.node, element("small", {}, " ", why(node.presence))),
        element("div", { class: "num" }, t("{on} of {all} devices", { on: number(node.devices_online), all: number(node.devices.length) }), agedSince(node.presence?.since_ms, "for")))))),
    empty: () => t("No edge node of this school was heard yet."),
  }),
  new Section("rooms", {
    load: detail,
    draw: once(({ state, rooms }) => [state, rooms], ({ state, rooms }, body) => body.replaceChildren(...(rooms.length ? [element("div", { class: "rooms" }, ...rooms.map((room) =>
      element("article", { class: "room part", id: `room-${room.code}` }, element("h3", {}, room.name || roomName(room.code) || t("School as a whole"),
        element("small", { class: "num" }, t("{on} of {all} online", { on: number(reachable(state) ? room.devices.filter(isOn).length : 0), all: number(room.devices.length) }))),
      ...room.devices.map((device) => roomDevice(device)))))] : []))),
    empty: () => t("No rooms are known."),
  }),
  new Section("alarms", {
    load: () => get("/api/v1/alarms", { school: code, state: "open", limit: ALARMS }),
    draw: once(({ items }) => items, ({ items }, body) => {
      const mine = items.filter((alarm) => alarm.school === code);
      body.replaceChildren(...openAlarms(mine, (alarm) => [roomName(alarm.room), alarm.device].filter(Boolean).join(" · ")));
    }),
    empty: () => t("No open alarm here."),
  }),
];

text(document.querySelector("#title h1"), code);
greet(await visitor(() => parts.forEach((part) => part.fail({ status: 0 }))));
await present(detail, (problem) => parts.forEach((part) => part.fail(problem)), code, [["/tech/schools", t("Schools")]]);
const refresh = () => Promise.all(parts.map((part) => part.refresh()));
refresh();
every(REFRESH_MS, refresh);
