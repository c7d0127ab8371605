// One device in the list: made once, filled again and again while the list is scrolled.
import { className, element, hidden, part, text } from "../dom.js";
import { stateName } from "../severity.js";
import { t } from "../words.js";
import { setAge } from "../console/ages.js";
import { at } from "../console/api.js";
import { SHAPE_OF, brief, kindName, metricWords, presenceName, reasonName } from "../console/facts.js";
import { icon } from "../console/icons.js";
import { cell } from "./windowed.js";

const TILE = 4;
const slot = (name, kind = "span") => element(kind, { "data-part": name });

export const deviceAddress = (device) => at("/tech/device", device.group, device.node, device.device);
export const deviceKey = (device) => `${device.group}/${device.node}/${device.device}`;
export const roomName = (room) => (room && room !== "-" ? t("room {room}", { room }) : "");

export function makeRow() {
  const values = Array.from({ length: TILE }, () => element("span", { class: "value" }, element("small"), element("b")));
  const row = element("div", { class: "device-row", role: "row" },
    cell("mark", element("i", { "data-part": "mark", role: "img" })),
    cell("name", element("span", { "data-part": "icon" }), element("div", {}, element("a", { "data-part": "name", tabindex: "-1" }), element("small", { "data-part": "id" }))),
    cell("place", slot("school"), element("small", {}, slot("room"), slot("code"))),
    cell("presence", slot("presence"), element("small", {}, slot("reason"), slot("since"))),
    cell("worst", element("i", { "data-part": "shape", "aria-hidden": "true" }), slot("worst")),
    cell("values", ...values));
  // looked up once: a row is filled hundreds of times while somebody scrolls
  row.parts = Object.fromEntries([...row.querySelectorAll("[data-part]")].map((node) => [node.dataset.part, node]));
  row.values = values.map((node) => [node, ...node.children]);
  return row;
}

export function drawRow(row, device) {
  const { mark, icon: drawing, name, id, school, room, code, presence, reason, since, shape, worst } = row.parts;
  const state = device.presence?.state;
  className(mark, `shape ${SHAPE_OF[state] ?? "unknown"}`);
  mark.setAttribute("aria-label", presenceName(state));
  const icons = device.icon ?? device.kind ?? "";
  if (drawing.dataset.icon !== icons) {
    drawing.dataset.icon = icons;
    drawing.replaceChildren(icon(icons));
  }
  text(name, device.name || device.device);
  name.href = deviceAddress(device);
  const kind = kindName(device.kind);
  text(id, kind === device.name ? device.device : [kind, device.device].join(" · "));
  text(school, device.claimed === false ? t("Unclaimed") : device.school_name || device.school);
  text(room, roomName(device.room));
  text(code, (room.textContent ? " · " : "") + (device.school_name ? device.school : device.node));
  text(presence, presenceName(state));
  const why = reasonName(device.presence?.reason);
  text(reason, why ? why + " · " : "");
  setAge(since, device.presence?.since_ms, "for");
  const severity = device.severity ?? "";
  className(shape, severity ? `shape ${severity}` : "shape none");
  text(worst, severity ? stateName(severity) : device.suppressed ? t("Follows from another") : "");
  row.dataset.severity = severity;
  row.dataset.presence = state ?? "";
  row.values.forEach(([node, label, value], at) => {
    const metric = device.tile?.[at];
    hidden(node, !metric);
    if (!metric) return;
    const words = metricWords(device.kind, metric.name);
    text(label, words?.label ?? metric.name);
    text(value, brief(metric, words));
    className(node, `value ${metric.severity ?? ""} ${metric.quality && metric.quality !== "good" ? "bad" : ""}`);
  });
}
