// One piece of equipment: what its label opens on a telephone, and where its record is kept at a desk.
import { byId, element, hidden, text } from "../dom.js";
import { locale, moment, number, t } from "../words.js";
import { at, get, greet, visitor } from "../console/api.js";
import { presenceMark, why } from "../console/facts.js";
import { button } from "../console/listing.js";
import { Section, every, once } from "../tech/section.js";
import { disposeAsset, editAsset, linkDevice, moveAsset, repairAsset, reportFault, returnAsset, takeDisposalBack, unlinkDevice } from "./asset_acts.js";
import { dayText, fieldText, learnTypes, typeName } from "./asset_names.js";
import { difference } from "./difference.js";
import { STATUS_SHAPE, fieldName, statusName } from "./names.js";
import { refusal } from "./refusals.js";
import { sizeText, upload } from "./upload.js";

const REFRESH_MS = 15000;
const id = location.pathname.split("/")[2];
const api = (...rest) => at("/api/v1/assets", id, ...rest);
const FACTS = ["type", "serial", "maker", "model", "school", "room", "acquired", "fund_source", "supplier", "price_vnd", "warranty_until", "condition", "note"];
let [who, asset, asked] = [null, null, null];
const detail = () => (asked ??= get(api()).finally(() => setTimeout(() => (asked = null), 300)));
const may = (permission) => who.permissions.includes(permission);

async function act(make) {
  if (!(await make(asset))) return;
  asked = null;
  await refresh();
}

function head(one) {
  const print = JSON.stringify(one);
  if (byId("title").dataset.print === print) return;
  byId("title").dataset.print = print;
  byId("trail").replaceChildren(element("a", { href: "/equipment" }, t("Equipment")), element("a", { href: `/equipment?unit=${encodeURIComponent(one.school)}` }, one.school_name || one.school),
    ...(one.room ? [element("a", { href: `/equipment?${new URLSearchParams({ unit: one.school, room: one.room })}` }, t("room {room}", { room: one.room }))] : []));
  byId("title").replaceChildren(element("h1", {}, one.name || typeName(one.type)), element("i", { class: `shape ${STATUS_SHAPE[one.status] ?? "unknown"}`, "aria-hidden": "true" }), element("p", {}, statusName(one.status) || t("No status")), element("p", { class: "code" }, one.tag));
  document.title = [one.name, one.tag].join(" · ");
  const gone = one.status === "disposed";
  const acts = [
    ...(may("tickets.write") ? [[t("Raise a ticket"), reportFault, "main"]] : []),
    ...(may("assets.write") && !gone ? [[t("Change"), editAsset], [t("Move elsewhere"), moveAsset], one.status === "repair" ? [t("Back from repair"), returnAsset] : [t("Into repair"), repairAsset], [t("Dispose of it"), disposeAsset]] : []),
    ...(may("assets.write") && gone ? [[t("Take the disposal back"), takeDisposalBack, "main"]] : []),
  ];
  byId("acts").replaceChildren(...acts.map(([label, make, kind]) => button(label, kind ?? "quiet", () => act(make))),
    element("a", { class: "quiet", href: `/api/v1/assets/labels.pdf?ids=${one.id}`, target: "_blank", rel: "noopener" }, t("Label (PDF)")));
}

// What may be a slip, and need not be one.
function doubtText({ code, tags }) {
  if (code === "double_serial") return t("The same serial number is on {tags}: check both.", { tags: tags.join(", ") });
  return code === "in_the_future" ? t("It was acquired on a day that is still to come: check the date.") : code;
}

const missing = new Section("missing", {
  async load() {
    asset = await detail();
    return asset;
  },
  draw(one, body) {
    head(one);
    const line = (words) => element("p", { class: "state-line" }, element("i", { class: "shape minor", "aria-hidden": "true" }), words);
    body.replaceChildren(...(one.doubts ?? []).map((doubt) => line(doubtText(doubt))), ...(one.complete ? [] : [line(t("The record is complete when these are filled in:"))]),
      element("div", { class: "chip-links" }, ...one.missing.map((name) => {
        const label = fieldName(name);
        return may("assets.write") && one.status !== "disposed" ? button(label, "chip-link", () => act(() => (name === "room" ? moveAsset(asset) : editAsset(asset, name)))) : element("span", { class: "chip-link" }, label);
      })));
    const some = !one.complete || Boolean(one.doubts?.length);
    hidden(missing.root, !some);
    return some;
  },
  empty: () => t("Nothing: the record is complete."),
});

const data = new Section("data", {
  load: detail,
  draw: once((one) => one, (one, body) => body.replaceChildren(element("dl", {}, ...FACTS.map((name) =>
    element("div", { class: one.missing.includes(name) ? "fact wanting" : "fact" }, element("dt", {}, fieldName(name)), element("dd", { class: "num" }, name === "school" ? one.school_name || one.school : fieldText(one, name))))))),
});

