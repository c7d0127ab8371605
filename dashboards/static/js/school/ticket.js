// One ticket: where and what, who has it, what happened so far, and what can be done next.
import { byId, element, hidden, part, text } from "../dom.js";
import { NOTHING, t } from "../words.js";
import { agedSince } from "../console/ages.js";
import { exact } from "../console/alarm_words.js";
import { at, call, get, greet, post, visitor } from "../console/api.js";
import { present } from "../console/absent.js";
import { button } from "../console/listing.js";
import { ask } from "../desk/asking.js";
import { refusal } from "../desk/refusals.js";
import { Section, every, once } from "../tech/section.js";
import { dueDay, dueMs } from "./raise.js";
import { PRIORITIES, badges, day, eventName, levelName, mark, priorityName, stateName } from "./ticket_words.js";

const REFRESH_MS = 10000;
const id = decodeURIComponent(location.pathname.split("/")[2]);
const path = at("/api/v1/tickets", id);
let [who, ticket, asked] = [null, null, null];
const detail = () => (asked ??= get(path).finally(() => setTimeout(() => (asked = null), 500)));

const fact = (label, value) => element("div", { class: "fact" }, element("dt", {}, label), element("dd", {}, value || NOTHING));
const personName = (person) => person?.name ?? person ?? "";

// What may be done next, by the state it is in.
const STEPS = { open: ["assign", "start", "escalate"], assigned: ["start", "assign", "resolve", "escalate"], in_progress: ["resolve", "assign", "escalate"], resolved: ["close", "reopen"], closed: ["reopen"] };
const NAMES = { assign: t("Assign"), start: t("Begin work"), resolve: t("Solved"), close: t("Close"), reopen: t("Open again"), escalate: t("Escalate") };

async function act(step) {
  if (step === "assign") {
    const { items } = await get("/api/v1/tickets/assignable", { unit: ticket.unit }).then((said) => (Array.isArray(said) ? { items: said } : said), () => ({ items: [] }));
    return ask({
      title: t("Assign"), subject: ticket.title, submit: t("Assign"),
      fields: [{ name: "assignee", label: t("To whom"), kind: "select", required: true, wide: true, value: ticket.assignee?.id, options: items.map((person) => [person.id, [person.name, person.role_name ?? ""].filter(Boolean).join(" · ")]) }],
      answer: ({ assignee }) => post(`${path}/assign`, { assignee: Number(assignee) }),
    });
  }
  return ask({
    title: NAMES[step], subject: ticket.title, submit: NAMES[step], fields: [{ name: "text", label: t("What was done, or why"), kind: "textarea", most: 4000, wide: true }],
    answer: ({ text: why }) => post(`${path}/${step}`, { text: why ?? "" }),
  });
}

const amend = () => ask({
  title: t("Edit"), submit: t("Save"),
  fields: [{ name: "title", label: t("What is wrong"), required: true, most: 200, wide: true, value: ticket.title }, { name: "text", label: t("More about it"), kind: "textarea", most: 4000, wide: true, value: ticket.text },
    { name: "priority", label: t("Priority"), kind: "select", value: ticket.priority, options: PRIORITIES.map((one) => [one, priorityName(one)]) }, { name: "due", label: t("Due"), kind: "date", value: dueDay(ticket.due_ms) }],
  answer: ({ title, text: more, priority, due }) => call("PATCH", path, { title, text: more ?? "", priority, ...(due && due !== dueDay(ticket.due_ms) ? { due_ms: dueMs(due) } : {}) }),
});

function head(said) {
  ticket = said;
  const place = [element("a", { href: "/tickets" }, byId("trail").firstElementChild.textContent), element("a", { href: at("/school", said.unit) }, said.unit_name || said.unit)];
  if (said.room) place.push(element("a", { href: at("/room", said.unit, said.room) }, t("room {room}", { room: said.room })));
  byId("trail").replaceChildren(...place);
  byId("title").replaceChildren(mark(said), element("h1", {}, said.title), element("p", { class: "code" }, said.number), element("p", {}, stateName(said.state), " · ", agedSince(said.created_ms, "ago")), ...badges(said));
  document.title = said.title;
  const may = who.permissions.includes("tickets.write");
  const deeds = byId("deeds");
  const then = (doing) => async () => (await doing()) && refresh();
  if (deeds.dataset.state !== said.state) {
    deeds.dataset.state = said.state;
    const [first, ...rest] = STEPS[said.state] ?? [];
    deeds.replaceChildren(...(first ? [button(NAMES[first], "main", then(() => act(first)))] : []), ...rest.map((step) => button(NAMES[step], "quiet", then(() => act(step)))), button(t("Edit"), "quiet", then(amend)));
  }
  hidden(deeds, !may);
  hidden(byId("say"), !may);
}

const parts = [
  new Section("facts", {
    load: detail,
    draw: once((said) => said, (said, body) => {
      head(said);
      const device = said.device && element("a", { href: at("/tech/device", said.device.group, said.device.node, said.device.device) }, said.device.device);
      body.replaceChildren(...(said.text ? [element("p", { class: "told" }, said.text)] : []), element("dl", {},
        fact(t("State"), stateName(said.state)), fact(t("Assigned to"), said.assignee?.name || t("nobody yet")), fact(t("Priority"), priorityName(said.priority)), fact(t("Due"), said.due_ms ? day(said.due_ms) : t("no due date")),
        fact(t("Level"), levelName(said.level)), fact(t("Raised by"), personName(said.raised_by)), fact(t("School"), element("a", { href: at("/school", said.unit) }, said.unit_name || said.unit)),
        ...(said.room ? [fact(t("Room"), element("a", { href: at("/room", said.unit, said.room) }, said.room))] : []), ...(device ? [fact(t("Device"), device)] : []),
        ...(said.asset_id ? [fact(t("Equipment"), element("a", { href: at("/equipment", said.asset_id) }, said.asset_tag ?? `#${said.asset_id}`))] : [])));
    }),
  }),
  new Section("course", {
    load: detail,
    draw: once(({ events }) => events, ({ events }, body) => body.replaceChildren(...(events?.length ? [element("ol", { class: "timeline" }, ...events.map((event) =>
      element("li", { class: event.event }, element("time", { class: "num" }, exact(event.at_ms)), element("div", {}, element("b", {}, eventName(event.event)), element("small", {}, " ", personName(event.by)), ...(event.text ? [element("p", {}, event.text)] : [])))))] : []))),
  }),
];
async function refresh() {
  asked = null;
  await Promise.all(parts.map((one) => one.refresh()));
}

const [say, words, wrong] = [byId("say"), byId("say-text"), part(byId("say"), "problem")];
say.addEventListener("submit", async (event) => {
  event.preventDefault();
  const send = say.querySelector("[type=submit]");
  send.disabled = true;
  try {
    await post(`${path}/comment`, { text: words.value.trim() });
    words.value = "";
    hidden(wrong, true);
    await refresh();
  } catch (problem) {
    text(wrong, refusal(problem));
    hidden(wrong, false);
  } finally {
    send.disabled = false;
  }
});
words.addEventListener("keydown", (event) => event.key === "Enter" && (event.ctrlKey || event.metaKey) && say.requestSubmit());

text(document.querySelector("#title h1"), `#${id}`);
who = await visitor(() => parts.forEach((one) => one.fail({ status: 0 })));
greet(who);
await present(detail, (problem) => parts.forEach((one) => one.fail(problem)), t("Ticket {number}", { number: id }), [["/tickets", t("Tickets")]]);
await refresh();
every(REFRESH_MS, refresh);
