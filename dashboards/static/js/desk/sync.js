// How fresh each school's data is, domain by domain, and the sources it is fetched from.
import { byId, element, hidden } from "../dom.js";
import { NOTHING, age, moment, nt, number, percent, t } from "../words.js";
import { agedSince } from "../console/ages.js";
import { at, call, get, greet, post, visitor } from "../console/api.js";
import { button } from "../console/listing.js";
import { Section, every, once } from "../tech/section.js";
import { ask } from "./asking.js";
import { Filters } from "./filters.js";
import { DOMAINS, domainName, importKindName } from "./names.js";
import { refusal } from "./refusals.js";

const REFRESH_MS = 15000;
const SOURCE_KINDS = ["units", "rooms", "equipment", "counts", "oneroster"];
const EVERY = () => [["900", t("every 15 minutes")], ["3600", t("every hour")], ["21600", t("every 6 hours")], ["86400", t("every day")]];
let who = null;
const filters = new Filters(byId("filters"), { unit: {}, changed: () => refresh() });
const may = () => who.permissions.includes("sync.write");

const coverage = new Section("coverage", {
  load: () => get("/api/v1/sync/coverage", { unit: filters.wanted.unit }),
  draw: once((all) => all, (all, body) => body.replaceChildren(
    element("div", { class: "share-head" }, element("p", { class: "big num" }, percent(all.fresh, all.total)), element("div", {}, element("h3", {}, t("of the schools are up to date")),
      element("p", { class: "state-line" }, element("i", { class: `shape ${all.met === null ? "unknown" : all.met ? "ok" : "minor"}`, "aria-hidden": "true" }), t("{on} of {all}", { on: number(all.fresh), all: nt("{n} school", "{n} schools", all.total) })))),
    element("div", { class: "domains" }, ...DOMAINS.map((id) => all.domains.find((one) => one.domain === id) ?? { domain: id }).map((one) => element("article", { class: "domain" },
      element("h3", {}, element("i", { class: `shape ${!one.total ? "unknown" : one.fresh === one.total ? "ok" : one.fresh ? "minor" : "major"}`, "aria-hidden": "true" }), domainName(one.domain)),
      element("p", { class: "num" }, one.total ? t("{on} of {all}", { on: number(one.fresh), all: number(one.total) }) : NOTHING), one.last_success_ms ? agedSince(one.last_success_ms, "ago") : element("small", {}, t("never")))))) ),
  empty: () => t("No schools are known here."),
});

const cell = (one) => (one ? element("td", { class: one.error ? "failed" : one.fresh ? "fresh" : "old", title: one.error || null },
  element("i", { class: `shape ${one.error ? "major" : one.fresh ? "ok" : one.last_success_ms ? "minor" : "unknown"}`, role: "img", "aria-label": one.error ? t("error") : one.fresh ? t("up to date") : t("not up to date") }),
  element("span", { class: "num" }, one.last_success_ms ? age(Date.now() - one.last_success_ms) : NOTHING)) : element("td", {}));

const schools = new Section("schools", {
  load: async () => {
    const items = [];
    let cursor = null;
    do {
      const page = await get("/api/v1/sync/status", { ...filters.wanted, cursor, limit: 500 });
      items.push(...page.items);
      cursor = page.next_cursor;
    } while (cursor);
    return items;
  },
  draw: once((items) => [filters.wanted.domain, items], (items, body) => {
    const domains = filters.wanted.domain ? [filters.wanted.domain] : DOMAINS;
    const sorted = [...items].sort((a, b) => a.fresh - b.fresh || a.name.localeCompare(b.name));
    body.replaceChildren(element("div", { class: "wide-table scroll", tabindex: "0", role: "region", "aria-label": t("Schools") }, element("table", { class: "sync-table" }, element("thead", {}, element("tr", {}, element("th", { scope: "col" }, t("School")), ...domains.map((id) => element("th", { scope: "col" }, domainName(id))))),
      element("tbody", {}, ...sorted.map((school) => {
        const errors = [...new Set(school.domains.map((one) => one.error).filter(Boolean))];
        return element("tr", {}, element("th", { scope: "row" }, school.name, element("small", { class: "code" }, school.school), ...errors.map((error) => element("small", { class: "error" }, error))), ...domains.map((id) => cell(school.domains.find((one) => one.domain === id))));
      })))));
    return items.length > 0;
  }),
  empty: () => t("No schools are known here."),
});

