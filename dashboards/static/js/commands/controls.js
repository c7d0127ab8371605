// Controls of a device made from its kind's commands: a press for each value, a number within its limits, or text.
import { element, hidden, text } from "../dom.js";
import { t } from "../words.js";
import { button } from "../console/listing.js";
import { ask } from "../desk/asking.js";
import { refusal } from "../desk/refusals.js";
import { commandsOf, valueWord } from "./words.js";

const MOST_BUTTONS = 4;

const bounds = ({ low, high }) => (low === null && high === null ? "" : t("{low} to {high}", { low: low ?? "…", high: high ?? "…" }));

function chooser(command, kind, send) {
  if (command.values && command.values.length <= MOST_BUTTONS) {
    const nodes = command.values.map((value) => {
      const node = button(valueWord(value, kind, command.metric, command.unit), "", () => send(value));
      node.dataset.value = JSON.stringify(value);
      return node;
    });
    return element("div", { class: "switch", role: "group", "aria-label": command.label }, ...nodes);
  }
  const input = command.values
    ? element("select", { "aria-label": command.label }, ...command.values.map((value) => element("option", { value: JSON.stringify(value) }, valueWord(value, kind, command.metric, command.unit))))
    : element("input", command.type === "number" ? { type: "number", min: command.low, max: command.high, step: command.decimals ? "any" : 1, inputmode: "decimal", required: "", "aria-label": command.label } : { type: "text", maxlength: 200, required: "", autocomplete: "off", "aria-label": command.label });
  const form = element("form", { class: "set" }, input, ...(command.unit ? [element("span", { class: "soft" }, command.unit)] : []), element("button", { type: "submit", class: "quiet" }, t("Set")), element("small", { class: "soft num" }, command.values ? "" : bounds(command)));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send(command.values ? JSON.parse(input.value) : command.type === "number" ? Number(input.value) : input.value);
  });
  return form;
}

// send(command, value) -> promise; sent(): one more is on its way. mark(observed values by metric) shows what holds now.
export function controls(kind, { send, sent, called }) {
  const rows = commandsOf(kind).map((command) => {
    const problem = element("p", { class: "wrong-here", role: "alert", hidden: "" });
    const act = async (value) => {
      hidden(problem, true);
      const subject = [called, `${command.label}: ${valueWord(value, kind, command.metric, command.unit)}`].join(" · ");
      try {
        if (command.disruptive.includes(value)) {
          if (!(await ask({ title: t("Send this command?"), subject, submit: t("Send"), kind: "grave", extra: [element("p", { class: "soft" }, t("It takes something from people who may be at work there."))], answer: () => send(command, value) }))) return;
        } else await send(command, value);
        sent();
      } catch (refused) {
        text(problem, refusal(refused));
        hidden(problem, false);
      }
    };
    const choice = chooser(command, kind, act);
    return Object.assign(element("div", { class: "control" }, element("span", { class: "label" }, command.label), choice, problem), { command, choice });
  });
  const node = element("div", { class: "controls" }, ...rows);
  const mark = (observed) => {
    for (const { command, choice } of rows) {
      const now = JSON.stringify(observed[command.metric]);
      for (const one of choice.querySelectorAll("[data-value]")) one.setAttribute("aria-pressed", String(one.dataset.value === now));
      const input = choice.querySelector("input, select");
      if (!input || input === document.activeElement || input.dataset.touched || observed[command.metric] === undefined || observed[command.metric] === null) continue;
      const known = command.values ? command.values.some((value) => JSON.stringify(value) === now) : true;
      if (known) input.value = command.values ? now : observed[command.metric];
    }
  };
  node.addEventListener("input", (event) => (event.target.dataset.touched = "true"));
  node.addEventListener("submit", (event) => delete event.target.querySelector("input, select")?.dataset.touched);
  return { node, mark, some: rows.length > 0 };
}
