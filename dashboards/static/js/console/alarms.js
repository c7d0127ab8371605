// Alarms, the worst or the newest first, and taking one on.
import { byId, element } from "../dom.js";
import { newestFirst, stateName, worstFirst } from "../severity.js";
import { moment, said, t } from "../words.js";
import { agedSince } from "./ages.js";
import { get, post } from "./api.js";
import { Question } from "./dialog.js";
import { Listing, button } from "./listing.js";

const PAGE = 500; // the order is this page's, so it wants as many as it may have at once

const stages = () => ({
  unacknowledged: t("Not acknowledged"), acknowledged: t("Acknowledged"),
  returned_unacknowledged: t("Over, not acknowledged"), suppressed: t("Follows from another"), normal: t("Closed"),
});

export function alarmList(who, schoolName, counted) {
  const may = who.permissions.includes("alarms.acknowledge");
  const question = new Question("acknowledge");
  const [severity, state, sort] = ["alarm-severity", "alarm-state", "alarm-sort"].map(byId);

  const acknowledge = (alarm) => {
    let next = alarm.id;
    question.ask(`${said(alarm, "title")} · ${schoolName(alarm.school)}`, async () => {
      await post(`/api/v1/alarms/${encodeURIComponent(alarm.id)}/acknowledge`, { comment: byId("comment").value.trim() });
      next = listing.nextAfter(alarm.id);
      await listing.refresh();
    }, () => listing.focus(next));
  };

  const row = (alarm) => {
    const waiting = alarm.state === "unacknowledged" || alarm.state === "returned_unacknowledged";
    const room = alarm.room && alarm.room !== "-" ? t("room {room}", { room: alarm.room }) : "";
    const where = [schoolName(alarm.school), room, alarm.device ?? alarm.node, said(alarm, "detail")].filter(Boolean).join(" · ");
    const shape = element("i", { class: `shape ${alarm.severity}`, role: "img", "aria-label": stateName(alarm.severity) });
    const held = [alarm.acknowledged_by, alarm.comment].filter(Boolean).join(": ");
    return element("article", { class: `row alarm ${alarm.severity} ${waiting ? "open" : ""}` }, shape,
      element("div", {}, element("b", {}, said(alarm, "title")), element("small", {}, where)),
      element("div", {}, element("span", { class: "num" }, moment(alarm.raised_ms, Date.now())), agedSince(alarm.raised_ms, "ago")),
      element("div", {}, stages()[alarm.state] ?? alarm.state, element("small", {}, held)),
      element("div", { class: "acts" }, ...(waiting && may ? [button(t("Acknowledge"), "main", () => acknowledge(alarm))] : [])));
  };

  const listing = new Listing("alarms", {
    async load(cursor) {
      const page = await get("/api/v1/alarms", { state: state.value, severity: severity.value, cursor, limit: PAGE });
      // what only follows from another alarm is looked at when asked for
      return { ...page, items: page.items.filter((alarm) => state.value !== "open" || alarm.state !== "suppressed") };
    },
    row, key: (alarm) => alarm.id, order: (alarms) => [...alarms].sort(sort.value === "newest" ? newestFirst : worstFirst), counted, empty: () => t("No alarms here."),
  });
  for (const choice of [severity, state]) choice.addEventListener("change", () => listing.reset());
  sort.addEventListener("change", () => listing.arrange());
  return listing;
}
