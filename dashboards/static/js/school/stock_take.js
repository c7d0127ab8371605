// Counting with a telephone in the hand: scan, type or tap; what has no network now is told later.
import { byId, element, hidden, text } from "../dom.js";
import { NOTHING, nt, number, percent, t } from "../words.js";
import { at, get, greet, post, visitor } from "../console/api.js";
import { present } from "../console/absent.js";
import { button } from "../console/listing.js";
import { ask } from "../desk/asking.js";
import { refusal } from "../desk/refusals.js";
import { Section, every } from "../tech/section.js";
import { Camera, cameraCan } from "./camera.js";
import { assetTypes } from "./equipment.js";
import { Scans, scanId } from "./scans.js";
import { movedText } from "./stock_words.js";

const REFRESH_MS = 8000;
const id = decodeURIComponent(location.pathname.split("/")[2]);
const path = at("/api/v1/stocktakes", id);
let [who, take, types, shown] = [null, null, new Map(), "expected"];

// A label carries an address of this hub; by hand one types the tag alone.
export const tagOf = (read) => decodeURIComponent(read.trim().split("/a/").pop().split(/[?#]/)[0]);

const scans = new Scans(`stock-${id}`, {
  send: (scan) => post(`${path}/seen`, scan).then((outcome) => scan.silent || answered(outcome)),
  refused: (scan, problem) => say(t("{tag} was not taken: {why}", { tag: scan.tag ?? "#" + scan.asset_id, why: refusal(problem) }), "wrong"),
  changed: () => take && draw(),
});

function say(words, kind = "") {
  text(byId("said"), words);
  byId("said").className = `said ${kind}`;
}

function answered({ outcome, tag, asset, again }) {
  const name = [asset?.name, tag].filter(Boolean).join(" · ");
  if (again) say(t("{name}: seen before", { name }));
  else if (outcome === "seen") say(t("{name}: seen", { name }), "fine");
  else if (outcome === "moved") say(t("{name}: belongs to room {room}; when this is finished the register says that it is here", { name, room: asset?.room ?? "–" }), "moved");
  else say(t("{name}: not expected here", { name }), "wrong");
  section.refresh();
}

const sameAs = (item) => (scan) => (scan.asset_id ? scan.asset_id === item.asset_id : scan.tag.toLowerCase() === item.tag.toLowerCase());

// What is kept here and not told yet counts as seen on this telephone.
function lists() {
  const waiting = scans.waiting;
  const unsent = (item) => waiting.some(sameAs(item));
  const missing = take.finished_ms ? take.missing : take.expected.filter((item) => !take.seen.some((one) => one.asset_id === item.asset_id) && !take.moved.some((one) => one.asset_id === item.asset_id));
  const known = [...take.expected, ...take.seen, ...take.moved, ...take.unexpected];
  return {
    expected: missing.filter((item) => !unsent(item)),
    seen: [...missing.filter(unsent).map((item) => ({ ...item, unsent: true })), ...take.seen],
    unexpected: [...take.moved, ...take.unexpected, ...waiting.filter((scan) => !known.some((item) => sameAs(item)(scan))).map((scan) => ({ tag: scan.tag ?? "#" + scan.asset_id, asset_id: null, name: t("not sent yet"), room: null, unsent: true }))],
  };
}

function add(scan) {
  const kept = scans.add({ ...scan, ...(take.room ? { room: take.room } : {}), client_id: scanId() });
  if (!kept) say(t("This telephone has no place left. Connect to the network first."), "wrong");
  else if (!navigator.onLine) say(t("{tag}: kept here, sent when there is a network", { tag: scan.tag ?? "#" + scan.asset_id }), "fine");
}

// A scan by mistake is taken out: one that is only kept here by forgetting it, any other at the hub.
async function takeBack(item) {
  const mine = scans.waiting.filter(sameAs(item));
  if (item.unsent && mine.length) return mine.forEach((scan) => scans.drop(scan));
  try {
    await post(`${path}/take-back`, item.asset_id ? { asset_id: item.asset_id } : { tag: item.tag });
    say(t("{name}: taken out", { name: item.name || item.tag }));
  } catch (problem) {
    say(refusal(problem), "wrong");
  }
  return section.refresh();
}

function row(item) {
  const open = !take.finished_ms && who.permissions.includes("assets.write");
  const may = open && shown === "expected" && item.asset_id;
  const name = item.name || types.get(item.type) || item.tag;
  const stands = item.seen_room && item.seen_room !== item.room;
  const seenRoom = !stands || !item.asset_id ? "" : take.finished_ms ? t("moved from room {from} to room {room}", { from: item.room ?? NOTHING, room: item.seen_room }) : t("found in room {room}, registered in {from}", { from: item.room ?? NOTHING, room: item.seen_room });
  const seen = may ? [button(t("Seen"), "main", () => add({ asset_id: item.asset_id }))] : open && shown !== "expected" ? [button(t("Take out"), "quiet", () => takeBack(item))] : [];
  if (seen.length) seen[0].setAttribute("aria-label", may ? t("{name}: mark as seen", { name }) : t("{name}: take the scan out", { name }));
  return element("article", { class: item.unsent ? "line counting unsent" : "line counting" },
    element("div", {}, item.asset_id ? element("a", { href: at("/equipment", item.asset_id) }, name) : name, element("small", {}, " ", [item.tag === name ? "" : item.tag, types.get(item.type), seenRoom, item.unsent ? t("not sent yet") : ""].filter(Boolean).join(" · "))), ...seen);
}

const EMPTY = { expected: t("Everything has been found."), seen: t("Nothing has been seen yet."), unexpected: t("Nothing that does not belong here.") };

function draw() {
  const found = lists();
  for (const tab of byId("show").children) {
    text(tab.querySelector("b"), number(found[tab.dataset.show].length));
    tab.setAttribute("aria-pressed", String(tab.dataset.show === shown));
  }
  const all = take.expected.length;
  const done = all - found.expected.length;
  const bar = byId("progress");
  text(bar.querySelector("b"), [t("{seen} of {expected} seen", { seen: number(done), expected: number(all) }), percent(done, all, 0), take.moved.length ? movedText(take) : ""].filter(Boolean).join(" · "));
  bar.querySelector("progress").max = Math.max(1, all);
  bar.querySelector("progress").value = done;
  const waiting = scans.waiting.length;
  hidden(byId("unsent"), !waiting);
  text(byId("unsent"), waiting ? nt("{n} scan is kept on this telephone and not sent yet.", "{n} scans are kept on this telephone and not sent yet.", waiting) : "");
  const print = JSON.stringify([shown, found[shown], take.finished_ms]);
  if (section.body.dataset.print !== print) {
    section.body.dataset.print = print;
    const rooms = Map.groupBy ? Map.groupBy(found[shown], (item) => item.room ?? "") : found[shown].reduce((groups, item) => groups.set(item.room ?? "", [...(groups.get(item.room ?? "") ?? []), item]), new Map());
    section.body.replaceChildren(...[...rooms].sort(([a], [b]) => a.localeCompare(b)).map(([name, items]) => element("section", { class: "counting-room" }, element("h3", {}, name ? t("room {room}", { room: name }) : t("no room"), element("small", { class: "num" }, number(items.length))), ...items.map(row))));
  }
  section.say(found[shown].length ? "ready" : "empty", found[shown].length ? "" : EMPTY[shown]);
}

const section = new Section("items", {
  load: () => get(path),
  draw(said) {
    take = said;
    draw();
    return lists()[shown].length > 0;
  },
  empty: () => EMPTY[shown],
});

function head() {
  const where = take.room ? element("a", { href: at("/room", take.school, take.room) }, t("room {room}", { room: take.room })) : element("span", {}, t("the whole school"));
  byId("trail").replaceChildren(element("a", { href: "/stock" }, byId("trail").firstElementChild.textContent), element("a", { href: at("/school", take.school) }, take.school_name || take.school), where);
  text(document.querySelector("#title h1"), take.finished_ms ? t("Counted") : t("Counting"));
  document.title = [t("Stock-taking"), take.school_name].join(" · ");
  const may = !take.finished_ms && who.permissions.includes("assets.write");
  byId("show").querySelector("[data-show=expected]").firstChild.nodeValue = (take.finished_ms ? t("Not found") : t("To find")) + " ";
  hidden(byId("scan"), false);
  hidden(byId("scan-form"), !may);
  hidden(byId("end"), !may);
  hidden(byId("camera"), !may || !cameraCan());
}

for (const tab of byId("show").children) tab.addEventListener("click", () => {
  shown = tab.dataset.show;
  draw();
});
byId("scan-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const tag = tagOf(byId("scan-tag").value);
  byId("scan-tag").value = "";
  if (tag) add({ tag });
  byId("scan-tag").focus();
});
const camera = new Camera(byId("picture"), (read) => add({ tag: tagOf(read) }));
byId("camera").addEventListener("click", () => (camera.on ? camera.stop() : camera.start().catch(() => say(t("The camera cannot be used. Type the tag instead."), "wrong"))));
byId("finish").addEventListener("click", async () => {
  await scans.flush();
  const left = lists().expected.length;
  const done = await ask({
    title: t("Finish this stock-taking?"), submit: t("Finish"),
    subject: [left ? nt("{n} piece was not found and will be reported missing.", "{n} pieces were not found and will be reported missing.", left) : t("Everything has been found."), take.moved.length ? nt("{n} piece stands in another room than the register says and will be moved there.", "{n} pieces stand in another room than the register says and will be moved there.", take.moved.length) : "", scans.waiting.length ? t("Some scans are not sent yet: wait for the network.") : ""].filter(Boolean).join(" "),
    check: () => null,
    answer: () => {
      if (scans.waiting.length) throw Object.assign(new Error(t("Some scans are not sent yet: wait for the network.")), { status: 409, document: {} });
      return post(`${path}/finish`, {});
    },
  });
  if (!done) return;
  camera.stop();
  await section.refresh();
  head();
});

who = await visitor(() => section.fail({ status: 0 }));
greet(who);
take = await present(() => get(path), (problem) => section.fail(problem), t("Stock-taking {number}", { number: id }), [["/stock", t("Stock-taking")]]);
types = await assetTypes();
head();
draw();
scans.flush();
every(REFRESH_MS, () => section.refresh());
