// Quarantine with filters, the raw bytes and what could be decoded of them, and reading one or several again.
import { byId, element, hidden } from "../dom.js";
import { t } from "../words.js";
import { at, get, greet, visitor } from "../console/api.js";
import { button } from "../console/listing.js";
import { quarantineList, reasons } from "../console/quarantine.js";
import { schoolNames } from "../console/schools.js";
import { Address } from "./address.js";
import { every, reason as whyNot } from "./section.js";

const REFRESH_MS = 5000;
const BYTES_A_LINE = 16;

const address = new Address(["q", "reason", "school"], () => apply());
const [search, reason, school, chosen] = ["search", "reason", "school", "replay-picked"].map(byId);
const picked = new Set();
const open = new Map();

// 0000  0a 0c 10 20 …  |....|, as every tool shows bytes
function dump(hex) {
  const bytes = hex.replaceAll(/\s/g, "").match(/../g) ?? [];
  const lines = [];
  for (let from = 0; from < bytes.length; from += BYTES_A_LINE) {
    const part = bytes.slice(from, from + BYTES_A_LINE);
    const letters = part.map((byte) => parseInt(byte, 16)).map((code) => (code > 31 && code < 127 ? String.fromCharCode(code) : ".")).join("");
    lines.push([from.toString(16).padStart(4, "0"), part.join(" ").padEnd(BYTES_A_LINE * 3 - 1), letters].join("  "));
  }
  return lines.join("\n");
}

const block = (title, words) => [element("h3", {}, title), element("pre", { tabindex: "0" }, words)];

async function fill(into, item) {
  try {
    const found = await get(at("/api/v1/quarantine", item.id));
    const hex = found.payload_hex ?? "";
    into.replaceChildren(
      ...(found.decoded === null || found.decoded === undefined ? [element("p", { class: "soft" }, t("Nothing of it could be decoded."))] : block(t("Decoded"), JSON.stringify(found.decoded, null, 2))),
      ...(hex ? block(found.truncated ? t("Raw bytes, the beginning") : t("Raw bytes"), dump(hex)) : [element("p", { class: "soft" }, t("Its bytes were not kept."))]));
  } catch (problem) {
    into.replaceChildren(element("p", { class: "soft" }, whyNot(problem)));
  }
}

function details(item) {
  const into = open.get(item.id) ?? element("div", { class: "detail", hidden: "" });
  const unfold = button(t("Details"), "quiet", () => {
    const shown = into.hidden;
    hidden(into, !shown);
    unfold.setAttribute("aria-expanded", String(shown));
    if (!shown) return open.delete(item.id);
    open.set(item.id, into);
    into.replaceChildren(element("p", { class: "soft" }, t("Loading…")));
    return fill(into, item);
  });
  unfold.setAttribute("aria-expanded", String(!into.hidden));
  return [unfold, into];
}

const mark = () => hidden(chosen, !picked.size);

function pick(item) {
  const box = element("input", { type: "checkbox", "aria-label": t("Choose for replay") });
  box.checked = picked.has(item.id);
  box.disabled = Boolean(item.replayed_ms);
  box.addEventListener("change", () => {
    picked[box.checked ? "add" : "delete"](item.id);
    mark();
  });
  return box;
}

const who = await visitor(() => {});
greet(who);
const may = who.permissions.includes("quarantine.replay");
const list = quarantineList(who, () => {}, { query: () => address.wanted, picked: may ? pick : null, details });

function apply() {
  [search.value, reason.value, school.value] = [address.wanted.q, address.wanted.reason, address.wanted.school];
  picked.clear();
  mark();
  return list.reset();
}

reason.append(...Object.entries(reasons()).map(([id, words]) => element("option", { value: id }, words)));
for (const [name, field] of Object.entries({ q: search, reason, school }))
  field.addEventListener("change", () => address.set({ [name]: field.value.trim() }) && apply());
chosen.addEventListener("click", async () => {
  chosen.disabled = true;
  await list.replay(list.items.filter((item) => picked.has(item.id)));
  picked.clear();
  chosen.disabled = false;
  mark();
  await list.refresh();
});
await apply();
byId("schools").replaceChildren(...[...(await schoolNames())].map(([code, name]) => element("option", { value: code }, name)));
every(REFRESH_MS, () => list.refresh());
