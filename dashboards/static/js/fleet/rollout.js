// One roll-out as it goes on: its stages as bars, every agent with how it stands, and a way to stop it.
import { byId, element, hidden, text } from "../dom.js";
import { moment, nt, number, t } from "../words.js";
import { at, get, greet, post, visitor } from "../console/api.js";
import { present } from "../console/absent.js";
import { ask } from "../desk/asking.js";
import { Section, every, once } from "../tech/section.js";
import { MEMBER_STATES, memberMark, memberState, rolloutMark, rolloutName, rolloutState, rolloutWhat, tallyOf } from "./rollout_words.js";
import { agentAddress } from "./words.js";

const REFRESH_MS = 2000;
const SHOWN = 500;
const id = decodeURIComponent(location.pathname.split("/")[2]);
const path = at("/api/v1/rollouts", id);
let [who, asked, filter] = [null, null, ""];
const detail = () => (asked ??= get(path).finally(() => setTimeout(() => (asked = null), 300)));

function head(rollout) {
  const { total, ended, failed } = tallyOf(rollout);
  byId("title").replaceChildren(element("h1", {}, rolloutName(rollout)), rolloutMark(rollout), element("p", {}, [rolloutState(rollout.state), rollout.detail].filter(Boolean).join(" – ")), ...(rollout.title ? [element("p", {}, rolloutWhat(rollout))] : []),
    element("p", { class: "num" }, [t("{done} of {all}", { done: number(ended), all: nt("{n} agent", "{n} agents", total) }), failed ? nt("{n} failed", "{n} failed", failed) : "", [rollout.by, moment(rollout.created_ms, Date.now())].join(", ")].filter(Boolean).join(" · ")));
  document.title = rolloutName(rollout);
  hidden(byId("abort"), rollout.state !== "running" || !who.permissions.includes("agents.write"));
}

const stageRow = (stage, i, now) => {
  const bar = element("progress", { max: Math.max(1, stage.total), value: stage.in_step + stage.failed + stage.skipped, "aria-label": t("Stage {n}", { n: i + 1 }) });
  const facts = MEMBER_STATES.filter((state) => stage[state]).map((state) => `${number(stage[state])} ${memberState(state)}`).join(" · ");
  return element("li", { class: `stage ${i + 1 === now ? "now" : ""} ${stage.failed ? "failing" : ""}`, ...(i + 1 === now ? { "aria-current": "step" } : {}) }, element("b", {}, t("Stage {n}", { n: i + 1 }), element("small", { class: "num" }, " " + t("up to {n}%", { n: stage.percent }))), bar, element("span", { class: "num" }, facts || t("nobody")));
};
const stages = new Section("stages", {
  load: detail,
  draw: once((rollout) => [rollout.stages, rollout.state, rollout.stage, rollout.detail], (rollout, body) => {
    head(rollout);
    body.replaceChildren(element("ol", { class: "stages" }, ...rollout.stages.map((stage, i) => stageRow(stage, i, rollout.state === "running" ? rollout.stage : 0))),
      element("p", { class: "soft" }, t("It stops by itself when more than {n}% of a stage fail; each stage is watched for {minutes} min.", { n: rollout.abort_percent, minutes: number(rollout.patience_s / 60, rollout.patience_s % 60 ? 1 : 0) })));
  }),
});
const WORST = { failed: 0, pending: 1, in_step: 2, waiting: 3, skipped: 4 };
const agents = new Section("agents", {
  load: detail,
  draw: once((rollout) => [rollout.agents, filter], ({ agents: all }, body) => {
    const found = all.filter((one) => !filter || one.state === filter).sort((a, b) => WORST[a.state] - WORST[b.state] || a.stage - b.stage || a.node.localeCompare(b.node));
    body.replaceChildren(...(found.length ? [element("div", { class: "lines" }, ...found.slice(0, SHOWN).map((one) => element("a", { class: "line rollout-line", href: agentAddress(one) }, memberMark(one.state), element("div", {}, element("b", {}, one.node), element("small", {}, " ", one.group)),
      element("div", {}, [memberState(one.state), one.detail].filter(Boolean).join(" – ")), element("div", { class: "num" }, t("stage {n}", { n: one.stage }), element("small", {}, " ", one.changed_ms ? moment(one.changed_ms, Date.now()) : "")))))] : []), ...(found.length > SHOWN ? [element("p", { class: "soft" }, nt("and {n} more", "and {n} more", found.length - SHOWN))] : []));
  }),
  empty: () => t("No agent."),
});

const choice = byId("member-state");
choice.append(...MEMBER_STATES.map((state) => element("option", { value: state }, memberState(state))));
choice.addEventListener("change", () => {
  filter = choice.value;
  agents.refresh();
});
byId("abort").addEventListener("click", async () => {
  const done = await ask({ title: t("Stop this roll-out?"), subject: t("Agents that have it keep it; no further agent gets it."), submit: t("Stop it"), kind: "grave", answer: () => post(`${path}/abort`, {}) });
  asked = null;
  if (done) refresh();
});
text(document.querySelector("#title h1"), t("Roll-out {id}", { id }));
const away = (problem) => [stages, agents].forEach((part) => part.fail(problem));
who = await visitor(() => away({ status: 0 }));
greet(who);
await present(detail, away, t("Roll-out {id}", { id }), [["/rollouts", t("Roll-outs")]]);
const refresh = () => Promise.all([stages.refresh(), agents.refresh()]);
await refresh();
every(REFRESH_MS, refresh);
