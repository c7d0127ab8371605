// School → agent → device as a tree: each shows how it is, and the first broken thing on the way is marked.
import { byId, element, hidden, text } from "../dom.js";
import { schoolShape, schoolStateName } from "../severity.js";
import { nt, number, t } from "../words.js";
import { agedSince } from "../console/ages.js";
import { at, get, greet, visitor } from "../console/api.js";
import { presenceMark, why } from "../console/facts.js";
import { icon } from "../console/icons.js";
import { deviceAddress, roomName } from "../tech/device_row.js";
import { drawPath } from "../tech/path.js";
import { Section, every, reason } from "../tech/section.js";
import { Filters } from "../desk/filters.js";
import { everything } from "../school/units.js";
import { agentAddress } from "./words.js";

const REFRESH_MS = 8000;
const BROKEN_FIRST = { down: 0, degraded: 1, unknown: 2, ok: 3 };
const open = new Set();
const details = new Map(); // school -> what the hub said of it last
let who = null;

const item = (level, key, expandable, ...content) => {
  const node = element("div", { class: `node level-${level}`, role: "treeitem", "aria-level": level, tabindex: "-1", "data-key": key, ...(expandable ? { "aria-expanded": String(open.has(key)) } : {}) },
    element("span", { class: "twist", "aria-hidden": "true" }, expandable ? (open.has(key) ? "▾" : "▸") : ""), ...content);
  return node;
};
const broken = (words) => element("span", { class: "break" }, "✕ ", words);
const isOn = (thing) => thing.presence?.state === "born";

// What is past a break cannot be seen: only the first broken thing is called broken.
function schoolNodes(school) {
  const cut = school.state === "down";
  const key = `s/${school.code}`;
  const node = item(1, key, true, element("i", { class: `shape ${schoolShape(school.state)}`, role: "img", "aria-label": schoolStateName(school.state) }),
    element("div", {}, element("b", {}, school.name), element("small", {}, " ", school.code)), element("div", { class: "says" }, schoolStateName(school.state), " ", school.state === "ok" ? "" : agedSince(school.since_ms, "for")),
    element("div", { class: "num" }, t("{on} of {all} agents", { on: number(school.nodes_online), all: number(school.nodes) }), element("small", {}, " ", t("{on} of {all} devices", { on: number(cut ? 0 : school.devices_online), all: number(school.devices) }))),
    element("a", { href: at("/tech/school", school.code), tabindex: "-1" }, t("Go there")));
  if (!open.has(key)) return [node];
  const detail = details.get(school.code);
  if (!detail || detail.failed) return [node, element("div", { class: "node level-2 soft", role: "none" }, detail ? reason(detail.failed) : t("Loading…"))];
  const way = element("div", { class: "node way level-2", role: "none" });
  drawPath(detail.path, way);
  return [node, way, ...detail.nodes.flatMap((agent) => agentNodes(agent, detail, detail.path.some((step) => step.id === "school_uplink" && step.state === "down"))), ...(detail.nodes.length ? [] : [element("div", { class: "node level-2 soft", role: "none" }, t("No edge node of this school was heard yet."))])];
}

function agentNodes(agent, detail, lineDown) {
  const key = `a/${agent.group}/${agent.node}`;
  const devices = detail.rooms.flatMap((room) => room.devices).filter((device) => device.group === agent.group && device.node === agent.node);
  const off = !isOn(agent);
  const here = off && !lineDown;
  const node = item(2, key, devices.length > 0, presenceMark(agent.presence), icon("edge_node"), element("div", {}, element("b", {}, agent.node), element("small", {}, " ", agent.software ?? "")),
    element("div", { class: "says" }, here ? broken(t("broken here")) : lineDown ? t("Beyond the break") : "", element("small", {}, " ", why(agent.presence), " "), off ? agedSince(agent.presence?.since_ms, "for") : ""),
    element("div", { class: "num" }, t("{on} of {all} devices", { on: number(off ? 0 : devices.filter(isOn).length), all: number(devices.length) })),
    ...(who.permissions.includes("agents.read") ? [element("a", { href: agentAddress(agent), tabindex: "-1" }, t("Go there"))] : []));
  return open.has(key) ? [node, ...devices.sort((a, b) => isOn(a) - isOn(b) || a.room.localeCompare(b.room)).map((device) => deviceNode(device, off))] : [node];
}

