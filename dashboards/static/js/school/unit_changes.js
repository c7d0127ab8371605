// Changes to the tree: asked for, shown as a table of what would change, applied only then.
import { element } from "../dom.js";
import { NOTHING, nt, t } from "../words.js";
import { at, call, post } from "../console/api.js";
import { ask } from "../desk/asking.js";
import { fieldName } from "../desk/names.js";
import { KINDS, LEVELS, dayText, today, unitKindName } from "./units.js";

const CHANGES = { rename: t("Rename"), move: t("Move"), merge: t("Merge"), split: t("Split"), end: t("End"), begin: t("Begin") };
export const changeName = (kind) => CHANGES[kind] ?? kind;

const WHAT = { begin: t("New unit"), name: t("Name"), parent: t("Above"), levels: t("Levels"), end: t("Valid until"), room: t("Room"), successor: t("went over to") };
const shown = (value) => (value === null || value === undefined || value === "" ? NOTHING : typeof value === "object" ? (Array.isArray(value) ? value.join(", ") : Object.values(value).join(" · ")) : /^\d{4}-\d\d-\d\d$/.test(value) ? dayText(value) : String(value));

export function planTable(plan) {
  if (!plan.length) return element("p", { class: "soft" }, t("Nothing would change."));
  return element("div", { class: "scroll" }, element("table", { class: "figures plan" },
    element("thead", {}, element("tr", {}, ...[t("Unit"), t("What"), t("Before"), t("After")].map((one) => element("th", { scope: "col" }, one)))),
    element("tbody", {}, ...plan.map((line) => element("tr", {}, element("th", { scope: "row" }, line.name ?? line.unit), element("td", {}, WHAT[line.what] ?? fieldName(line.what)), element("td", {}, shown(line.before)), element("td", { class: "after" }, shown(line.after)))))));
}

const lines = (said) => (said ?? "").split("\n").map((line) => line.split(";").map((part) => part.trim())).filter(([first]) => first);
const on = (label, values) => ({ name: "on", label, kind: "date", value: values.on ?? today(), required: true });

// What each change asks for, and what of it the hub is told.
const FORMS = {
  rename: (unit, v) => ({ fields: [{ name: "name", label: t("New name"), value: v.name ?? unit.name, required: true, most: 200, wide: true }], body: ({ name }) => ({ unit: unit.code, name }) }),
  move: (unit, v) => ({ fields: [{ name: "parent", label: t("New parent"), kind: "unit", value: v.parent, required: true, wide: true }], body: ({ parent }) => ({ unit: unit.code, parent }) }),
  merge: (unit, v) => ({
    fields: [{ name: "into", label: t("Into"), kind: "unit", value: v.into, required: true, wide: true, hint: t("The unit that goes on. It may be one of those that are merged.") },
      { name: "others", label: t("Further units that are merged, a code on each line"), kind: "textarea", value: v.others, wide: true }],
    body: ({ into, others }) => ({ units: [...new Set([unit.code, ...lines(others).map(([one]) => one)])].filter((one) => one !== into), into }),
  }),
  split: (unit, v) => ({
    fields: [{ name: "parts", label: t("New units, one a line: code; name"), kind: "textarea", value: v.parts, required: true, wide: true },
      { name: "rooms", label: t("Rooms that go to them, one a line: room; code of the new unit"), kind: "textarea", value: v.rooms, wide: true }],
    body: ({ parts, rooms }) => ({ unit: unit.code, into: lines(parts).map(([code, name]) => (name ? { code, name } : { code })), rooms: Object.fromEntries(lines(rooms)) }),
  }),
  end: (unit) => ({ fields: [], body: () => ({ unit: unit.code }) }),
};

const PLAN_MOST = 200;

// Asks, shows what would change, goes back to the question if that is not what was meant.
export async function changeUnit(kind, unit, done) {
  let values = {};
  for (;;) {
    const form = FORMS[kind](unit, values);
    let [body, checked] = [null, null];
    const asked = await ask({
      title: changeName(kind), subject: `${unit.name} · ${unit.code}`, submit: t("Show what would change"), fields: [...form.fields, on(t("From the day"), values)],
      async answer(said) {
        values = said;
        body = { kind, on: said.on, ...form.body(said) };
        checked = await post("/api/v1/organisation/changes", { ...body, dry_run: true });
      },
    });
    if (!asked) return;
    const { plan } = checked;
    const applied = await ask({
      title: changeName(kind), subject: nt("{n} thing would change. Nothing has been changed yet.", "{n} things would change. Nothing has been changed yet.", plan.length), submit: t("Apply"), kind: "wide",
      extra: [planTable(plan.slice(0, PLAN_MOST))], answer: () => post("/api/v1/organisation/changes", { ...body, dry_run: false }),
    });
    if (applied) return done(kind === "merge" ? body.into : null);
  }
}

const levelFields = (unit) => Object.entries(LEVELS).map(([level, label]) => ({ name: `level-${level}`, label, kind: "check", value: unit.levels?.includes(level) }));
const chosenLevels = (values) => Object.keys(LEVELS).filter((level) => values[`level-${level}`]);

export async function editUnit(unit, done) {
  const saved = await ask({
    title: t("Edit address and levels"), subject: unit.name, submit: t("Save"),
    fields: [{ name: "address", label: t("Address"), value: unit.address, most: 300, wide: true }, { name: "phone", label: t("Telephone"), value: unit.phone, most: 40 }, ...levelFields(unit)],
    answer: (values) => call("PATCH", at("/api/v1/organisation/units", unit.code), { address: values.address, phone: values.phone, levels: chosenLevels(values) }),
  });
  if (saved) await done();
}

export async function addUnit(parent, done) {
  let code = null;
  const saved = await ask({
    title: t("Add a unit below"), subject: `${parent.name} · ${parent.code}`, submit: t("Add"),
    fields: [{ name: "code", label: t("Code"), required: true, most: 64 }, { name: "kind", label: t("Kind"), kind: "select", value: "school", options: KINDS.map((kind) => [kind, unitKindName(kind)]) },
      { name: "name", label: t("Name"), required: true, most: 200, wide: true }, { name: "address", label: t("Address"), most: 300, wide: true }, { name: "valid_from", label: t("From the day"), kind: "date", value: today(), required: true }, ...levelFields({})],
    answer(values) {
      code = values.code;
      return post("/api/v1/organisation/units", { code, name: values.name, kind: values.kind, levels: chosenLevels(values), parent: parent.code, valid_from: values.valid_from, ...(values.address ? { address: values.address } : {}) });
    },
  });
  if (saved) await done(code);
}
