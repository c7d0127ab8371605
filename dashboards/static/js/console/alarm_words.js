// What an alarm's states, badges and steps of its life are called, and where it is.
import { element } from "../dom.js";
import { stateName } from "../severity.js";
import { clockTime, moment, number, t } from "../words.js";

const STAGES = {
  unacknowledged: t("Not acknowledged"), acknowledged: t("Acknowledged"), returned_unacknowledged: t("Over, not acknowledged"),
  suppressed: t("Follows from another"), shelved: t("Shelved"), normal: t("Closed"),
};
const STEPS = {
  raised: t("Raised"), reactivated: t("Rose again"), severity: t("Severity changed"), returned: t("Over"), suppressed: t("Follows from another"),
  unsuppressed: t("Shown again"), acknowledged: t("Acknowledged"), flapping: t("Flapping"), steady: t("Steady again"), shelved: t("Shelved"),
  unshelved: t("Off the shelf"), commented: t("Comment"), closed: t("Closed"),
};

export const stage = (alarm) => STAGES[alarm.state] ?? alarm.state;
export const step = (event) => STEPS[event] ?? event;
export const waits = (alarm) => alarm.state === "unacknowledged" || alarm.state === "returned_unacknowledged";
export const isOpen = (alarm) => waits(alarm) || alarm.state === "acknowledged";
export const isOver = (alarm) => typeof alarm.returned_ms === "number";

export function place(alarm, schoolName) {
  const room = alarm.room && alarm.room !== "-" ? t("room {room}", { room: alarm.room }) : "";
  return [schoolName(alarm.school), room, alarm.device ?? alarm.node].filter(Boolean).join(" · ");
}

export const shapeOf = (severity) => element("i", { class: `shape ${severity}`, role: "img", "aria-label": stateName(severity) });

// A time of today, or a day and a time: short enough for a row.
export const until = (ms) => moment(ms, Date.now());

export function badges(alarm) {
  const found = [];
  if (typeof alarm.flapping_since_ms === "number" && alarm.state !== "normal")
    found.push(element("span", { class: "badge flapping" }, t("Flapping · {n} times since {time}", { n: number(alarm.raised_count ?? 1), time: until(alarm.flapping_since_ms) })));
  if (alarm.state === "shelved") found.push(element("span", { class: "badge" }, t("Shelved until {time}", { time: until(alarm.shelved_until_ms) })));
  return found;
}

export function stepText(event) {
  const about = {
    severity: () => stateName(event.severity), raised: () => stateName(event.severity), suppressed: () => event.cause && caused(event.cause),
    flapping: () => t("{n} times", { n: number(Number(event.text)) }), steady: () => t("{n} times", { n: number(Number(event.text)) }),
  }[event.event];
  return [about ? about() : "", ["flapping", "steady"].includes(event.event) ? "" : event.text].filter(Boolean).join(" · ");
}

const caused = (cause) => cause[`title_${document.documentElement.lang}`] || cause.title_vi;

// Times in a history are read to the second.
export const exact = (ms) => {
  const said = moment(ms, Date.now());
  return said.length > 8 ? `${said.slice(0, -5)}${clockTime(ms)}` : said;
};
