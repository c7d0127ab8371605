// Commands of one device: what it can be told, what it was told, and what became of each.
import { byId, element, hidden, part, text } from "../dom.js";
import { nt, t } from "../words.js";
import { at, get, post } from "../console/api.js";
import { button } from "../console/listing.js";
import { refusal } from "../desk/refusals.js";
import { Section } from "../tech/section.js";
import { controls } from "./controls.js";
import { commandLabel, commandMark, commandState, hasEnded, life, sentBy, unitOf, valueWord, whyNot } from "./words.js";

const SHOWN = 8;
const MOST = 100;
const FOLLOW_MS = 500;
const FOLLOW_FOR_MS = 120000;

// An idempotency key: the same press sent twice over a bad line is one command.
const key = () => [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");

// One command as a line; act(): something was done to it
export function commandLine(command, kind, { may = false, place = null, changed = () => {} } = {}) {
  const said = element("small", { class: "error", role: "status" });
  const cancel = async () => {
    try {
      await post(at("/api/v1/commands", command.id, "cancel"), {});
      changed();
    } catch (problem) {
      text(said, refusal(problem));
    }
  };
  const why = whyNot(command);
  return element("article", { class: `line command-line ${command.state}`, "data-command": command.id }, commandMark(command.state),
    element("div", {}, ...(place ? [place, " "] : []), element("b", {}, commandLabel(command, kind)), ": ", valueWord(command.value, kind, command.metric, unitOf(command, kind)), ...(hasEnded(command) && command.state !== "succeeded" ? [element("p", { class: "why" }, [commandState(command.state), why].filter(Boolean).join(" – "))] : []),
      element("small", { class: "by" }, sentBy(command), command.tries > 1 ? " · " + nt("sent {n} time", "sent {n} times", command.tries) : ""), said),
    ...(may && command.state === "queued" ? [button(t("Cancel"), "quiet", cancel)] : [element("span", {})]), life(command));
}

export class DeviceCommands {
  // device() -> the device as it is now; may: whether the visitor may send; changed(): the device may say something new
  constructor(id, { may, changed }) {
    this.path = at("/api/v1/devices", id.group, id.node, id.device, "commands");
    Object.assign(this, { may, changed, wide: false, followUntilMs: 0 });
    this.lines = new Map();
    this.section = new Section("commands", {
      load: () => get(this.path, { limit: this.wide ? MOST : SHOWN }),
      draw: (page) => this.draw(page),
      empty: () => (this.controls?.some && this.may ? "" : t("Nothing was asked of it yet.")),
    });
    this.list = element("div", { class: "lines" });
    this.more = button(t("Show more"), "quiet", () => {
      this.wide = true;
      this.section.refresh();
    });
  }

  // The kind is known once the device is: its controls stay the same nodes from then on.
  setUp(device) {
    if (this.controls) return;
    this.kind = device.kind;
    this.controls = controls(device.kind, { called: device.name || device.device, send: (command, value) => post(this.path, { command: command.name, value, client_id: key() }), sent: () => this.follow() });
    if (this.may && this.controls.some) part(byId("commands"), "controls").replaceChildren(this.controls.node);
  }

  mark(device) {
    this.controls?.mark(Object.fromEntries((device.metrics ?? []).map((metric) => [metric.name, metric.value])));
  }

  draw({ items, next_cursor: more }) {
    const before = this.lines;
    this.lines = new Map(items.map((command) => {
      const print = JSON.stringify(command);
      const old = before.get(command.id);
      return [command.id, old?.print === print ? old : { print, node: commandLine(command, this.kind, { may: this.may, changed: () => this.follow() }) }];
    }));
    const nodes = [...this.lines.values()].map((line) => line.node);
    if (nodes.length !== this.list.children.length || nodes.some((node, i) => node !== this.list.children[i])) this.list.replaceChildren(...nodes);
    hidden(this.more, !more || this.wide);
    if (!this.list.isConnected) this.section.body.append(this.list, this.more);
    this.open = items.some((command) => !hasEnded(command));
    return items.length > 0;
  }

  refresh() {
    return this.section.refresh();
  }

  // While one is on its way it is asked after more often than otherwise.
  async follow() {
    const running = this.followUntilMs > Date.now();
    this.followUntilMs = Date.now() + FOLLOW_FOR_MS;
    if (running) return;
    do {
      await this.refresh();
      await this.changed();
      await new Promise((resume) => setTimeout(resume, FOLLOW_MS));
    } while (this.open && Date.now() < this.followUntilMs);
    this.followUntilMs = 0;
    await this.refresh();
  }
}
