// Which school: whoever answers for one school is led there at once, others choose.
import { byId, element } from "../dom.js";
import { nt, t } from "../words.js";
import { at, get, greet, visitor } from "../console/api.js";
import { Address } from "../tech/address.js";
import { Section } from "../tech/section.js";
import { deviceFigures, levelNames, stateMark } from "./units.js";

const TYPING_MS = 200;
const SHOWN = 300;
const address = new Address(["q"], () => apply());
const search = byId("search");

const line = (school) => element("a", { class: "line child-line", href: at("/school", school.code), role: "listitem" }, school.status ? stateMark(school.status) : element("i", { class: "shape none" }),
  element("div", {}, element("b", {}, school.name), element("small", {}, " ", school.code)), element("div", {}, levelNames(school.levels)),
  element("div", { class: "num" }, school.status ? deviceFigures(school.status) : ""), element("div", { class: "num" }, school.status?.open ? nt("{n} open alarm", "{n} open alarms", school.status.open) : ""));

// How each school is, where the visitor may see devices.
async function states() {
  if (!who.permissions.includes("devices.read")) return new Map();
  const found = new Map();
  let cursor = null;
  do {
    const page = await get("/api/v1/schools", { limit: 500, cursor });
    for (const one of page.items) found.set(one.code, { devices: one.devices, online: one.devices_online, worst: one.severity ?? "none", open: one.alarms_open });
    cursor = page.next_cursor;
  } while (cursor);
  return found;
}

const section = new Section("schools", {
  load: async () => {
    const [page, known] = await Promise.all([get("/api/v1/organisation/schools", { q: address.wanted.q, limit: SHOWN }), states().catch(() => new Map())]);
    return { ...page, items: page.items.map((school) => ({ ...school, status: known.get(school.code) })) };
  },
  draw({ items, next_cursor: more }, body) {
    if (!address.wanted.q && items.length === 1 && !more) location.replace(at("/school", items[0].code));
    body.replaceChildren(...(items.length ? [element("p", { class: "soft num", role: "status" }, nt("{n} school or centre", "{n} schools and centres", items.length) + (more ? "+" : "")), element("div", { class: "lines", role: "list" }, ...items.map(line))] : []));
    return items.length > 0;
  },
  empty: () => (address.wanted.q ? t("No school fits.") : t("No school belongs to your account yet.")),
});
function apply() {
  if (document.activeElement !== search) search.value = address.wanted.q;
  return section.refresh();
}
let typed = null;
search.addEventListener("input", () => {
  clearTimeout(typed);
  typed = setTimeout(() => address.set({ q: search.value.trim() }, true) && apply(), TYPING_MS);
});
section.body.addEventListener("keydown", (event) => {
  const next = { ArrowDown: "nextElementSibling", ArrowUp: "previousElementSibling" }[event.key];
  if (!next) return;
  event.preventDefault();
  event.target[next]?.focus();
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.target !== document.body) return;
  event.preventDefault();
  search.focus();
});
const who = await visitor(() => section.fail({ status: 0 }));
greet(who);
apply();
