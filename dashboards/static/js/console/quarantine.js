// Payloads that could not be used, and reading one again.
import { element } from "../dom.js";
import { moment, number, t } from "../words.js";
import { get, post } from "./api.js";
import { Listing, button } from "./listing.js";

export function quarantineList(who, counted) {
  const may = who.permissions.includes("quarantine.replay");
  const row = (item) => {
    const again = button(item.replayed_ms ? t("Read again") : t("Replay"), "quiet", async () => {
      again.disabled = true;
      try {
        await post(`/api/v1/quarantine/${item.id}/replay`, {});
        again.textContent = t("Requested");
      } catch (problem) {
        again.disabled = false;
        again.textContent = problem.status === 403 ? t("You may not do this.") : t("Failed, try again");
      }
    });
    again.disabled = Boolean(item.replayed_ms);
    return element("article", { class: "row quarantined" },
      element("div", { class: "num" }, moment(item.received_ms, Date.now())),
      element("div", {}, element("b", {}, item.reason)),
      element("div", {}, [item.group, item.node, item.device].filter(Boolean).join(" / "), element("small", {}, item.detail || item.topic)),
      element("div", { class: "num" }, `${number(item.size)} B`),
      element("div", { class: "acts" }, ...(may ? [again] : [])));
  };
  return new Listing("quarantine", {
    load: (cursor) => get("/api/v1/quarantine", { cursor, limit: 100 }),
    row, key: (item) => String(item.id), counted, empty: () => t("Nothing is in quarantine."),
  });
}
