// What was asked for beside what is: a difference that lasts is shown, and can be accepted.
import { element, text } from "../dom.js";
import { t } from "../words.js";
import { agedSince } from "../console/ages.js";
import { at, call, get } from "../console/api.js";
import { metricWords } from "../console/facts.js";
import { button } from "../console/listing.js";
import { refusal } from "../desk/refusals.js";
import { Section, once } from "../tech/section.js";
import { valueWord } from "./words.js";

const same = (row) => JSON.stringify(row.wanted) === JSON.stringify(row.observed);

// kind(): the device's kind, known once it was asked for
export function wantedPart({ group, node, device }, { kind, may }) {
  const path = at("/api/v1/devices", group, node, device, "wanted");
  const line = (row) => {
    const said = element("small", { class: "error", role: "status" });
    const accept = async () => {
      try {
        await call("DELETE", at(path, row.metric));
        await section.refresh();
      } catch (problem) {
        text(said, refusal(problem));
      }
    };
    const drifts = Boolean(row.drift_since_ms);
    return element("div", { class: `line wanted-line ${drifts ? "drifts" : ""}`, "data-metric": row.metric }, element("i", { class: `shape ${drifts ? "minor" : same(row) ? "ok" : "unknown"}`, "aria-hidden": "true" }),
      element("div", {}, element("b", {}, metricWords(kind(), row.metric)?.label ?? row.metric), element("small", {}, " ", drifts ? t("differs") : same(row) ? t("as wanted") : t("on its way"), " ", drifts ? agedSince(row.drift_since_ms, "for") : agedSince(row.since_ms, "for")), said),
      element("div", { class: "beside" }, element("span", {}, element("small", {}, t("wanted")), element("b", {}, valueWord(row.wanted, kind(), row.metric))), element("span", {}, element("small", {}, t("observed")), element("b", {}, valueWord(row.observed, kind(), row.metric)))),
      ...(may && !same(row) ? [button(t("Accept what is"), "quiet", accept)] : [element("span", {})]));
  };
  const section = new Section("wanted", {
    load: () => get(path),
    draw: once(({ items }) => items, ({ items }, body) => body.replaceChildren(...items.map(line))),
    empty: () => t("Nothing is wanted of it beyond what it does."),
  });
  return section;
}
