// Alarms of one device: what stands, and what there was.
import { element } from "../dom.js";
import { newestFirst, stateName, worstFirst } from "../severity.js";
import { age, moment, nt, said, t } from "../words.js";
import { agedSince } from "../console/ages.js";
import { isOver, stage } from "../console/alarm_words.js";
import { get } from "../console/api.js";
import { Section, once } from "./section.js";

const HISTORY = 50;

export const ended = (alarm) => isOver(alarm) || alarm.state === "normal";

export function alarmLine(alarm, where = "") {
  const over = ended(alarm);
  const lasted = over && alarm.returned_ms ? t("lasted {age}", { age: age(alarm.returned_ms - alarm.raised_ms) }) : "";
  const facts = [where, said(alarm, "detail"), stage(alarm), alarm.acknowledged_by, alarm.comment].filter(Boolean).join(" · ");
  return element("article", { class: over ? "line alarm-line over" : "line alarm-line" },
    element("i", { class: `shape ${over ? "unknown" : alarm.severity}`, role: "img", "aria-label": stateName(alarm.severity) }),
    element("div", {}, element("a", { href: `/ops?alarm=${encodeURIComponent(alarm.id)}#alarms` }, said(alarm, "title")), element("small", {}, " ", facts)),
    element("div", {}, element("div", { class: "num" }, moment(alarm.raised_ms, Date.now())), over ? element("small", {}, lasted) : agedSince(alarm.raised_ms, "ago")));
}

// Open alarms are counted alike everywhere: those that stand, and those that are over and not acknowledged yet. The latter come last.
export function openAlarms(items, where) {
  const open = [...items].sort(worstFirst);
  const past = open.filter(ended).length;
  return [...(past ? [element("p", { class: "soft num" }, nt("{n} open alarm", "{n} open alarms", open.length), " · ", nt("{n} of them is over and not acknowledged yet", "{n} of them are over and not acknowledged yet", past))] : []), ...open.map((alarm) => alarmLine(alarm, where(alarm)))];
}

export const alarmsPart = ({ group, node, device }) => new Section("alarms", {
  async load() {
    const mine = { group, node, device, limit: HISTORY };
    const [open, all] = await Promise.all([get("/api/v1/alarms", { ...mine, state: "open" }), get("/api/v1/alarms", { ...mine, state: "all" })]);
    const seen = new Set(open.items.map((alarm) => alarm.id));
    return [...open.items.sort(worstFirst), ...all.items.filter((alarm) => !seen.has(alarm.id)).sort(newestFirst)]
      .filter((alarm) => alarm.node === node && (alarm.device ?? "") === device);
  },
  draw: once((alarms) => alarms, (alarms, body) => body.replaceChildren(...alarms.map((alarm) => alarmLine(alarm)))),
  empty: () => t("No alarm of this device, now or before."),
});
