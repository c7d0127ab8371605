// The wall's clock: always Vietnam's, and the school's own beside it when the data is simulated.
import { byId, hidden, text } from "../dom.js";
import { clockTime, longDate, minuteTime, t } from "../words.js";

export class Clock {
  constructor() {
    [this.clock, this.date, this.badge, this.school] = ["clock", "date", "simulated", "school-time"].map(byId);
  }

  tick(nowMs, picture) {
    text(this.clock, clockTime(nowMs));
    text(this.date, longDate(nowMs));
    if (!picture) return;
    hidden(this.badge, !picture.simulated);
    if (picture.simulated) text(this.school, t("school time {time}", { time: minuteTime(nowMs * picture.clockFactor + picture.clockOffsetMs) }));
  }
}
