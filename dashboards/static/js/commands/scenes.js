// One-touch scenes of a room: a press, a bar that goes on, and what became of each device.
import { element, hidden, text } from "../dom.js";
import { nt, said, t } from "../words.js";
import { at, call, get, post } from "../console/api.js";
import { kindName } from "../console/facts.js";
import { button } from "../console/listing.js";
import { refusal } from "../desk/refusals.js";
import { Section, once } from "../tech/section.js";
import { commandLine } from "./device_commands.js";
import { batchEnded, batchFigures, batchState, followBatch, progressBar } from "./progress.js";
import { commandsOf, deviceOf, valueWord } from "./words.js";

const stepWords = ({ kind, command, value }) => {
  const known = commandsOf(kind).find((one) => one.name === command);
  return `${kindName(kind)}: ${known ? `${known.label} – ${valueWord(value, kind, known.metric, known.unit)}` : `${command} ${value}`}`;
};

// devices(): the room's devices, to call each result by its device's name; changed(): the room may look different
export function scenesPart({ school, room }, { devices, changed, manage = false }) {
  let busy = false;
  const run = element("div", { class: "scene-run", role: "status" });
  const problem = element("p", { class: "problem", role: "alert", hidden: "" });
  const lines = new Map();

  const nameOf = (command) => element("a", { href: deviceOf(command) }, devices().find((one) => one.device === command.device && one.node === command.node)?.name ?? command.name ?? command.device);
  function results(commands) {
    const nodes = commands.map((command) => {
      const print = JSON.stringify(command);
      const old = lines.get(command.id);
      const line = old?.print === print ? old : { print, node: commandLine(command, command.kind, { place: nameOf(command) }) };
      lines.set(command.id, line);
      return line.node;
    });
    return element("div", { class: "lines" }, ...nodes);
  }
  function show(scene, batch, commands) {
    run.replaceChildren(element("p", { class: "state-line" }, element("b", {}, said(scene, "name")), " ", batchState(batch), element("small", { class: "num" }, batchFigures(batch))), progressBar(batch), results(commands.length ? commands : batch.failures ?? []),
      element("p", { class: "buttons" }, ...(batchEnded(batch) ? [] : [button(t("Stop"), "quiet", () => post(at("/api/v1/commands/groups", batch.id, "cancel"), {}).catch(refuse))]), element("a", { href: at("/commands", batch.id) }, t("All about it"))));
  }
  function refuse(refused) {
    text(problem, refusal(refused));
    hidden(problem, false);
  }
  // the commands of a room, as far as the hub lists them
  const commandsIn = (batch) => get(at("/api/v1/commands/groups", batch.id, "commands"), { limit: 200 }).then(({ items }) => items, () => []);

  async function touch(scene) {
    if (busy) return;
    busy = true;
    hidden(problem, true);
    const pressed = [...section.root.querySelectorAll(".scene")];
    pressed.forEach((node) => (node.disabled = true));
    try {
      const batch = await post(at("/api/v1/rooms", school, room, "scenes", scene.id), {});
      show(scene, batch, []);
      await followBatch(batch, async (now) => show(scene, now, await commandsIn(batch)));
      show(scene, await get(at("/api/v1/commands/groups", batch.id)), await commandsIn(batch));
    } catch (refused) {
      if (!("status" in refused)) throw refused;
      refuse(refused);
    } finally {
      busy = false;
      pressed.forEach((node) => (node.disabled = false));
      changed();
    }
  }
  const away = async (scene) => {
    await call("DELETE", at("/api/v1/scenes", scene.id)).catch(refuse);
    section.refresh();
  };

  const section = new Section("scenes", {
    load: () => get("/api/v1/scenes", { school, room }),
    draw: once(({ items }) => items, ({ items }, body) => {
      body.replaceChildren(...(items.length ? [element("div", { class: "scenes" }, ...items.map((scene) => {
        const node = button("", "scene", () => touch(scene));
        node.append(element("b", {}, said(scene, "name")), element("small", {}, nt("{n} step", "{n} steps", scene.steps.length)));
        node.title = scene.steps.map(stepWords).join("\n");
        if (!manage || scene.school === null) return node;
        const remove = button("×", "away-scene", () => away(scene));
        remove.setAttribute("aria-label", t("Delete the scene {name}", { name: said(scene, "name") }));
        return element("span", { class: "own-scene" }, node, remove);
      }))] : []), problem, run);
      return items.length > 0;
    }),
    empty: () => t("No scene for this room."),
  });
  return section;
}
