// A group of commands as it goes on: a bar in parts, the figures in words, and asking after it until it has ended.
import { element } from "../dom.js";
import { number, nt, t } from "../words.js";
import { at, get } from "../console/api.js";
import { commandLabel, commandsOf, valueWord } from "./words.js";
import { kindName } from "../console/facts.js";

const ASK_EVERY_MS = 500;
const STATES = { running: t("running"), done: t("done"), aborted: t("stopped"), cancelled: t("Cancelled") };
const DETAILS = { failures: t("too many failed"), too_many_failures: t("too many failed"), abort_percent: t("too many failed") };

export const batchEnded = (batch) => batch.state !== "running";
export const batchState = (batch) => [STATES[batch.state] ?? batch.state, DETAILS[batch.detail] ?? batch.detail].filter(Boolean).join(" – ");
export const batchMark = (batch) => element("i", { class: `shape ${batch.state === "running" ? "unknown" : batch.state !== "done" ? "major" : batch.failed ? "minor" : "ok"}`, role: "img", "aria-label": batchState(batch) });

// What was told to whom, as the visitor says it; the hub's own title where there is no single command.
export function batchName(batch) {
  const command = commandsOf(batch.kind).find((one) => one.name === batch.command);
  if (!command) return batch.title;
  return `${kindName(batch.kind)} – ${commandLabel(command, batch.kind)}: ${valueWord(batch.value, batch.kind, command.metric, command.unit)}`;
}

const share = (name, count, total) => Object.assign(element("i", { class: name }), { share: total ? count / total : 0 });
export function progressBar(batch) {
  const cancelled = Math.max(0, batch.done - batch.succeeded - batch.failed);
  const parts = [share("good", batch.succeeded, batch.total), share("bad", batch.failed, batch.total), share("none", cancelled, batch.total)];
  for (const part of parts) part.style.flexGrow = String(part.share);
  const rest = element("i", { class: "rest" });
  rest.style.flexGrow = String(Math.max(0, 1 - parts.reduce((sum, part) => sum + part.share, 0)));
  return element("div", { class: "bar-of-parts", role: "progressbar", "aria-valuemin": 0, "aria-valuemax": batch.total, "aria-valuenow": batch.done, "aria-label": t("Progress") }, ...parts, rest);
}
export const batchFigures = (batch) => [t("{done} of {all}", { done: number(batch.done), all: nt("{n} device", "{n} devices", batch.total) }), batch.succeeded ? nt("{n} succeeded", "{n} succeeded", batch.succeeded) : "", batch.failed ? nt("{n} failed", "{n} failed", batch.failed) : "", batch.waiting ? nt("{n} to come", "{n} to come", batch.waiting) : ""].filter(Boolean).join(" · ");

export async function followBatch(batch, seen) {
  for (;;) {
    const now = await get(at("/api/v1/commands/groups", batch.id));
    seen(now);
    if (batchEnded(now)) return now;
    await new Promise((resume) => setTimeout(resume, ASK_EVERY_MS));
  }
}
