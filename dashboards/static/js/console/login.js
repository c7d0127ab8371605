// Sign in and go where one was going; never to another site.
import { hidden, text } from "../dom.js";
import { nt, t } from "../words.js";
import { post } from "./api.js";

const form = document.getElementById("sign-in");
const problem = document.getElementById("problem");

function destination() {
  const wanted = new URL(new URLSearchParams(location.search).get("next") ?? "/", location.href);
  return wanted.origin === location.origin ? wanted.pathname + wanted.search + wanted.hash : "/";
}

const reason = (refused) =>
  refused.status === 401 || refused.status === 422 ? t("The user name or the password is wrong.")
    : refused.status === 429 ? nt("Too many tries. Wait {n} second.", "Too many tries. Wait {n} seconds.", Number(refused.document.retry_after_s ?? 30))
      : refused.status === 0 ? t("The hub did not answer.") : refused.message;

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = form.querySelector("button");
  button.disabled = true;
  hidden(problem, true);
  try {
    await post("/api/v1/session", { username: form.username.value, password: form.password.value });
    location.assign(destination());
  } catch (refused) {
    text(problem, reason(refused));
    hidden(problem, false);
    form.password.select();
  } finally {
    button.disabled = false;
  }
});
