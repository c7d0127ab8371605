// What a ticket's states, priorities, levels and events are called, and one line of a list of tickets.
import { element } from "../dom.js";
import { t } from "../words.js";
import { agedSince } from "../console/ages.js";
import { at } from "../console/api.js";
import { dayText } from "./units.js";

const named = (words) => (id) => words[id] ?? id ?? "";
export const stateName = named({ open: t("Open"), assigned: t("Assigned"), in_progress: t("In progress"), resolved: t("Solved"), closed: t("Closed") });
export const STATES = ["open", "assigned", "in_progress", "resolved", "closed"];
export const priorityName = named({ low: t("low"), normal: t("normal priority"), high: t("high"), urgent: t("urgent") });
export const PRIORITIES = ["low", "normal", "high", "urgent"];
export const levelName = named({ school: t("school level"), department: t("department level"), province: t("province level"), district: t("district level"), commune: t("commune level") });
export const eventName = named({
  raised: t("Raised"), created: t("Raised"), assigned: t("Assigned"), started: t("Work begun"), resolved: t("Solved"), closed: t("Closed"), reopened: t("Opened again"), escalated: t("Escalated"), commented: t("Comment"), changed: t("Changed"), comment: t("Comment"),
  assign: t("Assigned"), start: t("Work begun"), resolve: t("Solved"), close: t("Closed"), reopen: t("Opened again"), escalate: t("Escalated"), edited: t("Changed"), due: t("Overdue"), overdue: t("Overdue"),
});

const SHAPES = { urgent: "critical", high: "major", normal: "minor", low: "unknown" };
export const over = (ticket) => ticket.state === "resolved" || ticket.state === "closed";
export const mark = (ticket) => element("i", { class: `shape ${over(ticket) ? "ok" : SHAPES[ticket.priority] ?? "unknown"}`, role: "img", "aria-label": priorityName(ticket.priority) });

export const ticketAddress = (ticket) => at("/tickets", ticket.id);
export const day = (ms) => dayText(new Intl.DateTimeFormat("sv-SE", { timeZone: "Asia/Ho_Chi_Minh" }).format(ms));

export const where = (ticket) => [ticket.unit_name || ticket.unit, ticket.room ? t("room {room}", { room: ticket.room }) : "", ticket.device?.device].filter(Boolean).join(" · ");

export const badges = (ticket) => [
  ...(ticket.overdue ? [element("span", { class: "badge late" }, t("Overdue"))] : []),
  ...(ticket.level && ticket.level !== "school" ? [element("span", { class: "badge" }, levelName(ticket.level))] : []),
];

// A line in a part of another page; place: whether to say where it is
export const ticketLine = (ticket, place = true) => element("article", { class: `line alarm-line ${over(ticket) ? "over" : ""}` }, mark(ticket),
  element("div", {}, element("a", { href: ticketAddress(ticket) }, ticket.title), ...badges(ticket),
    element("small", {}, " ", [ticket.number, place ? where(ticket) : ticket.room ? t("room {room}", { room: ticket.room }) : "", stateName(ticket.state), ticket.assignee?.name].filter(Boolean).join(" · "))),
  element("div", {}, element("div", { class: "num" }, ticket.due_ms ? t("due {day}", { day: day(ticket.due_ms) }) : ""), agedSince(ticket.created_ms, "ago")));
