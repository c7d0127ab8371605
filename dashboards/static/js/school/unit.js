// One unit: what it is and was, what is below it and how that is, and the changes one may make to it.
import { byId, element, hidden, text } from "../dom.js";
import { NOTHING, moment, nt, t } from "../words.js";
import { at, get, greet, visitor } from "../console/api.js";
import { present } from "../console/absent.js";
import { groupDialog } from "../commands/group.js";
import { Address } from "../tech/address.js";
import { Section, every, once } from "../tech/section.js";
import { countsTable, editCounts } from "./counts.js";
import { addUnit, changeName, changeUnit, editUnit, planTable } from "./unit_changes.js";
import { alarmFigures, dayText, deviceFigures, everything, hasRooms, levelNames, roomFigures, schoolFigures, stateMark, stateWord, today, unitAddress, unitKindName, unitLink, unitPath } from "./units.js";

const REFRESH_MS = 15000;
const code = decodeURIComponent(location.pathname.split("/")[2]);
const path = at("/api/v1/organisation/units", code);
const address = new Address(["on"], () => apply());
const day = byId("on");
let [who, unit, asked, taught] = [null, null, null, new Set()];

const BELONGING = t("counted are those that belong to it; a school that lies here and belongs to the department is counted there");
const detail = () => (asked ??= get(path, { on: address.wanted.on }).finally(() => setTimeout(() => (asked = null), 500)));
const may = (permission) => who?.permissions.includes(permission);
const counting = (row) => taught.has(row.unit); // only where there are pupils are they counted
const fact = (label, value) => element("div", { class: "fact" }, element("dt", {}, label), element("dd", {}, value || NOTHING));
const span = ({ valid_from: from, valid_to: to }) => [from ? dayText(from) : "…", to ? dayText(to) : t("today")].join(" – ");

function head(said) {
  unit = said;
  const on = address.wanted.on;
  byId("trail").replaceChildren(element("a", { href: on ? `/org?on=${on}` : "/org" }, byId("trail").firstElementChild.textContent), ...unitPath(unit, who, on));
  byId("title").replaceChildren(element("h1", {}, unit.name), ...(unit.status ? [stateMark(unit.status), element("p", {}, stateWord(unit.status))] : []),
    element("p", { class: "code" }, [unitKindName(unit.kind), unit.code].join(" · ")), ...(unit.status ? [element("p", {}, deviceFigures(unit.status)), alarmFigures(unit.status)] : []),
    ...(hasRooms(unit) ? [element("a", { href: at("/school", code) }, t("Open the school"))] : []));
  document.title = unit.name;
  hidden(byId("deeds"), !may("organisation.write") || Boolean(on));
  hidden(document.querySelector('[data-change="split"]'), !hasRooms(unit));
  hidden(byId("unit-command"), !may("devices.command") || Boolean(on));
  hidden(byId("counts"), !may("organisation.read"));
}

const period = (entry, what) => element("div", { class: "line period" }, element("div", {}, what), element("div", { class: "num" }, span(entry)));
const related = (one, words) => element("div", { class: "line period" }, element("div", {}, element("small", {}, words, " "), unitLink(one)), element("div", { class: "num" }, dayText(one.on)));

const childLine = (child) => element("a", { class: "line child-line", href: unitAddress(child.code, address.wanted.on), role: "listitem" }, stateMark(child.status),
  element("div", {}, element("b", {}, child.name), element("small", {}, " ", [unitKindName(child.kind), child.code].join(" · "))),
  element("div", { class: "num" }, [schoolFigures(hasRooms(child) ? null : child.status), roomFigures(child.status)].filter(Boolean).join(" · ")),
  element("div", { class: "num" }, deviceFigures(child.status)), alarmFigures(child.status));

