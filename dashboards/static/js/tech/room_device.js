// One device among those of a room: its mark, its name, and the two values that say most.
import { element } from "../dom.js";
import { stateName } from "../severity.js";
import { brief, kindName, metricWords, presenceMark, why } from "../console/facts.js";
import { icon } from "../console/icons.js";
import { deviceAddress } from "./device_row.js";

const VALUES = 2;

const tile = (device, values) => (device.tile ?? []).slice(0, values).map((metric) => element("div", { class: metric.quality && metric.quality !== "good" ? "bad" : metric.severity ?? "" },
  element("small", {}, metricWords(device.kind, metric.name)?.label ?? metric.name), brief(metric, metricWords(device.kind, metric.name))));

const under = (device) => (device.presence?.state !== "born" ? why(device.presence) : kindName(device.kind) === device.name ? device.device : kindName(device.kind));

export const roomDevice = (device, values = VALUES) => element("a", { class: "room-line", href: deviceAddress(device) },
  device.severity ? element("i", { class: `shape ${device.severity}`, role: "img", "aria-label": stateName(device.severity) }) : presenceMark(device.presence), icon(device.icon ?? device.kind),
  element("div", {}, element("b", {}, device.name || device.device), element("small", {}, under(device))),
  element("div", { class: "num pairs" }, ...tile(device, values)));
