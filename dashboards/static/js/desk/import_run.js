// One import: how far it is, what it would change row by row, what is wrong and how to mend it; applied or discarded.
import { byId, element, hidden, text } from "../dom.js";
import { NOTHING, language, locale, nt, number, t } from "../words.js";
import { at, call, get, post } from "../console/api.js";
import { Listing, button } from "../console/listing.js";
import { ask } from "./asking.js";
import { dayText } from "./asset_names.js";
import { said } from "./difference.js";
import { importKindName, importStateName } from "./names.js";
import { refusal } from "./refusals.js";
import { sizeText } from "./upload.js";

const LOOK_MS = 700;
const MARK = { new: "ok", change: "minor", same: "none", error: "critical" };
const ACTION = { new: t("new"), change: t("changes"), same: t("stays"), error: t("error") };
const moving = (run) => run.state === "reading" || run.state === "applying";

// The commonest mistakes in the visitor's language, by the code of the problem; others in the hub's own words.
const MISTAKES = {
  required: t("This cell is empty and must not be."), duplicate: t("The same key stands in another row already."), taken: t("Somebody else uses this already. Choose another."),
  unknown_unit: t("There is no such unit, or you may not change it."), unknown_school: t("There is no such school, or you may not change it."), unknown_room: t("There is no such room in this school."),
  outside: t("There is no such unit, or you may not change it."), beyond_own: t("This role permits more there than you may yourself."), not_a_date: t("This is no date. Write it as 31/12/2025."), not_a_number: t("This is no number."), out_of_range: t("This is too large or too small."), negative: t("This cannot be less than 0."), double_serial: t("Other equipment has the same serial number."),
  too_long: t("This text is too long."), bad_code: t("A code has letters without marks, digits, dots and hyphens only."), formula: t("Formulas are not carried out; write the value."), in_the_future: t("This day is still to come."),
  unknown_choice: t("This word is not known here."), dated_change: t("This changes on a day: change it on the organisation's page."),
  mixed_encoding: t("A letter here is not in the encoding of the rest of the file. Save it as UTF-8."), control_character: t("There is a character here that cannot be seen."),
  unknown_column: t("These columns are not known and are left out."), before_acquired: t("This is before the day it was acquired."),
};

function problemLine(problem, column) {
  const { choices = [], words: vietnamese = {} } = column(problem.column) ?? {};
  const words = problem.code === "unknown_choice" && choices.length ? t("Write one of: {words}", { words: choices.map((one) => (language === "vi" ? vietnamese[one] : null) ?? one).join(", ") }) : MISTAKES[problem.code];
  return element("li", { class: problem.warning ? "warned" : "" }, element("b", {}, columnName(column, problem.column)), " ", element("span", { class: "code" }, problem.value === null || problem.value === undefined || problem.value === "" ? "" : "“" + cellText(column(problem.column), problem.value) + "”"), " ",
    words ?? problem.message, problem.fix && !words ? element("small", {}, problem.fix) : "");
}

// What a cell holds, as people say it: a choice in words, a day as it is written here.
function cellText(column, value) {
  if (column?.type === "date" && /^\d{4}-\d\d-\d\d$/.test(value)) return dayText(value);
  const word = (one) => (language === "vi" ? column?.words?.[one] : null) ?? one;
  return typeof value === "string" && column?.choices?.length ? value.split(";").map(word).join(", ") : said(value);
}

const columnName = (column, name) => column(name)?.labels?.[language] ?? name ?? "";

function row(item, column) {
  return element("article", { class: `row import-row ${item.action}`, tabindex: "-1" }, element("i", { class: `shape ${MARK[item.action] ?? "unknown"}`, "aria-hidden": "true" }),
    element("div", { class: "num" }, t("row {n}", { n: number(item.row) }), element("small", {}, item.file ?? "")),
    element("div", {}, element("b", { class: "code" }, item.key || NOTHING), element("small", {}, ACTION[item.action] ?? item.action)),
    element("div", {}, item.problems?.length ? element("ul", { class: "mistakes" }, ...item.problems.map((one) => problemLine(one, column))) : "",
      item.changes?.length ? element("ul", { class: "cell-changes" }, ...item.changes.map((one) => element("li", {}, element("b", {}, columnName(column, one.column)), " ", ...(item.action === "new" ? [] : [element("s", {}, cellText(column(one.column), one.before)), " → "]), element("span", {}, cellText(column(one.column), one.after))))) : ""));
}

