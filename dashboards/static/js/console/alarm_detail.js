// One alarm at the side: what is known of it, what happened to it, what people said.
import { byId, element, hidden, part, text } from "../dom.js";
import { said, t } from "../words.js";
import { badges, exact, isOpen, place, shapeOf, stage, step, stepText, waits } from "./alarm_words.js";
import { at, get, post } from "./api.js";
import { metricWords } from "./facts.js";
import { button } from "./listing.js";

export class AlarmDetail {
  // decide: { acknowledge(alarm), shelve(alarm), unshelve(alarm) }; closed(id): where to go on
  constructor({ may, schoolName, decide, moved, closed }) {
    Object.assign(this, { may, schoolName, decide, moved, id: null });
    this.dialog = byId("alarm-detail");
    this.form = part(this.dialog, "form");
    part(this.dialog, "close").addEventListener("click", () => this.dialog.close());
    this.dialog.addEventListener("click", (event) => event.target === this.dialog && this.dialog.close()); // beside it
    this.dialog.addEventListener("close", () => {
      const before = this.id;
      this.id = null;
      moved(null);
      closed(before);
    });
    this.form.addEventListener("submit", (event) => this.comment(event));
    this.dialog.addEventListener("keydown", (event) => {
      if (event.key.toLowerCase() === "a" && !event.ctrlKey && !event.metaKey && !event.target.closest("textarea") && may && this.alarm && waits(this.alarm)) {
        event.preventDefault();
        this.decide.acknowledge(this.alarm);
      }
    });
    hidden(this.form, !may);
  }

  async open(alarm) {
    this.id = alarm.id;
    this.alarm = null;
    this.form.reset();
    part(this.dialog, "events").replaceChildren();
    if (alarm.title_vi) this.draw(alarm);
    this.moved(alarm.id);
    if (!this.dialog.open) this.dialog.showModal();
    await this.refresh();
  }

  async refresh() {
    const { id } = this;
    if (id === null) return;
    try {
      const { alarm, events } = await get(at("/api/v1/alarms", id));
      if (this.id !== id) return;
      this.draw(alarm);
      part(this.dialog, "events").replaceChildren(...events.map((event) => this.event(event)));
      this.say("");
    } catch (problem) {
      if (this.id === id) this.say(problem.message);
    }
  }

  say(words) {
    const notice = part(this.dialog, "notice");
    text(notice, words);
    hidden(notice, !words);
  }

  draw(alarm) {
    this.alarm = alarm;
    const shape = shapeOf(alarm.severity);
    shape.dataset.part = "shape";
    part(this.dialog, "shape").replaceWith(shape);
    text(byId("alarm-title"), said(alarm, "title"));
    text(part(this.dialog, "place"), place(alarm, this.schoolName));
    part(this.dialog, "badges").replaceChildren(...badges(alarm));
    const acts = !this.may ? [] : [
      ...(waits(alarm) ? [button(t("Acknowledge"), "main", () => this.decide.acknowledge(alarm))] : []),
      ...(isOpen(alarm) ? [button(t("Shelve…"), "quiet", () => this.decide.shelve(alarm))] : []),
      ...(alarm.state === "shelved" ? [button(t("Take off the shelf"), "quiet", () => this.decide.unshelve(alarm))] : []),
    ];
    part(this.dialog, "acts").replaceChildren(...acts);
    const facts = [
      [t("State"), stage(alarm)], [t("Detail"), said(alarm, "detail")], [t("Raised"), exact(alarm.raised_ms)],
      [t("Over"), alarm.returned_ms && exact(alarm.returned_ms)],
      [t("Acknowledged"), alarm.acknowledged_ms && `${alarm.acknowledged_by} · ${exact(alarm.acknowledged_ms)}`],
      [t("Shelved by"), alarm.state === "shelved" && [alarm.shelved_by, alarm.shelved_why].filter(Boolean).join(" · ")],
      [t("Device"), alarm.device], [t("Edge node"), alarm.node], [t("Metric"), metricWords(alarm.kind, alarm.metric)?.label ?? alarm.metric],
    ];
    part(this.dialog, "facts").replaceChildren(...facts.filter(([, value]) => value).map(([name, value]) =>
      element("div", { class: "fact" }, element("dt", {}, name), element("dd", {}, String(value)))));
  }

  event(event) {
    const words = stepText(event);
    return element("li", { class: event.event },
      element("time", { class: "num", datetime: new Date(event.at_ms).toISOString() }, exact(event.at_ms)),
      element("div", {}, element("b", {}, step(event.event)), ...(event.by ? [` · ${event.by}`] : []), ...(words ? [element("p", {}, words)] : [])));
  }

  async comment(event) {
    event.preventDefault();
    const [box, problem, send] = [byId("alarm-comment"), part(this.form, "problem"), this.form.querySelector("[type=submit]")];
    if (!box.value.trim() || send.disabled) return;
    send.disabled = true;
    try {
      await post(at("/api/v1/alarms", this.id, "comments"), { text: box.value.trim() });
      this.form.reset();
      hidden(problem, true);
      await this.refresh();
    } catch (refusal) {
      text(problem, refusal.message);
      hidden(problem, false);
    } finally {
      send.disabled = false;
    }
  }
}
