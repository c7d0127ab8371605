// How old is what is shown? Said small while all is well, and in a banner when it is not.
import { byId, hidden, part, text } from "../dom.js";
import { age, number, stopwatch, t } from "../words.js";

const OLD_MS = 15000;

export class Freshness {
  constructor() {
    this.live = byId("live");
    this.banner = byId("banner");
    this.dataMs = null;
  }

  // state: starting | live | lost; status: the hub's own, once it has spoken
  draw({ state, nowMs, status, waitedMs }) {
    const oldMs = this.dataMs === null ? null : Math.max(0, nowMs - this.dataMs);
    const silent = state === "live" && (status?.ingest_online === false || (oldMs !== null && oldMs > OLD_MS));
    const shown = state === "live" && silent ? "old" : state;
    if (document.body.dataset.state !== state) document.body.dataset.state = state;
    if (this.live.dataset.state !== shown) this.live.dataset.state = shown;
    text(part(this.live, "tag"), { starting: t("CONNECTING"), live: t("LIVE"), old: t("OLD DATA"), lost: t("CONNECTION LOST") }[shown]);
    text(part(this.live, "age"), this.ageText(state, oldMs, status));
    const banner = this.message(state, status, oldMs, waitedMs);
    hidden(this.banner, !banner);
    if (!banner) return;
    text(part(this.banner, "title"), banner[0]);
    text(part(this.banner, "text"), banner[1]);
    text(part(this.banner, "age"), oldMs === null ? "" : stopwatch(oldMs));
    hidden(part(this.banner, "since"), oldMs === null);
  }

  ageText(state, oldMs, status) {
    if (oldMs === null) return "\u00a0";
    const lag = oldMs < 10000 ? t("data {n} s old", { n: number(oldMs / 1000, 1) }) : t("data {age} old", { age: age(oldMs) });
    const flow = state === "live" && typeof status?.messages_per_s === "number" ? " · " + t("{n} msg/s", { n: number(status.messages_per_s) }) : "";
    return lag + flow;
  }

  message(state, status, oldMs, waitedMs) {
    if (state === "lost" && this.dataMs === null) return [t("No connection to the hub"), t("Nothing has been received yet. Trying again by itself.")];
    if (state === "lost") return [t("Connection to the hub lost"), t("The last picture is kept below and is no longer live. Reconnecting by itself.")];
    if (state === "starting" && waitedMs > 4000) return [t("No connection to the hub"), t("Nothing has been received yet. Trying again by itself.")];
    if (state === "live" && status?.ingest_online === false)
      return [t("The hub is not receiving data"), t("Its intake is stopped. What is shown below is its last state.")];
    if (state === "live" && oldMs !== null && oldMs > 2 * OLD_MS)
      return [t("No new data from schools"), t("The hub answers, but nothing has come in from any school.")];
    return null;
  }
}
