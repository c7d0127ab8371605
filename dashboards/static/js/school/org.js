// The tree of the organisation: opened level by level, searched as a whole, as it is or was on a day.
import { byId, element, hidden } from "../dom.js";
import { nt, number, t } from "../words.js";
import { at, get, greet, visitor } from "../console/api.js";
import { Address } from "../tech/address.js";
import { Section, every } from "../tech/section.js";
import { alarmFigures, deviceFigures, everything, hasRooms, roomFigures, schoolFigures, stateMark, today, unitAddress, unitKindName } from "./units.js";

const REFRESH_MS = 15000;
const TYPING_MS = 200;
const FOUND = 200;
const OPEN = "org-open"; // what was open stays open when one comes back

const address = new Address(["q", "on"], () => apply());
const [search, on, now] = ["search", "on", "today"].map(byId);
const open = new Set(JSON.parse(sessionStorage.getItem(OPEN) ?? "[]"));
const children = new Map();
let [who, roots, chosen] = [null, [], null];

// The tops of what this visitor may see: the units of the grants, or the department.
async function tops() {
  const units = [...new Set(who.grants.map((grant) => grant.unit))];
  const day = { on: address.wanted.on };
  if (units.includes("*") || !units.length) return (await get("/api/v1/organisation/units", { kind: "department", ...day })).items;
  const found = await Promise.all(units.map((code) => get(at("/api/v1/organisation/units", code), day).catch((problem) => {
    if (problem.status !== 404) throw problem;
    return null;
  })));
  return found.filter(Boolean);
}

const below = async (code) => children.set(code, await everything(`${at("/api/v1/organisation/units", code)}/children`, { on: address.wanted.on }));

async function load() {
  if (address.wanted.q) return get("/api/v1/organisation/units", { q: address.wanted.q, on: address.wanted.on, limit: FOUND });
  roots = (await tops()).map((unit) => ({ children: 1, ...unit }));
  if (!children.size && roots.length === 1) open.add(roots[0].code);
  await Promise.all([...open].map((code) => below(code).catch((problem) => {
    if (problem.status !== 404) throw problem;
    open.delete(code);
  })));
  return roots;
}

const level = (unit, depth, found = []) => {
  found.push([unit, depth]);
  if (open.has(unit.code)) for (const child of children.get(unit.code) ?? []) if (depth < 12) level(child, depth + 1, found);
  return found;
};

function row(unit, depth) {
  const leaf = unit.children === 0 || !depth;
  const shown = open.has(unit.code);
  const toggle = element("span", { class: "twist", "aria-hidden": "true" }, leaf ? "" : shown ? "▾" : "▸");
  if (!leaf) toggle.addEventListener("click", () => turn(unit.code, !open.has(unit.code)));
  const node = element("div", { class: `line unit-line depth-${Math.min(Math.max(depth, 1), 6)}`, role: depth ? "treeitem" : "listitem", "aria-level": depth || null, "aria-expanded": leaf ? null : String(shown), "data-code": unit.code, tabindex: "-1" },
    toggle, unit.status ? stateMark(unit.status) : element("i", { class: "shape none" }),
    element("div", {}, element("a", { href: unitAddress(unit.code, address.wanted.on), tabindex: "-1" }, unit.name), element("small", {}, " ", [unitKindName(unit.kind), unit.code, unit.valid_to ? t("ended") : ""].filter(Boolean).join(" · "))),
    element("div", { class: "num" }, [schoolFigures(hasRooms(unit) ? null : unit.status), roomFigures(unit.status)].filter(Boolean).join(" · "), element("small", {}, unit.children > 0 ? nt("{n} unit below", "{n} units below", unit.children) : "")),
    element("div", { class: "num" }, unit.status ? deviceFigures(unit.status) : ""), unit.status ? alarmFigures(unit.status) : element("span"),
    hasRooms(unit) && !address.wanted.on ? element("a", { href: at("/school", unit.code), tabindex: "-1" }, t("Open the school")) : element("span"));
  return node;
}

