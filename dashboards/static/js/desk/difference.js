// What was before and what came after, field by field; what stayed the same is left out.
import { element } from "../dom.js";
import { NOTHING, t } from "../words.js";
import { fieldText } from "./asset_names.js";
import { fieldName } from "./names.js";
import { roomType } from "../school/rooms.js";

export const said = (value) => (value === null || value === undefined || value === "" ? NOTHING : value === true ? t("yes") : value === false ? t("no") : typeof value === "object" ? JSON.stringify(value) : String(value));

const IN_WORDS = ["type", "status", "condition", "acquired", "warranty_until", "price_vnd"];
const DAY = /^\d{4}-\d\d-\d\d$/;
// A field's value as the pages say it elsewhere: words for what is stored as a code, days as they are written here.
function valueText(name, value) {
  if (Array.isArray(value) && value.every((one) => typeof one === "string")) return value.join(" / ");
  if (typeof value === "string" && DAY.test(value)) return fieldText({ acquired: value }, "acquired");
  if (!IN_WORDS.includes(name) || typeof value === "object") return said(value);
  return name === "type" && roomType(value) !== value ? roomType(value) : fieldText({ [name]: value }, name);
}

// Gives a table, or null if there is nothing to show.
export function difference(before, after) {
  const names = [...new Set([...Object.keys(before ?? {}), ...Object.keys(after ?? {})])].filter((name) => JSON.stringify(before?.[name]) !== JSON.stringify(after?.[name]));
  if (!names.length) return null;
  return element("table", { class: "difference" }, element("thead", {}, element("tr", {}, ...["", t("before"), t("after")].map((label) => element("th", { scope: "col" }, label)))),
    element("tbody", {}, ...names.map((name) => element("tr", {}, element("th", { scope: "row" }, fieldName(name)),
      element("td", { class: "was" }, before && name in before ? valueText(name, before[name]) : NOTHING), element("td", { class: "is" }, after && name in after ? valueText(name, after[name]) : NOTHING)))));
}
