// The alarm list: open ones, shelved ones, their history; looking at one, and deciding about it.
import { byId, element } from "../dom.js";
import { newestFirst, worstFirst } from "../severity.js";
import { moment, nt, said, t } from "../words.js";
import { agedSince } from "./ages.js";
import { AlarmChoice } from "./alarm_choice.js";
import { AlarmDetail } from "./alarm_detail.js";
import { AlarmFilters } from "./alarm_filters.js";
import { badges, isOver, place, shapeOf, stage, waits } from "./alarm_words.js";
import { at, get, post } from "./api.js";
import { Question } from "./dialog.js";
import { Listing, button } from "./listing.js";

const PAGE = 200;
const AT_ONCE = 500;

export function alarmList(who, schoolName, counted) {
  const may = who.permissions.includes("alarms.acknowledge");
  const acknowledging = new Question("acknowledge");
  const shelving = new Question("shelve");
  const filters = new AlarmFilters(who, () => listing.reset());
  const address = (alarm, what) => at("/api/v1/alarms", alarm.id, what);
  const titled = (alarm) => `${said(alarm, "title")} · ${schoolName(alarm.school)}`;
  const looked = async () => {
    await Promise.all([listing.refresh(), detail.refresh()]);
  };
  const back = (id) => () => detail.id === null && listing.focus(id);

  const acknowledge = (alarm) => {
    let next = alarm.id;
    acknowledging.ask(titled(alarm), async () => {
      await post(address(alarm, "acknowledge"), { comment: byId("comment").value.trim() });
      next = listing.nextAfter(alarm.id);
      await looked();
    }, () => back(next)());
  };
  const acknowledgeMany = (ids) =>
    acknowledging.ask(nt("{n} alarm", "{n} alarms", ids.length), async () => {
      const comment = byId("comment").value.trim();
      let [done, refused] = [0, 0];
      for (let start = 0; start < ids.length; start += AT_ONCE) {
        const answer = await post("/api/v1/alarms/acknowledge", { ids: ids.slice(start, start + AT_ONCE), comment });
        done += answer.acknowledged.length;
        refused += answer.refused.length;
      }
      choice.ids.clear();
      choice.say([nt("{n} acknowledged.", "{n} acknowledged.", done), refused ? nt("{n} could not be.", "{n} could not be.", refused) : ""].filter(Boolean).join(" "));
      await looked();
    }, () => listing.focus(null));
  const shelve = (alarm) =>
    shelving.ask(titled(alarm), async () => {
      await post(address(alarm, "shelve"), { hours: Number(byId("shelve-hours").value), why: byId("shelve-why").value.trim() });
      await looked();
    }, back(alarm.id));
  const unshelve = async (alarm) => {
    try {
      await post(address(alarm, "unshelve"), {});
    } catch (problem) {
      detail.say(problem.message);
      return;
    }
    await looked();
  };

  const choice = new AlarmChoice(may, acknowledgeMany);
  const detail = new AlarmDetail({
    may, schoolName, decide: { acknowledge, shelve, unshelve }, moved: (id) => filters.keep(id), closed: (id) => listing.focus(id),
  });

  const row = (alarm) => {
    const open = element("a", { href: `?alarm=${alarm.id}`, tabindex: "-1" }, said(alarm, "title"));
    open.addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      detail.open(alarm);
    });
    const held = alarm.state === "shelved" ? [alarm.shelved_by, alarm.shelved_why] : [alarm.acknowledged_by, alarm.comment];
    const ended = alarm.state === "normal" && isOver(alarm) ? [element("small", {}, t("until {time}", { time: moment(alarm.returned_ms, Date.now()) }))] : [agedSince(alarm.raised_ms, "ago")];
    return element("article", { class: `row alarm ${alarm.severity} ${waits(alarm) ? "open" : ""} ${isOver(alarm) ? "over" : ""}` },
      choice.box(alarm), shapeOf(alarm.severity),
      element("div", { class: "what" }, element("b", {}, open), ...badges(alarm), element("small", {}, [place(alarm, schoolName), said(alarm, "detail")].filter(Boolean).join(" · "))),
      element("div", { class: "when" }, element("span", { class: "num" }, moment(alarm.raised_ms, Date.now())), ...ended),
      element("div", { class: "how" }, stage(alarm), element("small", {}, held.filter(Boolean).join(": "))),
      element("div", { class: "acts" }, ...(waits(alarm) && may ? [button(t("Acknowledge"), "main", () => acknowledge(alarm))] : [])));
  };

  const ordered = (alarms) => (filters.view === "history" ? alarms : [...alarms].sort(filters.sort === "newest" ? newestFirst : worstFirst));
  const listing = new Listing("alarms", {
    async load(cursor) {
      const query = filters.query();
      const [page, counts] = await Promise.all([
        get("/api/v1/alarms", { ...query, sort: filters.sort, cursor, limit: PAGE }), get("/api/v1/alarms/facets", query),
      ]);
      filters.count(counts);
      counted(counts.open, false);
      return page;
    },
    row, key: (alarm) => alarm.id, order: ordered, counted: () => choice.renew(listing.items),
    empty: () => (filters.fields.q.value ? t("No alarm fits the search.") : t("No alarms here.")),
    keyed(event, chosen) {
      const alarm = listing.items.find((one) => one.id === chosen.dataset.key);
      const act = {
        Enter: () => event.target === chosen && detail.open(alarm), a: () => may && waits(alarm) && acknowledge(alarm),
        x: () => chosen.querySelector(".pick input")?.click(), o: () => detail.open(alarm),
      }[event.key.length === 1 ? event.key.toLowerCase() : event.key];
      if (!act || !alarm || event.ctrlKey || event.metaKey || event.altKey || (event.key === "Enter" && event.target !== chosen)) return false;
      event.preventDefault();
      act();
      return true;
    },
  });
  addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.target.closest("input, textarea, select, dialog") || byId("alarms").hidden) return;
    event.preventDefault();
    filters.fields.q.focus();
  });
  if (filters.wanted) detail.open({ id: filters.wanted });
  return listing;
}
