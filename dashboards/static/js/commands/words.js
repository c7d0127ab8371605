// How commands are said: their values, how far each came and when, and why one did not succeed.
import { element } from "../dom.js";
import { clockTime, language, moment, number, t } from "../words.js";
import { at } from "../console/api.js";
import { metricWords, reasonName, stateWord, vocabulary } from "../console/facts.js";

const STATES = {
  queued: t("Waiting"), sent: t("Sent"), delivered: t("Received by the device"), succeeded: t("Done"), failed: t("Failed"), refused: t("Refused"),
  timed_out: t("No change seen in time"), expired: t("Expired before it arrived"), cancelled: t("Cancelled"),
};
const DETAILS = {
  not_allowed: t("this kind of device does not take it"), interlock_open: t("the safety interlock is open"), device_refused: t("the device refused"), busy: t("the device is busy"),
  interrupted: t("the edge node stopped in the middle; it is not repeated"), unknown_device: t("the edge node does not know this device"), value: t("the value is not permitted"), not_observed: t("the value did not change"), superseded: t("a newer command replaced it"),
  not_sent: t("its edge node was not there"), no_answer: t("the edge node did not answer"), no_result: t("the device took it and said nothing more"), expired: t("too late"),
};
const SHAPES = { queued: "unknown", sent: "unknown", delivered: "minor", succeeded: "ok", cancelled: "none", failed: "major", refused: "major", timed_out: "minor", expired: "minor" };
const SOURCES = { person: "", scene: t("scene"), group: t("group command"), plan: t("day plan"), automation: t("automation") };
const ENDED = new Set(["succeeded", "failed", "refused", "timed_out", "expired", "cancelled"]);

export const hasEnded = (command) => ENDED.has(command.state);
export const commandState = (state) => STATES[state] ?? state ?? "";
export const detailWords = (detail) => DETAILS[detail] ?? reasonName(detail);
export const commandMark = (state) => element("i", { class: `shape ${SHAPES[state] ?? "unknown"}`, role: "img", "aria-label": commandState(state) });
export const sourceName = (source) => SOURCES[source] ?? source ?? "";

export const commandsOf = (kind) => vocabulary[kind]?.commands ?? [];
export const commandLabel = (command, kind) => command[`label_${language}`] || command.label_vi || commandsOf(kind).find((one) => one.name === command.name)?.label || command.name;

export const unitOf = (command, kind) => commandsOf(kind).find((one) => one.metric === command.metric)?.unit ?? "";

// A value as it is chosen: the word of the state it brings about.
export function valueWord(value, kind, metric, unit = "") {
  if (value === null || value === undefined) return "–";
  const words = metricWords(kind, metric);
  const state = stateWord(value, words);
  if (state) return state;
  if (typeof value === "boolean") return value ? t("On") : t("Off");
  const said = typeof value === "number" ? number(value, words?.decimals ?? (Number.isInteger(value) ? 0 : 1)) : String(value);
  return unit ? `${said} ${unit}` : said;
}

// The stations a command came through, each with its time; what is to come is not said.
export function life(command) {
  const steps = [["queued", command.created_ms], ["sent", command.sent_ms], ["delivered", command.delivered_ms], ...(hasEnded(command) ? [[command.state, command.ended_ms]] : [])];
  const passed = steps.filter(([state, ms]) => ms || state === command.state);
  return element("ol", { class: "life" }, ...passed.map(([state, ms], i) => element("li", { class: `${state} ${i === passed.length - 1 ? "last" : ""}` },
    commandState(state), ms ? element("span", { class: "num" }, clockTime(ms)) : "")));
}

export const whyNot = (command) => (command.state === "succeeded" ? "" : detailWords(command.detail));
export const sentBy = (command) => [sourceName(command.source), command.by, moment(command.created_ms, Date.now())].filter(Boolean).join(" · ");
export const deviceOf = (command) => at("/tech/device", command.group, command.node, command.device);