async function turn(code, wanted) {
  if (wanted) open.add(code);
  else open.delete(code);
  sessionStorage.setItem(OPEN, JSON.stringify([...open].slice(-50)));
  if (wanted && !children.has(code)) await section.refresh();
  else draw(roots, section.body);
}

function draw(found, body) {
  const searching = Boolean(address.wanted.q);
  const lines = searching ? found.items.map((unit) => [unit, 0]) : found.flatMap((unit) => level(unit, 1));
  const print = JSON.stringify([searching, lines, [...open]]);
  if (body.dataset.print === print) return lines.length > 0;
  body.dataset.print = print;
  const had = body.contains(document.activeElement);
  const counted = searching ? [element("p", { class: "soft num", role: "status" }, nt("{n} unit found", "{n} units found", lines.length) + (found.next_cursor ? "+" : ""))] : [];
  body.replaceChildren(...counted, element("div", { class: "lines tree", role: searching ? "list" : "tree", "aria-label": t("Organisation") }, ...lines.map(([unit, depth]) => row(unit, depth))));
  choose(body.querySelector(`[data-code="${CSS.escape(chosen ?? "")}"]`) ?? body.querySelector("[data-code]"), had);
  return lines.length > 0;
}

function choose(node, focus = true) {
  if (!node) return;
  for (const other of section.body.querySelectorAll('[data-code][tabindex="0"]')) other.tabIndex = -1;
  node.tabIndex = 0;
  chosen = node.dataset.code;
  if (focus) node.focus();
}

const section = new Section("tree", { load, draw, empty: () => (address.wanted.q ? t("No unit fits.") : t("You see no unit on this day.")) });

section.body.addEventListener("keydown", (event) => {
  const node = event.target.closest("[data-code]");
  if (!node || event.ctrlKey || event.metaKey || event.altKey) return;
  const go = { ArrowDown: node.nextElementSibling, ArrowUp: node.previousElementSibling, Home: node.parentNode.firstElementChild, End: node.parentNode.lastElementChild }[event.key];
  const expanded = node.getAttribute("aria-expanded");
  if (go) choose(go);
  else if (event.key === "ArrowRight" && expanded === "false") turn(node.dataset.code, true);
  else if (event.key === "ArrowRight" && expanded === "true") choose(node.nextElementSibling);
  else if (event.key === "ArrowLeft" && expanded === "true") turn(node.dataset.code, false);
  else if (event.key === "ArrowLeft") {
    const mine = Number(node.getAttribute("aria-level"));
    let up = node.previousElementSibling;
    while (up && Number(up.getAttribute("aria-level")) >= mine) up = up.previousElementSibling;
    choose(up);
  } else if (event.key === "Enter" && event.target === node) location.assign(node.querySelector("a").href);
  else return;
  event.preventDefault();
});

function apply() {
  if (document.activeElement !== search) search.value = address.wanted.q;
  on.value = address.wanted.on || today();
  hidden(now, !address.wanted.on);
  children.clear();
  return section.refresh();
}

let typed = null;
search.addEventListener("input", () => {
  clearTimeout(typed);
  typed = setTimeout(() => address.set({ q: search.value.trim() }, true) && apply(), TYPING_MS);
});
search.addEventListener("keydown", (event) => event.key === "ArrowDown" && (event.preventDefault(), choose(section.body.querySelector("[data-code]"))));
on.addEventListener("change", () => on.checkValidity() && address.set({ on: on.value === today() ? "" : on.value }) && apply());
now.addEventListener("click", () => address.set({ on: "" }) && apply());
document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.target !== document.body && !section.body.contains(event.target)) return;
  event.preventDefault();
  search.focus();
});

who = await visitor(() => section.fail({ status: 0 }));
greet(who);
apply();
every(REFRESH_MS, () => section.refresh());
