// Roles with the units they hold in: any number of them, each unit found by searching.
import { element } from "../dom.js";
import { t } from "../words.js";
import { button } from "../console/listing.js";
import { ROLES, roleName } from "./names.js";
import { unitField } from "./unit_field.js";

let count = 0;

// grants: [{ role, unit, unit_name }]; gives { node, grants() }
export function grantsEditor(grants) {
  const rows = element("ul", { class: "grant-rows" });

  function add({ role = "school_admin", unit = "", unit_name: name = "" } = {}) {
    count += 1;
    const select = element("select", { "aria-label": t("Role") }, ...ROLES.map((one) => element("option", { value: one }, roleName(one))));
    select.value = role;
    const field = unitField({ id: `grant-${count}`, name: "unit", value: unit, valueName: name });
    field.focusable.setAttribute("aria-label", t("Unit"));
    const away = button("×", "quiet", () => row.remove());
    away.setAttribute("aria-label", t("Take this role away"));
    const row = element("li", {}, select, field, away);
    Object.assign(row, { select, field });
    rows.append(row);
    return row;
  }

  for (const grant of grants) add(grant);
  const more = button(t("Add a role"), "quiet", () => add().select.focus());
  const node = element("div", { class: "field" }, element("p", { class: "label" }, t("Roles")), rows, more);
  if (!grants.length) add();
  return { node, grants: () => [...rows.children].filter((row) => row.field.dataset.code).map((row) => ({ role: row.select.value, unit: row.field.dataset.code })) };
}
