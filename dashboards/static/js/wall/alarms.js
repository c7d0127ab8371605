// The open alarms, worst first. A fixed set of rows is filled: nothing is created while the wall runs.
import { byId, className, element, hidden, text } from "../dom.js";
import { stateName } from "../severity.js";
import { age, moment, nt, number, said, t } from "../words.js";

const ROW_REM = 3.3;
const NARROW_ROWS = 8;

export const place = (alarm, picture) => {
  const school = picture.schools.get(alarm.school)?.name ?? picture.offices.get(alarm.school) ?? alarm.school;
  return [school, alarm.room && alarm.room !== "-" ? t("room {room}", { room: alarm.room }) : ""].filter(Boolean).join(" · ");
};

// Schools cut off together are one entry: how many, and where.
export const headline = (alarm) =>
  alarm.members ? nt("{n} school cut off", "{n} schools cut off", alarm.members) : said(alarm, "title");

export const places = (alarm, picture) =>
  alarm.districts.map(({ code, schools, of }) => {
    const name = picture.districts.get(code)?.short ?? t("elsewhere");
    return `${name} ${number(schools)}/${number(of)}`;
  }).join(" · ");

const where = (alarm, picture) =>
  alarm.members ? places(alarm, picture)
    : [place(alarm, picture).replace(/^Trường\s+/u, ""), said(alarm, "detail")].filter(Boolean).join(" · ");

export const holder = (alarm) =>
  alarm.unacknowledged && alarm.unacknowledged < alarm.members
    ? nt("{n} not acknowledged", "{n} not acknowledged", alarm.unacknowledged)
    : alarm.state === "acknowledged" ? alarm.acknowledged_by || t("Acknowledged")
    : alarm.state === "returned_unacknowledged" ? t("Over, not acknowledged") : t("Not acknowledged");

export class Alarms {
  constructor() {
    this.list = byId("alarms");
    this.rows = [];
    this.shown = [];
    new ResizeObserver(() => this.fit()).observe(this.list.parentElement);
  }

  fit() {
    const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
    const fixed = getComputedStyle(this.list).position === "absolute";
    const count = fixed ? Math.max(1, Math.floor(this.list.clientHeight / (ROW_REM * rem))) : NARROW_ROWS;
    if (count === this.rows.length) return;
    while (this.rows.length > count) this.rows.pop().row.remove();
    while (this.rows.length < count) this.rows.push(this.addRow());
    this.list.style.setProperty("--rows", String(count));
    if (this.picture) this.draw(this.picture, this.nowMs);
  }

  addRow() {
    const made = {
      shape: element("i", { class: "shape", role: "img" }),
      title: element("b"), where: element("span"), since: element("span", { class: "num" }),
      age: element("span", { class: "age" }), chip: element("span", { class: "chip" }),
    };
    made.row = element("li", { hidden: "" }, made.shape, element("div", { class: "alarm-what" }, made.title, made.where),
      element("div", { class: "alarm-when" }, made.since, made.age), made.chip);
    this.list.append(made.row);
    return made;
  }

  draw(picture, nowMs) {
    this.picture = picture;
    this.nowMs = nowMs;
    const alarms = picture.ranked();
    this.shown = alarms.slice(0, this.rows.length);
    this.rows.forEach((made, i) => {
      const alarm = this.shown[i];
      hidden(made.row, !alarm);
      if (!alarm) return;
      const stage = { unacknowledged: "open", acknowledged: "held" }[alarm.state] ?? "over";
      className(made.row, `alarm ${alarm.severity} ${stage}`);
      className(made.shape, `shape ${alarm.severity}`);
      made.shape.setAttribute("aria-label", stateName(alarm.severity));
      made.row.dataset.alarm = alarm.id;
      text(made.title, headline(alarm));
      text(made.where, where(alarm, picture));
      text(made.since, moment(alarm.raised_ms, nowMs));
      text(made.chip, holder(alarm));
    });
    this.tick(nowMs);
    const open = picture.figures.alarms_open ?? alarms.length;
    text(byId("alarms-count"), number(open));
    const returned = picture.figures.alarms_returned ?? 0;
    const shown = this.shown.reduce((sum, alarm) => sum + (alarm.members ?? 1), 0);
    const hiddenRows = alarms.length > this.shown.length || open > shown;
    text(byId("alarms-shown"), hiddenRows ? t("· the {n} most severe are shown", { n: number(this.shown.length) })
      : returned ? "· " + nt("{n} over, not acknowledged", "{n} over, not acknowledged", returned) : "");
    const merged = byId("alarms-suppressed");
    hidden(merged, !picture.suppressed);
    text(merged, nt("{n} follows from another", "{n} follow from others", picture.suppressed));
    hidden(byId("alarms-calm"), alarms.length > 0);
  }

  tick(nowMs) {
    this.nowMs = nowMs;
    this.shown.forEach((alarm, i) => text(this.rows[i].age, age(nowMs - alarm.raised_ms)));
  }
}
