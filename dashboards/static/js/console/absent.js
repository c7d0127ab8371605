// What an address names is not there: the page says so, instead of standing empty.
import { element } from "../dom.js";
import { t } from "../words.js";

const SAID = { 403: t("You may not see this."), 404: t("This is not there, or you may not see it.") };

// ways: [[address, label]]
export function absent(name, ways = [], status = 404) {
  document.querySelector("main").replaceChildren(element("section", { class: "absent", role: "alert" }, element("h1", {}, name), element("p", { class: "soft" }, SAID[status] ?? SAID[404]),
    element("p", { class: "soft" }, t("The address may be mistyped, or what it led to is no longer there.")),
    element("p", { class: "ways" }, ...[...ways, ["/", t("To the start page")]].map(([href, label]) => element("a", { href }, label)))));
  document.title = name;
}

// A page for others: nothing to fill in or to press, but whom to ask. Nothing more happens on it.
export function forbidden() {
  document.querySelector("main").replaceChildren(element("section", { class: "absent", role: "alert" }, element("h1", {}, t("This page is not for your role")),
    element("p", { class: "soft" }, t("Whoever looks after accounts at your school or at the department can give you the role that it needs.")),
    element("p", { class: "ways" }, element("a", { href: "/account" }, t("What your roles are")), element("a", { href: "/" }, t("To the start page")))));
  return new Promise(() => {});
}

// What a page is about, asked for until the hub answers; if it is not there, nothing more happens on this page.
export async function present(load, waiting, name, ways) {
  for (;;) {
    try {
      return await load();
    } catch (problem) {
      if (!("status" in problem)) throw problem;
      if (problem.status === 404 || problem.status === 403 || problem.status === 422) {
        absent(name, ways, problem.status);
        return new Promise(() => {});
      }
      waiting(problem);
      await new Promise((resume) => setTimeout(resume, 3000 + Math.random() * 3000));
    }
  }
}
