// One school for those who answer for it: what is wrong, what is there, what is missing, who is who.
import { byId, element, hidden, part, text } from "../dom.js";
import { NOTHING, nt, number, t } from "../words.js";
import { worstFirst } from "../severity.js";
import { agedSince } from "../console/ages.js";
import { at, get, greet, visitor } from "../console/api.js";
import { present } from "../console/absent.js";
import { groupDialog } from "../commands/group.js";
import { roleName, domainName } from "../desk/names.js";
import { ended, openAlarms } from "../tech/device_alarms.js";
import { roomName } from "../tech/device_row.js";
import { roomDevice } from "../tech/room_device.js";
import { Section, every, once } from "../tech/section.js";
import { countFacts, editCounts } from "./counts.js";
import { completeness } from "./equipment.js";
import { raiseTicket } from "./raise.js";
import { addRoom, openingText, roomAddress, roomCalled, roomType, seatsText } from "./rooms.js";
import { over, ticketLine } from "./ticket_words.js";
import { alarmFigures, deviceFigures, everything, levelNames, stateMark, stateWord, unitPath } from "./units.js";

const REFRESH_MS = 10000;
const ALARMS = 100;
const DEVICES_SHOWN = 12;
const code = decodeURIComponent(location.pathname.split("/")[2]);
const own = { school: code };
let [who, unit, counted] = [null, null, null];
const may = (permission) => who.permissions.includes(permission);

// What each part says in one figure, at the top of the page; a press goes to the part.
const tiles = new Map();
function tile(id, value, label, wrong = false) {
  tiles.set(id, element("li", {}, element("a", { href: `#${id}`, class: wrong ? "tile wrong" : "tile" }, element("b", { class: "num" }, value), element("span", {}, label))));
  byId("tiles").replaceChildren(...ORDER.filter((one) => tiles.has(one)).map((one) => tiles.get(one)));
}
const ORDER = ["alarms", "tickets", "devices", "rooms", "equipment", "people", "sync"];

function head(said) {
  unit = said;
  const { status } = said;
  byId("trail").replaceChildren(element("a", { href: "/school" }, byId("trail").firstElementChild.textContent), ...unitPath(said, who));
  byId("title").replaceChildren(element("h1", {}, said.name), ...(status ? [stateMark(status), element("p", {}, stateWord(status))] : []), element("p", { class: "code" }, [levelNames(said.levels), said.code].filter(Boolean).join(" · ")),
    ...(said.address ? [element("p", {}, said.address)] : []), element("a", { href: at("/org", code) }, t("In the organisation")), ...(may("devices.read") ? [element("a", { href: at("/tech/school", code) }, t("Where is the line broken?"))] : []));
  document.title = said.name;
}

const roomLine = (room) => element("a", { class: "line room-row", href: roomAddress(room) }, stateMark(room.status), element("div", {}, element("b", {}, roomCalled(room)), element("small", {}, " ", room.name ? room.code : "")),
  element("div", {}, roomType(room.type), element("small", {}, " ", seatsText(room.seats))), element("div", { class: "num" }, deviceFigures(room.status), element("small", {}, " ", room.opening?.length ? openingText(room.opening) : "")), alarmFigures(room.status));

const person = (account) => element("div", { class: "line person" }, element("div", {}, element("b", {}, account.name || account.username), element("small", {}, " ", account.username)),
  element("div", {}, account.grants.map((grant) => [roleName(grant.role), grant.unit === code ? "" : grant.unit_name || grant.unit].filter(Boolean).join(" – ")).join(" · ")),
  element("div", { class: "num" }, account.disabled ? t("Disabled") : account.last_login_ms ? agedSince(account.last_login_ms, "ago") : t("never signed in")));

const domain = (one, stale) => element("div", { class: "line domain" }, element("i", { class: `shape ${stale ? "minor" : "ok"}`, role: "img", "aria-label": stale ? t("old") : t("fresh") }), element("div", {}, domainName(one.domain), one.error ? element("small", {}, " ", one.error) : ""),
  element("div", { class: "num" }, one.last_success_ms ? agedSince(one.last_success_ms, "ago") : t("never")));

