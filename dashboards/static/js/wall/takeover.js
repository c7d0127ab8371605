// A new critical alarm takes the wall until somebody acknowledges it, or until everybody has seen it.
import { byId, hidden, part, text } from "../dom.js";
import { clockTime, nt, said, stopwatch, t } from "../words.js";
import { headline, place, places } from "./alarms.js";

const SHOWN_FOR_MS = 60000;

export class Takeover {
  constructor() {
    this.node = byId("takeover");
  }

  draw(picture, nowMs, live) {
    const fresh = !live ? [] : picture.ranked().filter((alarm) =>
      alarm.severity === "critical" && alarm.state === "unacknowledged" && nowMs - alarm.raised_ms < SHOWN_FOR_MS);
    const [alarm] = fresh.sort((a, b) => b.raised_ms - a.raised_ms);
    hidden(this.node, !alarm);
    document.body.classList.toggle("taken", Boolean(alarm));
    if (!alarm) return;
    const more = fresh.length > 1 ? " · " + nt("and {n} more alarm", "and {n} more alarms", fresh.length - 1) : "";
    text(part(this.node, "kind"), t("Critical alarm · {time}", { time: clockTime(alarm.raised_ms) }) + more);
    const district = picture.districts.get((alarm.districts?.[0].code) ?? picture.schools.get(alarm.school)?.district);
    const where = alarm.members ? district?.name ?? "" : place(alarm, picture);
    text(part(this.node, "title"), [headline(alarm), where].filter(Boolean).join(" – "));
    text(part(this.node, "text"), [alarm.members ? places(alarm, picture) : district?.name, said(alarm, "detail")].filter(Boolean).join(" · "));
    text(part(this.node, "age"), stopwatch(nowMs - alarm.raised_ms));
  }
}
