// What of the alarms is shown: views, filters and order, kept in the page's address.
import { byId, hidden, text } from "../dom.js";
import { number } from "../words.js";
import { get } from "./api.js";

const DAY_MS = 86_400_000;
const TYPED_MS = 250;
const VIEWS = { open: { state: "open" }, shelved: { state: "shelved" }, suppressed: { state: "suppressed" }, history: { open: "false" } };
const COUNTED = { open: "open", shelved: "shelved", suppressed: "suppressed", history: "closed" };
const FIELDS = { q: "alarm-q", severity: "alarm-severity", stage: "alarm-state", period: "alarm-period", district: "alarm-district", sort: "alarm-sort" };

export class AlarmFilters {
  // changed(): other alarms are wanted
  constructor(who, changed) {
    this.changed = changed;
    this.fields = Object.fromEntries(Object.entries(FIELDS).map(([name, id]) => [name, byId(id)]));
    this.buttons = [...byId("alarm-views").querySelectorAll("button")];
    const asked = new URLSearchParams(location.search);
    this.wanted = asked.get("alarm");
    this.view = VIEWS[asked.get("view")] ? asked.get("view") : "open";
    for (const [name, field] of Object.entries(this.fields)) if (asked.has(name)) field.value = asked.get(name);
    if (!this.fields.sort.value) this.fields.sort.value = "severity";
    for (const [name, field] of Object.entries(this.fields)) if (name !== "q") field.addEventListener("change", () => this.moved());
    this.fields.q.addEventListener("input", () => {
      clearTimeout(this.typing);
      this.typing = setTimeout(() => this.moved(), TYPED_MS);
    });
    for (const button of this.buttons)
      button.addEventListener("click", () => {
        this.view = button.dataset.view;
        this.fields.sort.value = this.view === "history" ? "newest" : "severity";
        this.moved();
      });
    this.draw();
    if (who.permissions.includes("organisation.read")) this.districts(asked.get("district") ?? "");
  }

  async districts(chosen) {
    const { items } = await get("/api/v1/organisation/units", { kind: "district", limit: 500 }).catch(() => ({ items: [] }));
    for (const { code, name } of items) this.fields.district.add(new Option(name, code, false, code === chosen));
    hidden(this.fields.district.closest("label"), items.length < 2);
    if (chosen && this.fields.district.value) this.changed();
  }

  moved() {
    this.draw();
    this.keep();
    this.changed();
  }

  draw() {
    for (const button of this.buttons) button.setAttribute("aria-pressed", String(button.dataset.view === this.view));
    for (const label of document.querySelectorAll("#alarms [data-only]")) hidden(label, label.dataset.only !== this.view);
  }

  // The address says what is shown, so that it can be sent to somebody.
  keep(alarm = null) {
    const said = new URLSearchParams();
    const usual = this.view === "history" ? "newest" : "severity";
    if (this.view !== "open") said.set("view", this.view);
    for (const [name, field] of Object.entries(this.fields)) {
      const apart = field.closest("[data-only]")?.dataset.only;
      if (field.value && !(name === "sort" && field.value === usual) && (!apart || apart === this.view)) said.set(name, field.value);
    }
    if (alarm) said.set("alarm", alarm);
    history.replaceState(null, "", `${location.pathname}${said.size ? `?${said}` : ""}${location.hash}`);
  }

  get sort() {
    return this.fields.sort.value;
  }

  // What the API is asked for; the counts leave the states out by themselves.
  query() {
    const { q, severity, stage, period, district } = this.fields;
    const days = this.view === "history" ? Number(period.value) : 0;
    return {
      ...VIEWS[this.view], ...(this.view === "open" && stage.value ? { state: stage.value } : {}),
      q: q.value.trim(), severity: severity.value, district: district.value,
      since: days ? Math.floor(Date.now() / 60_000) * 60_000 - days * DAY_MS : "",
    };
  }

  count(counts) {
    for (const button of this.buttons) text(button.querySelector("b"), counts[COUNTED[button.dataset.view]] ? number(counts[COUNTED[button.dataset.view]]) : "");
  }
}
