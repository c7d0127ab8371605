// Pupils per computer for each school, and the labs that lack computers: the list of what to buy.
import { element, hidden } from "../dom.js";
import { NOTHING, nt, number, t } from "../words.js";
import { get } from "../console/api.js";
import { button } from "../console/listing.js";
import { Section } from "../tech/section.js";

const ratio = (school) => (typeof school.pupils_per_computer === "number" ? number(school.pupils_per_computer, 1) : NOTHING);
const lab = (one) => element("li", { class: one.shortfall ? "short" : "" }, element("b", {}, one.name || t("room {room}", { room: one.room })), " ",
  one.seats === null || one.seats === undefined ? t("{n} working; seats not recorded", { n: number(one.working) }) : t("{n} working for {seats} seats", { n: number(one.working), seats: number(one.seats) }),
  one.shortfall ? element("em", {}, " ", t("{n} lacking", { n: number(one.shortfall) })) : "");

export function computersPart(address) {
  let [short, found, cursor] = [true, [], null];
  const page = async () => {
    const answer = await get("/api/v1/assets/computers", { unit: address.wanted.unit || address.wanted.school, cursor, limit: 500 });
    found.push(...answer.items);
    cursor = answer.next_cursor;
  };
  const section = new Section("computers", {
    async load() {
      [found, cursor] = [[], null];
      do await page(); while (cursor);
      return found;
    },
    draw(schools, body) {
      const lacking = schools.reduce((sum, one) => sum + (one.shortfall ?? 0), 0);
      const shown = schools.filter((one) => !short || one.shortfall).sort((a, b) => (b.shortfall ?? 0) - (a.shortfall ?? 0) || (b.pupils_per_computer ?? 0) - (a.pupils_per_computer ?? 0));
      const [pupils, working] = ["pupils", "working"].map((name) => schools.reduce((sum, one) => sum + (one[name] ?? 0), 0));
      const toggle = (label, on) => {
        const node = button(label, "", () => {
          short = on;
          section.draw(schools, body);
        });
        node.setAttribute("aria-pressed", String(short === on));
        return node;
      };
      body.replaceChildren(
        element("div", { class: "share-head" }, element("p", { class: "big num" }, number(lacking)), element("div", {}, element("h3", {}, t("computers are lacking in computer labs")),
          element("p", { class: "soft" }, [nt("{n} school", "{n} schools", schools.length), t("{n} working computers", { n: number(working) }), pupils && working ? t("{n} pupils per computer", { n: number(pupils / working, 1) }) : ""].filter(Boolean).join(" · "))),
        element("div", { class: "switch", role: "group", "aria-label": t("Which schools") }, toggle(t("with a shortfall"), true), toggle(t("all"), false))),
        element("div", { class: "lines", role: "list" }, ...shown.map((one) => element("div", { class: "line computers-line", role: "listitem" },
          element("i", { class: `shape ${one.shortfall ? "minor" : "ok"}`, "aria-hidden": "true" }),
          element("div", {}, element("a", { href: `/equipment?${new URLSearchParams({ unit: one.school, type: "lab_pc" })}` }, one.name), element("small", { class: "code" }, " ", one.school)),
          element("div", { class: "num" }, ratio(one), element("small", {}, " ", t("pupils per computer"))),
          element("div", { class: "num" }, t("{on} of {all} working", { on: number(one.working), all: number(one.computers) }), element("small", {}, " ", one.pupils === null ? t("pupils not reported") : nt("{n} pupil", "{n} pupils", one.pupils))),
          element("ul", { class: "labs" }, ...one.labs.map(lab))))));
      if (!shown.length) body.append(element("p", { class: "soft" }, t("No school lacks a computer.")));
      hidden(body, false);
      return schools.length > 0;
    },
    empty: () => t("No schools are known here."),
  });
  return section;
}
