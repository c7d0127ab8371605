// How old is what is shown? Said small while all is well, and in a banner when it is not.
import { byId, hidden, part, text } from "../dom.js";
import { age, number, stopwatch, t } from "../words.js";

const OLD_MS = 15000;

// The hub is there and says no: what is wrong, what to do, and the way there.
function refused(status, wall, wasLive) {
  const signIn = `/login?next=${encodeURIComponent(location.pathname)}`;
  if (status === 404)
    return [t("There is no wall “{wall}”", { wall }), t("Check the address of this screen."), [t("Open the main wall"), "/wall/main"]];
  if (status === 403)
    return [t("This account may not see the wall"), t("Sign in with another account, or ask an administrator for the right to see it."), [t("Sign in with another account"), signIn]];
  return [
    wasLive ? t("This screen's access has ended") : t("This screen is not signed in"),
    t("Its token was revoked or has expired, or nobody has signed in here. Sign in, or open the address with a new wall token from an administrator."),
    [t("Sign in"), signIn],
  ];
}

export class Freshness {
  constructor() {
    this.live = byId("live");
    this.banner = byId("banner");
    this.dataMs = null;
  }

  // state: starting | live | lost | refused (then `refusal` is why); status: the hub's own, once it has spoken
  draw({ state, refusal, wall, nowMs, status, waitedMs }) {
    const oldMs = this.dataMs === null ? null : Math.max(0, nowMs - this.dataMs);
    const silent = state === "live" && (status?.ingest_online === false || (oldMs !== null && oldMs > OLD_MS));
    const shown = state === "live" && silent ? "old" : state;
    if (document.body.dataset.state !== state) document.body.dataset.state = state;
    if (this.live.dataset.state !== shown) this.live.dataset.state = shown;
    text(part(this.live, "tag"), { starting: t("CONNECTING"), live: t("LIVE"), old: t("OLD DATA"), lost: t("CONNECTION LOST"), refused: t("NO ACCESS") }[shown]);
    text(part(this.live, "age"), this.ageText(state, oldMs, status));
    const banner = state === "refused" ? refused(refusal, wall, oldMs !== null) : this.message(state, status, oldMs, waitedMs);
    hidden(this.banner, !banner);
    if (!banner) return;
    text(part(this.banner, "title"), banner[0]);
    text(part(this.banner, "text"), banner[1]);
    this.offer(banner[2]);
    const aged = oldMs !== null && state !== "refused";
    text(part(this.banner, "age"), aged ? stopwatch(oldMs) : "");
    hidden(part(this.banner, "since"), !aged);
  }

  // Where a person at this screen can go on: [words, address].
  offer(way) {
    const link = part(this.banner, "way");
    hidden(link, !way);
    if (!way) return;
    text(link, way[0]);
    if (link.getAttribute("href") !== way[1]) link.setAttribute("href", way[1]);
  }

  ageText(state, oldMs, status) {
    if (oldMs === null || state === "refused") return "\u00a0";
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
