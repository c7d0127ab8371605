// The hub's own counters, as it reports them.
import { element } from "../dom.js";
import { NOTHING, clockTime, number, t } from "../words.js";
import { get } from "./api.js";
import { Listing } from "./listing.js";

// A counter that is newer than this page is shown under its own name.
const labels = () => ({
  ts_ms: t("Time of the hub"), data_ms: t("Newest data"), broker_connected: t("Broker connected"), ingest_online: t("Intake running"),
  nodes: t("Edge nodes"), nodes_online: t("Edge nodes online"), nodes_unclaimed: t("Edge nodes unclaimed"), devices: t("Devices"),
  devices_online: t("Devices online"), alarms_open: t("Open alarms"), alarms_unacknowledged: t("Alarms not acknowledged"),
  online: t("Running"), shard: t("Shard"), started_ms: t("Started"), version: t("Version"), messages: t("Messages"), values: t("Values"),
  messages_per_s: t("Messages per second"), stored: t("Stored"), duplicates: t("Duplicates"), quarantined: t("Quarantined"),
  lost_declared: t("Declared lost"), shed_live: t("Live updates shed"), inbox_dropped: t("Inbox dropped"), journal_entries: t("Journal entries"),
  journal_lag_entries: t("Journal entries waiting"), rebirths_requested: t("Rebirths requested"), broker_dropped: t("Dropped by the broker"),
});

function shown(name, value) {
  if (value === null || value === undefined) return NOTHING;
  if (typeof value === "boolean") return value ? t("yes") : t("no");
  if (typeof value !== "number") return String(value);
  return name.endsWith("_ms") && value > 1e12 ? clockTime(value) : number(value, Number.isInteger(value) ? 0 : 1);
}

function facts(status) {
  const said = labels();
  const { ingest, ...counts } = status;
  const row = (group, name, value) => ({ key: `${group}/${name}`, label: said[name] ?? name, group, value: shown(name, value) });
  return [
    ...Object.entries(counts).map(([name, value]) => row("", name, value)),
    ...Object.entries(ingest ?? {}).flatMap(([shard, beat]) =>
      Object.entries(beat).filter(([name]) => name !== "shard" && name !== "v").map(([name, value]) => row(t("Intake, shard {shard}", { shard }), name, value))),
  ];
}

export const statusList = () => new Listing("status", {
  load: async () => ({ items: facts(await get("/api/v1/status")), next_cursor: null }),
  row: (fact) => element("article", { class: "row fact" }, element("div", {}, fact.label, element("small", {}, fact.group)), element("div", { class: "num" }, fact.value)),
  key: (fact) => fact.key, empty: () => t("No data yet"),
});
