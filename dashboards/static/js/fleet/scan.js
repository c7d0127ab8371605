// An agent looks around on its network: what it finds becomes proposals.
import { element } from "../dom.js";
import { t } from "../words.js";
import { post } from "../console/api.js";
import { ask } from "../desk/asking.js";
import { agentPath } from "./words.js";

const METHODS = [["mdns", "mDNS"], ["ssdp", "SSDP"], ["snmp", "SNMP"], ["pjlink", "PJLink"], ["mqtt", "MQTT"]];

export function scanDialog(own, done = (request) => location.assign(`/proposals?${new URLSearchParams({ school: own.group, node: own.node, request: request.id ?? "" })}`)) {
  const boxes = METHODS.map(([value, label]) => {
    const box = element("input", { type: "checkbox", value });
    box.checked = true;
    return element("label", { class: "check" }, box, label);
  });
  const chosen = () => boxes.map((label) => label.firstElementChild).filter((box) => box.checked).map((box) => box.value);
  return ask({
    title: t("Search the network for devices"), subject: `${own.group} / ${own.node}`, submit: t("Search"),
    fields: [{ name: "networks", label: t("Networks"), placeholder: "10.12.3.0/24", hint: t("Several with commas; empty: those the agent is in.") }],
    extra: [element("fieldset", { class: "openings" }, element("legend", {}, t("Ways to search")), element("div", { class: "opening" }, ...boxes))],
    async answer({ networks }) {
      const wanted = (networks ?? "").split(/[\s,;]+/).filter(Boolean);
      const request = await post(agentPath(own, "scan"), { methods: chosen(), ...(wanted.length ? { networks: wanted } : {}) });
      done(request);
    },
  });
}
