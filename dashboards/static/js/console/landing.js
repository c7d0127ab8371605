// Open the doors that this visitor's permissions open.
import { hidden, text } from "../dom.js";
import { t } from "../words.js";
import { greet, visitor } from "./api.js";

const problem = document.getElementById("problem");
const who = await visitor(() => {
  text(problem, t("The hub did not answer. Trying again by itself."));
  hidden(problem, false);
});
hidden(problem, true);
greet(who);
text(document.getElementById("greeting"), t("Welcome, {name}", { name: who.name }));
const roles = new Set(who.grants.map((grant) => grant.role));
let open = 0;
for (const door of document.querySelectorAll("[data-needs]")) {
  const may = door.dataset.needs.split(" ").some((need) => who.permissions.includes(need)) && (!door.dataset.when || roles.has(door.dataset.when));
  hidden(door, !may);
  open += may;
}
hidden(document.getElementById("nowhere"), open > 0);
