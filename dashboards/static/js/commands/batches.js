// Commands that went to many devices: those on their way, and those that ended.
import { byId, element, hidden } from "../dom.js";
import { moment, t } from "../words.js";
import { at, get, greet, visitor } from "../console/api.js";
import { Listing } from "../console/listing.js";
import { unitField } from "../desk/unit_field.js";
import { ask } from "../desk/asking.js";
import { every } from "../tech/section.js";
import { groupDialog } from "./group.js";
import { batchFigures, batchMark, batchName, batchState, progressBar } from "./progress.js";
import { sourceName } from "./words.js";

const REFRESH_MS = 4000;
const placeOf = (batch) => [batch.school ?? batch.unit, batch.room && batch.room !== "-" ? t("room {room}", { room: batch.room }) : ""].filter(Boolean).join(" · ");

const listing = new Listing("batches", {
  load: (cursor) => get("/api/v1/commands/groups", { cursor, limit: 50 }), key: (batch) => batch.id,
  row: (batch) => element("article", { class: "row batch", tabindex: "-1" }, batchMark(batch), element("div", {}, element("b", {}, element("a", { href: at("/commands", batch.id) }, batchName(batch))), element("small", {}, [placeOf(batch), sourceName(batch.source)].filter(Boolean).join(" · "))),
    element("div", {}, progressBar(batch), element("small", { class: "num" }, batchFigures(batch))), element("div", {}, batchState(batch), element("small", {}, [batch.by, moment(batch.created_ms, Date.now())].join(" · ")))),
  keyed(event, node) {
    if (event.key !== "Enter" || event.target !== node) return false;
    location.assign(node.querySelector("a").href);
    return true;
  },
  empty: () => t("Nothing was told to many devices yet."),
});

// where first, then what: the count depends on both
async function choose() {
  let place = null;
  const where = unitField({ id: "where", name: "where", required: true, value: own?.unit !== "*" ? own?.unit : "", valueName: own?.unit_name, chosen: (unit) => (place = unit) });
  const done = await ask({ title: t("Command to many devices"), submit: t("Next"), extra: [element("div", { class: "field" }, element("label", { for: "where" }, t("Where")), where)], answer: () => where.dataset.code || Promise.reject(Object.assign(new Error(t("Choose a unit first.")), { status: 422 })) });
  if (done) groupDialog({ unit: where.dataset.code }, where.focusable.value || place?.name || where.dataset.code);
}
byId("new-batch").addEventListener("click", choose);
const who = await visitor(() => listing.say("failed", t("The hub did not answer.")));
greet(who);
const own = who.grants?.[0];
hidden(byId("new-batch"), !who.permissions.includes("devices.command"));
await listing.reset();
every(REFRESH_MS, () => listing.refresh());
