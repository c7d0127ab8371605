// Which rows are selected, and acknowledging them together.
import { byId, element, hidden, text } from "../dom.js";
import { nt, t } from "../words.js";
import { waits } from "./alarm_words.js";

export class AlarmChoice {
  // acknowledge(ids): asks and does it
  constructor(may, acknowledge) {
    this.may = may;
    this.ids = new Set();
    this.shown = [];
    [this.bar, this.all, this.said] = ["alarm-bulk", "alarm-all", "alarm-said"].map(byId);
    this.all.addEventListener("change", () => {
      for (const alarm of this.shown) this.set(alarm.id, this.all.checked);
      for (const box of document.querySelectorAll("#alarms-list .pick input")) box.checked = this.all.checked;
      this.draw();
    });
    byId("alarm-bulk-acknowledge").addEventListener("click", () => acknowledge([...this.ids]));
  }

  set(id, on) {
    if (on) this.ids.add(id);
    else this.ids.delete(id);
  }

  box(alarm) {
    const label = element("label", { class: "pick" });
    if (!this.may || !waits(alarm)) return label;
    const box = element("input", { type: "checkbox", tabindex: "-1", "aria-label": t("Select") });
    box.checked = this.ids.has(alarm.id);
    box.addEventListener("change", () => {
      this.set(alarm.id, box.checked);
      this.draw();
    });
    label.append(box);
    return label;
  }

  // Only what is shown and still waits can be selected.
  renew(alarms) {
    this.shown = alarms.filter(waits);
    const known = new Set(this.shown.map((alarm) => alarm.id));
    for (const id of this.ids) if (!known.has(id)) this.ids.delete(id);
    this.draw();
  }

  draw() {
    const count = this.ids.size;
    hidden(this.bar, !this.may || !this.shown.length);
    this.all.checked = count > 0 && count === this.shown.length;
    this.all.indeterminate = count > 0 && count < this.shown.length;
    text(this.bar.querySelector("span"), count ? nt("{n} selected", "{n} selected", count) : t("Select all shown"));
    hidden(byId("alarm-bulk-acknowledge"), !count);
  }

  say(words) {
    text(this.said, words);
  }
}
