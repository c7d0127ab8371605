// A dialog made when it is needed: a question with fields, an answer that is waited for, refusals where they belong.
import { element, hidden, text } from "../dom.js";
import { t } from "../words.js";
import { Fields } from "./fields.js";
import { refusal } from "./refusals.js";

let count = 0;

export function dialog(title, kind, ...content) {
  count += 1;
  const node = element("dialog", { class: kind, "aria-labelledby": `dialog-${count}` }, element("h2", { id: `dialog-${count}` }, title), ...content);
  const before = document.activeElement;
  node.addEventListener("close", () => {
    node.remove();
    if (before?.isConnected) before.focus();
  });
  document.body.append(node);
  node.showModal();
  return node;
}

export const closing = (label, kind = "quiet") => {
  const button = element("button", { type: "button", class: kind }, label);
  button.addEventListener("click", () => button.closest("dialog").close());
  return button;
};

// answer(values) -> what to give back; gives null if nothing was asked for in the end
export function ask({ title, subject = "", fields = [], submit, answer, kind = "", check = () => null, extra = [] }) {
  return new Promise((resolve) => {
    const form = new Fields(fields);
    const problem = element("p", { class: "problem", role: "alert", hidden: "" });
    const send = element("button", { type: "submit", class: kind === "grave" ? "grave" : "main" }, submit);
    const frame = element("form", { method: "dialog", novalidate: "" }, ...(subject ? [element("p", { class: "subject" }, subject)] : []), form.node, ...extra, problem,
      element("div", { class: "buttons" }, closing(t("Cancel")), send));
    let given = null;
    frame.addEventListener("submit", async (event) => {
      event.preventDefault();
      if (send.disabled || !form.complete()) return;
      send.disabled = true;
      hidden(problem, true);
      try {
        const values = form.values();
        const wrong = check(values);
        if (wrong) form.blame(...wrong);
        else {
          given = (await answer(values, form)) ?? true;
          node.close();
        }
      } catch (refused) {
        if (!("status" in refused)) throw refused;
        const words = fields.length ? form.refuse(refused) : refusal(refused);
        text(problem, words);
        hidden(problem, !words);
      } finally {
        send.disabled = false;
      }
    });
    const node = dialog(title, kind, frame);
    node.addEventListener("close", () => resolve(given));
    (form.node.querySelector("input, select, textarea") ?? send).focus();
  });
}
