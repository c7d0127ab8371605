// The busiest school links: now, and their recent hour as a strip of heat on one canvas.
import { byId, className, element, hidden, text } from "../dom.js";
import { capacityText, minuteTime, number, rateText } from "../words.js";

const ROWS = 12;
const MINUTES = 60;
const SCALE = [[0, "#0E1A2A"], [30, "#10364A"], [60, "#17697F"], [75, "#2FA7B5"], [82, "#C99A2E"], [90, "#F2792E"], [100, "#FF4D5E"]];

const channels = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
const colours = Array.from({ length: 101 }, (_, share) => {
  const upper = Math.max(1, SCALE.findIndex(([at]) => at >= share));
  const [[a, from], [b, to]] = [SCALE[upper - 1], SCALE[upper]];
  const mix = (share - a) / (b - a);
  const end = channels(to);
  return `rgb(${channels(from).map((c, i) => Math.round(c + (end[i] - c) * mix)).join()})`;
});

const level = (share) => (share >= 95 ? "critical" : share >= 85 ? "major" : "");

export class Uplinks {
  constructor() {
    this.rowsNode = byId("uplinks-rows");
    this.canvas = byId("heat");
    this.rows = Array.from({ length: ROWS }, () => this.addRow());
    this.links = [];
    new ResizeObserver(() => this.paint()).observe(this.rowsNode);
  }

  addRow() {
    const cell = () => element("span", { class: "num" });
    const made = { name: element("span"), capacity: element("small"), heat: element("div", { class: "uplink-heat" }), bar: element("i"),
      share: element("b", { class: "num" }), rx: cell(), tx: cell(), latency: cell(), loss: cell() };
    made.row = element("li", { class: "uplink", hidden: "" }, element("div", { class: "uplink-name" }, made.name, made.capacity), made.heat,
      element("div", { class: "uplink-load" }, element("div", { class: "bar" }, made.bar), made.share), made.rx, made.tx, made.latency, made.loss);
    this.rowsNode.append(made.row);
    return made;
  }

  draw(picture) {
    this.links = picture.busiest(ROWS);
    this.rows.forEach((made, i) => {
      const link = this.links[i];
      hidden(made.row, !link);
      if (!link) return;
      const share = link.utilisation;
      className(made.row, `uplink ${level(share)}`.trim());
      text(made.name, (link.name ?? link.school).replace(/^Trường\s+/u, ""));
      text(made.capacity, capacityText(link.capacity_kbps));
      const scaled = String(Math.min(1, Math.max(0, (share ?? 0) / 100)).toFixed(3));
      if (made.scaled !== scaled) made.bar.style.setProperty("--share", (made.scaled = scaled));
      text(made.share, typeof share === "number" ? `${number(share)}%` : number(null));
      text(made.rx, rateText(link.rx_kbps));
      text(made.tx, rateText(link.tx_kbps));
      text(made.latency, typeof link.latency_ms === "number" ? `${number(link.latency_ms)} ms` : number(null));
      className(made.latency, link.latency_ms > 100 ? "num bad" : "num");
      text(made.loss, typeof link.loss === "number" ? `${number(link.loss, 1)}%` : number(null));
      className(made.loss, link.loss > 1 ? "num bad" : "num");
    });
    hidden(byId("uplinks-none"), this.links.length > 0);
    this.paint();
  }

  tick(nowMs) {
    const ticks = [60, 45, 30, 15, 0].map((minutes) => minuteTime(nowMs - minutes * 60000));
    const node = byId("ticks");
    if (node.dataset.key === ticks.join()) return;
    node.dataset.key = ticks.join();
    node.replaceChildren(...ticks.map((tick) => element("span", {}, tick)));
  }

  paint() {
    // a banner takes the room of the last rows
    const strips = this.rows.slice(0, this.links.length).map((made) => made.heat).filter((heat) => heat.offsetParent);
    hidden(this.canvas, !strips.length);
    if (!strips.length) return;
    const home = this.canvas.offsetParent?.getBoundingClientRect();
    const first = strips[0].getBoundingClientRect();
    const last = strips.at(-1).getBoundingClientRect();
    if (!home || !first.width) return;
    const ratio = window.devicePixelRatio || 1;
    const [left, top, width, height] = [first.left - home.left, first.top - home.top, first.width, last.bottom - first.top];
    const key = [left, top, width, height, ratio, ...this.links.map((link) => (link.history ?? []).join())].join("|");
    if (this.key === key) return;
    this.key = key;
    Object.assign(this.canvas.style, { left: `${left}px`, top: `${top}px`, width: `${width}px`, height: `${height}px` });
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(height * ratio);
    const pen = this.canvas.getContext("2d");
    const step = this.canvas.width / MINUTES;
    const gap = Math.max(1, Math.round(step * 0.1));
    const row = this.canvas.height / strips.length;
    const inset = row * 0.13;
    this.links.slice(0, strips.length).forEach((link, i) => {
      const history = (link.history ?? []).slice(-MINUTES);
      history.forEach((share, j) => {
        const x = Math.round((j + MINUTES - history.length) * step);
        const next = Math.round((j + 1 + MINUTES - history.length) * step);
        pen.fillStyle = typeof share === "number" ? colours[Math.round(Math.min(100, Math.max(0, share)))] : "rgba(148,170,200,.05)";
        pen.fillRect(x, Math.round(i * row + inset), next - x - gap, Math.round(row - 2 * inset));
      });
    });
  }
}
