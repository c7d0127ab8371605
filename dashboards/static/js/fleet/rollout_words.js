// How a roll-out and its agents are said.
import { element } from "../dom.js";
import { t } from "../words.js";
import { kindName } from "../console/facts.js";

const STATES = { running: t("running"), done: t("done"), aborted: t("stopped") };
const SHAPES = { running: "minor", done: "ok", aborted: "major" };
const MEMBERS = { waiting: t("not yet its turn"), pending: t("on its way"), in_step: t("as wanted"), failed: t("Failed"), skipped: t("left out") };
const MEMBER_SHAPES = { waiting: "none", pending: "unknown", in_step: "ok", failed: "major", skipped: "none" };

export const MEMBER_STATES = Object.keys(MEMBERS);
export const rolloutState = (state) => STATES[state] ?? state;
export const rolloutMark = ({ state }) => element("i", { class: `shape ${SHAPES[state] ?? "unknown"}`, role: "img", "aria-label": rolloutState(state) });
export const memberState = (state) => MEMBERS[state] ?? state;
export const memberMark = (state) => element("i", { class: `shape ${MEMBER_SHAPES[state] ?? "unknown"}`, role: "img", "aria-label": memberState(state) });

const changeWords = (change) => [change?.kind ? kindName(change.kind) : "", ...Object.entries(change?.set ?? {}).map(([name, value]) => `${name} = ${typeof value === "object" ? JSON.stringify(value) : value}`)].filter(Boolean).join(" · ");
export const rolloutName = (rollout) => rollout.title || (rollout.kind === "update" ? t("Software {version}", { version: rollout.package }) : t("Configuration: {what}", { what: changeWords(rollout.change) }));
export const rolloutWhat = (rollout) => (rollout.kind === "update" ? t("Software {version}", { version: rollout.package }) : changeWords(rollout.change));

export function tallyOf({ stages }) {
  const sum = (name) => stages.reduce((all, stage) => all + (stage[name] ?? 0), 0);
  return { total: sum("total"), ended: sum("in_step") + sum("failed") + sum("skipped"), failed: sum("failed") };
}
