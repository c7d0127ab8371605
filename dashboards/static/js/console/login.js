// Sign in, in steps: password, code of the second factor, a password of one's own; or by a provider.
// Then go where one was going, or to the page of one's work; never to another site.
import { byId, element, hidden, part, text } from "../dom.js";
import { nt, t } from "../words.js";
import { get, post } from "./api.js";

const form = byId("sign-in");
const [problem, send, back] = ["problem", "go-on", "go-back"].map(byId);
const asked = new URLSearchParams(location.search);

const STEPS = {
  password: { title: t("Sign in"), submit: t("Sign in"), first: "username" },
  code: { title: t("Second factor"), submit: t("Go on"), first: "code" },
  change: { title: t("A password of your own"), submit: t("Save and go on"), first: "new-password" },
};
let step = "password";
let session = null;

// Where one was going, if that is a page of this hub.
function wanted() {
  if (!asked.get("next")) return null;
  const there = new URL(asked.get("next"), location.href);
  const own = there.origin === location.origin && there.pathname !== "/login";
  return own ? there.pathname + there.search + there.hash : null;
}

const arrive = () => location.assign(wanted() ?? (session.home?.startsWith("/") && !session.home.startsWith("//") ? session.home : "/"));

const PROVIDER_ERRORS = {
  denied: t("The sign-in was refused or cancelled there."), expired: t("The sign-in took too long. Try again."), invalid: t("The provider's answer was not valid. Try again."),
  no_account: t("You are known there, but have no account here. Ask an administrator."), no_role: t("You are known there, but have no role here. Ask an administrator."),
  disabled: t("This account is disabled. Ask an administrator."), unavailable: t("The provider did not answer. Try again, or sign in with your password."),
  id_number: t("Signing in there is not possible: it would tell a personal number."),
};

const kind = (refused) => (refused.document?.type ?? "").split("/").pop();

function reason(refused) {
  if (refused.status === 0 || refused.status >= 500) return t("The hub did not answer.");
  if (refused.status === 429) return nt("Too many tries. Wait {n} second.", "Too many tries. Wait {n} seconds.", Number(refused.document.retry_after_s ?? 30));
  if (step === "change") return refused.status === 401 ? t("You are no longer signed in. Sign in again.") : t("This password is too easy to guess. Take a longer one.");
  if (step === "code" && kind(refused) !== "not-authenticated") return t("The code is wrong or was used already.");
  return refused.status === 401 || refused.status === 422 ? t("The user name or the password is wrong.") : refused.message;
}

function show(next) {
  step = form.dataset.step = next;
  for (const group of form.querySelectorAll("fieldset")) {
    group.disabled = group.dataset.for !== step;
    hidden(group, group.disabled);
  }
  text(byId("step-title"), STEPS[step].title);
  text(send, STEPS[step].submit);
  hidden(back, step === "password");
  hidden(problem, true);
  byId(STEPS[step].first).focus();
  hidden(byId("providers"), step !== "password" || !part(form, "list").childElementCount);
}

function say(words) {
  text(problem, words);
  hidden(problem, !words);
}

async function logIn(code) {
  session = await post("/api/v1/session", { username: form.username.value, password: form.password.value, ...(code ? { code } : {}) });
  if (session.must_change_password) show("change");
  else arrive();
}

const ACTS = {
  async password() {
    try {
      await logIn(null);
    } catch (refused) {
      if (kind(refused) !== "second-factor-required") throw refused;
      form.code.value = "";
      show("code");
    }
  },
  code: () => logIn(form.code.value.replace(/\s+/g, "")),
  async change() {
    if (form.new.value !== form.repeated.value) return say(t("The two are not the same."));
    await post("/api/v1/account/password", { current: form.password.value, new: form.new.value });
    arrive();
  },
};

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (send.disabled) return;
  send.disabled = true;
  say("");
  try {
    await ACTS[step]();
  } catch (refused) {
    if (!("status" in refused)) throw refused;
    say(reason(refused));
    byId({ password: "password", code: "code", change: "new-password" }[step]).select();
  } finally {
    send.disabled = false;
  }
});
back.addEventListener("click", () => show("password"));

const error = asked.get("error");
if (error) say(PROVIDER_ERRORS[error] ?? t("Signing in there did not work. Try again, or sign in with your password."));

// Without providers (or without an answer) there is the password.
const providers = await get("/api/v1/session/providers").then((said) => said.items ?? said, () => []);
part(form, "list").replaceChildren(...providers.map((provider) => {
  const start = new URL(provider.start_url, location.href);
  if (wanted()) start.searchParams.set("next", wanted());
  return element("li", {}, element("a", { href: start.href }, provider.name));
}));
hidden(byId("providers"), step !== "password" || !providers.length);
