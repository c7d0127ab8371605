// The six figures. What the hub did not say is shown as a dash, never as a zero.
import { part, rich, text, className } from "../dom.js";
import { NOTHING, age, nt, number, percent, rate, rateText, t } from "../words.js";
import { drawSpark } from "./spark.js";

export class Figures {
  constructor(root) {
    this.cards = new Map();
    for (const card of root.querySelectorAll("[data-figure]"))
      this.cards.set(card.dataset.figure, {
        card, value: part(card, "value"), unit: part(card, "unit"), note: part(card, "note"),
        spark: { svg: card.querySelector(".spark"), dot: card.querySelector(".spark-dot") },
      });
  }

  show(name, { value, unit = "", note = "", history = null, mood = "", least = 0 }) {
    const at = this.cards.get(name);
    text(at.value, value);
    text(at.unit, unit);
    rich(at.note, note || "\u00a0");
    className(at.card, `panel figure ${mood}`.trim());
    drawSpark(at.spark, history, least);
  }

  presence(name, online, total, history) {
    const away = typeof online === "number" && typeof total === "number" ? total - online : null;
    this.show(name, {
      value: number(online), history, least: (total ?? 0) * 0.02,
      note: away === null ? "" : t("{b}{share}{/b} of {total}", { share: percent(online, total), total: number(total) }) +
        (away > 0 ? " · " + nt("{n} offline", "{n} offline", away) : ""),
    });
  }

  draw(picture, nowMs) {
    const f = picture.figures;
    const history = f.history ?? {};
    this.presence("schools", f.schools_online, f.schools_total, history.schools_online);
    this.presence("rooms", f.rooms_online, f.rooms_total, history.rooms_online);
    this.presence("devices", f.devices_online, f.devices_total, history.devices_online);

    const [value, unit] = rate(f.rx_kbps);
    const busier = Math.max(f.rx_kbps ?? 0, f.tx_kbps ?? 0);
    this.show("bandwidth", {
      value, unit, history: history.rx_kbps, least: busier * 0.1,
      note: value === NOTHING ? "" : t("{b}{share}{/b} of {capacity} · {up} up", {
        share: percent(busier, f.capacity_kbps, 0), capacity: rateText(f.capacity_kbps), up: rateText(f.tx_kbps) }),
    });

    const severities = f.alarms_standing_by_severity ?? {};
    const waiting = picture.ranked().filter((alarm) => alarm.state === "unacknowledged");
    const oldest = waiting.length ? Math.min(...waiting.map((alarm) => alarm.raised_ms)) : null;
    this.show("unacknowledged", {
      value: number(f.alarms_unacknowledged), history: history.alarms_unacknowledged, least: 4,
      mood: f.alarms_unacknowledged > 0 && severities.critical > 0 ? "warm" : "",
      note: f.alarms_unacknowledged === 0 ? t("everything is in hand") : oldest ? t("oldest {b}{age}{/b}", { age: age(nowMs - oldest) }) : "",
    });

    let troubled = 0;
    for (const school of picture.schools.values()) troubled += ["minor", "major", "critical", "offline"].includes(school.state);
    this.show("alarms", {
      value: number(f.alarms_open), history: history.alarms_open, least: 6, mood: severities.critical > 0 ? "hot" : "",
      note: typeof f.alarms_open !== "number" ? "" : nt("in {b}{n}{/b} school", "in {b}{n}{/b} schools", troubled),
    });
  }
}

export class Severities {
  constructor(root) {
    this.pills = [...root.querySelectorAll("[data-severity]")].map((pill) => [pill, pill.dataset.severity, pill.querySelector("b")]);
  }

  draw(picture) {
    // what still stands, as the list puts it first; what is over and waits has a pill of its own
    const { alarms_standing_by_severity: counts, alarms_returned: returned } = picture.figures;
    for (const [pill, severity, value] of this.pills) {
      const count = severity === "returned" ? returned ?? null : counts ? counts[severity] ?? 0 : null;
      text(value, number(count));
      className(pill, count > 0 ? "severity some" : "severity");
    }
  }
}
