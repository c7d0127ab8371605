// How presence, its reasons and measured values are said, wherever a node or a device is shown.
import { byId, element } from "../dom.js";
import { NOTHING, language, number, rateText, t } from "../words.js";

// what kinds, their metrics and their states are called; of no kind: the name as it came
export const vocabulary = JSON.parse(byId("vocabulary").textContent);
export const kindName = (kind) => vocabulary[kind]?.label ?? kind ?? NOTHING;
export const metricWords = (kind, name) => vocabulary[kind]?.metrics[name];

const PRESENCES = { born: t("Online"), stale: t("Silent"), dead: t("Offline") };
const REASONS = {
  birth: "", silence: t("no message for too long"), unanswered: t("silent, and did not answer when asked"), will: t("connection lost without goodbye"), goodbye: t("signed off"), node_death: t("signed off"), death: t("signed off"),
  device_death: t("device does not answer"), hub_restart: t("not heard since the hub started"), no_route: t("no route"), refused: t("connection refused"),
  auth_failed: t("wrong credentials"), timeout: t("timed out"), protocol_error: t("protocol error"), powered_off: t("powered off"), unplugged: t("unplugged"),
  node_lost: t("edge node lost"), not_reborn: t("not named again by its edge node"), never_born: t("never introduced itself"), heard_again: "", rebirth: "",
};
const QUALITIES = { stale: t("old value"), bad: t("doubtful") };

export const SHAPE_OF = { born: "ok", stale: "unknown", dead: "offline" };
export const presenceName = (state) => PRESENCES[state] ?? NOTHING;
export const reasonName = (reason) => REASONS[reason] ?? reason ?? "";
export const qualityName = (quality) => QUALITIES[quality] ?? quality ?? "";

export const presenceMark = (presence) =>
  element("i", { class: `shape ${SHAPE_OF[presence?.state] ?? "unknown"}`, role: "img", "aria-label": PRESENCES[presence?.state] ?? "" });
export const why = (presence) => [presenceName(presence?.state), reasonName(presence?.reason)].filter(Boolean).join(" · ");

// The word of a state; a boolean is keyed as the hub's own language writes it.
export const stateWord = (value, words) => words?.states?.[typeof value === "boolean" ? (value ? "True" : "False") : value];

// Units whose names are words; the others are signs that all languages share.
const UNITS = { min: t("min"), "1/min": t("a minute"), d: t("days") };
export const unitWord = (unit) => UNITS[unit] ?? unit;

export function shown({ value, unit }, words) {
  if (value === null || value === undefined) return NOTHING;
  const state = stateWord(value, words);
  if (state) return state;
  if (typeof value === "boolean") return value ? t("yes") : t("no");
  if (value === "") return t("none");
  const said = typeof value === "number" ? number(value, words?.decimals ?? (Number.isInteger(value) ? 0 : 2)) : String(value);
  return unit ? `${said} ${unitWord(unit)}` : said;
}

// Where there is little room: rates with the prefix that makes them short.
export const brief = (metric, words) => (metric.unit === "kbit/s" && typeof metric.value === "number" ? rateText(metric.value) : shown(metric, words));

// The mirror keys metrics by name, the API lists them: both read alike.
export const listed = (metrics) => (Array.isArray(metrics) ? metrics : Object.entries(metrics ?? {}).map(([name, metric]) => ({ name, ...metric })))
  .sort((a, b) => a.name.localeCompare(b.name, language));
