// Tokens of programs and of wall screens: made, listed with their ends, revoked.
import { byId, element, hidden } from "../dom.js";
import { t } from "../words.js";
import { get, greet, post, visitor } from "../console/api.js";
import { forbidden } from "../console/absent.js";
import { Section, every } from "../tech/section.js";
import { ask } from "./asking.js";
import { ROLES, roleName } from "./names.js";
import { shownOnce } from "./secret.js";
import { DAY_MS, endAfter, tokenLine } from "./token_lines.js";

const REFRESH_MS = 60000;
let who = null;

const listOf = (kind, empty) => {
  const section = new Section(`${kind}-tokens`, {
    async load() {
      const items = [];
      let cursor = null;
      do {
        const page = await get("/api/v1/tokens", { kind, cursor, limit: 500 });
        items.push(...page.items);
        cursor = page.next_cursor;
      } while (cursor);
      return items;
    },
    draw(items, body) {
      body.replaceChildren(element("ul", { class: "lines" }, ...items.map((token) => tokenLine(token, who, () => section.refresh()))));
      return items.length > 0;
    },
    empty,
  });
  return section;
};
const api = listOf("api", () => t("No program has a token."));
const wall = listOf("wall", () => t("No wall screen has a token."));

const expires = (days) => (days === "" ? {} : { expires_ms: Date.now() + Number(days) * DAY_MS });
// mostly for all that one looks after oneself
const unit = () => ({ name: "unit", label: t("Unit"), kind: "unit", required: true, value: who.grants[0]?.unit, valueName: who.grants[0]?.unit_name });

async function makeApi() {
  const made = await ask({
    title: t("New API token"), subject: t("A program that sends it may do what the role may do there."), submit: t("Make it"),
    fields: [
      { name: "name", label: t("What it is for"), required: true, most: 100 },
      { name: "role", label: t("Role"), kind: "select", options: ROLES.map((role) => [role, roleName(role)]), value: "inspector" },
      unit(), { name: "days", label: t("Ends after"), kind: "select", options: endAfter(), value: "90" },
    ],
    answer: ({ days, ...values }) => post("/api/v1/tokens", { kind: "api", ...values, ...expires(days) }),
  });
  if (!made) return;
  api.refresh();
  await shownOnce({ title: t("The new token"), note: t("To be sent as “Authorization: Bearer …”."), lines: [made.secret] });
}

async function makeWall() {
  const made = await ask({
    title: t("New wall screen"), subject: t("The screen only shows; it never asks for a password."), submit: t("Make it"),
    fields: [
      { name: "name", label: t("Where the screen hangs"), required: true, most: 100 },
      { name: "wall", label: t("Wall"), value: "main", required: true, most: 64 },
      unit(), { name: "days", label: t("Ends after"), kind: "select", options: [["", t("No end")], ...endAfter()], value: "365" },
    ],
    answer: ({ days, ...values }) => post("/api/v1/tokens", { kind: "wall", ...values, ...expires(days) }),
  });
  if (!made) return;
  wall.refresh();
  const address = made.url ? new URL(made.url, location.href).href : made.secret;
  await shownOnce({ title: t("The wall's address"), note: t("Open this address once on the screen; from then on it shows the wall by itself."), lines: [address] });
}

byId("make-api").addEventListener("click", makeApi);
byId("make-wall").addEventListener("click", makeWall);
who = await visitor(() => [api, wall].forEach((part) => part.fail({ status: 0 })));
greet(who);
if (!who.permissions.includes("tokens.write")) await forbidden();
for (const id of ["make-api", "make-wall"]) hidden(byId(id), !who.permissions.includes("tokens.write"));
const refresh = () => Promise.all([api.refresh(), wall.refresh()]);
await refresh();
every(REFRESH_MS, refresh);
