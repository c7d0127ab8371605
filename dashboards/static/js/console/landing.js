// Open the doors that this visitor's permissions open.
import { hidden, text } from "../dom.js";
import { t } from "../words.js";
import { greet, visitor } from "./api.js";

try {
  const who = await visitor();
  greet(who);
  text(document.getElementById("greeting"), t("Welcome, {name}", { name: who.name }));
  const roles = new Set(who.grants.map((grant) => grant.role));
  let open = 0;
  for (const door of document.querySelectorAll("[data-needs]")) {
    const may = who.permissions.includes(door.dataset.needs) && (!door.dataset.when || roles.has(door.dataset.when));
    hidden(door, !may);
    open += may;
  }
  hidden(document.getElementById("nowhere"), open > 0);
} catch (problem) {
  const said = document.getElementById("problem");
  text(said, problem.status === 401 || problem.status === 403 ? t("Going to sign in…") : t("The hub did not answer."));
  hidden(said, false);
}
