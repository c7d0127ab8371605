// How an agent's versions, configuration, clock and certificate are said, and the facts of it in one line.
import { element } from "../dom.js";
import { NOTHING, age, number, t } from "../words.js";
import { at } from "../console/api.js";
import { SHAPE_OF, presenceName, reasonName } from "../console/facts.js";

export const CLOCK_WRONG_MS = 5000;
export const WAITING_MANY = 1000;
export const CERTIFICATE_SOON_MS = 30 * 86400000;

const CONFIGS = { in_step: t("as wanted"), pending: t("on its way"), refused: t("refused by the agent"), rolled_back: t("rolled back"), unknown: t("not known") };
const CONFIG_SHAPES = { in_step: "ok", pending: "minor", refused: "major", rolled_back: "major", unknown: "unknown" };
const UPDATES = { none: "", in_step: t("up to date"), pending: t("on its way"), done: t("done"), updated: t("updated"), refused: t("refused by the agent"), failed: t("Failed"), rolled_back: t("rolled back"), unknown: t("not known") };

export const configName = (state) => CONFIGS[state] ?? state ?? NOTHING;
export const CONFIG_STATES = Object.keys(CONFIGS);
export const configMark = (state) => element("i", { class: `shape ${CONFIG_SHAPES[state] ?? "unknown"}`, "aria-hidden": "true" });
export const versionName = (agent) => (agent.simulated ? t("simulated") : agent.version || NOTHING);
export const updateName = (state) => UPDATES[state] ?? state ?? "";

export const stateOf = (presence) => (typeof presence === "string" ? presence : presence?.state);
export const agentMark = (agent) => element("i", { class: `shape ${SHAPE_OF[stateOf(agent.presence)] ?? "unknown"}`, role: "img", "aria-label": presenceName(stateOf(agent.presence)) });
export const agentWhy = (agent) => [presenceName(stateOf(agent.presence)), reasonName(agent.reason || agent.presence?.reason)].filter(Boolean).join(" · ");
export const agentAddress = ({ group, node }, ...rest) => at("/agents", group, node, ...rest);
export const agentPath = ({ group, node }, ...rest) => at("/api/v1/agents", group, node, ...rest);

export const clockText = (ms) => (typeof ms !== "number" ? NOTHING : Math.abs(ms) < 10000 ? t("{n} ms", { n: number(ms) }) : (ms < 0 ? "−" : "+") + age(Math.abs(ms)));
export const clockWrong = (ms) => Math.abs(ms ?? 0) > CLOCK_WRONG_MS;

const dayFormat = new Intl.DateTimeFormat("sv-SE", { timeZone: "Asia/Ho_Chi_Minh" });
export const dayOf = (ms) => (ms ? dayFormat.format(ms).split("-").reverse().join("/") : NOTHING);

// How long a certificate still holds; soon: somebody should look
export function certificate(ms, nowMs = Date.now()) {
  if (!ms) return { words: NOTHING, soon: false, over: false };
  const left = ms - nowMs;
  return { words: left <= 0 ? t("ended {day}", { day: dayOf(ms) }) : t("until {day}", { day: dayOf(ms) }), soon: left < CERTIFICATE_SOON_MS, over: left <= 0 };
}

export const fact = (label, value, wrong = false) => element("div", { class: wrong ? "fact wrong" : "fact" }, element("dt", {}, label), element("dd", { class: "num" }, value === null || value === undefined || value === "" ? NOTHING : value));
