// How units are named, linked and summed up wherever they are shown.
import { element } from "../dom.js";
import { RANK, stateName } from "../severity.js";
import { NOTHING, nt, number, t } from "../words.js";
import { at, get } from "../console/api.js";

export { unitKindName } from "../desk/names.js";

export const KINDS = ["department", "district", "office", "commune", "school", "cec", "college"];
export const LEVELS = { MN: t("Kindergarten"), TH: t("Primary"), THCS: t("Lower secondary"), THPT: t("Upper secondary") };
export const levelNames = (levels) => (levels ?? []).map((level) => LEVELS[level] ?? level).join(", ");

const WITH_ROOMS = new Set(["school", "college", "cec"]);
export const hasRooms = (unit) => WITH_ROOMS.has(unit.kind);

export const today = () => new Intl.DateTimeFormat("sv-SE", { timeZone: "Asia/Ho_Chi_Minh" }).format(Date.now());
export const dayText = (day) => (day ? day.split("-").reverse().join("/") : NOTHING);

export const unitAddress = (code, on = "") => at("/org", code) + (on ? `?on=${on}` : "");
export const unitLink = (unit, on = "") => element("a", { href: unitAddress(unit.code, on) }, unit.name || unit.code);

// The way down to a unit: what lies above a visitor's own units is named, and no link.
export function unitPath({ code, path = [] }, who, on = "") {
  const mine = new Set(who.grants.map((grant) => grant.unit));
  const first = mine.has("*") ? 0 : path.findIndex((one) => mine.has(one.code));
  return path.flatMap((one, place) => (one.code === code ? [] : [first >= 0 && place >= first ? unitLink(one, on) : element("span", {}, one.name || one.code)]));
}

// All pages of a list, within bounds.
export async function everything(path, query = {}, most = 3000) {
  const items = [];
  let cursor = null;
  do {
    const page = await get(path, { ...query, limit: 500, cursor });
    items.push(...page.items);
    cursor = page.next_cursor;
  } while (cursor && items.length < most);
  return items;
}

// The worst open alarm; without one, whether anything of it is heard at all.
const shapeOf = (status) => (status?.worst in RANK ? status.worst : !status?.devices ? "unknown" : status.online ? "ok" : "offline");
export const stateMark = (status) => element("i", { class: `shape ${shapeOf(status)}`, role: "img", "aria-label": stateWord(status) });
export const stateWord = (status) => stateName(shapeOf(status));

export const alarmCount = (status) => Object.values(status?.alarms ?? {}).reduce((sum, n) => sum + (n || 0), 0);

export const alarmFigures = (status) => element("span", { class: "alarm-figures num" }, ...["critical", "major", "minor"].filter((severity) => status?.alarms?.[severity]).map((severity) =>
  element("span", { class: severity }, element("i", { class: `shape ${severity}`, role: "img", "aria-label": stateName(severity) }), " ", number(status.alarms[severity]))));

export const deviceFigures = (status) => (status?.devices ? t("{on} of {all} devices online", { on: number(status.online), all: number(status.devices) }) : t("no devices yet"));
export const roomFigures = (status) => (status?.rooms ? nt("{n} room", "{n} rooms", status.rooms) : "");
export const schoolFigures = (status) => (status?.schools ? nt("{n} school or centre", "{n} schools and centres", status.schools) : "");
