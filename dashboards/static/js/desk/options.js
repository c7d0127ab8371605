// Filters of one choice each with how many each would leave, and what is chosen as chips that can be taken away.
import { element, hidden, part, text } from "../dom.js";
import { number, t } from "../words.js";
import { button } from "../console/listing.js";

export class Options {
  // address: what is chosen; groups: { name: { label(id) } }; chosen(name, value), name null: all away
  constructor(root, chips, { address, groups, chosen }) {
    Object.assign(this, { root, chips, address, groups, chosen });
    root.addEventListener("click", (event) => {
      const option = event.target.closest("[data-facet]");
      if (option) chosen(option.dataset.facet, option.getAttribute("aria-pressed") === "true" ? "" : option.dataset.value);
    });
  }

  // rows: [[id, count, shape]], count null: not counted; buttons stay the same nodes while only their counts change: focus stays
  draw(name, rows) {
    const group = part(this.root, name);
    const before = new Map([...group.children].map((node) => [node.dataset.value, node]));
    const wanted = this.address.wanted[name];
    if (wanted && !rows.some(([id]) => id === wanted)) rows.push([wanted, 0]);
    const nodes = rows.map(([id, count, shape]) => {
      const node = before.get(id) ?? element("button", { type: "button", class: "facet", "data-facet": name, "data-value": id },
        ...(shape ? [element("i", { class: `shape ${shape}`, "aria-hidden": "true" })] : []), element("span"), element("b", { class: "num" }));
      text(node.querySelector("span"), this.groups[name](id));
      text(node.lastChild, number(count));
      node.classList.toggle("none-left", count === 0);
      return node;
    });
    if (nodes.length !== group.children.length || nodes.some((node, i) => node !== group.children[i])) group.replaceChildren(...nodes);
  }

  // What is chosen now: pressed at once, before the counts are there.
  mark() {
    const { wanted } = this.address;
    for (const node of this.root.querySelectorAll("[data-facet]")) node.setAttribute("aria-pressed", String(wanted[node.dataset.facet] === node.dataset.value));
    const named = Object.keys(this.groups).filter((name) => wanted[name]);
    const chips = named.map((name) => {
      const label = this.groups[name](wanted[name]);
      const chip = button(label, "chip-filter", () => this.chosen(name, ""));
      chip.setAttribute("aria-label", t("Take away: {filter}", { filter: label }));
      return chip;
    });
    if (named.length > 1) chips.push(button(t("Clear all"), "clear", () => this.chosen(null, "")));
    this.chips.replaceChildren(...chips);
    hidden(this.chips, !named.length);
    return named.length;
  }
}