const device = new Section("device", {
  async load() {
    const one = await detail();
    const found = one.device && may("devices.read") ? await get(at("/api/v1/devices", one.device.group, one.device.node, one.device.device)).catch(() => null) : null;
    return { one, found };
  },
  draw: once(({ one, found }) => [one.device, one.status, found?.presence], ({ one, found }, body) => {
    const change = may("assets.write") && one.status !== "disposed";
    body.replaceChildren(one.device
      ? element("div", { class: "line device-line" }, found ? presenceMark(found.presence) : element("i", { class: "shape unknown" }),
        element("div", {}, element("a", { href: at("/tech/device", one.device.group, one.device.node, one.device.device) }, found?.name || one.device.device), element("small", {}, " ", found ? why(found.presence) : "")),
        change ? button(t("Take the link away"), "quiet", () => act(unlinkDevice)) : "")
      : element("div", { class: "line device-line" }, element("i", { class: "shape none" }), element("span", { class: "soft" }, t("Not linked to a device of the hub.")), change ? button(t("Link to a device"), "quiet", () => act(linkDevice)) : ""));
  }),
});

const tickets = new Section("tickets", {
  load: () => get("/api/v1/tickets", { asset: id }),
  draw: once(({ items }) => items, ({ items }, body) => body.replaceChildren(...items.map((ticket) => element("a", { class: "line ticket-line", href: `/tickets/${ticket.id}` },
    element("i", { class: `shape ${ticket.state === "closed" || ticket.state === "resolved" ? "ok" : ticket.overdue ? "major" : "minor"}`, "aria-hidden": "true" }), element("span", {}, ticket.title), element("small", { class: "num" }, moment(ticket.created_ms, Date.now())))))),
  empty: () => t("No ticket was raised."),
});

const documents = new Section("documents", {
  load: () => get(api("documents")),
  draw({ items }, body) {
    const said = element("p", { class: "said", role: "status" });
    const file = element("input", { type: "file", id: "document", class: "away" });
    file.addEventListener("change", async () => {
      if (!file.files.length) return;
      try {
        await upload(api("documents"), file.files[0], (share) => text(said, t("{n}% sent", { n: number(100 * share) })));
        text(said, "");
        await Promise.all([documents.refresh(), past.refresh()]);
      } catch (problem) {
        text(said, refusal(problem));
      }
    });
    body.replaceChildren(element("ul", { class: "lines" }, ...items.map((one) => element("li", { class: "line document-line" },
      element("a", { href: api("documents", String(one.id)), target: "_blank", rel: "noopener" }, one.name), element("small", { class: "num" }, [sizeText(one.size, locale), moment(one.at_ms, Date.now()), one.by].filter(Boolean).join(" · "))))),
    ...(items.length ? [] : [element("p", { class: "soft" }, t("No document yet: invoice, hand-over record, warranty card."))]),
    ...(may("assets.write") ? [element("div", { class: "buttons" }, said, element("label", { class: "file-button", for: "document" }, t("Add a document")), file)] : []));
  },
});

const EVENTS = {
  created: t("Registered"), changed: t("Changed"), moved: t("Moved"), repair: t("Into repair"), returned: t("Back from repair"), disposed: t("Disposed of"),
  linked: t("Linked to a device"), unlinked: t("Link taken away"), document: t("Document added"), counted: t("Seen at stock-taking"),
};
// What the hub itself writes into a history, in the visitor's words.
function remark(words) {
  const [, taking] = words.match(/^stock-taking (\d+)$/) ?? [];
  if (taking) return element("a", { href: at("/stock", taking) }, t("Stock-taking {number}", { number: taking }));
  const [, twin] = words.match(/^tag differs from (\S+) by case alone$/) ?? [];
  if (twin) return t("Its tag differs from {tag} by small and capital letters alone: give it a label of its own.", { tag: twin });
  return words === "rooms moved to another school" ? t("Its room went to another school") : words;
}

const past = new Section("history", {
  load: () => get(api("history"), { limit: 100 }),
  draw: once(({ items }) => items, ({ items }, body) => body.replaceChildren(...(items.length ? [element("ol", { class: "events" }, ...items.map((event) => element("li", {},
    element("time", { class: "num" }, dayText(event.on)), element("div", {}, element("b", {}, event.kind === "returned" && event.before?.status === "disposed" ? t("Disposal taken back") : EVENTS[event.kind] ?? event.kind), element("small", {}, " ", event.by), ...(event.text ? [element("p", {}, remark(event.text))] : []),
      ...[difference(event.before, event.after)].filter(Boolean)))))] : []))),
  empty: () => t("Nothing has happened yet."),
});

const parts = [missing, data, device, tickets, documents, past];
who = await visitor(() => parts.forEach((part) => part.fail({ status: 0 })));
greet(who);
await learnTypes();
if (!may("tickets.read")) byId("tickets").remove();
const shown = parts.filter((part) => part.root.isConnected);
const refresh = () => Promise.all(shown.map((part) => part.refresh()));
await refresh();
every(REFRESH_MS, () => Promise.all(shown.filter((part) => part !== documents).map((part) => part.refresh())));
