// The order and the names of severities and school states; their shapes are in tokens.css and here for SVG.
import { t } from "./words.js";

export const RANK = { critical: 5, offline: 4, major: 3, minor: 2, unknown: 1, ok: 0 };
export const STATES = Object.keys(RANK);

// What still stands, the worst first, then what nobody has taken on, then the newest.
const over = (alarm) => typeof alarm.returned_ms === "number";
const waits = (alarm) => (alarm.state === "unacknowledged" ? 2 : alarm.state === "acknowledged" ? 1 : 0);
export const newestFirst = (a, b) => b.raised_ms - a.raised_ms || (a.id < b.id ? -1 : 1);
export const worstFirst = (a, b) => over(a) - over(b) || RANK[b.severity] - RANK[a.severity] || waits(b) - waits(a) || newestFirst(a, b);

export const stateName = (state) =>
  ({ critical: t("Critical"), major: t("High"), minor: t("Low"), ok: t("Normal"), offline: t("Offline"), unknown: t("Not connected") })[state] ?? state;

// A whole school: not heard at all, heard with something wrong, or well.
export const schoolShape = (state) => ({ down: "offline", degraded: "minor" })[state] ?? state ?? "unknown";
export const schoolStateName = (state) => ({ down: t("Offline"), degraded: t("Degraded") })[state] ?? stateName(state);

const points = (corners, radius, turn) =>
  Array.from({ length: corners }, (_, i) => ((i * 2 * Math.PI) / corners + turn))
    .map((a) => `${(radius * Math.cos(a)).toFixed(1)} ${(radius * Math.sin(a)).toFixed(1)}`);
const polygon = (corners, radius, turn) => `M${points(corners, radius, turn).join("L")}Z`;
const circle = (r) => `M${-r} 0a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0Z`;

export const SHAPES = {
  ok: polygon(6, 9.4, Math.PI / 2),
  unknown: circle(4.6),
  absent: circle(1.5),
  minor: circle(6.4),
  major: "M0 -8.8L8.6 6.6L-8.6 6.6Z",
  critical: polygon(4, 9.6, 0),
  offline: "M-6 -6H6V6H-6Z",
};
