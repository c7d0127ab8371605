// Wires the list of devices: search, filters, saved views and order, all of it in the address.
import { byId, element, hidden, part, text } from "../dom.js";
import { nt, number, t } from "../words.js";
import { get, greet, visitor } from "../console/api.js";
import { schoolNames } from "../console/schools.js";
import { Address } from "./address.js";
import { deviceAddress, deviceKey, drawRow, makeRow } from "./device_row.js";
import { Facets } from "./facets.js";
import { every } from "./section.js";
import { Views } from "./views.js";
import { WindowedList } from "./windowed.js";

const REFRESH_MS = 5000;
const TYPING_MS = 220;
const FILTERS = ["q", "school", "district", "kind", "presence", "severity", "claimed"];

const root = byId("devices-list");
const [search, sort, school, panel] = ["search", "sort", "school", "filters"].map(byId);
let names = new Map();

const address = new Address([...FILTERS, "sort"], () => apply(history.state));
const filters = () => Object.fromEntries(FILTERS.map((name) => [name, address.wanted[name]]));

const list = new WindowedList(root, {
  load: (cursor, limit) => get("/api/v1/devices", { ...filters(), sort: address.wanted.sort, cursor, limit }),
  make: makeRow, draw: drawRow, key: deviceKey, address: deviceAddress,
  empty: () => (FILTERS.some((name) => address.wanted[name]) ? t("No device fits. Take a filter away.") : t("No devices heard yet.")),
  counted: (count, more) => text(byId("counted"), nt("{n} device", "{n} devices", count) + (more ? "+" : "")),
});
const chosen = (name, value) => {
  remember();
  if (name === null) address.set(Object.fromEntries(FILTERS.map((one) => [one, ""])));
  else address.set({ [name]: value });
  apply();
};
const facets = new Facets(panel, byId("chips"), { address, chosen, schoolName: (code) => names.get(code) ?? code });
const views = new Views(panel, {
  query: () => address.query,
  show(query) {
    remember();
    const before = address.query;
    address.read(query);
    if (address.query !== before) history.pushState(null, "", location.pathname + (address.query ? `?${address.query}` : ""));
    apply();
  },
});

async function count() {
  try {
    facets.draw(await get("/api/v1/devices/facets", filters()));
    hidden(part(panel, "uncounted"), true);
  } catch {
    facets.draw({}); // the list itself says what is wrong; filters work without counts
    hidden(part(panel, "uncounted"), false);
  }
}

function apply(place = null) {
  const { wanted } = address;
  if (document.activeElement !== search) search.value = wanted.q;
  sort.value = wanted.sort || "place";
  school.value = wanted.school ? [wanted.school, names.get(wanted.school)].filter(Boolean).join(" · ") : "";
  for (const head of document.querySelectorAll("[data-sort]")) head.parentNode.setAttribute("aria-sort", head.dataset.sort === sort.value ? "ascending" : "none");
  facets.mark();
  views.mark();
  text(byId("filters-on"), number(FILTERS.slice(1).filter((name) => wanted[name]).length).replace(/^0$/, ""));
  count();
  return list.reset(place);
}

// Where one was in the list, for when one comes back to it.
const remember = () => history.replaceState(list.place(), "");
addEventListener("pagehide", remember);

let typed = null;
const searchTyped = () => address.set({ q: search.value.trim() }, Boolean(address.wanted.q)) && apply();
search.addEventListener("input", () => {
  clearTimeout(typed);
  typed = setTimeout(searchTyped, TYPING_MS);
});
// whoever goes on to a filter at once has still searched
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
const order = (by) => {
  remember();
  if (address.set({ sort: by === "place" ? "" : by })) apply();
};
sort.addEventListener("change", () => order(sort.value));
for (const head of document.querySelectorAll("[data-sort]")) head.addEventListener("click", () => order(head.dataset.sort));
school.addEventListener("change", () => chosen("school", school.value.split(" · ")[0].trim()));
// On a telephone filters and list take turns.
const filtering = (on) => {
  document.body.classList.toggle("filtering", on);
  byId("filters-open").setAttribute("aria-expanded", String(on));
  byId(on ? "filters-close" : "filters-open").focus();
};
byId("filters-open").addEventListener("click", () => filtering(true));
byId("filters-close").addEventListener("click", () => filtering(false));

greet(await visitor(() => list.fail({ status: 0 })));
apply(history.state);
views.refresh();
names = await schoolNames();
byId("schools").replaceChildren(...[...names].map(([code, name]) => element("option", { value: [code, name].join(" · ") })));
if (address.wanted.school) facets.mark();
every(REFRESH_MS, () => Promise.all([list.refresh(), count()]));
