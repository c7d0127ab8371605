// Wires the equipment page: the list with search and filters, completeness, computers; all of it in the address.
import { byId, element, hidden, part, text } from "../dom.js";
import { nt, number, said, t } from "../words.js";
import { at, get, greet, visitor } from "../console/api.js";
import { Address } from "../tech/address.js";
import { WindowedList } from "../tech/windowed.js";
import { addAsset } from "./asset_acts.js";
import { assetAddress, learnTypes, typeName } from "./asset_names.js";
import { drawRow, makeRow, slim } from "./asset_row.js";
import { completenessPart } from "./completeness.js";
import { computersPart } from "./computers.js";
import { STATUSES, STATUS_SHAPE, fieldName, statusName } from "./names.js";
import { Options } from "./options.js";
import { unitField } from "./unit_field.js";

const TYPING_MS = 220;
const FILTERS = ["q", "unit", "school", "room", "district", "type", "status", "complete", "missing", "linked"];
const SCHOOLS = ["school", "cec", "college"];
const MOST_LABELS = 1000; // as many as the hub draws at once
const root = byId("assets-list");
const [search, panel] = ["search", "filters"].map(byId);
let only = "";
const names = { districts: new Map(), units: new Map(), kinds: new Map() };

const address = new Address([...FILTERS, "view"], () => apply(history.state));
const filters = () => Object.fromEntries(FILTERS.map((name) => [name, address.wanted[name]]));
const within = () => address.wanted.school || address.wanted.unit;
const learnUnit = (one) => names.units.set(one.code, one.name) && names.kinds.set(one.code, one.kind);
// Labels are printed for one school: the one that is chosen, or the only one there is for who looks.
const labelled = () => (SCHOOLS.includes(names.kinds.get(within())) ? within() : within() ? "" : only);
const view = () => (["completeness", "computers"].includes(address.wanted.view) ? address.wanted.view : "list");

const list = new WindowedList(root, {
  load: async (cursor, limit) => {
    const page = await get("/api/v1/assets", { ...filters(), cursor, limit });
    return { ...page, items: page.items.map(slim) };
  },
  make: makeRow, draw: drawRow, key: (asset) => String(asset.id), address: assetAddress,
  empty: () => (FILTERS.some((name) => address.wanted[name]) ? t("No equipment fits. Take a filter away.") : t("The register is empty. Import a list, or add the first piece.")),
  counted(count, more) {
    text(byId("counted"), nt("{n} piece", "{n} pieces", count) + (more ? "+" : ""));
    hidden(byId("labels"), !labelled() || count > MOST_LABELS || !count);
  },
});
const unitName = (code) => names.units.get(code) ?? code;
const options = new Options(byId("facets"), byId("chips"), {
  address, chosen,
  groups: {
    q: (words) => t("“{words}”", { words }), unit: unitName, school: unitName, room: (room) => t("room {room}", { room }), district: (code) => names.districts.get(code) ?? code,
    type: (id) => (id === "-" ? t("No type") : typeName(id)), status: (id) => (id === "-" ? t("No status") : statusName(id)),
    complete: (id) => (id === "true" ? t("complete") : t("incomplete")), missing: (id) => t("without {field}", { field: fieldName(id).toLowerCase() }),
    linked: (id) => (id === "true" ? t("linked to a device") : t("without a device")),
  },
});
const unit = unitField({ id: "unit", name: "unit", chosen(one) {
  if (one) learnUnit(one);
  if (address.set({ unit: one?.code ?? "", school: "", room: "" })) apply();
} });

function chosen(name, value) {
  remember();
  if (name === null) address.set(Object.fromEntries(FILTERS.map((one) => [one, ""])));
  else address.set({ [name]: value });
  apply();
}

