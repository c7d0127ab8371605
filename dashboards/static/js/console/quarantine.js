// Payloads that could not be used: why, in words, and reading them again.
import { byId, element, hidden, text } from "../dom.js";
import { moment, nt, number, t } from "../words.js";
import { get, post } from "./api.js";
import { Listing, button } from "./listing.js";

const LOOK_AGAIN_MS = 700;
const LOOKS = 6;

export const reasons = () => ({
  malformed: t("Not a readable Sparkplug message"), bad_topic: t("Topic breaks the rules"), unborn: t("Data without a birth"),
  unknown_alias: t("Alias that no birth named"), unknown_metric: t("Metric that no birth named"), wrong_datatype: t("Value of another datatype"),
  unknown_datatype: t("Datatype that does not exist"), oversize: t("Message too large"), oversize_packet: t("Packet too large, passed over"), bad_value: t("Value that cannot be stored"),
  bad_text: t("Text that is not UTF-8"), bad_properties: t("Broken properties"), bad_dataset: t("Broken data set"), bad_template: t("Broken template"),
  bad_state: t("Broken STATE message"), not_finite: t("Not a finite number"), too_many_devices: t("Too many devices of one edge node"),
  too_many_metrics: t("Too many metrics"), too_many_nodes: t("Too many edge nodes"), no_name: t("Metric without a name"),
  id_too_long: t("Name too long"), hub_error: t("Fault of the hub"),
});

const pause = (ms) => new Promise((resume) => setTimeout(resume, ms));

// query(): filters; picked(item), details(item): what a page puts before a row and into it
export function quarantineList(who, counted, { query = () => ({}), picked = null, details = null } = {}) {
  const may = who.permissions.includes("quarantine.replay");
  const [all, said] = [byId("replay-all"), byId("replayed")];

  // Reading again is asked for here and done elsewhere: the list says what became of it.
  async function replay(items) {
    text(said, nt("Reading {n} again…", "Reading {n} again…", items.length));
    try {
      const before = new Map(items.map((item) => [item.id, item.tried_ms ?? null]));
      await post("/api/v1/quarantine/replay", { ids: [...before.keys()] });
      const mine = () => listing.items.filter((item) => before.has(item.id));
      const done = (item) => Boolean(item.replayed_ms) || (item.tried_ms ?? null) !== before.get(item.id);
      for (let look = 0; look < LOOKS && mine().filter(done).length < before.size; look += 1) {
        await pause(LOOK_AGAIN_MS);
        await listing.refresh();
      }
      const read = mine().filter((item) => item.replayed_ms).length;
      text(said, read === before.size ? nt("{n} of {n} could be read.", "{n} of {n} could be read.", read)
        : t("{read} of {all} could be read; the rest stays here.", { read: number(read), all: number(before.size) }));
    } catch (problem) {
      text(said, problem.status === 403 ? t("You may not do this.") : t("Failed, try again"));
    }
  }

  const waiting = () => listing.items.filter((item) => !item.replayed_ms);
  all.addEventListener("click", async () => {
    all.disabled = true;
    await replay(waiting());
    all.disabled = false;
  });

  const row = (item) => {
    const again = button(item.replayed_ms ? t("Read again") : t("Replay"), "quiet", async () => {
      again.disabled = true;
      await replay([item]);
      again.disabled = false;
      if (document.activeElement === document.body) listing.focus(String(item.id)); // a disabled button loses it
    });
    again.disabled = Boolean(item.replayed_ms);
    const why = reasons()[item.reason];
    const more = details?.(item) ?? [];
    return element("article", { class: picked ? "row quarantined picked" : "row quarantined" }, ...(picked ? [picked(item)] : []),
      element("div", { class: "num" }, moment(item.received_ms, Date.now())),
      element("div", {}, element("b", {}, why ?? item.reason), element("small", { class: "code" }, why ? item.reason : "")),
      element("div", {}, [item.group, item.node, item.device].filter(Boolean).join(" / "), element("small", { class: "code" }, item.topic), element("small", {}, item.detail),
        ...(item.tried_ms && !item.replayed_ms ? [element("small", { class: "tried" }, t("Read again {time}: {why}", { time: moment(item.tried_ms, Date.now()), why: [reasons()[item.outcome] ?? item.outcome, item.outcome_detail].filter(Boolean).join(" · ") }))] : [])),
      element("div", { class: "num" }, `${number(item.size)} B`),
      element("div", { class: "acts" }, ...more.slice(0, 1), ...(may ? [again] : [])), ...more.slice(1));
  };

  const listing = new Listing("quarantine", {
    load: (cursor) => get("/api/v1/quarantine", { ...query(), cursor, limit: 100 }),
    row, key: (item) => String(item.id), empty: () => t("Nothing is in quarantine."),
    counted(count, more) {
      counted(count, more);
      hidden(all, !may || !waiting().length);
    },
  });
  return Object.assign(listing, { replay });
}
