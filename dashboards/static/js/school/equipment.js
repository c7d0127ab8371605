// Equipment as other pages show it: a line of it, and how complete the records are.
import { element } from "../dom.js";
import { language, nt, number, t } from "../words.js";
import { at, get } from "../console/api.js";
import { STATUS_SHAPE, fieldName, statusName } from "../desk/names.js";

let asked = null;
// What types of equipment are called; without the hub's words their own names are shown.
export const assetTypes = () => (asked ??= get("/api/v1/assets/types").then(({ items }) => new Map(items.map((type) => [type.id, type[`label_${language}`] || type.label_vi])), () => new Map()));

export const assetLine = (asset, types) => element("a", { class: "line asset-line", href: at("/equipment", asset.id) }, element("i", { class: `shape ${STATUS_SHAPE[asset.status] ?? "unknown"}`, role: "img", "aria-label": statusName(asset.status) }),
  element("div", {}, element("b", {}, asset.name || types.get(asset.type) || asset.tag), element("small", {}, " ", [types.get(asset.type) ?? asset.type, asset.maker, asset.model].filter(Boolean).join(" · "))),
  element("div", { class: "num" }, asset.tag), element("div", {}, statusName(asset.status), asset.complete ? "" : element("small", { class: "lacks" }, t("missing: {fields}", { fields: asset.missing.map(fieldName).join(", ") }))));

// How complete, against the target, and what is missing: each a way to the list of just those.
export function completeness(said, query) {
  const percent = said.percent ?? 0;
  const bar = element("div", { class: said.met ? "meter met" : "meter", role: "img", "aria-label": t("{n}% of the records are complete, {target}% are wanted", { n: number(percent, 1), target: number(said.target_percent) }) },
    meter(percent, said.target_percent));
  const list = (extra) => `/equipment?${new URLSearchParams({ ...query, ...extra })}`;
  const missing = Object.entries(said.missing ?? {}).filter(([, count]) => count).sort((a, b) => b[1] - a[1]);
  return [element("p", { class: "big" }, element("b", { class: "num" }, `${number(percent, percent === 100 || percent === 0 ? 0 : 1)}%`), " ", element("span", { class: said.met ? "" : "short" }, t("of {n} records are complete; {target}% are wanted.", { n: number(said.total), target: number(said.target_percent) }))), bar,
    ...(missing.length ? [element("ul", { class: "lacking" }, ...missing.map(([field, count]) => element("li", {}, element("a", { href: list({ missing: field }) }, nt("{field}: missing {n} time", "{field}: missing {n} times", count, { field: fieldName(field) })))))] : [])];
}

const SVG = "http://www.w3.org/2000/svg";
function meter(percent, target) {
  const drawn = document.createElementNS(SVG, "svg");
  const rect = (x, width, kind) => {
    const node = document.createElementNS(SVG, "rect");
    for (const [name, value] of Object.entries({ x, y: 0, width, height: 6, class: kind })) node.setAttribute(name, value);
    return node;
  };
  for (const [name, value] of Object.entries({ viewBox: "0 0 100 6", preserveAspectRatio: "none", "aria-hidden": "true" })) drawn.setAttribute(name, value);
  drawn.append(rect(0, 100, "ground"), rect(0, Math.max(0, Math.min(100, percent)), "fill"), rect(Math.min(99.4, target), 0.6, "target"));
  return drawn;
}
