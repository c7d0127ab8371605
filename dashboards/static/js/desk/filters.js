// Filters whose choice stands in the address: fields named as the API names them.
import { byId } from "../dom.js";
import { Address } from "../tech/address.js";
import { unitField } from "./unit_field.js";

const TYPING_MS = 220;

// root: holds inputs and selects with names; unit: options of the unit's field, or null; changed(): ask anew
export class Filters {
  constructor(root, { unit = null, changed, more = [] }) {
    this.root = root;
    this.changed = changed;
    this.fields = [...root.querySelectorAll("[name]")];
    this.names = this.fields.map((field) => field.name);
    this.address = new Address([...this.names, ...(unit ? ["unit"] : []), ...more], () => this.show() || changed());
    let typed = null;
    for (const field of this.fields) {
      const taken = (replace = false) => this.address.set({ [field.name]: field.value.trim() }, replace) && changed();
      field.addEventListener("change", () => taken());
      if (field.matches("input:not([type=date])")) field.addEventListener("input", () => {
        clearTimeout(typed);
        typed = setTimeout(() => taken(Boolean(this.wanted[field.name])), TYPING_MS);
      });
    }
    if (unit) {
      this.unit = unitField({ id: "unit", name: "unit-search", ...unit, chosen: (one) => this.address.set({ unit: one?.code ?? "" }) && changed() });
      byId("unit-filter").replaceWith(this.unit);
    }
    const search = root.querySelector("[type=search]");
    addEventListener("keydown", (event) => {
      if (event.key !== "/" || !search || event.target.closest("input, select, textarea, dialog")) return;
      event.preventDefault();
      search.select();
    });
    this.show();
  }

  get wanted() {
    return this.address.wanted;
  }

  show() {
    for (const field of this.fields) if (field !== document.activeElement) field.value = this.wanted[field.name];
    this.unit?.set(this.wanted.unit, "");
  }
}
