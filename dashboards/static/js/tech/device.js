// Wires the page of one device; which one, which metrics and which range stand in the address.
import { byId, element, text } from "../dom.js";
import { t } from "../words.js";
import { agedSince } from "../console/ages.js";
import { present } from "../console/absent.js";
import { at, get, greet, visitor } from "../console/api.js";
import { kindName, presenceMark, why } from "../console/facts.js";
import { icon } from "../console/icons.js";
import { DeviceCommands } from "../commands/device_commands.js";
import { wantedPart } from "../commands/wanted.js";
import { raiseTicket } from "../school/raise.js";
import { Address } from "./address.js";
import { agentPart } from "./agent.js";
import { agentLink, assetPart, neighboursPart, ticketsPart } from "./around.js";
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
  if (roomName(device.room)) trail.push(device.claimed === false ? element("span", {}, roomName(device.room)) : element("a", { href: at("/room", device.school, device.room) }, roomName(device.room)));
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
  load: detail, drawn: (device) => head(device) ?? commands.mark(device),
  shown: () => history.metrics, toggled: (metric, add) => history.toggle(metric, add),
});
const history = new HistoryPart({ id, path, address, device: detail, changed: () => values.mark() });
const agent = agentPart(detail);
const [alarms, presence] = [alarmsPart(id), presencePart(id)];

function offerTicket(device, raised) {
  const raise = byId("raise");
  raise.hidden = !may("tickets.write") || device.claimed === false;
  raise.addEventListener("click", () => raiseTicket({ unit: device.school, room: roomName(device.room) ? device.room : null, device: id }, device.name || device.device, raised));
}

text(document.querySelector("#title h1"), name);
const away = (problem) => [values, agent, alarms, presence, history.section].forEach((part) => part.fail(problem));
const who = await visitor(() => away({ status: 0 }));
const may = (permission) => who.permissions.includes(permission);
greet(who);
const device = await present(detail, away, name, [["/tech", t("Devices")]]);

const commands = new DeviceCommands(id, { may: may("devices.command") && device.claimed !== false, changed: () => Promise.all([values.refresh(), wanted.refresh()]) });
const wanted = wantedPart(id, { kind: () => device.kind, may: may("devices.command") });
// what the visitor may not see is not on the page at all
const offered = { tickets: ["tickets.read", () => ticketsPart(id)], asset: ["assets.read", () => assetPart(detail)], neighbours: ["devices.read", () => neighboursPart(detail)] };
const around = {};
for (const [part, [needs, make]] of Object.entries(offered)) {
  if (may(needs)) around[part] = make();
  else byId(part).remove();
}
if (may("traffic.read")) trafficPart(id);
else byId("traffic").remove();
if (may("agents.read")) byId("agent").querySelector("[data-part=link]").append(agentLink(id));
offerTicket(device, () => around.tickets?.refresh());
commands.setUp(device);
await Promise.all([values.refresh(), agent.refresh(), commands.refresh(), wanted.refresh()]);
history.changed();
const slow = () => Promise.all([alarms, presence, ...Object.values(around)].map((part) => part.refresh()));
slow();
every(REFRESH_MS, () => Promise.all([values.refresh(), agent.refresh(), commands.refresh(), wanted.refresh()]));
every(SLOW_MS, slow);
every(REFRESH_MS, () => history.follow());
