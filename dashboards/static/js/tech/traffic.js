// What a device really sends, message by message; listened to only while somebody looks.
import { byId, element, part, text } from "../dom.js";
import { NOTHING, clockTime, nt, number, t } from "../words.js";
import { reason } from "./section.js";

const LINES = 200;
const METRICS = 24;
const RETRY_MS = 5000;

const shownValue = (metric) => (metric.is_null ? NOTHING : typeof metric.value === "object" ? JSON.stringify(metric.value) : String(metric.value));

function line(message) {
  const metrics = (message.metrics ?? []).slice(0, METRICS).map((metric) => element("span", {}, metric.name ?? `#${metric.alias}`, " = ", element("b", {}, shownValue(metric)), " "));
  const more = (message.metrics?.length ?? 0) - METRICS;
  const late = typeof message.sent_ms === "number" ? t("{n} ms", { n: number(message.ts_ms - message.sent_ms) }) : "";
  const past = message.metrics?.some((metric) => metric.is_historical);
  return element("li", { class: past ? "past" : "" },
    element("span", {}, clockTime(message.ts_ms) + "." + String(message.ts_ms % 1000).padStart(3, "0")), element("span", { class: "type" }, message.type),
    element("span", {}, message.seq ?? NOTHING),
    element("span", { class: "said" }, ...metrics, more > 0 ? nt("and {n} more", "and {n} more", more) : "", element("span", {}, " · ", [nt("{n} byte", "{n} bytes", message.bytes ?? 0), late, past ? t("historical") : ""].filter(Boolean).join(" · ")),
      ...(message.problem ? [element("p", { class: "problem-line" }, String(message.problem))] : [])));
}

export function trafficPart(id) {
  const root = byId("traffic");
  const [notice, lines, pause] = ["notice", "lines", "pause"].map((which) => part(root, which));
  const details = root.querySelector("details");
  const url = `/api/v1/traffic/stream?${new URLSearchParams(id)}`;
  let [source, timer, frame, paused, skipped] = [null, null, null, false, 0];
  const waiting = [];

  const say = (state, words) => {
    root.dataset.state = state;
    text(notice, words);
  };

  // as many at once as came since the last picture: a burst costs one layout
  const draw = () => {
    frame = null;
    lines.prepend(...waiting.splice(0).slice(-LINES).reverse().map(line));
    while (lines.children.length > LINES) lines.lastElementChild.remove();
  };

  function close() {
    source?.close();
    source = null;
    clearTimeout(timer);
  }

  async function refused() {
    close();
    const status = await fetch(url, { credentials: "same-origin", headers: { Accept: "application/json, text/event-stream" }, signal: AbortSignal.timeout(RETRY_MS) })
      .then((answer) => (answer.body?.cancel(), answer.status), () => 0);
    if (!details.open) return;
    say("failed", status === 200 ? t("The hub did not answer. Trying again by itself.") : reason({ status, message: "" }));
    timer = setTimeout(open, RETRY_MS);
  }

  function open() {
    close();
    if (!details.open || document.hidden) return;
    say("loading", t("Listening…"));
    source = new EventSource(url);
    source.addEventListener("message", (event) => {
      if (!lines.children.length || root.dataset.state !== "ready") say("ready", "");
      if (paused) skipped += 1;
      else waiting.push(JSON.parse(event.data));
      if (waiting.length > LINES) waiting.shift();
      if (paused) text(notice, nt("Paused; {n} message passed.", "Paused; {n} messages passed.", skipped));
      else frame ??= requestAnimationFrame(draw);
    });
    source.addEventListener("beat", (event) => {
      const { dropped } = JSON.parse(event.data);
      if (root.dataset.state === "loading") say("ready", t("Listening; nothing was sent yet."));
      if (dropped && !paused) text(notice, nt("{n} message was left out: too many at once.", "{n} messages were left out: too many at once.", dropped));
    });
    source.addEventListener("error", refused);
  }

  pause.addEventListener("click", () => {
    [paused, skipped] = [!paused, 0];
    text(pause, paused ? t("Go on") : t("Pause"));
    pause.setAttribute("aria-pressed", String(paused));
    text(notice, "");
  });
  details.addEventListener("toggle", () => (details.open ? open() : close()));
  document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
  addEventListener("pagehide", close);
}
