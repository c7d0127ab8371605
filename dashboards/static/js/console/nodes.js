// Edge nodes: what is heard from whom, and giving a stranger a place.
import { byId, element } from "../dom.js";
import { NOTHING, language, number, t } from "../words.js";
import { agedSince } from "./ages.js";
import { get, post } from "./api.js";
import { Question } from "./dialog.js";
import { Listing, button } from "./listing.js";

const presences = () => ({ born: t("Online"), stale: t("Silent"), dead: t("Offline") });
const reasons = () => ({
  birth: "", silence: t("no message for too long"), will: t("connection lost without goodbye"), node_death: t("signed off"), death: t("signed off"),
  device_death: t("device does not answer"), hub_restart: t("not heard since the hub started"), no_route: t("no route"), refused: t("connection refused"),
  auth_failed: t("wrong credentials"), timeout: t("timed out"), protocol_error: t("protocol error"), powered_off: t("powered off"), unplugged: t("unplugged"),
});
const qualities = () => ({ stale: t("old value"), bad: t("doubtful") });
const shapes = { born: "ok", stale: "minor", dead: "offline" };

const vocabulary = JSON.parse(byId("vocabulary").textContent);

function shown({ value, unit }, words) {
  if (value === null || value === undefined) return NOTHING;
  const state = words?.states?.[typeof value === "boolean" ? (value ? "True" : "False") : value];
  if (state) return state;
  if (typeof value === "boolean") return value ? t("yes") : t("no");
  if (value === "") return t("none");
  const said = typeof value === "number" ? number(value, words?.decimals ?? (Number.isInteger(value) ? 0 : 2)) : String(value);
  return unit ? `${said} ${unit}` : said;
}

// The mirror keys metrics by name, the API lists them: both read alike.
const listed = (metrics) => (Array.isArray(metrics) ? metrics : Object.entries(metrics ?? {}).map(([name, metric]) => ({ name, ...metric })))
  .sort((a, b) => a.name.localeCompare(b.name, language));

export function nodeList(who, schoolName, schools, counted) {
  const may = who.permissions.includes("registry.claim");
  const question = new Question("claim");
  const claimed = byId("node-claimed");
  byId("claim-schools").replaceChildren(...[...schools].map(([code, name]) => element("option", { value: code }, name)));

  const claim = (node) => question.ask(`${node.group} / ${node.node}`, async () => {
    await post(`/api/v1/nodes/${encodeURIComponent(node.group)}/${encodeURIComponent(node.node)}/claim`,
      { school: byId("claim-school").value.trim(), room: byId("claim-room").value.trim() });
    await listing.refresh();
  });

  async function values(node, into) {
    const { items } = await get("/api/v1/devices", { group: node.group, node: node.node, limit: 100 });
    const parts = [];
    for (const device of [{ device: t("Edge node itself"), metrics: node.metrics }, ...items.filter((item) => item.device)]) {
      let { metrics } = device;
      if (metrics === undefined && device.node)
        ({ metrics } = await get(`/api/v1/devices/${[node.group, node.node, device.device].map(encodeURIComponent).join("/")}`));
      const rows = listed(metrics).map((metric) => {
        const words = vocabulary[device.kind]?.metrics[metric.name];
        const doubtful = metric.quality && metric.quality !== "good";
        return element("p", { class: doubtful ? "bad" : "" }, words?.label ?? metric.name,
          element("b", {}, shown(metric, words), ...(doubtful ? [` · ${qualities()[metric.quality] ?? metric.quality}`] : [])));
      });
      if (rows.length) parts.push(element("h3", {}, device.name || device.device), ...rows);
    }
    into.replaceChildren(...(parts.length ? parts : [t("No values.")]));
  }

  const row = (node, old) => {
    const presence = node.presence ?? {};
    const open = Boolean(old?.querySelector(".values"));
    const made = element("article", { class: "row node" },
      element("i", { class: `shape ${shapes[presence.state] ?? "unknown"}`, role: "img", "aria-label": presences()[presence.state] ?? "" }),
      element("div", {}, element("b", {}, node.node), element("small", {}, [node.group, node.software].filter(Boolean).join(" · "))),
      element("div", {}, node.claimed ? schoolName(node.school) : t("Unclaimed"), element("small", {}, node.claimed && node.room && node.room !== "-" ? t("room {room}", { room: node.room }) : "")),
      element("div", {}, [presences()[presence.state] ?? NOTHING, reasons()[presence.reason] ?? presence.reason].filter(Boolean).join(" · "),
        agedSince(presence.since_ms, "for")));
    const unfold = async () => {
      const there = made.querySelector(".values");
      if (there) return there.remove();
      const into = element("div", { class: "values" }, t("Loading…"));
      made.append(into);
      await values(node, into).catch((problem) => into.replaceChildren(problem.message));
    };
    made.append(element("div", { class: "acts" }, button(t("Values"), "quiet", unfold), ...(may && !node.claimed ? [button(t("Claim"), "main", () => claim(node))] : [])));
    if (open) unfold();
    return made;
  };

  const listing = new Listing("nodes", {
    load: (cursor) => get("/api/v1/nodes", { claimed: claimed.value, cursor, limit: 100 }),
    row, key: (node) => `${node.group}/${node.node}`, counted, empty: () => (claimed.value ? t("No unclaimed nodes.") : t("No nodes heard yet.")),
  });
  claimed.addEventListener("change", () => listing.reset());
  return listing;
}
