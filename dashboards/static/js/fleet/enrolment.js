// Codes for new agents, shown once as large text and QR; certificates of those that have one, and revoking them.
import { byId, element, hidden, text } from "../dom.js";
import { moment, t } from "../words.js";
import { at, call, get, greet, post, visitor } from "../console/api.js";
import { schoolNames } from "../console/schools.js";
import { Listing, button } from "../console/listing.js";
import { ask, closing, dialog } from "../desk/asking.js";
import { Filters } from "../desk/filters.js";
import { every } from "../tech/section.js";
import { certificate, dayOf } from "./words.js";

const REFRESH_MS = 10000;
const HOURS = () => [["2", t("2 hours")], ["48", t("2 days")], ["168", t("a week")], ["720", t("30 days")]];
const CODES = { open: t("waiting to be used"), used: t("used"), revoked: t("revoked"), expired: t("ended") };
const CODE_SHAPES = { open: "minor", used: "ok", revoked: "none", expired: "unknown" };
const CERTIFICATES = { valid: t("valid"), revoked: t("revoked"), expired: t("ended") };
const CERTIFICATE_SHAPES = { valid: "ok", revoked: "none", expired: "major" };
let names = new Map();

const mark = (shape, words) => element("i", { class: `shape ${shape}`, role: "img", "aria-label": words });
const place = (row) => element("div", {}, element("b", {}, row.node), element("small", {}, names.get(row.school) ?? row.school));

// An image's address, so that nothing in the drawing could run in this page.
const drawn = (svg) => element("img", { class: "qr", alt: t("QR code of the code"), width: 240, height: 240, src: `data:image/svg+xml,${encodeURIComponent(svg)}` });

function shown(made) {
  const left = element("span", { class: "num" });
  const tick = () => {
    const s = Math.max(0, Math.floor((made.expires_ms - Date.now()) / 1000));
    text(left, s ? t("ends in {h} h {m} min {s} s", { h: Math.floor(s / 3600), m: String(Math.floor(s / 60) % 60).padStart(2, "0"), s: String(s % 60).padStart(2, "0") }) : t("ended"));
  };
  tick();
  const timer = setInterval(tick, 1000);
  const code = element("p", { class: "big-code code", translate: "no", "aria-label": t("Code") }, ...made.code.split("-").flatMap((part, i) => (i ? ["-", element("wbr"), element("span", {}, part)] : [element("span", {}, part)])));
  const node = dialog(t("Code for {node}", { node: made.node }), "wide printed enrol-code", element("p", { class: "subject" }, names.get(made.school) ?? made.school, " · ", left), drawn(made.qr_svg), code,
    element("p", { class: "soft" }, t("Scan it on the box, or type there:")), element("pre", { class: "command", translate: "no" }, `hub agent enrol "${made.text}" --config agent.toml`),
    element("p", { class: "soft" }, t("The code works once, for this node only, and checks that the hub is this one. It is shown this once and never again.")),
    element("div", { class: "buttons" }, (() => {
      const print = element("button", { type: "button", class: "quiet" }, t("Print"));
      print.addEventListener("click", () => window.print());
      return print;
    })(), closing(t("Done"), "main")));
  node.addEventListener("close", () => clearInterval(timer));
}

async function make() {
  let made = null;
  const { school } = filters.wanted;
  const done = await ask({
    title: t("New code for an agent"), submit: t("Make it"), subject: t("The agent reports for this school under this name. An open code of the same agent ends with it."),
    fields: [{ name: "school", label: t("School"), kind: "unit", required: true, kinds: ["school", "college", "cec"], value: school, valueName: names.get(school) }, { name: "node", label: t("Name of the agent"), required: true, most: 64, value: filters.wanted.node || (school ? `${school}-a1` : ""), hint: t("Letters, digits, - _ and .; such as {example}", { example: "D703-TH-01-a1" }) }, { name: "valid_hours", label: t("Works for"), kind: "select", options: HOURS(), value: "48" }],
    async answer({ valid_hours: hours, ...rest }) {
      made = await post("/api/v1/enrolment/codes", { ...rest, valid_hours: Number(hours) });
    },
  });
  if (!done) return;
  codes.refresh();
  shown(made);
}

