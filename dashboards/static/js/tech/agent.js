// The edge node behind a device: is it there, what waits in its outbox, does its clock go right.
import { element } from "../dom.js";
import { NOTHING, age, number, t } from "../words.js";
import { agedSince } from "../console/ages.js";
import { presenceMark, why } from "../console/facts.js";
import { Section } from "./section.js";

const CLOCK_WRONG_MS = 5000;
const WAITING_MANY = 1000;

const fact = (label, value, bad = false) => element("div", { class: bad ? "fact wrong" : "fact" }, element("dt", {}, label), element("dd", { class: "num" }, value));
const signed = (ms) => (typeof ms === "number" ? (Math.abs(ms) < 10000 ? t("{n} ms", { n: number(ms) }) : (ms < 0 ? "−" : "") + age(Math.abs(ms))) : NOTHING);

export const agentPart = (load) => new Section("agent", {
  load,
  draw({ agent }, body) {
    if (!agent) return false;
    const { outbox = null, presence } = agent;
    const waiting = outbox?.unacknowledged;
    body.replaceChildren(element("dl", {},
      fact(t("Edge node"), agent.node),
      fact(t("Presence"), element("span", {}, presenceMark(presence), " ", why(presence)), presence?.state === "dead"),
      fact(t("Last heard"), agent.last_heard_ms ? agedSince(agent.last_heard_ms, "ago") : NOTHING),
      fact(t("Software"), agent.software || NOTHING),
      fact(t("Outbox position"), number(outbox?.position)),
      fact(t("Stored by the hub"), number(outbox?.stored)),
      fact(t("Waiting in the outbox"), number(waiting), waiting > WAITING_MANY),
      fact(t("Declared lost"), number(outbox?.lost), outbox?.lost > 0),
      fact(t("Clock offset"), signed(agent.clock_offset_ms)),
      fact(t("Clock error"), signed(agent.skew_ms), Math.abs(agent.skew_ms ?? 0) > CLOCK_WRONG_MS)));
    if (!outbox) body.append(element("p", { class: "soft" }, t("This edge node has no outbox of ours: what is lost on the way stays lost.")));
    return true;
  },
  empty: () => t("The hub says nothing about its edge node."),
});
