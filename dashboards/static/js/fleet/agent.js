// One agent: how it is, what it answers when asked, its configuration and the versions before it, its devices.
import { byId, element, hidden, part, text } from "../dom.js";
import { nt, number, t } from "../words.js";
import { agedSince } from "../console/ages.js";
import { at, get, greet, post, visitor } from "../console/api.js";
import { present } from "../console/absent.js";
import { refusal } from "../desk/refusals.js";
import { roomDevice } from "../tech/room_device.js";
import { Section, every, once } from "../tech/section.js";
import { configurationParts } from "./configuration.js";
import { follow, requestCard, requestLine } from "./requests.js";
import { scanDialog } from "./scan.js";
import { WAITING_MANY, agentMark, agentPath, agentWhy, certificate, clockText, clockWrong, configMark, configName, fact, updateName, versionName } from "./words.js";

const REFRESH_MS = 4000;
const SLOW_MS = 10000;
const DEVICES = 200;
const REQUESTS = 30;
const [group, node] = location.pathname.split("/").slice(2).map(decodeURIComponent);
const own = { group, node };
let [who, asked] = [null, null];
const may = (permission) => who.permissions.includes(permission);
const detail = () => (asked ??= get(agentPath(own)).finally(() => setTimeout(() => (asked = null), 400)));

function head(agent) {
  byId("trail").replaceChildren(element("a", { href: "/agents" }, byId("trail").firstElementChild.textContent), element("a", { href: at("/tech/school", group) }, agent.school_name || group));
  byId("title").replaceChildren(element("h1", {}, node), agentMark(agent), element("p", {}, agentWhy(agent)), element("p", { class: "code" }, [versionName(agent), group].filter(Boolean).join(" · ")), ...(agent.problem ? [element("p", { class: "wrong" }, agent.problem)] : []));
  document.title = `${node} · ${agent.school_name || group}`;
}

const facts = new Section("facts", {
  load: detail,
  draw: once((agent) => agent, (agent, body) => {
    head(agent);
    const { config = {}, update } = agent;
    const ends = certificate(agent.certificate_end_ms);
    body.replaceChildren(element("dl", {}, fact(t("Last contact"), agent.last_contact_ms ? agedSince(agent.last_contact_ms, "ago") : t("never heard")), fact(t("Version"), [versionName(agent), update?.wanted && update.wanted !== agent.version ? `→ ${update.wanted} (${updateName(update.state)})` : ""].filter(Boolean).join(" ")),
      fact(t("Configuration"), element("span", { class: "marked" }, configMark(config.state), [configName(config.state), config.wanted_version ? t("version {reported} of {wanted}", { reported: config.reported_version ?? "–", wanted: config.wanted_version }) : ""].filter(Boolean).join(" · ")), ["refused", "rolled_back"].includes(config.state)),
      fact(t("Waiting in the outbox"), number(agent.outbox_depth), (agent.outbox_depth ?? 0) > WAITING_MANY), fact(t("Clock offset"), clockText(agent.clock_offset_ms), clockWrong(agent.clock_offset_ms)), fact(t("Certificate"), ends.words, ends.soon), fact(t("Problem"), agent.problem, Boolean(agent.problem))));
  }),
});
const devices = new Section("devices", {
  load: () => get("/api/v1/devices", { group, node, limit: DEVICES }),
  draw: once(({ items }) => items, ({ items, total }, body) => body.replaceChildren(...(items.length ? [element("p", { class: "soft num" }, nt("{n} device", "{n} devices", total ?? items.length)), ...items.map((device) => roomDevice(device))] : []))),
  empty: () => t("It has named no device yet."),
});
const requests = new Section("requests", {
  load: () => get(agentPath(own, "requests"), { limit: REQUESTS }),
  draw: once(({ items }) => items, ({ items }, body) => body.replaceChildren(...items.map(requestLine))),
  empty: () => t("Nothing was asked of it yet."),
});

// One question at a time, followed until it is answered.
async function diagnose(body) {
  const [answer, problem] = ["answer", "problem"].map((name) => part(byId("diagnose"), name));
  hidden(problem, true);
  const buttons = [...byId("diagnose").querySelectorAll("button")];
  buttons.forEach((button) => (button.disabled = true));
  try {
    const made = await post(agentPath(own, "diagnose"), body);
    const card = requestCard({ state: "queued", kind: "diagnose", what: body.what, created_ms: Date.now(), ...made });
    answer.replaceChildren(card);
    await follow(made.id, (request) => requestCard({ ...request, what: body.what }, card));
  } catch (refused) {
    text(problem, refusal(refused));
    hidden(problem, false);
  } finally {
    buttons.forEach((button) => (button.disabled = false));
    requests.refresh();
  }
}

function setUpDiagnosis(items) {
  byId("diagnose-device").replaceChildren(...items.map((device) => element("option", { value: device.device }, device.name ? `${device.name} · ${device.device}` : device.device)));
  byId("ask-log").addEventListener("submit", (event) => (event.preventDefault(), diagnose({ what: "log", lines: Number(byId("diagnose-lines").value) })));
  byId("ask-driver").addEventListener("submit", (event) => (event.preventDefault(), diagnose({ what: "driver", device: byId("diagnose-device").value })));
  byId("ask-network").addEventListener("submit", (event) => {
    event.preventDefault();
    const host = byId("diagnose-host").value.trim();
    diagnose({ what: "network", ...(host ? { host } : {}) });
  });
  hidden(byId("ask-driver"), !items.length);
  hidden(byId("diagnose"), false); // not before its forms are listened to: a press would reload the page
}

text(document.querySelector("#title h1"), node);
const away = (problem) => [facts, devices, requests].forEach((one) => one.fail(problem));
who = await visitor(() => away({ status: 0 }));
greet(who);
head(await present(detail, away, node, [["/agents", t("Agents")]]));
const configuration = configurationParts(own, { agent: detail, may: may("agents.write"), changed: () => facts.refresh() });
hidden(byId("scan"), !may("agents.write"));
byId("scan").addEventListener("click", () => scanDialog(own));
hidden(byId("certificates"), !may("registry.claim"));
byId("certificates").href = `/enrolment?${new URLSearchParams({ school: group, node })}`;
byId("proposals").href = `/proposals?${new URLSearchParams({ school: group, node })}`;
const slow = () => Promise.all([devices, requests, ...configuration].map((one) => one.refresh()));
await Promise.all([facts.refresh(), slow()]);
if (may("agents.write")) setUpDiagnosis((await get("/api/v1/devices", { group, node, limit: DEVICES }).catch(() => ({ items: [] }))).items);
every(REFRESH_MS, () => facts.refresh());
every(SLOW_MS, slow);
