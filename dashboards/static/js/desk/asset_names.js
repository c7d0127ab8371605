// The fixed lists of the register as the hub gives them, and how an asset's fields are said.
import { NOTHING, language, number, said, t } from "../words.js";
import { get } from "../console/api.js";
import { conditionName, statusName } from "./names.js";

let asked = null;
// asked once a page: types are many and never change while somebody looks
export const lists = () => (asked ??= get("/api/v1/assets/types").catch((problem) => {
  asked = null;
  throw problem;
}));

const types = new Map();
export async function learnTypes() {
  for (const type of (await lists().catch(() => ({ items: [] }))).items) types.set(type.id, said(type, "label"));
  return [...types].sort((a, b) => a[1].localeCompare(b[1], language));
}
export const typeName = (id) => types.get(id) ?? id ?? "";

// A day as it is written here; it has no time zone.
const dayFormat = new Intl.DateTimeFormat(language === "vi" ? "vi-VN" : "en-GB", { timeZone: "UTC", day: "2-digit", month: "2-digit", year: "numeric" });
export const dayText = (day) => (day ? dayFormat.format(Date.parse(`${day}T00:00:00Z`)) : NOTHING);

export const assetAddress = (asset) => `/equipment/${asset.id}`;
export const makeText = (asset) => [asset.maker, asset.model].filter(Boolean).join(" ");

// One field of an asset, readable.
export function fieldText(asset, name) {
  const value = asset[name];
  if (value === null || value === undefined || value === "") return NOTHING;
  if (name === "type") return typeName(value);
  if (name === "status") return statusName(value);
  if (name === "condition") return conditionName(value);
  if (name === "acquired" || name === "warranty_until") return dayText(value);
  if (name === "price_vnd") return t("{n} VND", { n: number(value) });
  return String(value);
}
