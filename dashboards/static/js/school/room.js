// One room: its devices with what they say now, its equipment, its alarms and tickets.
import { byId, element, hidden, text } from "../dom.js";
import { NOTHING, nt, t } from "../words.js";
import { worstFirst } from "../severity.js";
import { at, get, greet, visitor } from "../console/api.js";
import { present } from "../console/absent.js";
import { groupDialog } from "../commands/group.js";
import { scenesPart } from "../commands/scenes.js";
import { alarmLine, ended } from "../tech/device_alarms.js";
import { roomDevice } from "../tech/room_device.js";
import { Section, every, once } from "../tech/section.js";
import { assetLine, assetTypes } from "./equipment.js";
import { raiseTicket } from "./raise.js";
import { editRoom, openingText, roomCalled, roomType, seatsText } from "./rooms.js";
import { over, ticketLine } from "./ticket_words.js";
import { alarmFigures, dayText, deviceFigures, stateMark, stateWord } from "./units.js";

const REFRESH_MS = 5000;
const SHOWN = 200;
const [school, code] = location.pathname.split("/").slice(2).map(decodeURIComponent);
const own = { school, room: code };
const path = at("/api/v1/organisation/rooms", school, code);
let [who, room, schoolName, asked, standing] = [null, null, school, null, []];
const may = (permission) => who.permissions.includes(permission);
const detail = () => (asked ??= get(path).finally(() => setTimeout(() => (asked = null), 500)));
const fact = (label, value) => element("div", { class: "fact" }, element("dt", {}, label), element("dd", {}, value || NOTHING));

function head(said) {
  room = said;
  byId("trail").replaceChildren(element("a", { href: "/school" }, byId("trail").firstElementChild.textContent), element("a", { href: at("/school", school) }, schoolName));
  byId("title").replaceChildren(element("h1", {}, roomCalled(said)), stateMark(said.status), element("p", {}, stateWord(said.status)), element("p", { class: "code" }, [roomType(said.type), said.code].filter(Boolean).join(" · ")),
    element("p", {}, deviceFigures(said.status)), alarmFigures(said.status));
  document.title = `${roomCalled(said)} · ${schoolName}`;
}

const MAKERS = {
  scenes: ["devices.command", () => scenesPart(own, { devices: () => standing, changed: () => parts.devices?.refresh(), manage: may("rooms.write") })],
  devices: ["devices.read", () => new Section("devices", {
    load: async () => (await get(at("/api/v1/schools", school))).rooms.find((one) => one.code === code)?.devices ?? [],
    draw: once((devices) => devices, (devices, body) => {
      standing = devices;
      body.replaceChildren(...devices.map((device) => roomDevice(device, 4)));
    }),
    empty: () => t("No device of this room has been heard yet."),
  })],
  equipment: ["assets.read", () => new Section("equipment", {
    load: async () => ({ ...(await get("/api/v1/assets", { ...own, limit: SHOWN })), types: await assetTypes() }),
    draw: once(({ items }) => items, ({ items, total, types }, body) => body.replaceChildren(...(items.length ? [element("p", { class: "soft num" }, nt("{n} piece", "{n} pieces", total ?? items.length)), element("div", { class: "lines" }, ...items.map((asset) => assetLine(asset, types)))] : []))),
    empty: () => t("No equipment is entered for this room."),
  })],
  facts: ["organisation.read", () => new Section("facts", {
    load: detail,
    draw: once((said) => said, (said, body) => {
      head(said);
      body.replaceChildren(element("dl", {}, fact(t("Type"), roomType(said.type)), fact(t("Seats"), seatsText(said.seats)), fact(t("Floor"), said.floor), fact(t("Building"), said.building), fact(t("Opening hours"), openingText(said.opening)), ...(said.valid_to ? [fact(t("Valid until"), dayText(said.valid_to))] : [])));
    }),
  })],
  alarms: ["alarms.read", () => new Section("alarms", {
    load: () => get("/api/v1/alarms", { school, state: "open", limit: SHOWN }),
    draw: once(({ items }) => items, ({ items }, body) => {
      const mine = items.filter((alarm) => alarm.room === code && !ended(alarm)).sort(worstFirst);
      body.replaceChildren(...mine.map((alarm) => alarmLine(alarm, alarm.device ?? "")));
    }),
    empty: () => t("No open alarm here."),
  })],
  tickets: ["tickets.read", () => new Section("tickets", {
    load: () => get("/api/v1/tickets", { ...own, limit: 50 }),
    draw: once(({ items }) => items, ({ items }, body) => body.replaceChildren(...[...items].sort((a, b) => over(a) - over(b)).map((ticket) => ticketLine(ticket, false)))),
    empty: () => t("No ticket. Raise one when something needs repair."),
  })],
};

text(document.querySelector("#title h1"), code);
const waiting = () => document.querySelectorAll(".part > .notice").forEach((notice) => text(notice, t("The hub did not answer.")));
who = await visitor(waiting);
greet(who);
const parts = {};
for (const [name, [needs, make]] of Object.entries(MAKERS)) {
  if (may(needs)) parts[name] = make();
  else byId(name).remove();
}
const first = await present(detail, waiting, code, [[at("/school", school), t("School")], ["/school", t("Schools")]]);
schoolName = await get(at("/api/v1/organisation/units", school)).then((unit) => unit.name, () => school);
head(first);
const refresh = () => Promise.all(Object.values(parts).map((one) => one.refresh()));

const button = (id, permission, act) => {
  hidden(byId(id), !may(permission));
  if (typeof act === "string") byId(id).href = act;
  else byId(id).addEventListener("click", act);
};
button("room-raise", "tickets.write", () => raiseTicket({ unit: school, room: code }, `${roomCalled(room)} · ${schoolName}`, () => parts.tickets?.refresh()));
button("room-command", "devices.command", () => groupDialog(own, `${roomCalled(room)} · ${schoolName}`));
button("room-edit", "rooms.write", async () => {
  if (!(await editRoom(room))) return;
  asked = null;
  await parts.facts.refresh();
});
button("room-labels", "assets.read", `/api/v1/assets/labels.pdf?${new URLSearchParams(own)}`);
button("room-stock", "assets.write", `/stock?${new URLSearchParams(own)}`);
refresh();
every(REFRESH_MS, refresh);
