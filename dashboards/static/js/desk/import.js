// Import: choose a kind, send a file, see what would change, apply; and what was imported before.
import { byId, element, hidden, text } from "../dom.js";
import { locale, moment, nt, number, t, language } from "../words.js";
import { at, get, greet, visitor } from "../console/api.js";
import { forbidden } from "../console/absent.js";
import { Address } from "../tech/address.js";
import { Section, every } from "../tech/section.js";
import { ImportRun } from "./import_run.js";
import { importKindName, importStateName } from "./names.js";
import { refusal } from "./refusals.js";
import { unitField } from "./unit_field.js";
import { sizeText, upload } from "./upload.js";

const REFRESH_MS = 10000;
const address = new Address(["id", "kind"], () => show());
let [kinds, who] = [[], null];
const unit = unitField({ id: "unit", name: "unit", everywhere: t("everywhere I may") });
const run = new ImportRun(() => past.refresh(), (kind) => kinds.find((one) => one.id === kind)?.columns ?? []);
const MARK = { reading: "unknown", checked: "minor", applying: "unknown", applied: "ok", failed: "major", discarded: "none" };

// A kind's name as the pages have it, else as the hub calls it.
const kindName = (id) => (importKindName(id) === id ? kinds.find((one) => one.id === id)?.labels?.[language] ?? id : importKindName(id));

const past = new Section("past", {
  load: () => get("/api/v1/imports", { limit: 50 }),
  draw({ items }, body) {
    const now = Date.now();
    body.replaceChildren(element("div", { class: "lines", role: "list" }, ...items.map((one) => element("a", { class: "line import-line", role: "listitem", href: `/import?id=${one.id}` },
      element("i", { class: `shape ${MARK[one.state] ?? "unknown"}`, "aria-hidden": "true" }),
      element("div", {}, element("b", {}, one.file), element("small", {}, " ", [kindName(one.kind), sizeText(one.size, locale)].join(" · "))),
      element("div", {}, importStateName(one.state), element("small", {}, " ", summary(one))),
      element("div", { class: "num" }, moment(one.created_ms, now), element("small", {}, " ", one.by))))));
    return items.length > 0;
  },
  empty: () => t("Nothing was imported yet."),
});

const summary = ({ summary: sums = {} }) => [sums.rows ? nt("{n} row", "{n} rows", sums.rows) : "", sums.new ? t("{n} new", { n: number(sums.new) }) : "", sums.changed ? t("{n} changed", { n: number(sums.changed) }) : "", sums.errors ? nt("{n} error", "{n} errors", sums.errors) : ""].filter(Boolean).join(" · ");

const exports = new Section("exports", {
  load: async () => kinds,
  draw(all, body) {
    const within = () => (unit.dataset.code && unit.dataset.code !== "*" ? { unit: unit.dataset.code } : {});
    const link = (label, path, format) => {
      const node = element("a", { href: `${path}?${new URLSearchParams(format)}`, download: "" }, label);
      node.addEventListener("click", () => (node.href = `${path}?${new URLSearchParams({ ...format, ...within() })}`));
      return node;
    };
    body.replaceChildren(element("p", { class: "soft" }, t("What the hub holds, in the shape it can read again.")), element("ul", { class: "lines" }, ...all.map(({ id }) => element("li", { class: "line two" }, element("b", {}, kindName(id)),
      element("span", { class: "links" }, ...(id === "oneroster" ? [link("ZIP", "/api/v1/exports/oneroster.zip", {})] : [link("XLSX", at("/api/v1/exports", id), { format: "xlsx" }), link("CSV", at("/api/v1/exports", id), { format: "csv" })]))))));
    return all.length > 0;
  },
});

function chooseKind(id) {
  const mine = kinds.filter((one) => one.allowed !== false);
  const kind = mine.find((one) => one.id === id) ?? mine.find((one) => one.id === "equipment") ?? mine[0];
  if (!kind) return;
  for (const node of byId("kinds").children) {
    const on = node.dataset.kind === kind.id;
    node.setAttribute("aria-checked", String(on));
    node.tabIndex = on ? 0 : -1;
  }
  address.set({ kind: kind.id }, true);
  const columns = (kind.id === "oneroster" ? [] : kind.columns).map((column) => (column.labels?.[language] ?? column.name) + (column.required ? " *" : ""));
  text(byId("columns"), columns.length ? t("Columns: {names}", { names: columns.join(", ") }) : "");
  for (const format of ["xlsx", "csv"]) {
    byId(`template-${format}`).href = at("/api/v1/imports/kinds", kind.id, `template.${format}`);
    hidden(byId(`template-${format}`), kind.id === "oneroster");
  }
}

function drawKinds() {
  byId("kinds").replaceChildren(...kinds.map((kind) => {
    const node = element("button", { type: "button", role: "radio", "data-kind": kind.id }, kindName(kind.id));
    node.disabled = kind.allowed === false;
    if (node.disabled) node.title = t("Your role may not bring these in.");
    node.addEventListener("click", () => chooseKind(kind.id));
    return node;
  }));
  byId("kinds").addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const nodes = [...byId("kinds").children].filter((node) => !node.disabled);
    const next = nodes[(nodes.indexOf(document.activeElement) + step + nodes.length) % nodes.length];
    chooseKind(next.dataset.kind);
    next.focus();
  });
  chooseKind(address.wanted.kind);
}

async function send(file) {
  if (!file) return;
  const [bar, refused] = [byId("sent"), byId("refused")];
  hidden(refused, true);
  hidden(bar, false);
  bar.value = 0;
  const asked = new URLSearchParams({ kind: address.wanted.kind, ...(unit.dataset.code && unit.dataset.code !== "*" ? { unit: unit.dataset.code } : {}) });
  try {
    const made = await upload(`/api/v1/imports?${asked}`, file, (share) => (bar.value = share));
    address.set({ id: String(made.id) });
    await show();
    byId("run-title").focus();
  } catch (problem) {
    text(refused, problem.status === 413 ? t("This file is too large.") : refusal(problem));
    hidden(refused, false);
  } finally {
    hidden(bar, true);
    byId("file").value = "";
  }
}

const drop = byId("drop");
for (const [name, over] of [["dragover", true], ["dragenter", true], ["dragleave", false], ["drop", false]])
  drop.addEventListener(name, (event) => {
    event.preventDefault();
    drop.classList.toggle("over", over);
    if (name === "drop") send(event.dataTransfer.files[0]);
  });
byId("file").addEventListener("change", (event) => send(event.target.files[0]));

async function show() {
  const { id } = address.wanted;
  hidden(byId("begin"), Boolean(id) || !who.permissions.includes("imports.run"));
  hidden(byId("run"), !id);
  hidden(byId("below"), Boolean(id));
  run.stop();
  if (id) return run.show(id);
  return past.refresh();
}

byId("unit-filter").replaceWith(unit);
who = await visitor(() => past.fail({ status: 0 }));
greet(who);
if (!who.permissions.includes("imports.run")) await forbidden();
try {
  const said = await get("/api/v1/imports/kinds");
  kinds = said.items ?? said;
  drawKinds();
} catch (problem) {
  text(byId("refused"), refusal(problem));
  hidden(byId("refused"), false);
}
await Promise.all([show(), exports.refresh()]);
every(REFRESH_MS, () => (address.wanted.id ? null : past.refresh()));
