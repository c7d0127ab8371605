// Providers by which one signs in beside the password: linked, and taken away.
import { element, text } from "../dom.js";
import { moment, t } from "../words.js";
import { at, call, get, post } from "../console/api.js";
import { button } from "../console/listing.js";
import { Section } from "../tech/section.js";
import { ask } from "./asking.js";
import { refusal } from "./refusals.js";

const FAULTS = { taken: t("This identity belongs to another account already."), id_number: t("Signing in there is not possible: it would tell a personal number.") };

export function identities() {
  const fault = new URLSearchParams(location.search).get("error");
  const section = new Section("identities", {
    async load() {
      const [providers, own] = await Promise.all([get("/api/v1/session/providers"), get("/api/v1/account/identities")]);
      return { providers: providers.items ?? providers, own: own.items ?? own };
    },
    draw({ providers, own }, body) {
      const said = element("p", { class: "said", role: "status" }, fault ? (FAULTS[fault] ?? t("The provider's answer was not valid. Try again.")) : "");
      const link = (provider) => button(t("Link {name}", { name: provider.name }), "quiet", async () => {
        try {
          location.assign((await post("/api/v1/account/identities", { provider: provider.id })).start_url);
        } catch (problem) {
          text(said, refusal(problem));
        }
      });
      const unlink = (one) => button(t("Take away"), "quiet", async () => {
        if (await ask({ title: t("Take the link to {name} away?", { name: one.name }), submit: t("Take away"), answer: () => call("DELETE", at("/api/v1/account/identities", String(one.id))) })) section.refresh();
      });
      const linked = new Set(own.map((one) => one.provider));
      body.replaceChildren(element("ul", { class: "lines" }, ...own.map((one) => element("li", { class: "line two" }, element("div", {}, element("b", {}, one.name), element("small", {}, " ", one.last_login_ms ? t("last used {time}", { time: moment(one.last_login_ms, Date.now()) }) : t("not used yet"))), element("div", { class: "acts" }, unlink(one))))),
        ...(own.length ? [] : [element("p", { class: "soft" }, t("No provider is linked."))]),
        element("div", { class: "buttons" }, said, ...providers.filter((provider) => !linked.has(provider.id)).map(link)));
      section.root.hidden = !providers.length && !own.length;
    },
  });
  return section;
}
