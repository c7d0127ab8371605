// What was before and what came after, field by field; what stayed the same is left out.
import { element } from "../dom.js";
import { NOTHING, t } from "../words.js";
import { fieldName } from "./names.js";

export const said = (value) => (value === null || value === undefined || value === "" ? NOTHING : value === true ? t("yes") : value === false ? t("no") : typeof value === "object" ? JSON.stringify(value) : String(value));

// Gives a table, or null if there is nothing to show.
export function difference(before, after) {
  const names = [...new Set([...Object.keys(before ?? {}), ...Object.keys(after ?? {})])].filter((name) => JSON.stringify(before?.[name]) !== JSON.stringify(after?.[name]));
  if (!names.length) return null;
  return element("table", { class: "difference" }, element("thead", {}, element("tr", {}, ...["", t("before"), t("after")].map((label) => element("th", { scope: "col" }, label)))),
    element("tbody", {}, ...names.map((name) => element("tr", {}, element("th", { scope: "row" }, fieldName(name)),
      element("td", { class: "was" }, before && name in before ? said(before[name]) : NOTHING), element("td", { class: "is" }, after && name in after ? said(after[name]) : NOTHING)))));
}
