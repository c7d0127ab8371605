// Wires the page of one device; which one, which metrics and which range stand in the address.
import { byId, element, text } from "../dom.js";
import { t } from "../words.js";
import { agedSince } from "../console/ages.js";
import { present } from "../console/absent.js";
import { at, get, greet, visitor } from "../console/api.js";
import { kindName, presenceMark, why } from "../console/facts.js";
import { icon } from "../console/icons.js";
import { raiseTicket } from "../school/raise.js";
import { Address } from "./address.js";
import { agentPart } from "./agent.js";
import { alarmsPart } from "./device_alarms.js";
import { roomName } from "./device_row.js";
import { HistoryPart } from "./history.js";
import { presencePart } from "./presence.js";
import { every } from "./section.js";
import { trafficPart } from "./traffic.js";
import { valuesPart } from "./values.js";

const REFRESH_MS = 4000;
const SLOW_MS = 15000;

const [group, node, name] = location.pathname.split("/").slice(3).map(decodeURIComponent);
const id = { group, node, device: name };
const path = at("/api/v1/devices", group, node, name);
const address = new Address(["metric", "range", "from", "to"], () => history.changed());

function head(device) {
  const school = device.claimed === false ? element("span", {}, device.school) : element("a", { href: at("/tech/school", device.school) }, device.school_name || device.school);
  const trail = [element("a", { href: "/tech" }, byId("trail").firstElementChild.textContent), school];
  if (roomName(device.room)) trail.push(element("span", {}, roomName(device.room)));
  byId("trail").replaceChildren(...trail);
  const title = byId("title");
  const print = JSON.stringify([device.name, device.presence, device.kind]);
  if (title.dataset.print === print) return;
  title.dataset.print = print;
  const called = device.name || device.device;
  title.replaceChildren(icon(device.icon ?? device.kind), element("h1", {}, called), presenceMark(device.presence),
    element("p", {}, why(device.presence), " · ", agedSince(device.presence?.since_ms, "for")),
    element("p", { class: "code" }, [kindName(device.kind) === called ? "" : kindName(device.kind), device.device].filter(Boolean).join(" · ")));
  document.title = [called, roomName(device.room), device.school_name || device.school].filter(Boolean).join(" · ");
}

let asked = null;
// several parts show the same answer: it is asked for once
const detail = () => (asked ??= get(path).finally(() => setTimeout(() => (asked = null), 500)));

const values = valuesPart({
  load: detail, drawn: head,
  shown: () => history.metrics, toggled: (metric, add) => history.toggle(metric, add),
});
const history = new HistoryPart({ id, path, address, device: detail, changed: () => values.mark() });
const agent = agentPart(detail);
const [alarms, presence] = [alarmsPart(id), presencePart(id)];
trafficPart(id);

function offerTicket(visiting, device) {
  const raise = byId("raise");
  raise.hidden = !visiting.permissions.includes("tickets.write") || device.claimed === false;
  raise.addEventListener("click", () => raiseTicket({ unit: device.school, room: roomName(device.room) ? device.room : null, device: id }, device.name || device.device, (ticket) => location.assign(at("/tickets", ticket.id))));
}

text(document.querySelector("#title h1"), name);
const away = (problem) => [values, agent, alarms, presence, history.section].forEach((part) => part.fail(problem));
const who = await visitor(() => away({ status: 0 }));
greet(who);
const device = await present(detail, away, name, [["/tech", t("Devices")]]);
offerTicket(who, device);
await Promise.all([values.refresh(), agent.refresh()]);
history.changed();
alarms.refresh();
presence.refresh();
every(REFRESH_MS, () => Promise.all([values.refresh(), agent.refresh()]));
every(SLOW_MS, () => Promise.all([alarms.refresh(), presence.refresh()]));
every(REFRESH_MS, () => history.follow());
