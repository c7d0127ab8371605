// A unit of the organisation, found by typing part of its name without diacritics or its code.
import { element, hidden } from "../dom.js";
import { t } from "../words.js";
import { get } from "../console/api.js";
import { unitKindName } from "./names.js";

const TYPING_MS = 180;
const MOST = 12;

// kinds: which units may be chosen; value, valueName: what is chosen already; chosen(unit)
export function unitField({ id, name, required, value = "", valueName = "", kinds = null, everywhere = null, chosen = () => {} }) {
  const input = element("input", { id, name, type: "text", role: "combobox", autocomplete: "off", spellcheck: "false", "aria-expanded": "false", "aria-autocomplete": "list", "aria-controls": `${id}-list`, required: required ? "" : null, placeholder: t("name or code") });
  const list = element("ul", { id: `${id}-list`, class: "found-units", role: "listbox", hidden: "" });
  const box = element("div", { class: "unit-field" }, input, list);
  Object.assign(box, { focusable: input, focus: () => input.focus() });
  let [found, active, typed, asked, fresh] = [[], -1, null, 0, false];

  const close = () => {
    hidden(list, true);
    input.setAttribute("aria-expanded", "false");
    active = -1;
  };
  const take = (unit) => {
    box.dataset.code = unit?.code ?? "";
    if (unit) input.value = unit.name === unit.code ? unit.name : [unit.name, unit.code].join(" · ");
    close();
    chosen(unit);
  };
  const mark = () => [...list.children].forEach((node, at) => {
    node.setAttribute("aria-selected", String(at === active));
    if (at !== active) return;
    input.setAttribute("aria-activedescendant", node.id);
    node.scrollIntoView({ block: "nearest" });
  });
  async function search() {
    clearTimeout(typed);
    const mine = ++asked;
    const q = input.value.trim();
    let items = [];
    try {
      items = (await get("/api/v1/organisation/units", { q, limit: MOST, kind: kinds?.length === 1 ? kinds[0] : "" })).items;
    } catch {
      items = []; // a code can be typed all the same
    }
    if (mine !== asked) return;
    found = [...(everywhere && !q ? [{ code: "*", name: everywhere, kind: "" }] : []), ...items.filter((unit) => !kinds || kinds.includes(unit.kind))];
    list.replaceChildren(...found.map((unit, at) => {
      const node = element("li", { role: "option", id: `${id}-${at}`, "aria-selected": "false" }, element("span", {}, unit.name), element("small", {}, [unitKindName(unit.kind), unit.code].filter(Boolean).join(" · ")));
      node.addEventListener("mousedown", (event) => {
        event.preventDefault();
        take(unit);
      });
      return node;
    }), ...(found.length ? [] : [element("li", { class: "soft" }, t("Nothing found."))]));
    active = found.length && q ? 0 : -1;
    fresh = true;
    hidden(list, document.activeElement !== input);
    input.setAttribute("aria-expanded", String(!list.hidden));
    mark();
  }
  input.addEventListener("input", () => {
    box.dataset.code = "";
    fresh = false;
    clearTimeout(typed);
    typed = setTimeout(search, TYPING_MS);
  });
  input.addEventListener("focus", () => !box.dataset.code && search());
  input.addEventListener("blur", () => {
    close();
    if (!box.dataset.code && input.value.trim()) box.dataset.code = input.value.split(" · ").pop().trim(); // a code typed by hand
    if (!input.value.trim()) take(null);
  });
  input.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && found.length) active = (active + step + found.length) % found.length;
    else if (event.key === "Enter" && !box.dataset.code && input.value.trim()) {
      // whoever types fast and presses Enter means what is typed, not what was found before
      if (fresh && found[active]) take(found[active]);
      else search().then(() => found[0] && take(found[0]));
    } else if (event.key === "Enter" && !list.hidden && found[active]) take(found[active]);
    else if (event.key === "Escape" && !list.hidden) close();
    else return;
    event.preventDefault();
    event.stopPropagation();
    mark();
  });
  box.set = (code, label) => {
    box.dataset.code = code ?? "";
    input.value = code ? [...new Set([label, code].filter(Boolean))].join(" · ") : "";
  };
  box.set(value, value === "*" ? everywhere : valueName);
  return box;
}