const parts = {
  facts: new Section("facts", {
    load: detail,
    draw: once((said) => said, (said, body) => {
      head(said);
      body.replaceChildren(element("dl", {}, fact(t("Kind"), unitKindName(said.kind)), ...(said.levels?.length ? [fact(t("Levels"), levelNames(said.levels))] : []),
        fact(t("Valid from"), dayText(said.valid_from)), fact(t("Valid until"), said.valid_to ? dayText(said.valid_to) : t("no end")), fact(t("Address"), said.address), fact(t("Telephone"), said.phone)));
    }),
  }),
  past: new Section("past", {
    load: detail,
    draw: once((said) => [said.parents, said.names, said.successors, said.predecessors], (said, body) => {
      const lines = [...(said.parents ?? []).map((entry) => period(entry, element("span", {}, element("small", {}, t("under"), " "), unitLink(entry, entry.valid_to ? entry.valid_from : "")))),
      ...((said.names ?? []).length > 1 ? said.names.map((entry) => period(entry, element("span", {}, element("small", {}, t("called"), " "), entry.name))) : []),
      ...(said.predecessors ?? []).map((one) => related(one, t("came from"))), ...(said.successors ?? []).map((one) => related(one, t("went over to")))];
      body.replaceChildren(...(lines.length ? [element("div", { class: "lines" }, ...lines)] : []));
    }),
    empty: () => t("Nothing is known of before."),
  }),
  children: new Section("children", {
    load: async () => {
      const [found, mine] = await Promise.all([everything(`${path}/children`, { on: address.wanted.on }), detail()]);
      return { found, kind: mine.kind };
    },
    draw: once((content) => content, ({ found, kind }, body) => {
      taught = new Set([unit, ...found].filter((one) => one && hasRooms(one)).map((one) => one.code));
      body.replaceChildren(...(found.length ? [element("p", { class: "soft num" }, nt("{n} unit", "{n} units", found.length), kind === "district" || kind === "office" ? ` · ${BELONGING}` : ""), element("div", { class: "lines", role: "list" }, ...found.map(childLine))] : []));
    }),
    empty: () => t("Nothing is below this unit on this day."),
  }),
  counts: new Section("counts", {
    load: () => get("/api/v1/organisation/counts", { unit: code, on: address.wanted.on, limit: 500 }),
    draw: once((content) => content, (content, body) => body.replaceChildren(...countsTable(content, may("counts.write") && !address.wanted.on ? counting : null, (row) => editCounts(row, () => parts.counts.refresh())))),
    empty: () => t("No numbers have been reported yet."),
  }),
  changes: new Section("changes", {
    load: () => get("/api/v1/organisation/changes", { unit: code, limit: 50 }),
    draw: once(({ items }) => items, ({ items }, body) => body.replaceChildren(...items.map((change) => element("details", { class: "change" },
      element("summary", {}, changeName(change.kind), " ", element("span", { class: "num" }, dayText(change.on)), element("small", {}, " ", [change.by, change.at_ms ? moment(change.at_ms, Date.now()) : ""].filter(Boolean).join(" · "))), planTable(change.plan ?? []))))),
    empty: () => t("No change has been made here yet."),
  }),
};
const all = Object.values(parts);
const refresh = () => Promise.all(all.map((part) => part.refresh()));

function apply() {
  day.value = address.wanted.on || today();
  asked = null;
  return refresh();
}
day.addEventListener("change", () => day.checkValidity() && address.set({ on: day.value === today() ? "" : day.value }) && apply());

async function done(where = null) {
  if (where && where !== code) location.assign(unitAddress(where));
  else await apply();
}
for (const node of document.querySelectorAll("[data-change]")) node.addEventListener("click", () => changeUnit(node.dataset.change, unit, done));
byId("unit-edit").addEventListener("click", () => editUnit(unit, done));
byId("unit-command").addEventListener("click", () => groupDialog({ unit: code }, unit.name));
byId("unit-add").addEventListener("click", () => addUnit(unit, done));

text(document.querySelector("#title h1"), code);
who = await visitor(() => all.forEach((part) => part.fail({ status: 0 })));
greet(who);
await present(detail, (problem) => all.forEach((part) => part.fail(problem)), code, [["/org", t("Organisation")]]);
apply();
every(REFRESH_MS, refresh);
