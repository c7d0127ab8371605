// One's own account: name and language, password, second factor, sessions, API tokens.
import { byId, element, hidden, text } from "../dom.js";
import { NOTHING, moment, t } from "../words.js";
import { at, call, get, greet, post, visitor } from "../console/api.js";
import { button } from "../console/listing.js";
import { Section } from "../tech/section.js";
import { ask } from "./asking.js";
import { Fields } from "./fields.js";
import { identities } from "./identities.js";
import { roleName } from "./names.js";
import { secondFactor } from "./second_factor.js";
import { shownOnce } from "./secret.js";
import { DAY_MS, endAfter, tokenLine } from "./token_lines.js";

const LANGUAGES = [["vi", "Tiếng Việt"], ["en", "English"]];
let who = null;

// A form that stays on the page, and says when it has done what it does.
function standing(fields, submit, act) {
  const form = new Fields(fields);
  const [said, send] = [element("p", { class: "said", role: "status" }), element("button", { type: "submit", class: "main" }, submit)];
  const frame = element("form", { novalidate: "", class: "standing" }, form.node, element("div", { class: "buttons" }, said, send));
  frame.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (send.disabled || !form.complete()) return;
    send.disabled = true;
    text(said, "");
    try {
      text(said, await act(form.values(), form) ?? "");
    } catch (problem) {
      if (!("status" in problem)) throw problem;
      text(said, form.refuse(problem));
    } finally {
      send.disabled = false;
    }
  });
  return frame;
}

const profile = new Section("profile", {
  load: () => get("/api/v1/session"),
  draw: (session, body) => body.replaceChildren(standing([
    { name: "name", label: t("Name"), value: session.name, required: true, most: 200, autocomplete: "name" },
    { name: "language", label: t("Language"), kind: "select", options: LANGUAGES, value: session.language },
  ], t("Save"), async (values) => {
    await call("PATCH", "/api/v1/account", values);
    text(byId("who"), values.name);
    if (values.language !== document.documentElement.lang) location.assign(`?lang=${values.language}`);
    return t("Saved.");
  })),
});

const password = new Section("password-part", {
  load: async () => who,
  draw: (_, body) => body.replaceChildren(standing([
    { name: "current", label: t("Present password"), kind: "password", required: true, most: 256, autocomplete: "current-password" },
    { name: "new", label: t("New password"), kind: "password", required: true, most: 256, autocomplete: "new-password", hint: t("At least 10 characters; several words are easy to remember.") },
    { name: "repeated", label: t("The same once more"), kind: "password", required: true, most: 256, autocomplete: "new-password" },
  ], t("Change the password"), async ({ current, new: fresh, repeated }, form) => {
    if (fresh !== repeated) return form.blame("repeated", t("The two are not the same.")) || "";
    await post("/api/v1/account/password", { current, new: fresh });
    for (const name of ["current", "new", "repeated"]) form.input(name).value = "";
    sessions.refresh();
    return t("The password is changed. Other sessions have ended.");
  })),
});

const roles = new Section("roles", {
  load: () => get("/api/v1/session"),
  draw(session, body) {
    body.replaceChildren(element("ul", { class: "lines" }, ...session.grants.map((grant) => element("li", { class: "line two" },
      element("b", {}, roleName(grant.role)), element("span", { class: "soft" }, grant.unit_name || grant.unit)))));
    return session.grants.length > 0;
  },
  empty: () => t("You have no role yet. Ask an administrator."),
});

const sessions = new Section("sessions", {
  load: () => get("/api/v1/account/sessions"),
  draw(answer, body) {
    const items = answer.items ?? answer;
    const now = Date.now();
    body.replaceChildren(element("ul", { class: "lines" }, ...items.map((one) => {
      const end = button(t("End"), "quiet", async () => {
        end.disabled = true;
        await call("DELETE", at("/api/v1/account/sessions", String(one.id))).catch(() => {});
        sessions.refresh();
      });
      return element("li", { class: "line session-line" },
        element("div", {}, element("b", {}, one.current ? t("This session") : browserOf(one.user_agent)), element("small", { class: "num" }, " ", one.address ?? "")),
        element("div", { class: "num" }, element("small", {}, t("since {time}", { time: moment(one.created_ms, now) })), element("small", {}, one.last_used_ms ? t("last used {time}", { time: moment(one.last_used_ms, now) }) : "")),
        one.current ? element("span") : end);
    })));
    return items.length > 0;
  },
});

const browserOf = (agent = "") => (agent && (/(Edg|OPR|Firefox|Chrome|Safari)\/[\d.]+/.exec(agent)?.[1] ?? agent.slice(0, 40)).replace("Edg", "Edge").replace("OPR", "Opera")) || t("Another session");

const tokens = new Section("tokens", {
  load: () => get("/api/v1/tokens", { kind: "api", mine: "true" }),
  draw({ items }, body) {
    body.replaceChildren(element("ul", { class: "lines" }, ...items.map((token) => tokenLine(token, who, () => tokens.refresh()))),
      element("div", { class: "buttons" }, button(t("New token"), "quiet", make)));
    hidden(tokens.body, false);
    return true;
  },
});

async function make() {
  const grants = who.grants.map((grant) => [`${grant.role}@${grant.unit}`, [roleName(grant.role), grant.unit_name || grant.unit].join(" · ")]);
  const made = await ask({
    title: t("New API token"), subject: t("A program that sends it may do what the role may do there."), submit: t("Make it"),
    fields: [
      { name: "name", label: t("What it is for"), required: true, most: 100 },
      { name: "grant", label: t("Role"), kind: "select", options: grants },
      { name: "days", label: t("Ends after"), kind: "select", options: endAfter(), value: "90" },
    ],
    answer: ({ name, grant, days }) => {
      const [role, unit] = [grant.slice(0, grant.indexOf("@")), grant.slice(grant.indexOf("@") + 1)];
      return post("/api/v1/tokens", { kind: "api", name, role, unit, expires_ms: Date.now() + Number(days) * DAY_MS });
    },
  });
  if (!made) return;
  tokens.refresh();
  await shownOnce({ title: t("The new token"), note: made.token?.name ?? NOTHING, lines: [made.secret] });
}

who = await visitor(() => [profile, roles, sessions, tokens].forEach((part) => part.fail({ status: 0 })));
greet(who);
text(byId("username"), who.username);
const factor = secondFactor(who);
// tokens are for those who may make them
if (!who.permissions.includes("tokens.write")) byId("tokens").remove();
await Promise.all([profile, password, roles, sessions, factor, identities(), ...(byId("tokens") ? [tokens] : [])].map((part) => part.refresh()));
