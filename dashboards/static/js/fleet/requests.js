// What an agent was asked: sent, followed until it answers, and its answer shown as what it is.
import { element, text } from "../dom.js";
import { clockTime, moment, number, t } from "../words.js";
import { at, get } from "../console/api.js";
import { detailWords } from "../commands/words.js";

const ASK_EVERY_MS = 400;
const KINDS = { log: t("log"), driver: t("driver self-test"), network: t("network test"), configure: t("configuration"), update: t("update"), diagnose: t("diagnosis"), scan: t("search of the network"), plan: t("day plan") };
const STATES = { queued: t("Waiting"), sent: t("Sent"), taken: t("at work"), done: t("done"), refused: t("Refused"), failed: t("Failed"), expired: t("no answer in time"), timed_out: t("no answer in time"), cancelled: t("Cancelled") };
const SHAPES = { done: "ok", refused: "major", failed: "major", expired: "minor", timed_out: "minor" };
const why = (detail) => (detail === "not_allowed" ? t("it cannot do that") : detailWords(detail));
const ENDED = new Set(["done", "refused", "failed", "expired", "timed_out", "cancelled"]);

export const requestEnded = (request) => ENDED.has(request.state);
export const requestName = (request) => KINDS[request.what ?? request.kind] ?? request.kind;
export const requestState = (request) => STATES[request.state] ?? request.state;
export const requestMark = (request) => element("i", { class: `shape ${SHAPES[request.state] ?? "unknown"}`, role: "img", "aria-label": requestState(request) });

// Asked again and again until it has ended; seen(request) each time.
export async function follow(id, seen) {
  for (;;) {
    const request = await get(at("/api/v1/agent-requests", id));
    seen(request);
    if (requestEnded(request)) return request;
    await new Promise((resume) => setTimeout(resume, ASK_EVERY_MS));
  }
}

const plain = (value) => (value === null || value === undefined ? "–" : typeof value === "boolean" ? (value ? t("yes") : t("no")) : typeof value === "number" ? number(value, Number.isInteger(value) ? 0 : 1) : typeof value === "object" ? JSON.stringify(value) : String(value));
const NAMES = { ok: t("works"), text: t("Detail"), detail: t("Detail"), host: t("Host"), address: t("Address"), port: t("Port"), latency_ms: t("Latency (ms)"), rtt_ms: t("Latency (ms)"), loss_percent: t("Loss (%)"), took_ms: t("Took (ms)"), sent: t("Sent"), received: t("Received"), values: t("Values"), reason: t("Reason"), device: t("Device"), state: t("State"), driver: t("Driver"), error: t("Error") };
const named = (name) => NAMES[name] ?? name.replaceAll("_", " ");
const STEPS = { load: t("load the driver"), connect: t("connect"), poll: t("read its values"), close: t("hang up"), dns: t("look up the name"), tcp: t("open the port") };
const lines = (value) => (Array.isArray(value) && value.every((one) => typeof one === "string") ? value : null);
const isTable = (value) => value && typeof value === "object" && !Array.isArray(value);

const said = ([key, value]) => (key === "ms" ? t("{n} ms", { n: number(value) }) : key === "reason" ? detailWords(value) : ["detail", "text"].includes(key) ? plain(value) : [named(key), Array.isArray(value) ? value.join(", ") : plain(value)].join(" "));
const stepLine = ({ ok, name, step = name, ...facts }) => element("li", {}, ...(ok === undefined ? [] : [element("i", { class: `shape ${ok ? "ok" : "major"}`, role: "img", "aria-label": ok ? t("works") : t("does not work") })]), element("b", {}, STEPS[step] ?? named(step ?? "")), " ", Object.entries(facts).map(said).join(" · "));
const steps = (all) => element("ol", { class: "steps" }, ...all.map(stepLine));

// Steps with a verdict, lines of a log, tables of facts: whatever an answer is made of.
function shownValue(name, value) {
  const text = lines(value);
  if (text) return element("pre", { class: "log", tabindex: "0", "aria-label": named(name) }, text.join("\n"));
  if (Array.isArray(value)) return steps(value.map((one) => (isTable(one) ? one : { step: plain(one) })));
  const tried = Object.entries(value).filter(([, one]) => isTable(one) && "ok" in one);
  const facts = Object.entries(value).filter(([, one]) => !(isTable(one) && "ok" in one));
  return element("div", {}, ...(facts.length ? [element("dl", {}, ...facts.map(([key, one]) => element("div", { class: "fact" }, element("dt", {}, named(key)), element("dd", { class: "num" }, plain(one)))))] : []), ...(tried.length ? [steps(tried.map(([step, one]) => ({ step, ...one })))] : []));
}

export function answerOf(request) {
  const result = request.result ?? {};
  if (typeof result === "string") return [element("pre", { class: "log", tabindex: "0" }, result)];
  if (typeof result.text === "string") return [element("pre", { class: "log", tabindex: "0" }, result.text)];
  const [big, small] = [[], {}];
  for (const [name, value] of Object.entries(result)) {
    const node = isTable(value) || Array.isArray(value) ? shownValue(name, value) : null;
    if (node) big.push(...(lines(value) ? [] : [element("h3", {}, named(name))]), node);
    else if (!["id", "state", "detail", "kind", "what", "at_ms"].includes(name)) small[name] = value;
  }
  return [...(Object.keys(small).length ? [shownValue("", small)] : []), ...big];
}

// A request as it goes on: what, how far, and its answer.
export function requestCard(request, card = element("article", { class: "request" })) {
  const print = JSON.stringify(request);
  if (card.dataset.print === print) return card;
  card.dataset.print = print;
  card.replaceChildren(element("p", { class: "state-line", role: "status" }, requestMark(request), element("b", {}, requestName(request)), " ", requestState(request), request.state !== "done" && request.detail ? ` – ${why(request.detail)}` : "",
    element("small", { class: "num" }, [clockTime(request.created_ms ?? Date.now()), request.ended_ms ? clockTime(request.ended_ms) : ""].filter(Boolean).join(" → "))), ...(request.state === "done" || request.result ? answerOf(request) : []));
  return card;
}

export const requestLine = (request) => {
  const summary = element("summary", {}, requestMark(request), element("b", {}, requestName(request)), element("span", {}, [requestState(request), request.state === "done" ? "" : why(request.detail)].filter(Boolean).join(" – ")), element("small", { class: "num" }, [request.by, moment(request.created_ms, Date.now())].filter(Boolean).join(" · ")));
  const body = element("div", {});
  const node = element("details", { class: "request-line" }, summary, body);
  node.addEventListener("toggle", async () => {
    if (!node.open || body.childElementCount) return;
    const whole = request.result === undefined ? await get(at("/api/v1/agent-requests", request.id)).catch(() => request) : request;
    body.replaceChildren(...answerOf(whole));
    if (!body.childElementCount) text(body, t("It answered nothing more."));
  });
  return node;
};
