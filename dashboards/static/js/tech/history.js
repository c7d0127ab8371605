// The chart of a device: which metrics, over which range, and the same range as files.
import { byId, element, hidden } from "../dom.js";
import { clockTime, language, moment, t } from "../words.js";
import { at, get } from "../console/api.js";
import { shown, unitWord, vocabulary } from "../console/facts.js";
import { Chart } from "../chart/chart.js";
import { fieldMs, fieldText } from "../chart/scale.js";
import { Section } from "./section.js";
import { metricLabel, metricWordsOf } from "./values.js";

const MOST = 3;
const HOUR_MS = 3600000;
const PRESETS = { "1h": HOUR_MS, "24h": 24 * HOUR_MS, "7d": 7 * 24 * HOUR_MS, "30d": 30 * 24 * HOUR_MS };
const [FOLLOW_LEAST_MS, SETTLE_MS] = [5000, 120];
const TIERS = () => ({ raw: t("raw values"), "5m": t("5-minute means"), "1h": t("hourly means"), "1d": t("daily means") });

export class HistoryPart {
  constructor({ id, path, address, device, changed }) {
    Object.assign(this, { id, path, address, device, told: changed, drawnMs: 0 });
    this.section = new Section("history", { load: () => this.load(), draw: (found, body) => this.draw(found, body), empty: () => t("Choose a value on the left to see its history.") });
    this.box = element("div", { class: "chart-box", id: "chart" });
    this.foot = element("div", { class: "foot" });
    this.section.body.append(this.box, this.foot);
    this.chart = new Chart(this.box, { ranged: (start, end) => this.range(start, end), back: () => window.history.back() });
    this.presets = [...document.querySelectorAll("#presets [data-range]")];
    for (const preset of this.presets) preset.addEventListener("click", () => this.go({ range: preset.dataset.range, from: "", to: "" }));
    this.fields = [byId("from"), byId("to")];
    for (const field of this.fields) field.addEventListener("change", () => this.typed());
    let width = 0;
    new ResizeObserver(() => {
      if (width && Math.abs(width - this.chart.points) > 40) this.soon();
      width = this.chart.points;
    }).observe(this.box);
  }

  get metrics() {
    return this.address.wanted.metric ? this.address.wanted.metric.split(",").map(decodeURIComponent).slice(0, MOST) : (this.first ?? []);
  }

  get span() {
    const { from, to, range } = this.address.wanted;
    if (Number(from) && Number(to)) return [Number(from), Number(to)];
    const now = Date.now();
    return [now - (PRESETS[range] ?? PRESETS["24h"]), now];
  }

  get following() {
    return !this.address.wanted.from;
  }

  toggle(metric, add) {
    const now = this.metrics;
    const next = now.includes(metric) ? now.filter((one) => one !== metric) : add || now.length < MOST ? [...now, metric].slice(-MOST) : [...now.slice(1), metric];
    if (next.length) this.go({ metric: next.map(encodeURIComponent).join(",") });
  }

  // Zooming in small steps is one step of the history: the last one of a row replaces the one before.
  range(start, end) {
    const now = Date.now();
    const quick = now - (this.zoomedMs ?? 0) < 600;
    this.zoomedMs = now;
    this.go({ range: "", from: String(start), to: String(end) }, quick);
  }

  go(changes, replace = false) {
    this.address.set(changes, replace);
    this.changed();
  }

  typed() {
    const [from, to] = this.fields.map((field) => fieldMs(field.value));
    const wrong = !(from < to);
    for (const field of this.fields) field.classList.toggle("wrong", wrong);
    if (!wrong) this.go({ range: "", from: String(from), to: String(to) });
  }

  changed() {
    const [start, end] = this.span;
    const preset = this.following ? (PRESETS[this.address.wanted.range] ? this.address.wanted.range : "24h") : "";
    for (const button of this.presets) button.setAttribute("aria-pressed", String(button.dataset.range === preset));
    this.fields.forEach((field, i) => {
      if (document.activeElement !== field) field.value = fieldText([start, end][i]);
      field.classList.remove("wrong");
    });
    this.told();
    if (this.chart.series.length && this.section.seenMs) Object.assign(this.chart, { start, end }).draw(); // what is known of it, at once
    this.soon();
  }

  soon() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.section.refresh(), SETTLE_MS);
  }

  // A range that ends now goes on; a point more is not worth asking before it has a pixel of its own.
  follow() {
    const [start, end] = this.span;
    if (this.following && Date.now() - this.drawnMs > Math.max(FOLLOW_LEAST_MS, (end - start) / this.chart.points)) return this.section.refresh();
    return null;
  }

  async load() {
    const device = await this.device();
    const known = new Map(device.metrics.map((metric) => [metric.name, metric]));
    this.first ??= [vocabulary[device.kind]?.tile.find((name) => known.has(name)) ?? device.metrics[0]?.name].filter(Boolean);
    this.told();
    const names = this.metrics.filter((name) => known.has(name));
    const [start, end] = this.span;
    const points = this.chart.points;
    const answers = await Promise.all(names.map((name) => get(at(this.path + "/metrics", name), { start, end, points })));
    return { device, start, end, series: answers.map((answer, i) => ({ ...answer, metric: known.get(names[i]) })) };
  }

  draw({ device, start, end, series }, body) {
    this.drawnMs = Date.now();
    if (!series.length) return false;
    const made = series.map((answer) => {
      const words = metricWordsOf(answer.metric, device.kind);
      return { label: metricLabel(answer.metric, device.kind), unit: unitWord(answer.unit), decimals: words.decimals, items: answer.items, stepMs: answer.step_ms, nowMs: Date.now(),
        limits: answer.metric.limits, states: words.states, word: (value) => shown({ value }, words) };
    });
    const some = series.some((answer) => answer.items.some((item) => item.value !== null));
    hidden(body, false);
    const from = moment(start, end);
    this.chart.set(made, start, end, t("{metrics}, {from} to {to}", { metrics: made.map((one) => one.label).join(", "), from, to: moment(end, Date.now()) }));
    this.footer(series, start, end, some);
    return true;
  }

  footer(series, start, end, some) {
    const file = (format) => {
      const query = new URLSearchParams({ ...this.id, start, end, tier: series[0].tier ?? "raw", format });
      if (series.length === 1) query.set("metric", series[0].name); // else all of the device: a file names one or every metric
      if (format === "csv" && language === "vi") query.set("decimal", "comma"); // opens in Vietnamese spreadsheets as it is
      return element("a", { href: `/api/v1/telemetry/export?${query}`, download: "" }, format === "csv" ? t("CSV of this range") : t("Parquet of this range"));
    };
    const tiers = [...new Set(series.map((one) => TIERS()[one.tier] ?? one.tier).filter(Boolean))].join(", ");
    this.foot.replaceChildren(...[
      some ? tiers : t("Nothing was measured in this range."), t("As of {time}", { time: clockTime(Date.now()) }), t("drag: zoom · + − zoom · ← → move · Esc back"),
    ].filter(Boolean).map((words) => element("span", {}, words)), file("csv"), file("parquet"));
  }
}
