// All tickets one may see, by state, priority, place and whose they are; all of it in the address.
import { byId, element, hidden, text } from "../dom.js";
import { number, t } from "../words.js";
import { agedSince } from "../console/ages.js";
import { get, greet, visitor } from "../console/api.js";
import { Listing } from "../console/listing.js";
import { Address } from "../tech/address.js";
import { every } from "../tech/section.js";
import { PRIORITIES, STATES, badges, day, mark, over, priorityName, stateName, ticketAddress, where } from "./ticket_words.js";

const REFRESH_MS = 10000;
const TYPING_MS = 200;
const FILTERS = ["q", "state", "priority", "assignee", "overdue", "school", "room", "unit", "asset"];

const address = new Address(FILTERS, () => apply());
const [search, state, priority, mine, overdue, place] = ["search", "state", "priority", "mine", "overdue", "school-clear"].map(byId);

function row(ticket) {
  const node = element("article", { class: `row ticket ${over(ticket) ? "over" : ""}`, tabindex: "-1" }, mark(ticket),
    element("div", {}, element("b", {}, element("a", { href: ticketAddress(ticket) }, ticket.title)), ...badges(ticket), element("small", {}, [ticket.number, where(ticket)].join(" · "))),
    element("div", {}, stateName(ticket.state), element("small", {}, ticket.assignee?.name ?? t("nobody yet"))),
    element("div", {}, priorityName(ticket.priority), element("small", {}, ticket.due_ms ? t("due {day}", { day: day(ticket.due_ms) }) : t("no due date"))),
    element("div", { class: "num" }, agedSince(ticket.created_ms, "ago"), element("small", {}, ticket.raised_by?.name ?? ticket.raised_by ?? "")));
  node.addEventListener("click", (event) => !event.target.closest("a") && !getSelection().toString() && location.assign(ticketAddress(ticket)));
  return node;
}

const listing = new Listing("tickets", {
  load: (cursor) => get("/api/v1/tickets", { ...address.wanted, cursor, limit: 100 }),
  row, key: (ticket) => String(ticket.id), empty: () => (FILTERS.some((name) => address.wanted[name]) ? t("No ticket fits. Take a filter away.") : t("There is no ticket. One is raised at a room, a device or a piece of equipment.")),
  keyed(event, node) {
    if (event.key !== "Enter" || event.target !== node) return false;
    location.assign(node.querySelector("a").href);
    return true;
  },
});

const tile = (value, label, changes, bad = false) => {
  const made = element("button", { type: "button", class: bad && value ? "tile wrong" : "tile" }, element("b", { class: "num" }, number(value)), element("span", {}, label));
  made.addEventListener("click", () => address.set(Object.fromEntries(FILTERS.map((name) => [name, changes[name] ?? ""]))) && apply());
  return element("li", {}, made);
};

async function summary() {
  try {
    const said = await get("/api/v1/tickets/summary", { unit: address.wanted.school || address.wanted.unit });
    const by = said.states ?? said.by_state ?? said;
    const tiles = [...STATES.filter((one) => one !== "closed").map((one) => tile(by[one], stateName(one), { state: one })), tile(said.overdue, t("Overdue"), { overdue: "true" }, true)];
    byId("tiles").replaceChildren(...tiles);
  } catch (problem) {
    if (!("status" in problem)) throw problem; // counts are an extra: the list says what is wrong
  }
}

function apply() {
  const { wanted } = address;
  if (document.activeElement !== search) search.value = wanted.q;
  [state.value, priority.value, mine.checked, overdue.checked] = [wanted.state, wanted.priority, wanted.assignee === "me", wanted.overdue === "true"];
  const at = [wanted.school || wanted.unit, wanted.room ? t("room {room}", { room: wanted.room }) : "", wanted.asset ? `#${wanted.asset}` : ""].filter(Boolean).join(" · ");
  text(place, at ? `${at} ×` : "");
  hidden(place, !at);
  summary();
  return listing.reset();
}

state.append(...STATES.map((one) => element("option", { value: one }, stateName(one))));
priority.append(...PRIORITIES.map((one) => element("option", { value: one }, priorityName(one))));
let typed = null;
search.addEventListener("input", () => {
  clearTimeout(typed);
  typed = setTimeout(() => address.set({ q: search.value.trim() }, true) && apply(), TYPING_MS);
});
state.addEventListener("change", () => address.set({ state: state.value }) && apply());
priority.addEventListener("change", () => address.set({ priority: priority.value }) && apply());
mine.addEventListener("change", () => address.set({ assignee: mine.checked ? "me" : "" }) && apply());
overdue.addEventListener("change", () => address.set({ overdue: overdue.checked ? "true" : "" }) && apply());
place.addEventListener("click", () => address.set({ school: "", unit: "", room: "", asset: "" }) && apply());
document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || (event.target !== document.body && !listing.rows.contains(event.target))) return;
  event.preventDefault();
  search.focus();
});

greet(await visitor(() => listing.say("failed", t("The hub did not answer."))));
apply();
every(REFRESH_MS, () => Promise.all([listing.refresh(), summary()]));
