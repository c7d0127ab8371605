// The second factor: set up by a QR code that an app on the telephone reads, proved by a first code, taken away by the password.
import { element } from "../dom.js";
import { nt, t } from "../words.js";
import { get, post } from "../console/api.js";
import { button } from "../console/listing.js";
import { Section } from "../tech/section.js";
import { ask } from "./asking.js";
import { shownOnce } from "./secret.js";

const PASSWORD = () => ({ name: "password", label: t("Password"), kind: "password", required: true, most: 256, autocomplete: "current-password" });
const inFours = (secret) => secret.match(/.{1,4}/g).join(" ");

// The drawing comes as SVG text (or as a data address): it is shown as a picture, never as part of the page.
const picture = (drawing) => element("img", { class: "qr", alt: t("QR code for the app"), width: 208, height: 208, src: drawing.startsWith("data:") ? drawing : `data:image/svg+xml;charset=utf-8,${encodeURIComponent(drawing)}` });

async function begin(section) {
  const started = await ask({
    title: t("Set up the second factor"), subject: t("Your password first, so that nobody else does it at your desk."), submit: t("Go on"), fields: [PASSWORD()],
    answer: ({ password }) => post("/api/v1/account/second-factor", { password }),
  });
  if (!started) return;
  const done = await ask({
    title: t("Set up the second factor"), subject: t("Read this code with an authenticator app on your telephone, then type the six digits it shows."), submit: t("Switch it on"),
    fields: [{ name: "code", label: t("Code"), required: true, most: 8, autocomplete: "one-time-code" }],
    extra: [picture(started.qr_svg), element("p", { class: "soft" }, t("No camera? Type this key into the app:")), element("p", { class: "code key", translate: "no" }, inFours(started.secret))],
    answer: ({ code }) => post("/api/v1/account/second-factor/confirm", { code: code.replace(/\s+/g, "") }),
  });
  if (!done) return;
  section.refresh();
  await shownOnce({ title: t("Recovery codes"), note: t("Each of them opens your account once if the telephone is lost. Keep them on paper, not in the telephone."), lines: done.recovery_codes, print: true });
}

async function end(section) {
  const done = await ask({
    title: t("Switch off the second factor?"), subject: t("Your account will be protected by the password alone."), submit: t("Switch it off"), kind: "grave", fields: [PASSWORD()],
    answer: ({ password }) => post("/api/v1/account/second-factor/remove", { password }),
  });
  if (done) section.refresh();
}

export function secondFactor() {
  const section = new Section("second-factor", {
    load: () => get("/api/v1/session"),
    draw({ second_factor: on, recovery_codes_left: left }, body) {
      body.replaceChildren(
        element("p", { class: "state-line" }, element("i", { class: `shape ${on ? "ok" : "minor"}`, "aria-hidden": "true" }), on ? t("On: signing in asks for a code.") : t("Off: whoever knows your password is you.")),
        ...(on && Number.isInteger(left) ? [element("p", { class: "soft" }, nt("{n} recovery code is left.", "{n} recovery codes are left.", left))] : []),
        element("div", { class: "buttons" }, on ? button(t("Switch off"), "quiet", () => end(section)) : button(t("Set up"), "main", () => begin(section))));
    },
  });
  return section;
}