const FIELDS = (source = {}) => [
  { name: "name", label: t("Name"), value: source.name, required: true, most: 100 },
  { name: "kind", label: t("What is in it"), kind: "select", options: SOURCE_KINDS.map((kind) => [kind, importKindName(kind)]), value: source.kind ?? "oneroster" },
  { name: "unit", label: t("Unit"), kind: "unit", required: true, value: source.unit ?? "", valueName: source.unit_name ?? "" },
  { name: "location", label: t("Folder or address"), value: source.location, required: true, most: 1000, hint: t("A folder below the hub's import folder, or an https address.") },
  { name: "every_s", label: t("How often"), kind: "select", options: EVERY().some(([s]) => s === String(source.every_s ?? 3600)) ? EVERY() : [...EVERY(), [String(source.every_s), t("every {age}", { age: age(source.every_s * 1000) })]], value: String(source.every_s ?? 3600) },
];
const sent = ({ every_s: seconds, ...values }) => ({ ...values, every_s: Number(seconds) });
const own = (source, ...rest) => at("/api/v1/sync/sources", String(source.id), ...rest);

const sources = new Section("sources", {
  load: () => get("/api/v1/sync/sources", { limit: 200 }),
  draw: once(({ items }) => items, ({ items }, body) => body.replaceChildren(...items.map((source) => {
    const said = element("small", { class: "error", role: "status" }, source.error ?? "");
    const act = (make) => async () => {
      try {
        if (await make()) await refresh();
      } catch (problem) {
        said.textContent = refusal(problem);
      }
    };
    return element("div", { class: "line source-line" }, element("i", { class: `shape ${source.enabled === false ? "none" : source.error ? "major" : source.last_success_ms ? "ok" : "unknown"}`, "aria-hidden": "true" }),
      element("div", {}, element("b", {}, source.name), element("small", {}, " ", [importKindName(source.kind), source.unit_name ?? source.unit].join(" · ")), element("small", { class: "code" }, source.location), said),
      element("div", { class: "num" }, source.last_success_ms ? t("fetched {time}", { time: moment(source.last_success_ms, Date.now()) }) : t("never fetched"), element("small", {}, t("every {age}", { age: age(source.every_s * 1000) }))),
      element("div", { class: "acts" }, ...(may() ? [
        button(t("Fetch now"), "quiet", act(async () => (await post(own(source, "run"))) ?? true)),
        button(t("Change"), "quiet", act(() => ask({ title: t("Change the source"), submit: t("Save"), fields: FIELDS(source).filter((field) => field.name !== "kind" && field.name !== "unit"), answer: (values) => call("PATCH", own(source), sent(values)) }))),
        button(t("Delete"), "quiet", act(() => ask({ title: t("Delete this source?"), subject: source.name, submit: t("Delete"), kind: "grave", answer: () => call("DELETE", own(source)) }))),
      ] : [])));
  }))),
  empty: () => t("Nothing is fetched by the clock. Files can be sent by hand under Import."),
});

byId("add-source").addEventListener("click", async () => {
  if (await ask({ title: t("New source"), submit: t("Add"), fields: FIELDS(), answer: (values) => post("/api/v1/sync/sources", sent(values)) })) sources.refresh();
});
filters.root.querySelector("[name=domain]").append(...DOMAINS.map((id) => element("option", { value: id }, domainName(id))));
filters.show();
const parts = [coverage, sources, schools];
who = await visitor(() => parts.forEach((part) => part.fail({ status: 0 })));
greet(who);
hidden(byId("add-source"), !may());
const refresh = () => Promise.all(parts.map((part) => part.refresh()));
await refresh();
every(REFRESH_MS, refresh);
