// What a device says now: value, age, quality, limits; a press puts a metric into the chart.
import { element, text } from "../dom.js";
import { stateName } from "../severity.js";
import { number, said, t } from "../words.js";
import { agedSince, setAge } from "../console/ages.js";
import { listed, metricWords, qualityName, shown } from "../console/facts.js";
import { Section } from "./section.js";

// how a device answers commands: shown with them, not as a value
const ANSWERS = "Command/Result";

export const metricLabel = (metric, kind) => said(metric, "label") || metricWords(kind, metric.name)?.label || metric.name;

// The states of a metric in the page's language: the hub's words, or those of the kind.
export function metricWordsOf(metric, kind) {
  const words = metricWords(kind, metric.name) ?? {};
  const told = Array.isArray(metric.states) ? metric.states.map((state) => [typeof state.value === "boolean" ? (state.value ? "True" : "False") : state.value, said(state, "label")]) : [];
  const states = told.length ? Object.fromEntries(told) : words.states;
  return { ...words, decimals: metric.decimals ?? words.decimals, states: Object.keys(states ?? {}).length ? states : null };
}

const OTHER = { above: ">", below: "<", equals: "=", not_equals: "≠" };
const limitText = (limit, metric, words) =>
  Object.keys(OTHER).filter((side) => limit[side] !== null && limit[side] !== undefined)
    .map((side) => OTHER[side] + " " + (typeof limit[side] === "number" ? number(limit[side], words.decimals ?? 0) : shown({ value: limit[side] }, words)))
    .map((bound) => stateName(limit.severity) + " " + bound).join("");

export function valuesPart({ load, drawn, shown: charted, toggled }) {
  const rows = new Map();

  function make(metric) {
    const row = element("button", { type: "button", class: "metric", "data-metric": metric.name },
      element("span"), element("b"), element("small"), agedSince(metric.ts_ms, "ago"));
    row.addEventListener("click", (event) => toggled(metric.name, event.shiftKey || event.ctrlKey || event.metaKey));
    return row;
  }

  const section = new Section("values", {
    load,
    draw(device, body) {
      drawn(device);
      const metrics = listed(device.metrics).filter((metric) => metric.name !== ANSWERS);
      for (const metric of metrics) {
        const words = metricWordsOf(metric, device.kind);
        if (!rows.has(metric.name)) rows.set(metric.name, make(metric));
        const row = rows.get(metric.name);
        const [label, value, limits, age] = row.children;
        text(label, metricLabel(metric, device.kind));
        text(value, shown(metric, words));
        const doubtful = metric.quality && metric.quality !== "good";
        text(limits, [doubtful ? qualityName(metric.quality) : "", ...(metric.limits ?? []).map((limit) => limitText(limit, metric, words))].filter(Boolean).join(" · "));
        setAge(age, metric.ts_ms, "ago");
        row.className = `metric ${metric.severity ?? ""} ${doubtful ? "bad" : ""}`;
      }
      const nodes = metrics.map((metric) => rows.get(metric.name));
      const list = body.firstElementChild ?? body.appendChild(element("div", { class: "lines" }));
      if (nodes.length !== list.children.length || nodes.some((node, i) => node !== list.children[i])) list.replaceChildren(...nodes);
      section.mark();
      return metrics.length > 0;
    },
    empty: () => t("No values."),
  });
  section.mark = () => {
    for (const [name, row] of rows) row.setAttribute("aria-pressed", String(charted().includes(name)));
  };
  return section;
}