export class ImportRun {
  // done(): something was applied or discarded; columns(kind) -> its columns
  constructor(done, columns) {
    Object.assign(this, { done, columns, id: null, only: "", turn: 0 });
    this.list = new Listing("rows", {
      load: (cursor) => get(at("/api/v1/imports", this.id, "rows"), { only: this.only, cursor, limit: 100 }),
      row: (item) => row(item, (name) => this.columns(this.kind).find((one) => one.name === name)), key: (item) => [item.file, item.row].join(":"), empty: () => (this.only ? t("No such row.") : t("Nothing would change.")),
    });
  }

  stop() {
    this.turn += 1;
  }

  async show(id) {
    if (this.id !== id) this.only = "";
    this.id = id;
    const mine = ++this.turn;
    let before = null;
    while (mine === this.turn) {
      let run;
      try {
        run = await get(at("/api/v1/imports", id));
      } catch (problem) {
        text(byId("run-title"), t("Import {id}", { id }));
        text(byId("run-state"), refusal(problem));
        if (problem.status === 404 || problem.status === 403) return this.list.say("failed", refusal(problem));
        await new Promise((resume) => setTimeout(resume, 3000));
        continue;
      }
      if (mine !== this.turn) return;
      this.draw(run);
      if (!moving(run)) {
        if (before !== run.state) await this.list.reset();
        return;
      }
      before = null;
      await new Promise((resume) => setTimeout(resume, LOOK_MS));
    }
  }

  draw(run) {
    this.kind = run.kind;
    text(byId("run-title"), run.file);
    text(byId("run-state"), [importKindName(run.kind), importStateName(run.state), sizeText(run.size, locale), run.encoding, run.by, moving(run) && run.waiting ? nt("{n} import is before it", "{n} imports are before it", run.waiting) : ""].filter(Boolean).join(" · "));
    const bar = byId("run-progress");
    hidden(bar, !moving(run));
    if (run.total) Object.assign(bar, { max: run.total, value: run.done });
    else bar.removeAttribute("value");
    hidden(this.list.root, moving(run));
    const problem = run.problem;
    hidden(byId("run-problem"), !problem);
    if (problem) text(byId("run-problem"), typeof problem === "string" ? problem : [problem.detail ?? problem.message ?? problem.title, problem.fix].filter(Boolean).join(" – "));
    this.tallies(run);
    this.acts(run);
  }

  tallies(run) {
    const sums = run.summary ?? {};
    const tally = (only, label, count, shape) => {
      const node = button("", "tally", () => {
        this.only = only;
        this.tallies(run);
        this.list.reset();
      });
      node.append(element("i", { class: `shape ${shape}`, "aria-hidden": "true" }), element("b", { class: "num" }, number(count ?? 0)), element("span", {}, label));
      node.setAttribute("aria-pressed", String(this.only === only));
      node.disabled = moving(run);
      return node;
    };
    byId("tallies").replaceChildren(tally("", t("all rows"), sums.rows, "unknown"), tally("new", t("new"), sums.new, "ok"), tally("changed", t("changed"), sums.changed, "minor"),
      tally("errors", t("with errors"), sums.errors, "critical"), tally("warnings", t("with warnings"), sums.warnings, "major"),
      element("p", { class: "soft" }, sums.same ? t("{n} stay as they are", { n: number(sums.same) }) : ""));
  }

  acts(run) {
    const mend = run.summary?.errors ? t("Mend the errors in the file and send it again: a file is applied as a whole or not at all.") : "";
    const act = (title, subject, submit, answer, kind) => async () => {
      if (!(await ask({ title, subject, submit, answer, kind }))) return;
      await this.show(this.id);
      this.done();
    };
    const apply = button(t("Apply"), "main", act(t("Apply this import?"), t("{new} new, {changed} changed.", { new: number(run.summary?.new ?? 0), changed: number(run.summary?.changed ?? 0) }), t("Apply"), () => post(at("/api/v1/imports", this.id, "apply"))));
    const discard = button(t("Discard"), "quiet", act(t("Discard this import?"), run.file, t("Discard"), () => call("DELETE", at("/api/v1/imports", this.id)), "grave"));
    apply.disabled = Boolean(run.summary?.errors) || !((run.summary?.new ?? 0) + (run.summary?.changed ?? 0));
    byId("run-acts").replaceChildren(...(run.state === "checked" ? [element("p", { class: "said" }, mend), discard, apply] : []));
  }
}