async function count() {
  try {
    const facets = await get("/api/v1/assets/facets", filters());
    for (const district of facets.districts) names.districts.set(district.id, said(district, "label"));
    options.draw("complete", [["true", facets.complete.true, "ok"], ["false", facets.complete.false, "minor"]]);
    options.draw("missing", Object.entries(facets.missing).filter(([, n]) => n !== 0).sort((a, b) => b[1] - a[1]));
    const statuses = new Map(facets.statuses.map((one) => [one.id, one.count]));
    options.draw("status", [...STATUSES, ...(statuses.has("-") ? ["-"] : [])].map((id) => [id, statuses.has(id) ? statuses.get(id) : 0, STATUS_SHAPE[id] ?? "unknown"]));
    options.draw("type", facets.types.map((one) => [one.id, one.count]));
    options.draw("district", facets.districts.map((one) => [one.id, one.count]));
    options.draw("linked", [["true", facets.linked.true], ["false", facets.linked.false]]);
    options.mark();
    hidden(part(panel, "uncounted"), true);
  } catch (problem) {
    if (!("status" in problem)) throw problem;
    hidden(part(panel, "uncounted"), false); // the list itself says what is wrong
  }
}

const views = { completeness: completenessPart(address, () => apply()), computers: computersPart(address) };

function links() {
  byId("labels").href = `/api/v1/assets/labels.pdf?${new URLSearchParams({ school: labelled(), ...(address.wanted.room ? { room: address.wanted.room } : {}) })}`;
  byId("export").href = `/api/v1/exports/equipment?${new URLSearchParams({ format: "xlsx", ...(within() ? { unit: within() } : {}) })}`;
}

function apply(place = null) {
  const [now, { wanted }] = [view(), address];
  document.body.classList.toggle("elsewhere", now !== "list");
  for (const link of document.querySelectorAll("[data-view]")) {
    const to = new URLSearchParams({ ...(link.dataset.view === "list" ? {} : { view: link.dataset.view }), ...(wanted.unit ? { unit: wanted.unit } : {}) });
    link.href = `/equipment${to.size ? `?${to}` : ""}`;
    if (link.dataset.view === now) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  for (const name of Object.keys(views)) hidden(byId(`${name}-view`), name !== now);
  for (const id of ["grid", "search"]) hidden(byId(id), now !== "list");
  if (document.activeElement !== search) search.value = wanted.q;
  if (!unit.contains(document.activeElement)) unit.set(within(), names.units.get(within()));
  text(byId("filters-on"), number(options.mark()).replace(/^0$/, ""));
  links();
  if (now !== "list") {
    list.say("ready", "");
    text(byId("counted"), "");
    return views[now].reset();
  }
  count();
  return list.reset(place);
}

const remember = () => history.replaceState(list.place(), "");
addEventListener("pagehide", remember);
let typed = null;
const searchTyped = () => address.set({ q: search.value.trim() }, Boolean(address.wanted.q)) && apply();
search.addEventListener("input", () => {
  clearTimeout(typed);
  typed = setTimeout(searchTyped, TYPING_MS);
});
search.addEventListener("blur", () => {
  clearTimeout(typed);
  searchTyped();
});
search.addEventListener("keydown", (event) => {
  if (event.key === "ArrowDown") byId("grid").focus();
  else if (event.key === "Escape" && search.value) chosen("q", (search.value = ""));
  else return;
  event.preventDefault();
});
addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.target.closest("input, select, textarea, dialog")) return;
  event.preventDefault();
  search.select();
});
// On a telephone filters and list take turns.
const filtering = (on) => {
  document.body.classList.toggle("filtering", on);
  byId("filters-open").setAttribute("aria-expanded", String(on));
  byId(on ? "filters-close" : "filters-open").focus();
};
byId("filters-open").addEventListener("click", () => filtering(true));
byId("filters-close").addEventListener("click", () => filtering(false));

byId("unit-filter").replaceWith(unit);
const who = await visitor(() => list.fail({ status: 0 }));
greet(who);
hidden(byId("add"), !who.permissions.includes("assets.write"));
hidden(byId("export"), !who.permissions.includes("assets.read"));
byId("add").addEventListener("click", () => addAsset(SCHOOLS.includes(names.kinds.get(within())) ? { school: within(), schoolName: names.units.get(within()) } : {}));
const schools = (await get("/api/v1/organisation/schools", { limit: 2 }).catch(() => ({ items: [] }))).items;
if (schools.length === 1) only = schools[0].code;
await learnTypes(); // rows say types by name
if (within()) await get(at("/api/v1/organisation/units", within())).then(learnUnit, () => {});
apply(history.state);
