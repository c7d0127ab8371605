// How complete the records are in a unit and in each unit below it, and what is missing; drilled into by a click.
import { element } from "../dom.js";
import { NOTHING, number, percent, t } from "../words.js";
import { get } from "../console/api.js";
import { Section } from "../tech/section.js";
import { fieldName, unitKindName } from "./names.js";

const LEAVES = ["school", "cec", "college"];
// worst first: what has to be done stands on top
const worst = (a, b) => (a.percent ?? 101) - (b.percent ?? 101) || b.total - a.total;
const met = (one) => (one.met === null || one.met === undefined ? "unknown" : one.met ? "ok" : "minor");
const metName = (one) => (one.met === null || one.met === undefined ? t("no equipment") : one.met ? t("target met") : t("below target"));

export function meter(share, target) {
  const bar = element("meter", { min: 0, max: 100, low: target, high: target, optimum: 100, value: share ?? 0 });
  bar.setAttribute("aria-hidden", "true"); // the number stands beside it
  return bar;
}

const missing = (one, unit) => Object.entries(one.missing ?? {}).filter(([, count]) => count).sort((a, b) => b[1] - a[1]).map(([field, count]) =>
  element("a", { class: "chip-link", href: `/equipment?${new URLSearchParams({ ...(unit ? { unit } : {}), missing: field })}` }, t("{n} without {field}", { n: number(count), field: fieldName(field).toLowerCase() })));

export const completenessPart = (address, changed) => new Section("completeness", {
  load: () => get("/api/v1/assets/completeness", { unit: address.wanted.unit || address.wanted.school }),
  draw(tree, body) {
    const into = (unit) => {
      const link = element("a", { href: `/equipment?${new URLSearchParams({ view: "completeness", unit: unit.unit })}` }, unit.name ?? unit.unit);
      link.addEventListener("click", (event) => {
        if (event.ctrlKey || event.metaKey || event.shiftKey) return;
        event.preventDefault();
        address.set({ unit: unit.unit, school: "", room: "" });
        changed();
      });
      return link;
    };
    const unit = tree.unit;
    body.replaceChildren(
      element("div", { class: "share-head" }, element("p", { class: "big num" }, percent(tree.complete, tree.total)), element("div", {}, element("h3", {}, tree.name || t("All units")),
        element("p", { class: "soft" }, t("{n} of {all} pieces have a complete record; the target is {target}%.", { n: number(tree.complete), all: number(tree.total), target: number(tree.target_percent) })),
        element("p", { class: "state-line" }, element("i", { class: `shape ${met(tree)}`, "aria-hidden": "true" }), metName(tree))), meter(tree.percent, tree.target_percent)),
      element("div", { class: "chip-links" }, ...missing(tree, unit)),
      element("div", { class: "lines", role: "list" }, ...[...tree.children].sort(worst).map((one) => element("div", { class: "line share-line", role: "listitem" },
        element("i", { class: `shape ${met(one)}`, role: "img", "aria-label": metName(one) }),
        element("div", {}, LEAVES.includes(one.kind) ? element("a", { href: `/equipment?${new URLSearchParams({ unit: one.unit, complete: "false" })}` }, one.name ?? one.unit) : into(one), element("small", {}, " ", unitKindName(one.kind))),
        element("div", { class: "num" }, one.total ? percent(one.complete, one.total) : NOTHING, element("small", {}, " ", t("{on} of {all}", { on: number(one.complete), all: number(one.total) }))),
        meter(one.percent, tree.target_percent),
        element("div", { class: "chip-links" }, ...missing(one, one.unit).slice(0, 3))))));
    return tree.total > 0 || tree.children.length > 0;
  },
  empty: () => t("No equipment is registered here."),
});
