// Accounts: who may sign in, as what and where; made, changed and ended by those who may.
import { byId, element, hidden, text } from "../dom.js";
import { moment, nt, t } from "../words.js";
import { at, call, get, greet, post, visitor } from "../console/api.js";
import { forbidden } from "../console/absent.js";
import { Listing, button } from "../console/listing.js";
import { every } from "../tech/section.js";
import { ask } from "./asking.js";
import { Filters } from "./filters.js";
import { grantsEditor } from "./grants.js";
import { ROLES, roleName } from "./names.js";
import { shownOnce } from "./secret.js";

const REFRESH_MS = 30000;
const LANGUAGES = [["vi", "Tiếng Việt"], ["en", "English"]];
let who = null;

const filters = new Filters(byId("filters"), { unit: {}, changed: () => list.reset() });
const place = (grant) => grant.unit_name || grant.unit;
const may = () => who.permissions.includes("accounts.write");

// What is done to an account, and then said.
async function act(make, done) {
  if (await make()) await list.refresh();
  done?.();
}

const password = (account) => ask({
  title: t("Give a new password?"), subject: t("{name} is signed out everywhere and has to choose a password of their own at the next sign-in.", { name: account.name }), submit: t("Give a new password"),
  answer: () => post(at("/api/v1/accounts", String(account.id), "reset-password")),
}).then((made) => made && shownOnce({ title: t("Temporary password"), note: t("For {name}. It has to be changed at the first sign-in.", { name: account.username }), lines: [made.temporary_password] }).then(() => true));

const factor = (account) => ask({
  title: t("Take away the second factor?"), subject: t("{name} signs in with the password alone until a new one is set up.", { name: account.name }), submit: t("Take away"), kind: "grave",
  answer: () => post(at("/api/v1/accounts", String(account.id), "reset-second-factor")),
});

const disable = (account) => ask({
  title: account.disabled ? t("Let this account sign in again?") : t("Disable this account?"), subject: account.disabled ? account.name : t("{name} is signed out everywhere at once.", { name: account.name }),
  submit: account.disabled ? t("Enable") : t("Disable"), kind: account.disabled ? "" : "grave",
  answer: () => call("PATCH", at("/api/v1/accounts", String(account.id)), { disabled: !account.disabled }),
});

const edit = (account) => ask({
  title: t("Change the account"), subject: account.username, submit: t("Save"),
  fields: [{ name: "name", label: t("Name"), value: account.name, required: true, most: 200 }, { name: "language", label: t("Language"), kind: "select", options: LANGUAGES, value: account.language }],
  answer: (values) => call("PATCH", at("/api/v1/accounts", String(account.id)), values),
});

function grant(account) {
  const editor = grantsEditor(account.grants);
  return ask({
    title: t("Roles of {name}", { name: account.name }), subject: t("A role holds in the unit and everything below it."), submit: t("Save"), kind: "wide", extra: [editor.node],
    answer: () => call("PUT", at("/api/v1/accounts", String(account.id), "grants"), { grants: editor.grants() }),
  });
}

async function create() {
  const editor = grantsEditor([]);
  const made = await ask({
    title: t("New account"), submit: t("Create"), kind: "wide", extra: [editor.node],
    fields: [
      { name: "name", label: t("Name"), required: true, most: 200 },
      { name: "username", label: t("User name"), required: true, most: 64, hint: t("Small letters, digits, dot and dash.") },
      { name: "language", label: t("Language"), kind: "select", options: LANGUAGES, value: "vi" },
    ],
    answer: (values) => post("/api/v1/accounts", { ...values, grants: editor.grants() }),
  });
  if (!made) return;
  list.refresh();
  await shownOnce({ title: t("Temporary password"), note: t("For {name}. It has to be changed at the first sign-in.", { name: made.account.username }), lines: [made.temporary_password] });
}

function row(account) {
  const grants = account.grants.map((one) => element("li", {}, element("b", {}, roleName(one.role)), element("span", {}, place(one))));
  const now = Date.now();
  const acts = may() ? [[t("Roles"), grant], [t("Change"), edit], ...(account.login === "provider" ? [] : [[t("New password"), password]]), ...(account.second_factor ? [[t("Second factor"), factor]] : []), [account.disabled ? t("Enable") : t("Disable"), disable]]
    .map(([label, what]) => button(label, "quiet", () => act(() => what(account), () => list.focus(String(account.id))))) : [];
  return element("article", { class: account.disabled ? "row person over" : "row person", tabindex: "-1" },
    element("div", {}, element("b", {}, account.name), element("small", { class: "code" }, account.username), account.disabled ? element("span", { class: "badge" }, t("disabled")) : ""),
    grants.length ? element("ul", { class: "grants" }, ...grants) : element("div", { class: "soft" }, t("No role")),
    element("div", {}, account.login === "provider" ? t("By a provider") : account.second_factor ? t("With second factor") : account.must_change_password ? t("Temporary password") : t("Password alone"), element("small", { class: "num" }, account.last_login_ms ? t("last sign-in {time}", { time: moment(account.last_login_ms, now) }) : t("never signed in"))),
    element("div", { class: "acts" }, ...acts));
}

const list = new Listing("users", {
  load: (cursor) => get("/api/v1/accounts", { ...filters.wanted, cursor, limit: 100 }),
  row, key: (account) => String(account.id), empty: () => (filters.address.query ? t("Nobody fits. Take a filter away.") : t("There are no accounts you may see.")),
  counted: (count, more) => text(byId("counted"), nt("{n} account", "{n} accounts", count) + (more ? "+" : "")),
});

filters.root.querySelector("[name=role]").append(...ROLES.map((role) => element("option", { value: role }, roleName(role))));
filters.show();
who = await visitor(() => list.say("failed", t("The hub did not answer.")));
greet(who);
if (!who.permissions.includes("accounts.read")) await forbidden();
hidden(byId("create"), !may());
hidden(byId("to-tokens"), !who.permissions.includes("tokens.write"));
byId("create").addEventListener("click", create);
await list.reset();
every(REFRESH_MS, () => list.refresh());