const deviceNode = (device, beyond) => item(3, `d/${device.group}/${device.node}/${device.device}`, false, presenceMark(beyond ? null : device.presence), icon(device.icon ?? device.kind), element("div", {}, element("b", {}, device.name || device.device), element("small", {}, " ", roomName(device.room))),
  element("div", { class: "says" }, beyond ? t("Beyond the break") : isOn(device) ? "" : broken(t("broken here")), element("small", {}, " ", beyond || isOn(device) ? "" : why(device.presence))), element("div", { class: "num" }), element("a", { href: deviceAddress(device), tabindex: "-1" }, t("Go there")));

const section = new Section("tree", {
  async load() {
    const [page] = await Promise.all([everything("/api/v1/schools", filters.wanted), ...[...open].filter((key) => key.startsWith("s/")).map((key) => learn(key.slice(2)))]);
    return page;
  },
  draw(schools, body) {
    section.schools = schools;
    const sorted = [...schools].sort((a, b) => (BROKEN_FIRST[a.state] ?? 2) - (BROKEN_FIRST[b.state] ?? 2) || a.name.localeCompare(b.name));
    const print = JSON.stringify([sorted, [...open], [...details]]);
    text(byId("counted"), nt("{n} school", "{n} schools", schools.length));
    if (body.dataset.print === print) return schools.length > 0;
    body.dataset.print = print;
    const focused = document.activeElement?.closest?.("[data-key]")?.dataset.key;
    const chosen = focused ?? body.querySelector("[tabindex='0']")?.dataset.key;
    body.replaceChildren(element("div", { role: "tree", class: "tree", "aria-label": t("Schools, their agents and devices") }, ...sorted.flatMap(schoolNodes)));
    const node = [...body.querySelectorAll("[data-key]")].find((one) => one.dataset.key === chosen) ?? body.querySelector("[data-key]");
    if (node) node.tabIndex = 0;
    if (focused) node?.focus();
    return schools.length > 0;
  },
  empty: () => t("No school fits."),
});
async function learn(code) {
  details.set(code, await get(at("/api/v1/schools", code)).catch((failed) => ({ failed })));
}
const redraw = () => section.draw(section.schools ?? [], section.body);

async function toggle(key, wanted = !open.has(key)) {
  open[wanted ? "add" : "delete"](key);
  redraw();
  const code = key.startsWith("s/") && wanted ? key.slice(2) : null;
  if (!code) return;
  await learn(code);
  // a school of one agent is opened down to its devices: that is what is looked for
  const { nodes } = details.get(code);
  if (nodes?.length === 1) open.add(`a/${nodes[0].group}/${nodes[0].node}`);
  redraw();
}

function press(event) {
  const node = event.target.closest("[data-key]");
  if (!node || event.target.closest("a") || event.altKey || event.ctrlKey || event.metaKey) return;
  const all = [...section.body.querySelectorAll("[data-key]")];
  const place = all.indexOf(node);
  const level = Number(node.getAttribute("aria-level"));
  const expanded = node.getAttribute("aria-expanded");
  const to = { ArrowDown: all[place + 1], ArrowUp: all[place - 1], Home: all[0], End: all.at(-1) }[event.key];
  const go = (one) => {
    if (!one) return;
    node.tabIndex = -1;
    one.tabIndex = 0;
    one.focus();
  };
  if (to) go(to);
  else if (event.key === "ArrowRight" && expanded === "false") toggle(node.dataset.key, true);
  else if (event.key === "ArrowRight" && expanded === "true") go(all[place + 1]);
  else if (event.key === "ArrowLeft" && expanded === "true") toggle(node.dataset.key, false);
  else if (event.key === "ArrowLeft") go(all.slice(0, place).findLast((one) => Number(one.getAttribute("aria-level")) < level));
  else if (event.key === " " && expanded) toggle(node.dataset.key);
  else if (event.key === "Enter") node.querySelector("a")?.click();
  else return;
  event.preventDefault();
}

section.body.addEventListener("keydown", press);
section.body.addEventListener("click", (event) => {
  const node = event.target.closest("[data-key]");
  if (!node || event.target.closest("a") || getSelection().toString()) return;
  if (node.hasAttribute("aria-expanded")) toggle(node.dataset.key);
  else node.querySelector("a")?.click();
});
const filters = new Filters(byId("filters"), { changed: () => section.reset() });
who = await visitor(() => section.fail({ status: 0 }));
greet(who);
hidden(byId("to-agents"), !who.permissions.includes("agents.read"));
await section.refresh();
if (section.schools?.length === 1) await toggle(`s/${section.schools[0].code}`, true);
every(REFRESH_MS, () => section.refresh());
