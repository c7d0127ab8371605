// What agents found on their networks: claimed into a room and the register with two presses, or dismissed.
import { byId, element, hidden, text } from "../dom.js";
import { NOTHING, nt, t } from "../words.js";
import { agedSince } from "../console/ages.js";
import { at, get, greet, post, visitor } from "../console/api.js";
import { kindName } from "../console/facts.js";
import { icon } from "../console/icons.js";
import { Listing, button } from "../console/listing.js";
import { schoolNames } from "../console/schools.js";
import { ask } from "../desk/asking.js";
import { Filters } from "../desk/filters.js";
import { refusal } from "../desk/refusals.js";
import { roomCalled } from "../school/rooms.js";
import { everything } from "../school/units.js";
import { every } from "../tech/section.js";
import { follow, requestCard } from "./requests.js";
import { scanDialog } from "./scan.js";

const REFRESH_MS = 6000;
const STATES = { open: t("new"), claimed: t("Claimed"), dismissed: t("dismissed") };
// what a driver may want to know that no search tells; left empty it is not needed
const LOGINS = { pjlink: ["password"], onvif: ["username", "password"], nut: ["username", "password"], snmp: ["community"], samsung_mdc: ["pin"], cisco_xapi: ["username", "password"], zigbee2mqtt: ["username", "password"], tasmota: ["username", "password"], shelly: ["username", "password"], classroom: ["username", "password"] };
const LOGIN_WORDS = { username: t("Account on the device"), password: t("Password of the device"), community: t("Community (public if empty)"), pin: t("PIN of the display") };
let names = new Map();
let may = false;
const rooms = new Map();
// rooms of a school are asked for once: every claim there chooses among them
const roomsOf = (school) => (rooms.has(school) ? rooms : rooms.set(school, everything("/api/v1/organisation/rooms", { school }).catch(() => []))).get(school);
const assetsOf = (school) => everything("/api/v1/assets", { school, linked: false }, 1000).catch(() => []);
const schoolOf = (proposal) => proposal.school ?? proposal.group;
const called = (proposal) => proposal.name || [proposal.maker, proposal.model].filter(Boolean).join(" ") || kindName(proposal.kind) || proposal.address;
let lastRoom = "";

async function claim(proposal) {
  const school = schoolOf(proposal);
  const [places, assets] = await Promise.all([roomsOf(school), assetsOf(school)]);
  const known = assets.filter((asset) => asset.serial && proposal.serial && asset.serial === proposal.serial);
  const assetName = (asset) => [asset.name || asset.tag, asset.tag, asset.serial].filter(Boolean).join(" · ");
  const done = await ask({
    title: t("Claim {name}", { name: called(proposal) }), subject: [kindName(proposal.kind), proposal.address, proposal.serial].filter(Boolean).join(" · "), submit: t("Claim"),
    fields: [{ name: "room", label: t("Room"), kind: "select", required: true, value: places.some((room) => room.code === lastRoom) ? lastRoom : places[0]?.code ?? "-", options: [...places.map((room) => [room.code, `${roomCalled(room)} · ${room.code}`]), ["-", t("the whole school")]] },
      { name: "asset", label: t("In the register"), kind: "select", value: known[0] ? String(known[0].id) : "new", options: [["new", t("enter it as new")], ...[...known, ...assets.filter((asset) => !known.includes(asset))].map((asset) => [String(asset.id), assetName(asset)]), ["", t("do not enter it")]] },
      { name: "name", label: t("Name"), value: proposal.name, most: 200 },
      ...(LOGINS[proposal.protocol] ?? []).map((name) => ({ name: `options.${name}`, label: LOGIN_WORDS[name], kind: name === "username" ? "text" : "password", most: 200, autocomplete: name === "username" ? "off" : "new-password" }))],
    answer({ room, asset, name, ...rest }) {
      lastRoom = room;
      const options = Object.fromEntries(Object.entries(rest).filter(([, value]) => value).map(([key, value]) => [key.replace("options.", ""), value]));
      return post(at("/api/v1/proposals", String(proposal.id), "claim"), { room, options, ...(name ? { name } : {}), ...(asset === "new" ? { new_asset: true } : asset ? { asset_id: Number(asset) } : {}) });
    },
  });
  if (!done) return;
  text(byId("said"), t("{name} is claimed; its agent begins with it now.", { name: called(proposal) }));
  const key = listing.nextAfter(String(proposal.id));
  await listing.refresh();
  listing.focus(key);
}

async function become(proposal, deed) {
  try {
    await post(at("/api/v1/proposals", String(proposal.id), deed), {});
    const key = listing.nextAfter(String(proposal.id));
    await listing.refresh();
    listing.focus(key);
  } catch (problem) {
    text(byId("said"), refusal(problem));
  }
}

const row = (proposal) => element("article", { class: `row proposal ${proposal.state}`, tabindex: "-1" }, icon(proposal.kind), element("div", {}, element("b", {}, called(proposal)), element("small", {}, [kindName(proposal.kind), proposal.maker, proposal.model].filter(Boolean).join(" · "))),
  element("div", {}, element("span", { class: "code" }, proposal.address), element("small", { class: "code" }, [proposal.protocol, proposal.serial, proposal.mac].filter(Boolean).join(" · "))), element("div", {}, names.get(schoolOf(proposal)) ?? schoolOf(proposal), element("small", {}, proposal.node)),
  element("div", {}, STATES[proposal.state] ?? proposal.state ?? NOTHING, " ", agedSince(proposal.seen_ms, "ago")),
  element("div", { class: "acts" }, ...(may && proposal.state === "open" ? [button(t("Claim"), "main", () => claim(proposal)), button(t("Dismiss"), "quiet", () => become(proposal, "dismiss"))] : []),
    ...(may && proposal.state === "dismissed" ? [button(t("Propose again"), "quiet", () => become(proposal, "reopen"))] : []),
    ...(proposal.state === "claimed" && proposal.device ? [element("a", { href: at("/tech/device", proposal.group, proposal.node, proposal.device) }, t("The device"))] : [])));

const filters = new Filters(byId("filters"), { changed: () => listing.reset(), more: ["school", "node", "request"] });
const listing = new Listing("proposals", {
  load: (cursor) => get("/api/v1/proposals", { school: filters.wanted.school, node: filters.wanted.node, state: filters.wanted.state || "open", cursor, limit: 100 }),
  row, key: (proposal) => String(proposal.id), counted: (count, more) => text(byId("counted"), nt("{n} proposal", "{n} proposals", count) + (more ? "+" : "")),
  empty: () => t("Nothing new was found. Search the network from an agent's page, or wait: agents look by themselves."),
});
const who = await visitor(() => listing.say("failed", t("The hub did not answer.")));
greet(who);
may = who.permissions.includes("registry.claim");
names = await schoolNames();
const { school, node, request } = filters.wanted;
hidden(byId("scan"), !(may && school && node));
const watch = (id) => {
  const card = requestCard({ kind: "scan", state: "queued" });
  byId("search").replaceChildren(card);
  return follow(id, (said) => requestCard(said, card)).then(() => listing.refresh(), (problem) => text(byId("said"), refusal(problem)));
};
byId("scan").addEventListener("click", () => scanDialog({ group: school, node }, (made) => watch(made.id)));
if (request) watch(request);
await listing.reset();
every(REFRESH_MS, () => listing.refresh());
