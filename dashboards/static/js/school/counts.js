// Numbers of pupils and teachers and the shares of them that count: numbers only, never a name.
import { element } from "../dom.js";
import { NOTHING, number, percent, t } from "../words.js";
import { at, call } from "../console/api.js";
import { button } from "../console/listing.js";
import { ask } from "../desk/asking.js";
import { dayText, today, unitLink } from "./units.js";

const MOST = 1000000;
const share = (part, whole) => (part === null || part === undefined || !whole ? "" : percent(part, whole));
const mark = (row) => (row.met === null || row.met === undefined ? "" : element("i", { class: `shape ${row.met ? "ok" : "minor"}`, role: "img", "aria-label": row.met ? t("target met") : t("target not met") }));

const cells = (row) => [
  element("td", { class: "num" }, number(row.pupils)), element("td", { class: "num" }, number(row.pupils_with_id), element("small", {}, " ", share(row.pupils_with_id, row.pupils))),
  element("td", { class: "num" }, number(row.teachers)), element("td", { class: "num" }, number(row.teachers_with_record), element("small", {}, " ", share(row.teachers_with_record, row.teachers))),
];

// may(row): whether this visitor may edit it, or nothing if none
export function countsTable({ items = [], totals = null }, may, edit) {
  if (!items.length && !totals) return [];
  const head = [t("Unit"), t("Pupils"), t("with electronic identity"), t("Teachers"), t("with digital record"), t("As of"), ""];
  return [element("div", { class: "scroll" }, element("table", { class: "figures counts" }, element("thead", {}, element("tr", {}, ...head.map((one) => element("th", { scope: "col" }, one)))),
    element("tbody", {}, ...items.map((row) => element("tr", {}, element("th", { scope: "row" }, mark(row), " ", unitLink({ code: row.unit, name: row.name })), ...cells(row), element("td", { class: "num" }, dayText(row.as_of), element("small", {}, " ", row.source ?? "")),
      element("td", {}, may?.(row) ? button(t("Edit"), "quiet", () => edit(row)) : "")))),
    ...(totals && items.length > 1 ? [element("tfoot", {}, element("tr", {}, element("th", { scope: "row" }, t("Together")), ...cells(totals), element("td"), element("td")))] : [])))];
}

// One school's numbers as facts, for its own page.
export function countFacts(row) {
  const fact = (label, value, bad = false) => element("div", { class: bad ? "fact wrong" : "fact" }, element("dt", {}, label), element("dd", { class: "num" }, value));
  return element("dl", {}, fact(t("Pupils"), number(row.pupils)), fact(t("of them with an electronic identity"), [number(row.pupils_with_id), share(row.pupils_with_id, row.pupils)].filter(Boolean).join(" · ")),
    fact(t("Teachers"), number(row.teachers)), fact(t("of them with a digital record"), [number(row.teachers_with_record), share(row.teachers_with_record, row.teachers)].filter(Boolean).join(" · ")),
    fact(t("As of"), dayText(row.as_of)), fact(t("Source"), row.source || NOTHING));
}

const field = (name, label, row) => ({ name, label, kind: "number", value: row[name], required: true, least: 0, largest: MOST });

export async function editCounts(row, saved) {
  const done = await ask({
    title: t("Pupils and teachers, counted"), subject: [row.name, t("Numbers only. No names, no numbers of identity cards.")].filter(Boolean).join(" · "), submit: t("Save"),
    fields: [field("pupils", t("Pupils"), row), field("pupils_with_id", t("of them with an electronic identity"), row), field("teachers", t("Teachers"), row), field("teachers_with_record", t("of them with a digital record"), row),
      { name: "as_of", label: t("As of"), kind: "date", value: today(), required: true }, { name: "source", label: t("Source"), value: row.source ?? "", most: 100 }],
    check: (values) => values.pupils_with_id > values.pupils ? ["pupils_with_id", t("More than there are.")] : values.teachers_with_record > values.teachers ? ["teachers_with_record", t("More than there are.")] : null,
    answer: (values) => call("PUT", `${at("/api/v1/organisation/units", row.unit)}/counts`, values),
  });
  if (done) await saved();
}
