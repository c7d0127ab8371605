// The way from the province to a room as a line of stations: the first that is broken is the one to mend.
import { element } from "../dom.js";
import { said, t } from "../words.js";
import { agedSince } from "../console/ages.js";

const STATES = { ok: t("Normal"), degraded: t("Degraded"), down: t("Broken here"), unknown: t("Unknown") };

export function drawPath(path, body) {
  const print = JSON.stringify(path);
  if (body.dataset.print === print) return path.length > 0;
  body.dataset.print = print;
  const down = path.findIndex((station) => station.state === "down");
  const broken = down >= 0 ? down : path.findIndex((station) => station.state !== "ok");
  // what cannot be seen past a break says nothing of itself; other edge nodes of the school have their own way
  const hid = ({ id, state }, i) => down >= 0 && i > down && (state === "unknown" || (state === "down" && !(id === "agent" && path[down].id === "agent")));
  body.replaceChildren(element("ol", { class: "path" }, ...path.map((station, i) => {
    const beyond = hid(station, i);
    const says = beyond ? t("Beyond the break") : STATES[station.state] ?? station.state;
    return element("li", { class: `station ${station.state} ${i === down ? "broken" : ""} ${beyond ? "after" : ""}`, ...(i === broken ? { "aria-current": "location" } : {}) },
      element("i", { class: "stop", "aria-hidden": "true" }), element("b", {}, said(station, "label")), element("small", { class: "says" }, says),
      element("small", {}, said(station, "detail")), station.state === "ok" || beyond ? "" : agedSince(station.since_ms, "for"));
  })), element("p", { class: "soft", role: "status" }, broken < 0 ? t("The way to the rooms is whole.")
    : down >= 0 ? t("The line is broken at: {station}.", { station: said(path[down], "label") }) : t("The first that is not right: {station}.", { station: said(path[broken], "label") })));
  return path.length > 0;
}
