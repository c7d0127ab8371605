// What the hub counts about itself, in words and in groups.
import { element } from "../dom.js";
import { NOTHING, clockTime, number, t } from "../words.js";
import { get } from "./api.js";
import { Listing } from "./listing.js";

// A counter that is newer than this page is shown at the end under its own name.
const counts = () => ({
  [t("Watched")]: {
    nodes: t("Edge nodes"), nodes_online: t("Edge nodes online"), nodes_unclaimed: t("Edge nodes unclaimed"), devices: t("Devices"),
    devices_online: t("Devices online"), alarms_open: t("Open alarms"), alarms_unacknowledged: t("Alarms not acknowledged"),
    alarms_returned: t("Over, not acknowledged"), alarms_suppressed: t("Follows from another"),
    alarms_shelved: t("Alarms shelved"), alarms_flapping: t("Alarms flapping"),
  },
  [t("Hub")]: { ingest_online: t("Intake running"), broker_connected: t("Broker connected"), ts_ms: t("Time of the hub"), data_ms: t("Newest data") },
});
const beats = () => ({
  [t("Hub")]: { version: t("Version"), started_ms: t("Started") },
  [t("Flow")]: {
    messages_per_s: t("Messages per second"), messages: t("Messages"), values: t("Values"), stored: t("Stored"), duplicates: t("Duplicates"),
    deferred: t("Put off until their turn"), inbox_messages: t("Messages in the inbox"), applied_ms: t("Last message applied"), mirror_published: t("Live updates published"),
  },
  [t("Losses")]: {
    lost_declared: t("Declared lost by edge nodes"), quarantined: t("Quarantined"), quarantined_by_reason: t("Quarantined, by reason"), quarantine_unkept: t("Quarantined, bytes not kept"), inbox_dropped: t("Dropped at a full inbox"),
    broker_dropped: t("Dropped by the broker"), records_dropped: t("Records dropped"), requests_dropped: t("Requests dropped"), shed_live: t("Live updates skipped"),
  },
  [t("Storage")]: {
    journal_entries: t("Journal entries"), journal_lag_entries: t("Journal entries waiting"), journal_failure: t("Journal fault"),
    store_failure: t("Measurement store fault"), records_failure: t("Database fault"),
  },
  [t("Rebirths")]: { rebirths_requested: t("Rebirths requested"), rebirths_by_reason: t("Rebirths requested, by reason"), rebirths_waiting: t("Rebirths waiting") },
});
// said above already, or only of interest to a program
const REPEATED = new Set(["online", "shard", "v", "ts_ms", "nodes", "devices"]);

function shown(name, value) {
  if (value === null || value === undefined) return NOTHING;
  if (typeof value === "boolean") return value ? t("yes") : t("no");
  if (typeof value === "object") return Object.entries(value).map(([name, count]) => `${name} ${shown("", count)}`).join(", ") || t("none");
  if (typeof value !== "number") return String(value) || t("none");
  if (name.endsWith("_ms")) return value > 1e12 ? clockTime(value) : NOTHING;
  return number(value, Number.isInteger(value) ? 0 : 1);
}

const wrong = (name, value) => value === false || (name.endsWith("_failure") && Boolean(value));

function grouped(status) {
  const { ingest = {}, ...hub } = status;
  const groups = new Map();
  const add = (words, values, suffix) => {
    const left = new Set(Object.keys(values).filter((name) => !suffix.repeated.has(name)));
    const put = (title, name, label) => {
      if (!groups.has(title)) groups.set(title, []);
      groups.get(title).push([label, shown(name, values[name]), wrong(name, values[name])]);
      left.delete(name);
    };
    for (const [title, labels] of Object.entries(words)) for (const [name, label] of Object.entries(labels)) if (left.has(name)) put(title + suffix.text, name, label);
    for (const name of left) put(t("Other") + suffix.text, name, name);
  };
  add(counts(), hub, { text: "", repeated: new Set() });
  const shards = Object.entries(ingest);
  for (const [shard, beat] of shards) add(beats(), beat, { text: shards.length > 1 ? " · " + t("shard {shard}", { shard }) : "", repeated: REPEATED });
  const other = (group) => group.title.startsWith(t("Other"));
  return [...groups].map(([title, facts]) => ({ title, facts })).sort((a, b) => other(a) - other(b));
}

const row = ({ title, facts }) => element("article", { class: "row facts" }, element("h2", {}, title),
  element("dl", {}, ...facts.map(([label, value, bad]) => element("div", { class: bad ? "fact wrong" : "fact" }, element("dt", {}, label), element("dd", { class: "num" }, value)))));

export const statusList = () => new Listing("status", {
  load: async () => ({ items: grouped(await get("/api/v1/status")), next_cursor: null }),
  row, key: (group) => group.title, empty: () => t("No data yet"),
});
