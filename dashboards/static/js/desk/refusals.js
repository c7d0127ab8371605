// Refusals in the visitor's language: by what kind of problem it is, else in the hub's own words.
import { t } from "../words.js";

const KINDS = () => ({
  "not-found": t("This is not there, or you may not see it."), "not-permitted": t("You may not do this."), "not-authenticated": t("You are no longer signed in. Sign in again."),
  "second-factor-required": t("A code of the second factor is needed."), "wrong-code": t("The code is wrong or was used already."), "weak-password": t("This password is too easy to guess. Take a longer one."),
  "password-change-required": t("Change the temporary password first."), "too-many-requests": t("Too many tries. Wait a moment."), unavailable: t("A part of the hub is not available. Try again soon."), "internal-error": t("Something went wrong inside the hub."),
});

export const kindOf = (problem) => (problem.document?.type ?? "").split("/").pop();

export function refusal(problem) {
  if (!("status" in problem)) throw problem; // a fault of this page, not of the hub
  if (problem.status === 0) return t("The hub did not answer.");
  return KINDS()[kindOf(problem)] ?? [problem.message, problem.document?.fix].filter(Boolean).join(" – ");
}
