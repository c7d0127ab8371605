// Filters with how many devices each would leave, and what is chosen as chips that can be taken away.
import { element, hidden, part, text } from "../dom.js";
import { stateName } from "../severity.js";
import { number, said, t } from "../words.js";
import { button } from "../console/listing.js";
import { SHAPE_OF, kindName, presenceName } from "../console/facts.js";

const PRESENCES = ["born", "stale", "dead"];
const SEVERITIES = ["critical", "major", "minor", "none"];

const severityName = (id) => (id === "none" ? t("No alarm") : stateName(id));
const claimedName = (id) => (id === "true" ? t("Claimed") : t("Unclaimed"));

export class Facets {
  // address: what is chosen; chosen(name, value); schoolName(code)
  constructor(root, chips, { address, chosen, schoolName }) {
    Object.assign(this, { root, chips, address, chosen, schoolName, districts: new Map(), kinds: new Map() });
    root.addEventListener("click", (event) => {
      const option = event.target.closest("[data-facet]");
      if (option) this.chosen(option.dataset.facet, option.getAttribute("aria-pressed") === "true" ? "" : option.dataset.value);
    });
  }

  draw(facets) {
    for (const kind of facets.kinds ?? []) this.kinds.set(kind.id, said(kind, "label") || kindName(kind.id));
    for (const district of facets.districts ?? []) this.districts.set(district.code, district.name);
    this.options("presence", PRESENCES.map((id) => [id, presenceName(id), facets.presence?.[id] ?? 0, SHAPE_OF[id]]));
    this.options("severity", SEVERITIES.map((id) => [id, severityName(id), facets.severity?.[id] ?? 0, id]));
    this.options("kind", (facets.kinds ?? []).map((kind) => [kind.id, this.kinds.get(kind.id), kind.count]));
    this.options("district", (facets.districts ?? []).map((district) => [district.code, district.name, district.count]));
    this.options("claimed", ["true", "false"].map((id) => [id, claimedName(id), null]));
    this.mark(); // what is chosen has its name now
  }

  // Buttons stay the same nodes while only their counts change: focus stays.
  options(name, rows) {
    const group = part(this.root, name);
    const before = new Map([...group.children].map((node) => [node.dataset.value, node]));
    const wanted = this.address.wanted[name];
    if (wanted && !rows.some(([id]) => id === wanted)) rows.push([wanted, this.label(name, wanted), 0]);
    const nodes = rows.map(([id, label, count, shape]) => {
      const node = before.get(id) ?? element("button", { type: "button", class: "facet", "data-facet": name, "data-value": id },
        ...(shape ? [element("i", { class: shape === "none" ? "shape none" : `shape ${shape}`, "aria-hidden": "true" })] : []),
        element("span", {}, label), element("b", { class: "num" }));
      text(node.lastChild, count === null ? "" : number(count));
      node.setAttribute("aria-pressed", String(wanted === id));
      node.classList.toggle("none-left", count === 0);
      return node;
    });
    if (nodes.length !== group.children.length || nodes.some((node, i) => node !== group.children[i])) group.replaceChildren(...nodes);
  }

  label(name, value) {
    return {
      presence: () => presenceName(value), severity: () => severityName(value), claimed: () => claimedName(value), kind: () => this.kinds.get(value) ?? kindName(value),
      district: () => this.districts.get(value) ?? value, school: () => this.schoolName(value), q: () => t("“{words}”", { words: value }),
    }[name]?.() ?? value;
  }

  // What is chosen now: pressed at once, before the counts are there.
  mark() {
    const { wanted } = this.address;
    for (const node of this.root.querySelectorAll("[data-facet]")) node.setAttribute("aria-pressed", String(wanted[node.dataset.facet] === node.dataset.value));
    const named = ["q", "school", "district", "kind", "presence", "severity", "claimed"].filter((name) => wanted[name]);
    const chips = named.map((name) => {
      const chip = button(this.label(name, wanted[name]), "chip-filter", () => this.chosen(name, ""));
      chip.setAttribute("aria-label", t("Take away: {filter}", { filter: this.label(name, wanted[name]) }));
      return chip;
    });
    if (named.length > 1) chips.push(button(t("Clear all"), "clear", () => this.chosen(null, "")));
    const said = chips.map((chip) => chip.textContent).join("\n");
    if (this.chips.dataset.said !== said) this.chips.replaceChildren(...chips);
    this.chips.dataset.said = said;
    hidden(this.chips, !named.length);
  }
}
