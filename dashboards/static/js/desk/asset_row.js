// One piece of equipment in the list: made once, filled again and again while the list is scrolled.
import { className, element, text } from "../dom.js";
import { t } from "../words.js";
import { cell } from "../tech/windowed.js";
import { assetAddress, dayText, makeText, typeName } from "./asset_names.js";
import { STATUS_SHAPE, fieldName, statusName } from "./names.js";

const slot = (name, kind = "span") => element(kind, { "data-part": name });

// Of 200,000 rows only what a row shows is kept.
export const slim = ({ id, tag, type, name, serial, maker, model, school, school_name, room, acquired, fund_source, status, missing, complete, device }) =>
  ({ id, tag, type, name, serial, maker, model, school, school_name, room, acquired, fund_source, status, missing, complete, linked: Boolean(device) });

export function makeRow() {
  const row = element("div", { class: "device-row asset-row", role: "row" },
    cell("mark", element("i", { "data-part": "shape", role: "img" })),
    cell("what", element("a", { "data-part": "name", tabindex: "-1" }), element("small", {}, slot("type"), slot("tag"))),
    cell("where", slot("school"), slot("room", "small")),
    cell("serial", slot("make"), slot("serial", "small")),
    cell("fund", slot("acquired"), slot("fund", "small")),
    cell("record", slot("record"), slot("missing", "small")));
  row.parts = Object.fromEntries([...row.querySelectorAll("[data-part]")].map((node) => [node.dataset.part, node]));
  return row;
}

export function drawRow(row, asset) {
  const { shape, name, type, tag, school, room, make, serial, acquired, fund, record, missing } = row.parts;
  className(shape, `shape ${STATUS_SHAPE[asset.status] ?? "unknown"}`);
  shape.setAttribute("aria-label", statusName(asset.status));
  text(name, asset.name || typeName(asset.type) || asset.tag);
  name.href = assetAddress(asset);
  text(type, typeName(asset.type) && typeName(asset.type) !== asset.name ? typeName(asset.type) + " · " : "");
  text(tag, asset.tag);
  text(school, asset.school_name || asset.school);
  text(room, asset.room ? t("room {room}", { room: asset.room }) : "");
  text(make, makeText(asset));
  text(serial, asset.serial ?? "");
  text(acquired, asset.acquired ? dayText(asset.acquired) : "");
  text(fund, asset.fund_source ?? "");
  text(record, asset.status === "in_use" || !asset.status ? (asset.complete ? t("complete") : t("incomplete")) : statusName(asset.status));
  text(missing, asset.complete ? "" : asset.missing.map(fieldName).join(", "));
  row.dataset.status = asset.status ?? "";
  row.dataset.complete = String(asset.complete);
}
