// All agents one may see: what is wrong with which, their versions and how they stand to what is wanted.
import { byId, element, hidden, text } from "../dom.js";
import { NOTHING, nt, number, t } from "../words.js";
import { agedSince } from "../console/ages.js";
import { get, greet, visitor } from "../console/api.js";
import { Listing } from "../console/listing.js";
import { Filters } from "../desk/filters.js";
import { every } from "../tech/section.js";
import { CONFIG_STATES, WAITING_MANY, agentAddress, agentMark, agentWhy, certificate, clockText, clockWrong, configMark, configName, updateName, versionName } from "./words.js";

const REFRESH_MS = 5000;

const warn = (wrong, words) => element("span", { class: wrong ? "wrong" : "" }, words);

function row(agent) {
  const ends = certificate(agent.certificate_end_ms);
  const { config = {}, update } = agent;
  const node = element("article", { class: "row fleet", tabindex: "-1" }, agentMark(agent),
    element("div", {}, element("b", {}, element("a", { href: agentAddress(agent) }, agent.node)), element("small", {}, [agent.school_name || agent.group, nt("{n} device", "{n} devices", agent.devices ?? 0)].join(" · "))),
    element("div", {}, agentWhy(agent), agent.last_contact_ms ? agedSince(agent.last_contact_ms, "ago") : element("small", {}, t("never heard"))),
    element("div", {}, element("span", { class: "num" }, versionName(agent)), element("small", {}, update?.wanted && update.wanted !== agent.version ? t("update to {version}: {state}", { version: update.wanted, state: updateName(update.state) }) : "")),
    element("div", {}, element("span", { class: "marked" }, configMark(config.state), configName(config.state)), element("small", { class: "num" }, config.wanted_version ? t("version {reported} of {wanted}", { reported: config.reported_version ?? NOTHING, wanted: config.wanted_version }) : "")),
    element("div", { class: "num" }, warn((agent.outbox_depth ?? 0) > WAITING_MANY, agent.outbox_depth === null || agent.outbox_depth === undefined ? NOTHING : nt("{n} waiting", "{n} waiting", agent.outbox_depth)), element("small", {}, t("clock"), " ", warn(clockWrong(agent.clock_offset_ms), clockText(agent.clock_offset_ms)))),
    element("div", { class: "num" }, warn(ends.soon, ends.words), agent.problem ? element("small", { class: "wrong" }, agent.problem) : element("small", {}, t("Certificate"))));
  node.addEventListener("click", (event) => !event.target.closest("a") && !getSelection().toString() && location.assign(agentAddress(agent)));
  return node;
}

const filters = new Filters(byId("filters"), { changed: () => listing.reset(), more: ["school"] });
const listing = new Listing("agents", {
  load: (cursor) => get("/api/v1/agents", { ...filters.wanted, cursor, limit: 100 }),
  row, key: (agent) => `${agent.group}/${agent.node}`,
  empty: () => (Object.values(filters.wanted).some(Boolean) ? t("No agent fits. Take a filter away.") : t("No agent has been heard yet. Make a code under Enrolment, and start one with it.")),
  counted: (count, more) => text(byId("counted"), nt("{n} agent", "{n} agents", count) + (more ? "+" : "")),
  keyed(event, node) {
    if (event.key !== "Enter" || event.target !== node) return false;
    location.assign(node.querySelector("a").href);
    return true;
  },
});

byId("config").append(...CONFIG_STATES.map((state) => element("option", { value: state }, configName(state))));
filters.show();
const who = await visitor(() => listing.say("failed", t("The hub did not answer.")));
greet(who);
for (const link of document.querySelectorAll(".deeds [data-needs]")) hidden(link, !who.permissions.includes(link.dataset.needs));
await listing.reset();
every(REFRESH_MS, () => listing.refresh());
