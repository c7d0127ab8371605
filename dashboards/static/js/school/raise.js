// A ticket is raised where the trouble is seen: at a device, in a room, at a piece of equipment.
import { element } from "../dom.js";
import { t } from "../words.js";
import { post } from "../console/api.js";
import { ask, closing, dialog } from "../desk/asking.js";
import { PRIORITIES, priorityName, ticketAddress } from "./ticket_words.js";

const HOUR = "T17:00:00+07:00"; // due at the end of the day

export const dueMs = (day) => (day ? Date.parse(day + HOUR) : null);
export const dueDay = (ms) => (ms ? new Intl.DateTimeFormat("sv-SE", { timeZone: "Asia/Ho_Chi_Minh" }).format(ms) : "");

// where: { unit, room?, device?, asset_id? } as the hub takes it; raised(ticket)
export async function raiseTicket(where, subject, raised) {
  let ticket = null;
  const done = await ask({
    title: t("Raise a ticket"), subject, submit: t("Raise"),
    fields: [{ name: "title", label: t("What is wrong"), required: true, most: 200, wide: true }, { name: "text", label: t("More about it"), kind: "textarea", most: 4000, wide: true },
      { name: "priority", label: t("Priority"), kind: "select", value: "normal", options: PRIORITIES.map((one) => [one, priorityName(one)]) }, { name: "due", label: t("Due"), kind: "date" }],
    async answer({ title, text, priority, due }) {
      const set = Object.fromEntries(Object.entries(where).filter(([, value]) => value !== null && value !== undefined));
      ticket = await post("/api/v1/tickets", { ...set, title, text: text ?? "", priority, ...(due ? { due_ms: dueMs(due) } : {}) });
    },
  });
  if (!done) return null;
  dialog(t("The ticket is raised"), "", element("p", { class: "subject", role: "status" }, [ticket.number, ticket.title].filter(Boolean).join(" · ")),
    element("div", { class: "buttons" }, closing(t("Close")), element("a", { class: "main", href: ticketAddress(ticket) }, t("Open the ticket"))));
  await raised?.(ticket);
  return ticket;
}