async function endCode(code) {
  if (await ask({ title: t("End this code?"), subject: `${code.node} · ${names.get(code.school) ?? code.school}`, submit: t("End it"), kind: "grave", answer: () => call("DELETE", at("/api/v1/enrolment/codes", String(code.id))) })) codes.refresh();
}
async function revoke(row) {
  const done = await ask({
    title: t("Revoke the certificate?"), subject: `${row.node} · ${names.get(row.school) ?? row.school}`, submit: t("Revoke"), kind: "grave",
    fields: [{ name: "reason", label: t("Why"), required: true, most: 500, kind: "textarea" }], extra: [element("p", { class: "soft" }, t("Its session ends within a minute and it stays out until it is enrolled with a new code."))],
    answer: ({ reason }) => post(at("/api/v1/enrolment/certificates", row.serial, "revoke"), { reason }),
  });
  if (done) certificates.refresh();
}

const filters = new Filters(byId("filters"), { changed: () => Promise.all([codes.reset(), certificates.reset()]), more: ["school"] });
const wanted = () => ({ school: filters.wanted.school, node: filters.wanted.node });
const codes = new Listing("codes", {
  load: (cursor) => get("/api/v1/enrolment/codes", { ...wanted(), cursor, limit: 50 }), key: (code) => String(code.id),
  row: (code) => element("article", { class: `row enrolled ${code.state}`, tabindex: "-1" }, mark(CODE_SHAPES[code.state], CODES[code.state]), place(code), element("div", {}, CODES[code.state], element("small", {}, code.state === "used" ? moment(code.used_ms, Date.now()) : code.state === "open" ? t("until {time}", { time: moment(code.expires_ms, Date.now()) }) : moment(code.revoked_ms ?? code.expires_ms, Date.now()))),
    element("div", {}, code.created_by, element("small", {}, moment(code.created_ms, Date.now()))), element("div", { class: "acts" }, ...(code.state === "open" ? [button(t("End it"), "quiet", () => endCode(code))] : []))),
  empty: () => t("No code has been made."),
});
const certificates = new Listing("certificates", {
  load: (cursor) => get("/api/v1/enrolment/certificates", { ...wanted(), state: filters.wanted.state, cursor, limit: 50 }), key: (row) => row.serial,
  row: (row) => {
    const ends = certificate(row.not_after_ms);
    return element("article", { class: `row enrolled ${row.state}`, tabindex: "-1" }, mark(row.state === "valid" && ends.soon ? "minor" : CERTIFICATE_SHAPES[row.state], CERTIFICATES[row.state]), place(row), element("div", {}, CERTIFICATES[row.state], element("small", { class: row.state === "valid" && ends.soon ? "wrong" : "" }, row.revoked_ms ? [moment(row.revoked_ms, Date.now()), row.reason].filter(Boolean).join(" · ") : ends.words),
      ...(row.revoked_ms ? [element("small", {}, row.ended_ms ? t("out since {time}", { time: moment(row.ended_ms, Date.now()) }) : t("being put out"))] : [])),
    element("div", {}, t("issued {day}", { day: dayOf(row.issued_ms) }), element("small", { class: "code", title: row.fingerprint_sha256 }, row.serial.slice(0, 16))), element("div", { class: "acts" }, ...(row.state === "valid" ? [button(t("Revoke"), "quiet", () => revoke(row))] : [])));
  },
  empty: () => t("No agent has a certificate yet."),
});

byId("make-code").addEventListener("click", make);
const who = await visitor(() => [codes, certificates].forEach((list) => list.say("failed", t("The hub did not answer."))));
greet(who);
names = await schoolNames();
hidden(byId("make-code"), !who.permissions.includes("registry.claim"));
const refresh = () => Promise.all([codes.refresh(), certificates.refresh()]);
await refresh();
every(REFRESH_MS, refresh);
