// Forms made of descriptions: a label, an input, and beside it what the hub says is wrong with it.
import { wordsOf } from "../console/api.js";
import { element, hidden, text } from "../dom.js";
import { t } from "../words.js";
import { refusal } from "./refusals.js";
import { unitField } from "./unit_field.js";

let count = 0;

const options = (field) => (field.options ?? []).map(([value, label]) => element("option", { value }, label));

// field: { name, label, kind, value, required, hint, options, most, placeholder }
// kind: text, password, number, date, datetime-local, select, textarea, check, unit
function control(field, id) {
  const { name, kind = "text", required, most, placeholder, autocomplete = "off" } = field;
  if (kind === "unit") return unitField({ ...field, id });
  const shared = { id, name, required: required ? "" : null, maxlength: most, placeholder, autocomplete };
  const node = kind === "select" ? element("select", { id, name }, ...options(field))
    : kind === "textarea" ? element("textarea", { ...shared, rows: 3 })
      : kind === "check" ? element("input", { id, name, type: "checkbox" })
        : element("input", { ...shared, type: kind, min: field.least, max: field.largest, step: field.step, inputmode: kind === "number" ? "numeric" : null });
  if (kind === "check") node.checked = Boolean(field.value);
  else if (field.value !== undefined && field.value !== null) node.value = field.value;
  return node;
}

export class Fields {
  constructor(fields) {
    this.parts = new Map();
    this.node = element("div", { class: "fields" }, ...fields.map((field) => this.make(field)));
  }

  make(field) {
    count += 1;
    const id = `field-${count}`;
    const input = control(field, id);
    const wrong = element("p", { class: "wrong-here", id: `${id}-wrong`, hidden: "" });
    const label = element("label", { for: id }, field.label, field.required ? element("i", { class: "needed", "aria-hidden": "true" }, " *") : "");
    this.parts.set(field.name, { field, input, wrong });
    return element("div", { class: `field ${field.kind ?? "text"} ${field.wide ? "wide" : ""}` }, label, input, field.hint ? element("p", { class: "soft" }, field.hint) : "", wrong);
  }

  input(name) {
    return this.parts.get(name).input;
  }

  value(name) {
    const { field, input } = this.parts.get(name);
    if (field.kind === "check") return input.checked;
    const said = (field.kind === "unit" ? input.dataset.code ?? "" : input.value).trim();
    return field.kind === "number" && said !== "" ? Number(said) : said === "" ? null : field.kind === "password" ? input.value : said;
  }

  // What is said; a field left empty is null.
  values() {
    return Object.fromEntries([...this.parts.keys()].map((name) => [name, this.value(name)]));
  }

  // The first required field without a value is named, and gets the focus.
  complete() {
    this.clear();
    for (const [name, { field }] of this.parts) if (field.required && (this.value(name) === null || this.value(name) === "")) return this.blame(name, t("This is needed."));
    return true;
  }

  clear() {
    for (const { input, wrong } of this.parts.values()) {
      hidden(wrong, true);
      input.removeAttribute("aria-invalid");
    }
  }

  blame(name, words) {
    const { input, wrong } = this.parts.get(name);
    text(wrong, words);
    hidden(wrong, false);
    input.setAttribute("aria-invalid", "true");
    input.setAttribute("aria-describedby", wrong.id);
    (input.focusable ?? input).focus();
    return false;
  }

  // What the hub refused: beside its field where there is one, else returned as words.
  refuse(problem) {
    const faults = problem.document?.errors ?? [];
    const mine = faults.filter((fault) => this.parts.has(fault.field));
    for (const fault of mine.reverse()) this.blame(fault.field, wordsOf(fault));
    return mine.length ? "" : refusal(problem);
  }
}

// Only what was changed, for a PATCH.
export const changes = (before, after) => Object.fromEntries(Object.entries(after).filter(([name, value]) => (before[name] ?? null) !== (value ?? null)));
