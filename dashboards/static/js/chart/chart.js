// A chart of one to three metrics over one range: drawn at the width it has, zoomed by drag, wheel and keys.
import { element, hidden, svg } from "../dom.js";
import { NOTHING, number, t } from "../words.js";
import { gestures } from "./gestures.js";
import { LEFT, RIGHT, drawPanel, isStates } from "./panel.js";
import { momentText, scale, timeTicks } from "./scale.js";
import { itemAt } from "./shapes.js";

const AXIS = 26;
const PANEL = 220;
const WIDE_PANEL = 300;
const WIDE = 700;
const SMALL_PANEL = 160;
const STRIP = 70;

export class Chart {
  // ranged(start, end): somebody wants to see another range; back(): the one before
  constructor(root, { ranged, back }) {
    this.root = root;
    this.series = [];
    this.svg = svg("svg", { class: "chart", role: "img", tabindex: "0", focusable: "true" });
    this.tip = element("div", { class: "chart-tip", hidden: "" });
    root.replaceChildren(this.svg, this.tip);
    gestures(this, { ranged, back });
    new ResizeObserver(() => this.width !== Math.round(root.clientWidth) && this.draw()).observe(root);
  }

  // Pixels that carry values: what is asked of the hub.
  get points() {
    return Math.max(10, Math.min(4000, Math.round(this.root.clientWidth) - LEFT - RIGHT));
  }

  get x() {
    return scale(this.start, this.end, LEFT, this.width - RIGHT);
  }

  set(series, start, end, label) {
    Object.assign(this, { series, start, end });
    this.svg.setAttribute("aria-label", label);
    this.draw();
  }

  draw() {
    this.width = Math.round(this.root.clientWidth);
    if (!this.series.length || this.width < 2 * LEFT) return;
    const { start, end, width } = this;
    const plain = this.series.filter((one) => !isStates(one)).length;
    let top = 0;
    const panels = this.series.map((one) => {
      const height = isStates(one) ? STRIP : plain > 1 ? SMALL_PANEL : width > WIDE ? WIDE_PANEL : PANEL;
      const node = drawPanel(one, { start, end, width, height });
      node.setAttribute("transform", `translate(0 ${top})`);
      top += height;
      return node;
    });
    const axis = svg("g", { class: "axis", transform: `translate(0 ${top})` });
    const x = this.x;
    for (const { ms, label, strong } of timeTicks(start, end, width - LEFT - RIGHT)) axis.append(svg("text", { class: strong ? "tick strong" : "tick", x: x(ms), y: 16, "text-anchor": "middle" }, label));
    this.height = top + AXIS;
    this.cross = svg("line", { class: "cross", y1: 20, y2: top, visibility: "hidden" });
    this.brush = svg("rect", { class: "brush", y: 20, height: Math.max(0, top - 20), visibility: "hidden" });
    this.svg.setAttribute("viewBox", `0 0 ${width} ${this.height}`);
    this.svg.setAttribute("width", width);
    this.svg.setAttribute("height", this.height);
    this.svg.replaceChildren(...panels, axis, this.brush, this.cross);
  }

  // What was measured at the pixel the pointer is on; null takes it away.
  point(pixel) {
    const on = pixel !== null && pixel >= LEFT && pixel <= this.width - RIGHT && this.series.length;
    hidden(this.tip, !on);
    this.cross?.setAttribute("visibility", on ? "visible" : "hidden");
    if (!on) return;
    const ms = this.x.back(pixel);
    this.cross.setAttribute("x1", pixel);
    this.cross.setAttribute("x2", pixel);
    this.tip.replaceChildren(element("p", { class: "num" }, momentText(ms)), ...this.series.map((one) => element("p", {}, one.label, element("b", { class: "num" }, this.said(one, itemAt(one.items, ms, one.stepMs))))));
    const left = pixel + 14 + this.tip.offsetWidth > this.width ? pixel - 14 - this.tip.offsetWidth : pixel + 14;
    this.tip.style.transform = `translate(${Math.max(0, left)}px, 24px)`;
  }

  said(one, item) {
    if (!item || item.value === null) return t("no data");
    if (isStates(one)) return one.word(item.last ?? item.value);
    const digits = one.decimals ?? 1;
    const unit = one.unit ? ` ${one.unit}` : "";
    const spread = typeof item.min === "number" && typeof item.max === "number" && item.min !== item.max ? ` (${number(item.min, digits)} … ${number(item.max, digits)})` : "";
    return (number(item.value, digits) || NOTHING) + unit + spread;
  }

  span(from, to) {
    this.brush?.setAttribute("visibility", from === null ? "hidden" : "visible");
    if (from === null) return;
    this.brush.setAttribute("x", Math.max(LEFT, Math.min(from, to)));
    this.brush.setAttribute("width", Math.max(0, Math.min(this.width - RIGHT, Math.max(from, to)) - Math.max(LEFT, Math.min(from, to))));
  }
}
