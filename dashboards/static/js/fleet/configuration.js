// An agent's configuration: the devices it is to look after, changed as text, and the versions before it.
import { byId, element, hidden, part } from "../dom.js";
import { NOTHING, moment, nt, t } from "../words.js";
import { call, get, post } from "../console/api.js";
import { kindName } from "../console/facts.js";
import { button } from "../console/listing.js";
import { ask } from "../desk/asking.js";
import { Section, once } from "../tech/section.js";
import { agentPath, configName } from "./words.js";

const VERSIONS = 20;

function parsed(text) {
  const devices = JSON.parse(text);
  if (!Array.isArray(devices)) throw new SyntaxError("not a list");
  return devices;
}

const deviceLine = (device) => element("div", { class: "line config-line" }, element("div", {}, element("b", {}, device.name || device.id), element("small", {}, " ", [kindName(device.kind), device.id].join(" · "))),
  element("div", { class: "num" }, device.room && device.room !== "-" ? t("room {room}", { room: device.room }) : NOTHING, element("small", {}, " ", device.options?.host ?? "")));

// own: { group, node }; agent() -> the agent as it is now; gives the sections that are refreshed with the page
export function configurationParts(own, { agent, may, changed }) {
  let present = null;
  const again = async () => {
    await Promise.all([configuration.refresh(), versions.refresh(), changed()]);
  };
  const configuration = new Section("configuration", {
    load: async () => ((await agent()).config?.wanted_version ? get(agentPath(own, "configuration")) : null),
    draw: once((said) => said, (said, body) => {
      present = said;
      if (!said) return void body.replaceChildren();
      const devices = said.content?.devices ?? [];
      body.replaceChildren(element("p", { class: "soft num" }, [said.version ? t("version {n}", { n: said.version }) : "", nt("{n} device", "{n} devices", devices.length)].filter(Boolean).join(" · ")), ...(devices.length ? [element("div", { class: "lines" }, ...devices.map(deviceLine))] : []));
    }),
    empty: () => t("The hub keeps no configuration of it: it runs on the file it was given."),
  });
  const versions = new Section("versions", {
    load: () => get(agentPath(own, "configurations"), { limit: VERSIONS }),
    draw: once(({ items }) => items, ({ items }, body) => body.replaceChildren(...items.map((version, i) => element("div", { class: "line version-line" }, element("b", { class: "num" }, version.version),
      element("div", {}, [version.by, moment(version.created_ms, Date.now())].filter(Boolean).join(" · "), element("small", {}, " ", [configName(version.state), version.detail, version.note].filter(Boolean).join(" · "))),
      ...(may && i > 0 ? [button(t("Go back to it"), "quiet", () => back(version.version))] : [element("span", {})]))))),
    empty: () => t("There is no version yet."),
  });
  const back = async (version) => {
    const done = await ask({ title: t("Go back to version {n}?", { n: version }), subject: t("It becomes a new version; the agent keeps the present one if it loses contact with it."), submit: t("Go back"), answer: () => post(agentPath(own, "configuration", "rollback"), { version }) });
    if (done) await again();
  };
  const change = async () => {
    const done = await ask({
      title: t("Change the configuration"), subject: t("The devices it looks after, as JSON. The agent goes back by itself if it loses contact after the change."), submit: t("Save as a new version"),
      fields: [{ name: "devices", label: t("Devices"), kind: "textarea", required: true, wide: true, value: JSON.stringify(present?.content?.devices ?? [], null, 2) }, { name: "note", label: t("Why"), most: 500, wide: true }],
      check({ devices }) {
        try {
          parsed(devices);
          return null;
        } catch (wrong) {
          return ["devices", t("This is no list in JSON: {why}", { why: wrong.message })];
        }
      },
      answer: ({ devices, note }) => call("PUT", agentPath(own, "configuration"), { ...present?.content, devices: parsed(devices), base_version: present?.version ?? 0, note: note ?? "" }),
    });
    if (done) await again();
  };
  const edit = part(byId("configuration"), "edit");
  hidden(edit, !may);
  edit.addEventListener("click", change);
  return [configuration, versions];
}
