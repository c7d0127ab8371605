// Edge nodes with their devices: what is heard from whom, and giving a stranger a place.
import { byId, element, hidden } from "../dom.js";
import { nt, number, t } from "../words.js";
import { agedSince } from "./ages.js";
import { get, post } from "./api.js";
import { Question } from "./dialog.js";
import { listed, presenceMark as state, qualityName, shown, vocabulary, why } from "./facts.js";
import { icon } from "./icons.js";
import { Listing, button } from "./listing.js";

const DEVICES = 100;

export function nodeList(who, schoolName, schools, counted) {
  const may = who.permissions.includes("registry.claim");
  const question = new Question("claim");
  const claimed = byId("node-claimed");
  byId("claim-schools").replaceChildren(...[...schools].map(([code, name]) => element("option", { value: code }, name)));

  const claim = (node) => question.ask(`${node.group} / ${node.node}`, async () => {
    await post(`/api/v1/nodes/${encodeURIComponent(node.group)}/${encodeURIComponent(node.node)}/claim`,
      { school: byId("claim-school").value.trim(), room: byId("claim-room").value.trim() });
    await listing.refresh();
  }, () => listing.focus(`${node.group}/${node.node}`));

  // Details stay as they were opened while everything around them is drawn anew.
  const unfolded = new Set();
  const details = new Map();

  const fact = (metric, kind, present = true) => {
    const words = vocabulary[kind]?.metrics[metric.name];
    const doubtful = metric.quality && metric.quality !== "good";
    return element("p", { class: [metric.severity ?? "", doubtful ? "bad" : ""].join(" ").trim() }, words?.label ?? metric.name,
      element("b", {}, shown(metric, words), ...(doubtful && present ? [` · ${qualityName(metric.quality)}`] : [])));
  };

  const address = (device) => `/api/v1/devices/${[device.group, device.node, device.device].map(encodeURIComponent).join("/")}`;
  const facts = (metrics, kind) => listed(metrics).map((metric) => fact(metric, kind));

  // The few values that tell how a device is: the hub's choice, or what its kind says to show first.
  async function tile(device) {
    if (device.tile) return device.tile;
    const metrics = listed(device.metrics ?? (await get(address(device))).metrics);
    const first = vocabulary[device.kind]?.tile ?? metrics.slice(0, 4).map((metric) => metric.name);
    return first.map((name) => metrics.find((metric) => metric.name === name)).filter(Boolean);
  }

  function everything(key, load) {
    const body = element("div", { class: "values" });
    const made = element("details", { "data-device": key }, element("summary", {}, t("All values")), body);
    const fill = async () => {
      const rows = await load();
      body.replaceChildren(...(rows.length ? rows : [t("No values.")]));
    };
    made.addEventListener("toggle", () => {
      if (!made.isConnected) return;
      if (!made.open) return details.delete(key);
      details.set(key, body);
      fill().catch((problem) => body.replaceChildren(problem.message));
    });
    if (details.has(key)) {
      body.append(...details.get(key).childNodes);
      made.open = true;
    }
    return made;
  }

  async function devices(node, into) {
    const { items, next_cursor: more } = await get("/api/v1/devices", { group: node.group, node: node.node, limit: DEVICES });
    const tiles = await Promise.all(items.map(tile));
    const rows = items.map((device, i) => element("li", { class: "device" }, state(device.presence), icon(device.icon ?? device.kind),
      element("div", {}, element("b", {}, device.name || device.device),
        element("small", {}, [vocabulary[device.kind]?.label ?? device.kind, device.room && device.room !== "-" ? t("room {room}", { room: device.room }) : "", why(device.presence)].filter(Boolean).join(" · "))),
      element("div", { class: "tile-line" }, ...tiles[i].map((metric) => fact(metric, device.kind, device.presence?.state === "born"))),
      everything(`${node.group}/${node.node}/${device.device}`, async () => facts((await get(address(device))).metrics, device.kind))));
    if (more) rows.push(element("li", { class: "soft" }, nt("Only the first {n} is listed.", "Only the first {n} are listed.", DEVICES)));
    rows.push(element("li", { class: "device" }, state(node.presence), icon("edge_node"), element("div", {}, element("b", {}, t("Edge node itself"))), element("div"),
      everything(`${node.group}/${node.node}`, async () => facts(node.metrics))));
    const focused = into.contains(document.activeElement) ? document.activeElement.closest("details")?.dataset.device : null;
    into.replaceChildren(...rows);
    if (focused) [...into.querySelectorAll("details")].find((made) => made.dataset.device === focused)?.querySelector("summary").focus();
  }

  const renew = (node, into) => devices(node, into).then(() => listing.choose(listing.chosen), (problem) => into.replaceChildren(problem.message));

  const row = (node, old) => {
    const presence = node.presence ?? {};
    const key = `${node.group}/${node.node}`;
    const into = old?.querySelector(".devices") ?? element("ul", { class: "devices", hidden: "" });
    const unfold = button([nt("{n} device", "{n} devices", node.devices.length), node.devices_online < node.devices.length ? t("{n} online", { n: number(node.devices_online) }) : ""].filter(Boolean).join(" · "), "quiet", () => {
      const open = !unfolded.delete(key);
      if (open) unfolded.add(key);
      hidden(into, !open);
      unfold.setAttribute("aria-expanded", String(open));
      if (!open) return;
      if (!into.children.length) into.append(t("Loading…"));
      renew(node, into);
    });
    unfold.setAttribute("aria-expanded", String(unfolded.has(key)));
    return element("article", { class: "row node" }, state(presence),
      element("div", {}, element("b", {}, node.node), element("small", {}, [node.group, node.software].filter(Boolean).join(" · "))),
      element("div", {}, node.claimed ? schoolName(node.school) : t("Unclaimed"), element("small", {}, node.claimed && node.room && node.room !== "-" ? t("room {room}", { room: node.room }) : "")),
      element("div", {}, why(presence), agedSince(presence.since_ms, "for")),
      element("div", { class: "acts" }, unfold, ...(may && !node.claimed ? [button(t("Claim"), "main", () => claim(node))] : [])), into);
  };

  const listing = new Listing("nodes", {
    load: (cursor) => get("/api/v1/nodes", { claimed: claimed.value, cursor, limit: 100 }),
    row, key: (node) => `${node.group}/${node.node}`, empty: () => ({ false: t("No unclaimed nodes."), true: t("No claimed nodes.") })[claimed.value] ?? t("No nodes heard yet."),
    counted(count, more) {
      counted(count, more);
      // a node's own record says nothing of its devices' values: what is open is asked for again
      for (const made of document.querySelectorAll("#nodes-list .row")) {
        const node = unfolded.has(made.dataset.key) && listing.items.find((item) => `${item.group}/${item.node}` === made.dataset.key);
        if (node) renew(node, made.querySelector(".devices"));
      }
    },
  });
  claimed.addEventListener("change", () => listing.reset());
  return listing;
}
