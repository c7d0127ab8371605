// All schools with what the wall says of them, by name, code, district and state.
import { byId, element } from "../dom.js";
import { RANK, schoolShape, schoolStateName } from "../severity.js";
import { nt, number, t } from "../words.js";
import { agedSince } from "../console/ages.js";
import { at, get, greet, visitor } from "../console/api.js";
import { Address } from "./address.js";
import { Section, every } from "./section.js";

const REFRESH_MS = 10000;
const PAGE = 500;
const TYPING_MS = 150;

const address = new Address(["q", "district", "state"], () => apply());
const [search, district, state] = ["search", "district", "state"].map(byId);
const DISTRICT = t("all that lie in the district, also those that belong to the department");
const WORSE = ["down", "unknown", "degraded", "ok"];

async function everySchool() {
  const found = [];
  let cursor = null;
  do {
    const page = await get("/api/v1/schools", { ...address.wanted, limit: PAGE, cursor });
    found.push(...page.items);
    cursor = page.next_cursor;
  } while (cursor);
  return found.sort((a, b) => WORSE.indexOf(a.state) - WORSE.indexOf(b.state) || (RANK[b.severity] ?? 0) - (RANK[a.severity] ?? 0) || a.code.localeCompare(b.code));
}

const counts = (online, all, one, many) => (all ? t("{on} of {all}", { on: number(online), all: nt(one, many, all) }) : "");

function row(school) {
  return element("a", { class: "line school-line", href: at("/tech/school", school.code), role: "listitem" },
    element("i", { class: `shape ${school.state === "degraded" ? (school.severity ?? "minor") : schoolShape(school.state)}`, "aria-hidden": "true" }),
    element("div", {}, school.name, element("small", { class: "code" }, school.code)),
    element("div", {}, school.district_name ?? school.district ?? ""),
    element("div", { class: `state ${school.state}` }, schoolStateName(school.state), school.state === "ok" ? "" : agedSince(school.since_ms, "for")),
    element("div", { class: "num" }, counts(school.devices_online, school.devices, "{n} device", "{n} devices"), element("small", {}, school.alarms_open ? nt("{n} open alarm", "{n} open alarms", school.alarms_open) : "")));
}

const section = new Section("schools", {
  load: everySchool,
  draw(found, body) {
    const print = JSON.stringify(found);
    if (body.dataset.print === print) return found.length > 0;
    body.dataset.print = print;
    const focused = document.activeElement?.getAttribute("href");
    body.replaceChildren(element("p", { class: "soft num", role: "status" }, nt("{n} school", "{n} schools", found.length), address.wanted.district ? ` · ${DISTRICT}` : ""), element("div", { class: "lines", role: "list" }, ...found.map(row)));
    if (focused) body.querySelector(`[href="${CSS.escape(focused)}"]`)?.focus();
    return found.length > 0;
  },
  empty: () => t("No school fits."),
});

function apply() {
  if (document.activeElement !== search) search.value = address.wanted.q;
  [district.value, state.value] = [address.wanted.district, address.wanted.state];
  return section.refresh();
}

let typed = null;
search.addEventListener("input", () => {
  clearTimeout(typed);
  typed = setTimeout(() => address.set({ q: search.value.trim() }, true) && apply(), TYPING_MS);
});
district.addEventListener("change", () => address.set({ district: district.value }) && apply());
state.addEventListener("change", () => address.set({ state: state.value }) && apply());
section.body.addEventListener("keydown", (event) => {
  const next = { ArrowDown: "nextElementSibling", ArrowUp: "previousElementSibling" }[event.key];
  if (!next) return;
  event.preventDefault();
  event.target[next]?.focus();
});
greet(await visitor(() => section.fail({ status: 0 })));
apply();
get("/api/v1/organisation/units", { kind: "district", limit: 100 }).then(({ items }) => {
  district.append(...items.map((one) => element("option", { value: one.code }, one.name)));
  district.value = address.wanted.district;
}, () => {}); // the list can be searched by district's name all the same
every(REFRESH_MS, () => section.refresh());
