// Stock-takings: those that run, those that ended, and a new one for a school or a room of it.
import { byId, element, hidden, part, text } from "../dom.js";
import { moment, nt, number, t } from "../words.js";
import { at, get, greet, post, visitor } from "../console/api.js";
import { refusal } from "../desk/refusals.js";
import { unitField } from "../desk/unit_field.js";
import { Section, every, once } from "../tech/section.js";
import { roomCalled } from "./rooms.js";
import { movedText } from "./stock_words.js";
import { everything } from "./units.js";

const REFRESH_MS = 15000;
const said = new URLSearchParams(location.search);
const [form, room] = [byId("start"), byId("room")];
const wrong = part(form, "problem");

const line = (take) => element("a", { class: "line child-line", href: at("/stock", take.id) }, element("i", { class: `shape ${take.finished_ms ? "ok" : "minor"}`, role: "img", "aria-label": take.finished_ms ? t("finished") : t("running") }),
  element("div", {}, element("b", {}, take.school_name || take.school), element("small", {}, " ", take.room ? t("room {room}", { room: take.room }) : t("the whole school"))),
  element("div", {}, take.finished_ms ? t("finished") : t("running"), element("small", {}, " ", [moment(take.finished_ms ?? take.started_ms, Date.now()), take.finished_by ?? take.started_by].filter(Boolean).join(" · "))),
  element("div", { class: "num" }, t("{seen} of {expected} seen", { seen: number(take.counts.expected - take.counts.missing), expected: number(take.counts.expected) })),
  element("div", { class: "num" }, take.finished_ms && take.counts.missing ? nt("{n} missing", "{n} missing", take.counts.missing) : "", take.counts.moved ? element("small", {}, " ", movedText(take)) : ""));

const takes = new Section("takes", {
  load: () => get("/api/v1/stocktakes", { school: said.get("school"), limit: 100 }),
  draw: once(({ items }) => items, ({ items }, body) => body.replaceChildren(...(items.length ? [element("div", { class: "lines" }, ...items.map(line))] : []))),
  empty: () => t("Nothing has been counted yet."),
});

let school = null;
async function chosen(unit) {
  school = unit?.code ?? null;
  room.replaceChildren(room.firstElementChild);
  if (!school) return;
  const rooms = await everything("/api/v1/organisation/rooms", { school }).catch(() => []);
  room.append(...rooms.map((one) => element("option", { value: one.code }, `${roomCalled(one)} · ${one.code}`)));
  if (said.get("room")) room.value = said.get("room");
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const code = byId("school-place").firstElementChild.dataset.code;
  hidden(wrong, true);
  try {
    const take = await post("/api/v1/stocktakes", { school: code, ...(room.value ? { room: room.value } : {}) });
    location.assign(at("/stock", take.id));
  } catch (problem) {
    text(wrong, code ? refusal(problem) : t("Choose a school first."));
    hidden(wrong, false);
  }
});

const who = await visitor(() => takes.fail({ status: 0 }));
greet(who);
takes.refresh();
every(REFRESH_MS, () => takes.refresh());
if (who.permissions.includes("assets.write")) {
  const wanted = said.get("school");
  const found = (await get("/api/v1/organisation/schools", { limit: 2 }).catch(() => ({ items: [] }))).items;
  const only = wanted ? await get(at("/api/v1/organisation/units", wanted)).catch(() => null) : found.length === 1 ? found[0] : null;
  byId("school-place").append(unitField({ id: "school", name: "school", required: true, value: only?.code, valueName: only?.name, kinds: ["school", "college", "cec"], chosen }));
  hidden(form, false);
  await chosen(only);
}
