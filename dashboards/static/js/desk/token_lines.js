// A token in a list: whose, for what, until when; and its end.
import { element } from "../dom.js";
import { longDate, moment, nt, t } from "../words.js";
import { at, call } from "../console/api.js";
import { button } from "../console/listing.js";
import { ask } from "./asking.js";
import { roleName } from "./names.js";

export const DAY_MS = 86400000;
const SOON_MS = 14 * DAY_MS;
export const endAfter = () => [["7", nt("{n} day", "{n} days", 7)], ["30", nt("{n} day", "{n} days", 30)], ["90", nt("{n} day", "{n} days", 90)], ["365", nt("{n} day", "{n} days", 365)]];

export const tokenState = (token, nowMs) =>
  !token.expires_ms ? ["minor", t("No end")]
    : token.expires_ms <= nowMs ? ["offline", t("Ended {day}", { day: longDate(token.expires_ms) })]
        : [token.expires_ms - nowMs < SOON_MS ? "minor" : "ok", t("Until {day}", { day: longDate(token.expires_ms) })];

export async function revoke(token, done) {
  const subject = token.kind === "wall" ? t("The screen that uses it goes dark at once.") : t("The program that uses it is refused at once.");
  if (await ask({ title: t("Revoke this token?"), subject: [token.name, subject].join(" · "), submit: t("Revoke"), kind: "grave", answer: () => call("DELETE", at("/api/v1/tokens", String(token.id))) })) done();
}

export function tokenLine(token, who, done) {
  const now = Date.now();
  const [shape, words] = tokenState(token, now);
  const over = shape === "offline";
  const where = token.kind === "wall" ? t("wall “{wall}”", { wall: token.wall ?? "main" }) : [roleName(token.role), token.unit_name || token.unit].filter(Boolean).join(" · ");
  return element("li", { class: over ? "line token-line over" : "line token-line", "data-token": String(token.id) },
    element("i", { class: `shape ${shape}`, "aria-hidden": "true" }),
    element("div", {}, element("b", {}, token.name), element("small", {}, " ", where)),
    element("div", {}, words, element("small", {}, [token.owner ?? "", token.last_used_ms ? t("last used {time}", { time: moment(token.last_used_ms, now) }) : t("not used yet")].filter(Boolean).join(" · "))),
    over || !who.permissions.includes("tokens.write") ? element("span") : button(t("Revoke"), "quiet", () => revoke(token, done)));
}
