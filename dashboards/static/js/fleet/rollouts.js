// Roll-outs of configuration and of software: those that run, those that ended, and a new one.
import { byId, element, hidden } from "../dom.js";
import { moment, nt, t } from "../words.js";
import { at, get, greet, post, visitor } from "../console/api.js";
import { kindName, vocabulary } from "../console/facts.js";
import { ask } from "../desk/asking.js";
import { Section, every, once } from "../tech/section.js";
import { rolloutMark, rolloutName, rolloutState, tallyOf } from "./rollout_words.js";

const REFRESH_MS = 5000;
let who = null;

const line = (rollout) => {
  const { total, ended } = tallyOf(rollout);
  return element("a", { class: "line rollout-line", href: at("/rollouts", String(rollout.id)) }, rolloutMark(rollout), element("div", {}, element("b", {}, rolloutName(rollout)), element("small", {}, " ", [rollout.by, moment(rollout.created_ms, Date.now())].join(" · "))),
    element("div", {}, [rolloutState(rollout.state), rollout.state === "running" ? t("stage {n} of {all}", { n: rollout.stage, all: rollout.stages.length }) : rollout.detail].filter(Boolean).join(" · ")), element("div", { class: "num" }, t("{done} of {all}", { done: ended, all: nt("{n} agent", "{n} agents", total) })));
};
const rollouts = new Section("rollouts", {
  load: () => get("/api/v1/rollouts", { limit: 100 }),
  draw: once(({ items }) => items, ({ items }, body) => body.replaceChildren(...(items.length ? [element("div", { class: "lines" }, ...items.map(line))] : []))),
  empty: () => t("Nothing was rolled out yet."),
});
const packages = new Section("packages", {
  load: () => get("/api/v1/packages", { limit: 50 }),
  draw: once(({ items }) => items, ({ items }, body) => body.replaceChildren(...items.map((one) => element("div", { class: "line version-line" }, element("b", { class: "num" }, one.version), element("div", {}, [one.by, moment(one.created_ms, Date.now())].join(" · "), element("small", {}, " ", one.note)), element("small", { class: "hash code", title: one.sha256 }, one.sha256.slice(0, 12)))))),
  empty: () => t("No package of the agent's software has been uploaded."),
});

const SHARED = () => [
  { name: "title", label: t("What for"), most: 200, wide: true }, { name: "unit", label: t("All agents of"), kind: "unit", required: true, wide: true },
  { name: "stages", label: t("Stages (% of the agents)"), value: "1, 10, 50, 100", required: true }, { name: "abort", label: t("Stop when more fail than (%)"), kind: "number", value: 10, least: 0, largest: 100, required: true },
  { name: "patience", label: t("Watch each stage for (minutes)"), kind: "number", value: 10, least: 1, largest: 10080, required: true },
];
const shared = ({ title, unit, stages, abort, patience }) => ({ title: title ?? "", target: { unit }, stages_percent: stages.split(/[\s,;%]+/).filter(Boolean).map(Number), abort_percent: abort, patience_s: patience * 60 });
const checkStages = ({ stages }) => {
  const steps = stages.split(/[\s,;%]+/).filter(Boolean).map(Number);
  return steps.every((one, i) => Number.isInteger(one) && one > (steps[i - 1] ?? 0)) && steps.at(-1) === 100 ? null : ["stages", t("Whole numbers that rise and end with 100.")];
};
const begun = (rollout) => rollout && location.assign(at("/rollouts", String(rollout.id)));

async function update() {
  const { items } = await get("/api/v1/packages", { limit: 50 }).catch(() => ({ items: [] }));
  begun(await ask({
    title: t("Roll out software"), submit: t("Begin"), check: checkStages, subject: items.length ? "" : t("No package of the agent's software has been uploaded."),
    fields: [{ name: "package", label: t("Version"), kind: "select", required: true, options: items.map((one) => [one.version, one.version]) }, ...SHARED()],
    answer: ({ package: version, ...rest }) => post("/api/v1/rollouts", { kind: "update", package: version, ...shared(rest) }),
  }));
}
async function configure() {
  const kinds = Object.keys(vocabulary).map((kind) => [kind, kindName(kind)]).sort((a, b) => a[1].localeCompare(b[1]));
  begun(await ask({
    title: t("Roll out a configuration"), submit: t("Begin"), check: (values) => (values.poll_s || values.timeout_s ? checkStages(values) : ["poll_s", t("Say at least one thing that is to change.")]),
    fields: [{ name: "device_kind", label: t("Devices of the kind"), kind: "select", options: kinds }, { name: "poll_s", label: t("Ask each every (s)"), kind: "number", least: 0.1, largest: 3600, step: "any" }, { name: "timeout_s", label: t("Wait for an answer (s)"), kind: "number", least: 0.1, largest: 600, step: "any" }, ...SHARED()],
    answer: ({ device_kind: kind, poll_s, timeout_s, ...rest }) => post("/api/v1/rollouts", { kind: "configuration", change: { kind, set: { ...(poll_s ? { poll_s } : {}), ...(timeout_s ? { timeout_s } : {}) } }, ...shared(rest) }),
  }));
}

byId("new-update").addEventListener("click", update);
byId("new-configuration").addEventListener("click", configure);
who = await visitor(() => [rollouts, packages].forEach((part) => part.fail({ status: 0 })));
greet(who);
for (const id of ["new-update", "new-configuration"]) hidden(byId(id), !who.permissions.includes(byId(id).dataset.needs));
const refresh = () => Promise.all([rollouts.refresh(), packages.refresh()]);
await refresh();
every(REFRESH_MS, refresh);
