// One command to all devices of a kind in a place: chosen, counted before it is sent, then followed.
import { element, hidden, text } from "../dom.js";
import { nt, t } from "../words.js";
import { at, post } from "../console/api.js";
import { kindName, vocabulary } from "../console/facts.js";
import { closing, dialog } from "../desk/asking.js";
import { refusal } from "../desk/refusals.js";
import { roomType } from "../school/rooms.js";
import { commandsOf, valueWord } from "./words.js";

const ROOM_TYPES = ["smart_classroom", "simulation_lab", "computer_lab", "vr_ar_room", "subject_room", "conference_room", "library", "hall", "classroom", "other"];
const COUNT_AFTER_MS = 150;
const EXPIRES_S = 120;
let count = 0;

const labelled = (label, node) => {
  count += 1;
  node.id = `group-${count}`;
  return element("div", { class: "field" }, element("label", { for: node.id }, label), node);
};
const select = (options) => element("select", {}, ...options.map(([value, label]) => element("option", { value }, label)));

function valueField(command, kind) {
  if (command.values) return select(command.values.map((value) => [JSON.stringify(value), valueWord(value, kind, command.metric, command.unit)]));
  return command.type === "number" ? element("input", { type: "number", min: command.low, max: command.high, step: command.decimals ? "any" : 1, required: "", value: command.low ?? 0 }) : element("input", { type: "text", maxlength: 200, required: "" });
}

// scope: { unit } or { school, room? }; where: what that place is called; begun(batch)
export function groupDialog(scope, where, begun = (batch) => location.assign(at("/commands", batch.id))) {
  const kinds = Object.keys(vocabulary).filter((kind) => commandsOf(kind).length).sort((a, b) => kindName(a).localeCompare(kindName(b)));
  const kind = select(kinds.map((one) => [one, kindName(one)]));
  const command = element("select", {});
  const roomKind = select([["", t("all rooms")], ...ROOM_TYPES.map((type) => [type, roomType(type)])]);
  const [rate, abort] = [element("input", { type: "number", min: 1, max: 1000, value: 50, required: "" }), element("input", { type: "number", min: 1, max: 100, value: 20, required: "" })];
  const valuePlace = element("div", { class: "field" });
  const counted = element("p", { class: "counted-devices", role: "status" });
  const warning = element("p", { class: "soft warning", hidden: "" }, t("It takes something from people who may be at work there."));
  const problem = element("p", { class: "problem", role: "alert", hidden: "" });
  const send = element("button", { type: "submit", class: "main" }, t("Send"));
  let [value, asked, timer] = [null, 0, null];

  const chosen = () => commandsOf(kind.value).find((one) => one.name === command.value);
  const said = () => (chosen().values ? JSON.parse(value.value) : chosen().type === "number" ? Number(value.value) : value.value);
  const body = () => ({ scope: { ...scope, ...(roomKind.value ? { room_type: roomKind.value } : {}) }, kind: kind.value, command: command.value, value: said(), rate_per_s: Number(rate.value), abort_percent: Number(abort.value), expires_s: EXPIRES_S });
  const refuse = (refused) => {
    text(problem, refusal(refused));
    hidden(problem, false);
  };

  async function tally() {
    const mine = ++asked;
    send.disabled = true;
    hidden(problem, true);
    if (!form.checkValidity()) return text(counted, "");
    text(counted, t("Counting…"));
    try {
      const { total } = await post("/api/v1/commands/groups", { ...body(), dry_run: true });
      if (mine !== asked) return undefined;
      text(counted, total ? nt("It goes to {n} device.", "It goes to {n} devices.", total) : t("No such device is there."));
      send.disabled = !total;
      text(send, total ? nt("Send to {n} device", "Send to {n} devices", total) : t("Send"));
    } catch (refused) {
      if (mine !== asked) return undefined;
      text(counted, "");
      refuse(refused);
    }
    return undefined;
  }
  const later = () => {
    const grave = value && form.checkValidity() && chosen().disruptive.includes(said());
    hidden(warning, !grave);
    send.className = grave ? "grave" : "main";
    clearTimeout(timer);
    timer = setTimeout(tally, COUNT_AFTER_MS);
  };
  const newCommand = () => {
    value = valueField(chosen(), kind.value);
    valuePlace.replaceChildren(...labelled(t("Value"), value).childNodes);
    later();
  };
  const newKind = () => {
    command.replaceChildren(...commandsOf(kind.value).map((one) => element("option", { value: one.name }, one.label)));
    newCommand();
  };
  const form = element("form", { method: "dialog" }, element("p", { class: "subject" }, where),
    element("div", { class: "fields" }, labelled(t("Kind"), kind), labelled(t("Command"), command), valuePlace, ...(scope.room ? [] : [labelled(t("Rooms"), roomKind)]), labelled(t("At most per second"), rate), labelled(t("Stop when more fail than (%)"), abort)),
    counted, warning, problem, element("div", { class: "buttons" }, closing(t("Cancel")), send));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    send.disabled = true;
    try {
      const batch = await post("/api/v1/commands/groups", body());
      node.close();
      begun(batch);
    } catch (refused) {
      refuse(refused);
      send.disabled = false;
    }
  });
  kind.addEventListener("change", newKind);
  command.addEventListener("change", newCommand);
  form.addEventListener("input", (event) => ![kind, command].includes(event.target) && later());
  const node = dialog(t("Command to many devices"), "wide", form);
  newKind();
  kind.focus();
}
