// Refusals in the visitor's language: some by what kind of problem it is, all others in the hub's own words.
import { t } from "../words.js";

const KINDS = () => ({
  "not-found": t("This is not there, or you may not see it."), "not-authenticated": t("You are no longer signed in. Sign in again."),
  "second-factor-required": t("A code of the second factor is needed."), "wrong-code": t("The code is wrong or was used already."),
});

export const kindOf = (problem) => (problem.document?.type ?? "").split("/").pop();

export function refusal(problem) {
  if (!("status" in problem)) throw problem; // a fault of this page, not of the hub
  return KINDS()[kindOf(problem)] ?? problem.message;
}
