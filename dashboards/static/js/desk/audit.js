// The audit log: who changed what, when and from where, with what was before and what came after.
import { byId, element, hidden, text } from "../dom.js";
import { NOTHING, TIME_ZONE, clockTime, locale, nt, t } from "../words.js";
import { get, greet, visitor } from "../console/api.js";
import { forbidden } from "../console/absent.js";
import { Listing } from "../console/listing.js";
import { every } from "../tech/section.js";
import { difference } from "./difference.js";
import { Filters } from "./filters.js";

const REFRESH_MS = 20000;
const ZONE = "+07:00"; // of the department; there is no summer time
const DAY_MS = 86400000;
const day = new Intl.DateTimeFormat(locale, { timeZone: TIME_ZONE, day: "2-digit", month: "2-digit", year: "numeric" });

const filters = new Filters(byId("filters"), { unit: {}, changed: () => apply() });
const midnight = (date) => (date ? Date.parse(`${date}T00:00:00${ZONE}`) : "");
// "until" a day is until its end
const query = () => ({ ...filters.wanted, since: midnight(filters.wanted.since), until: filters.wanted.until ? midnight(filters.wanted.until) + DAY_MS : "" });

function row(entry) {
  const shown = difference(entry.before, entry.after);
  return element("article", { class: "row entry", tabindex: "-1" },
    element("div", { class: "num" }, day.format(entry.at_ms), element("small", {}, clockTime(entry.at_ms))),
    element("div", {}, element("b", {}, entry.actor), element("small", { class: "code" }, entry.address || NOTHING)),
    element("div", {}, element("b", { class: "code" }, entry.action), element("small", { class: "code" }, [entry.object, entry.unit].filter(Boolean).join(" · "))),
    element("div", { class: "change" }, ...(entry.text ? [element("p", {}, entry.text)] : []), ...(shown ? [shown] : []),
      element("details", {}, element("summary", {}, t("Entry {id}", { id: String(entry.id) })), element("p", { class: "code hash" }, entry.hash))));
}

const list = new Listing("audit", {
  load: (cursor) => get("/api/v1/audit", { ...query(), cursor, limit: 100 }),
  row, key: (entry) => String(entry.id), empty: () => (filters.address.query ? t("No entry fits. Take a filter away.") : t("Nothing was changed yet.")),
  counted: (count, more) => text(byId("counted"), nt("{n} entry", "{n} entries", count) + (more ? "+" : "")),
});

async function head() {
  const node = byId("head");
  try {
    const { id, hash, entries } = await get("/api/v1/audit/head");
    node.replaceChildren(t("Newest entry {id}; its hash, to be noted elsewhere:", { id: String(id ?? entries ?? NOTHING) }), " ", element("span", { class: "code" }, hash ?? NOTHING));
    hidden(node, false);
  } catch {
    hidden(node, true); // the list says what is wrong
  }
}

function apply() {
  const asked = new URLSearchParams(Object.entries(query()).filter(([, value]) => value !== "").map(([name, value]) => [name, String(value)]));
  for (const link of document.querySelectorAll("[data-export]")) {
    asked.set("format", link.dataset.export);
    link.href = `/api/v1/audit/export?${asked}`;
  }
  head();
  return list.reset();
}

const who = await visitor(() => list.say("failed", t("The hub did not answer.")));
greet(who);
if (!who.permissions.includes("audit.read")) await forbidden();
await apply();
every(REFRESH_MS, () => Promise.all([list.refresh(), head()]));
