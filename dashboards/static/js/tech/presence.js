// When a device was there: a strip of the last days, and each change with its reason and how long it lasted.
import { element, svg } from "../dom.js";
import { age, moment, t } from "../words.js";
import { get } from "../console/api.js";
import { presenceMark, presenceName, why } from "../console/facts.js";
import { scale, timeTicks } from "../chart/scale.js";
import { Section } from "./section.js";

const DAYS = 7;
const DAY_MS = 86400000;
const LEAST_MS = 3600000;
const EVENTS = 100;
const HEIGHT = 46;

// Each state from its beginning to the next one's, the newest first.
const lasting = (events, nowMs) => events.map((event, i) => ({ ...event, to: i ? events[i - 1].since_ms : nowMs })).filter((event) => event.to >= event.since_ms);

function strip(events, nowMs, width) {
  // of something new there is nothing to see in a week's strip
  const from = Math.max(nowMs - DAYS * DAY_MS, Math.min(nowMs - LEAST_MS, events.at(-1)?.since_ms ?? 0));
  const x = scale(from, nowMs, 0, width);
  const node = svg("svg", { class: "chart", width, height: HEIGHT, viewBox: `0 0 ${width} ${HEIGHT}`, role: "img", "aria-label": t("Presence of the last {age}", { age: age(nowMs - from) }) });
  for (const event of events.filter((one) => one.to > from))
    node.append(svg("rect", { class: `stretch ${event.state}`, x: Math.max(0, x(event.since_ms)), width: Math.max(1.5, x(event.to) - Math.max(0, x(event.since_ms))), y: event.state === "born" ? 6 : 2, height: event.state === "born" ? 14 : 22 },
      svg("title", {}, [presenceName(event.state), moment(event.since_ms, nowMs)].join(" · "))));
  for (const { ms, label } of timeTicks(from, nowMs, width, 70)) if (x(ms) > 14 && x(ms) < width - 14) node.append(svg("text", { x: x(ms), y: 41, "text-anchor": "middle" }, label), svg("line", { class: "grid", x1: x(ms), x2: x(ms), y1: 2, y2: 26 }));
  return node;
}

export const presencePart = ({ group, node, device }) => new Section("presence", {
  load: () => get("/api/v1/presence", { group, node, device, limit: EVENTS }),
  draw({ items }, body) {
    const now = Date.now();
    const events = lasting([...items].sort((a, b) => b.since_ms - a.since_ms), now);
    const width = Math.max(200, Math.round(body.clientWidth || body.parentNode.clientWidth - 34));
    body.replaceChildren(element("div", { class: "lines" }, strip(events, now, width)), element("ul", { class: "lines" }, ...events.map((event) =>
      element("li", { class: "line presence-line" }, presenceMark(event), element("span", {}, why(event)), element("span", { class: "num" }, moment(event.since_ms, now)), element("span", { class: "num" }, age(event.to - event.since_ms))))));
    return events.length > 0;
  },
  empty: () => t("No change of presence is recorded."),
});