const MAKERS = {
  rooms: ["organisation.read", () => new Section("rooms", {
    load: () => everything("/api/v1/organisation/rooms", own),
    draw: once((found) => found, (found, body) => {
      tile("rooms", number(found.length), t("Rooms"));
      body.replaceChildren(...(found.length ? [element("div", { class: "lines" }, ...found.map(roomLine))] : []));
    }),
    empty: () => t("No room has been entered yet. Add one, or import them from a spreadsheet."),
  })],
  devices: ["devices.read", () => new Section("devices", {
    load: () => get("/api/v1/devices", { ...own, sort: "severity", limit: DEVICES_SHOWN }),
    draw: once(({ items, total }) => [items, total], ({ items, total }, body) => {
      const { devices = 0, online = 0 } = unit?.status ?? {};
      tile("devices", devices ? `${number(online)}/${number(devices)}` : number(total ?? items.length), devices ? t("devices online") : t("Devices"), Boolean(devices) && online < devices / 2);
      body.replaceChildren(...items.map((device) => roomDevice(device)), ...((total ?? 0) > items.length ? [element("p", { class: "soft" }, element("a", { href: `/tech?school=${encodeURIComponent(code)}` }, nt("and {n} more device", "and {n} more devices", total - items.length)))] : []));
    }),
    empty: () => t("No device of this school has been heard yet."),
  })],
  people: ["accounts.read", () => new Section("people", {
    load: () => get("/api/v1/accounts", { unit: code, limit: 200 }),
    draw: once(({ items }) => items, ({ items }, body) => {
      tile("people", number(items.length), t("People"));
      body.replaceChildren(...(items.length ? [element("div", { class: "lines" }, ...items.map(person)), element("p", { class: "soft" }, element("a", { href: `/users?unit=${encodeURIComponent(code)}` }, t("All accounts")))] : []));
    }),
    empty: () => t("Nobody has a role in this school yet."),
  })],
  alarms: ["alarms.read", () => new Section("alarms", {
    load: () => get("/api/v1/alarms", { ...own, state: "open", limit: ALARMS }),
    draw: once(({ items }) => items, ({ items }, body) => {
      tile("alarms", number(items.length) + (items.length === ALARMS ? "+" : ""), t("Open alarms"), items.some((alarm) => !ended(alarm)));
      body.replaceChildren(...openAlarms(items, (alarm) => [roomName(alarm.room), alarm.device].filter(Boolean).join(" · ")));
    }),
    empty: () => t("No open alarm here."),
  })],
  tickets: ["tickets.read", () => new Section("tickets", {
    load: () => get("/api/v1/tickets", { ...own, limit: 50 }),
    draw: once(({ items }) => items, ({ items }, body) => {
      const open = items.filter((ticket) => !over(ticket));
      tile("tickets", number(open.length), t("Open tickets"), open.some((ticket) => ticket.overdue));
      body.replaceChildren(...open.map((ticket) => ticketLine(ticket, false)), ...(items.length > open.length ? [element("p", { class: "soft" }, element("a", { href: `/tickets?school=${encodeURIComponent(code)}` }, t("also those that are done")))] : []));
    }),
    empty: () => t("No ticket. Raise one when something needs repair."),
  })],
  equipment: ["assets.read", () => new Section("equipment", {
    load: () => get("/api/v1/assets/completeness", { unit: code }),
    draw: once((said) => said, (said, body) => {
      tile("equipment", said.total ? `${number(said.percent, 0)}%` : NOTHING, t("records complete"), said.total > 0 && !said.met);
      body.replaceChildren(...(said.total ? completeness(said, own) : []));
    }),
    empty: () => t("No equipment has been entered yet. Import a spreadsheet, or enter the first piece."),
  })],
  counts: ["organisation.read", () => new Section("counts", {
    load: () => get("/api/v1/organisation/counts", { unit: code }),
    draw: once((content) => content, (content, body) => {
      counted = content.items?.find((row) => row.unit === code) ?? content.totals ?? null;
      body.replaceChildren(...(counted?.as_of ? [countFacts(counted)] : []));
    }),
    empty: () => t("No numbers have been reported yet."),
  })],
  sync: ["sync.read", () => new Section("sync", {
    load: () => get("/api/v1/sync/status", { unit: code, limit: 10 }),
    draw: once(({ items }) => items, ({ items }, body) => {
      const mine = items.find((row) => row.school === code);
      const domains = mine?.domains ?? [];
      const fresh = domains.filter((one) => one.fresh).length;
      if (domains.length) tile("sync", `${number(fresh)}/${number(domains.length)}`, t("kinds of data fresh"), fresh < domains.length);
      body.replaceChildren(...(domains.length ? [element("div", { class: "lines" }, ...domains.map((one) => domain(one, !one.fresh)))] : []));
    }),
    empty: () => t("No other system has sent data of this school yet."),
  })],
};

text(document.querySelector("#title h1"), code);
const waiting = (problem) => document.querySelectorAll(".part > .notice").forEach((notice) => text(notice, problem.status === 0 ? t("The hub did not answer.") : t("Loading…")));
who = await visitor(waiting);
greet(who);
const parts = {};
for (const [name, [needs, make]] of Object.entries(MAKERS)) {
  if (may(needs)) parts[name] = make();
  else byId(name).remove();
}
const detail = () => get(at("/api/v1/organisation/units", code));
head(await present(detail, waiting, code, [["/school", t("Schools")]]));

const control = (section, name, permission, act, href = null) => {
  const node = byId(section) && part(byId(section), name);
  if (!node) return;
  hidden(node, !may(permission));
  if (href) node.href = href;
  else node.addEventListener("click", act);
};
const query = new URLSearchParams(own);
control("rooms", "labels", "assets.read", null, `/api/v1/assets/labels.pdf?${query}`);
control("rooms", "room-add", "rooms.write", async () => (await addRoom(code)) && parts.rooms.refresh());
control("devices", "all", "devices.read", null, `/tech?${query}`);
control("devices", "command", "devices.command", () => groupDialog(own, unit.name));
control("tickets", "raise", "tickets.write", () => raiseTicket({ unit: code }, unit.name, () => parts.tickets.refresh()));
control("equipment", "all", "assets.read", null, `/equipment?${query}`);
control("equipment", "stock", "assets.write", null, `/stock?${query}`);
control("counts", "edit", "counts.write", () => editCounts({ ...(counted ?? {}), unit: code, name: unit.name }, () => parts.counts.refresh()));

const refresh = () => Promise.all(Object.values(parts).map((one) => one.refresh()));
refresh();
every(REFRESH_MS, () => Promise.all([detail().then(head, () => {}), refresh()]));
