// One metric in its own field under a shared axis of time: a curve with its band and limits, or a strip of states.
import { svg } from "../dom.js";
import { number } from "../words.js";
import { extent, scale, timeTicks, valueTicks } from "./scale.js";
import { bandPath, meanPath, pointPath, stretches } from "./shapes.js";

export const LEFT = 58;
export const RIGHT = 14;
const TOP = 26;
const LABEL_PX = 6.6;
const NAME_PX = 13;
const STATE_COLOURS = 6;

export const isStates = (series) => Boolean(series.states && Object.keys(series.states).length) || series.items.some((item) => typeof item.value === "string" || typeof item.value === "boolean");

// Limits that are a line: the value above or below which an alarm is raised.
const lines = (limits) => (limits ?? []).flatMap((limit) => ["above", "below"].filter((side) => typeof limit[side] === "number").map((side) => ({ at: limit[side], severity: limit.severity, side })));

// A window of its own cuts off what reaches beyond the range.
const inside = (width, height, ...children) => svg("svg", { x: LEFT, y: 0, width: Math.max(1, width - LEFT - RIGHT), height, viewBox: [LEFT, 0, Math.max(1, width - LEFT - RIGHT), height].join(" ") }, ...children);

// series: { label, unit, decimals, items, stepMs, limits, states, word(value) } -> { node, height, y }
export function drawPanel(series, { start, end, width, height }) {
  const states = isStates(series);
  const x = scale(start, end, LEFT, width - RIGHT);
  const bottom = height - 4;
  const node = svg("g", { class: states ? "panel states" : "panel" });
  node.append(svg("text", { class: "panel-title", x: LEFT, y: 15 }, [series.label, series.unit].filter(Boolean).join(", ")));
  for (const { ms, strong } of timeTicks(start, end, width - LEFT - RIGHT)) node.append(svg("line", { class: strong ? "grid strong" : "grid", x1: x(ms), x2: x(ms), y1: TOP, y2: bottom }));
  const how = { stepMs: series.stepMs, endMs: Math.min(end, series.nowMs ?? end) };
  if (states) drawStates(node, series, x, how, bottom, width);
  else drawCurve(node, series, x, how, bottom, width);
  return node;
}

function drawCurve(node, series, x, how, bottom, width) {
  const limits = lines(series.limits);
  const range = extent(series.items, limits);
  if (!range) return;
  const y = scale(range[0], range[1], bottom, TOP);
  const { ticks, digits } = valueTicks(range[0], range[1], Math.max(2, Math.min(6, Math.floor((bottom - TOP) / 28))));
  for (const value of ticks)
    node.append(svg("line", { class: "grid", x1: LEFT, x2: width - RIGHT, y1: y(value), y2: y(value) }), svg("text", { class: "tick", x: LEFT - 8, y: y(value) + 4, "text-anchor": "end" }, number(value, digits)));
  node.append(inside(width, bottom + 2, svg("path", { class: "band", d: bandPath(series.items, x, y, how) }), svg("path", { class: "mean", d: meanPath(series.items, x, y, how) }),
    svg("path", { class: "points", d: pointPath(series.items, x, y, how) })));
  let named = Infinity;
  for (const { at, severity, side } of limits.filter((limit) => limit.at >= range[0] && limit.at <= range[1]).sort((a, b) => a.at - b.at)) {
    node.append(svg("line", { class: `limit ${severity}`, x1: LEFT, x2: width - RIGHT, y1: y(at), y2: y(at) }));
    const place = y(at) + (side === "above" ? -4 : 13);
    if (Math.abs(named - place) < NAME_PX) continue; // names on each other say nothing; the values list has them all
    node.append(svg("text", { class: `limit-name ${severity}`, x: width - RIGHT - 4, y: place, "text-anchor": "end" }, (side === "above" ? "> " : "< ") + number(at, series.decimals ?? 0)));
    named = place;
  }
}

function drawStates(node, series, x, how, bottom, width) {
  const found = stretches(series.items, how);
  const keys = [...new Set([...Object.keys(series.states ?? {}), ...found.map((one) => String(one.value))])];
  const group = inside(width, bottom);
  for (const { value, from, to } of found) {
    const [left, right] = [x(from), x(to)];
    const bad = (series.limits ?? []).find((limit) => limit.equals !== undefined && limit.equals !== null && String(limit.equals) === String(value));
    const word = series.word(value);
    const colour = bad ? bad.severity : `s${keys.findIndex((key) => key.toLowerCase() === String(value).toLowerCase()) % STATE_COLOURS}`;
    group.append(svg("rect", { class: `stretch ${colour}`, x: left, width: Math.max(1, right - left), y: TOP, height: bottom - TOP }, svg("title", {}, word)));
    const seen = Math.max(left, LEFT);
    if (right - seen > word.length * LABEL_PX + 14) group.append(svg("text", { class: `stretch-name ${colour}`, x: seen + 7, y: (TOP + bottom) / 2 + 4 }, word));
  }
  node.append(group);
}
