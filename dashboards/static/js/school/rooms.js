// Rooms: their types, their hours, and the form that makes or changes one.
import { element } from "../dom.js";
import { NOTHING, nt, t } from "../words.js";
import { at, call, post } from "../console/api.js";
import { button } from "../console/listing.js";
import { ask } from "../desk/asking.js";

const TYPES = {
  smart_classroom: t("Smart classroom"), simulation_lab: t("Simulation lab"), computer_lab: t("Computer lab"), vr_ar_room: t("VR/AR room"), subject_room: t("Subject room"), conference_room: t("Conference room"),
  library: t("Library"), hall: t("Hall"), classroom: t("Classroom"), server_room: t("Server room"), operations_centre: t("Operations centre"), other: t("Other"),
};
export const roomType = (type) => TYPES[type] ?? type ?? "";
export const roomCalled = (room) => room.name || t("room {room}", { room: room.code });
export const roomAddress = (room) => at("/room", room.school, room.code);

const DAYS = [t("Mon"), t("Tue"), t("Wed"), t("Thu"), t("Fri"), t("Sat"), t("Sun")];

// Days as a range where they follow one another.
function dayNames(days) {
  const sorted = [...days].sort();
  const row = sorted.length > 2 && sorted.at(-1) - sorted[0] === sorted.length - 1;
  return row ? `${DAYS[sorted[0] - 1]}–${DAYS[sorted.at(-1) - 1]}` : sorted.map((day) => DAYS[day - 1]).join(", ");
}
export const openingText = (opening) => (opening?.length ? opening.map((span) => `${dayNames(span.days)} ${span.from.slice(0, 5)}–${span.to.slice(0, 5)}`).join("; ") : NOTHING);
export const seatsText = (seats) => (typeof seats === "number" ? nt("{n} seat", "{n} seats", seats) : "");

function spanRow({ days = [1, 2, 3, 4, 5], from = "07:00", to = "17:00" } = {}) {
  const row = element("div", { class: "opening" }, ...DAYS.map((name, i) => {
    const box = element("input", { type: "checkbox", value: String(i + 1) });
    box.checked = days.includes(i + 1);
    return element("label", { class: "check" }, box, name);
  }), element("input", { type: "time", class: "from", "aria-label": t("from"), required: "" }), element("input", { type: "time", class: "to", "aria-label": t("to"), required: "" }));
  [row.querySelector(".from").value, row.querySelector(".to").value] = [from.slice(0, 5), to.slice(0, 5)];
  const away = button("×", "away", () => row.remove());
  away.setAttribute("aria-label", t("Remove these hours"));
  row.append(away);
  return row;
}

const spanOf = (row) => ({ days: [...row.querySelectorAll("input:checked")].map((box) => Number(box.value)), from: row.querySelector(".from").value, to: row.querySelector(".to").value });

function openingField(opening) {
  const rows = element("div", {}, ...(opening ?? []).map(spanRow));
  const node = element("fieldset", { class: "openings" }, element("legend", {}, t("Opening hours")), rows, button(t("Add hours"), "quiet", () => rows.append(spanRow())));
  return { node, value: () => [...rows.children].map(spanOf).filter((span) => span.days.length && span.from && span.to) };
}

const fields = (room) => [
  { name: "name", label: t("Name"), value: room.name, most: 200 }, { name: "type", label: t("Type"), kind: "select", value: room.type || "classroom", options: Object.entries(TYPES) },
  { name: "seats", label: t("Seats"), kind: "number", value: room.seats, least: 0, largest: 10000 }, { name: "floor", label: t("Floor"), value: room.floor, most: 16 },
];
const values = ({ name, type, seats, floor }, hours) => ({ name: name ?? "", type, ...(seats === null ? {} : { seats }), floor: floor ?? "", opening: hours.value() });

export async function editRoom(room) {
  const hours = openingField(room.opening);
  return ask({ title: t("Edit the room"), subject: `${roomCalled(room)} · ${room.code}`, submit: t("Save"), fields: fields(room), extra: [hours.node], answer: (said) => call("PATCH", at("/api/v1/organisation/rooms", room.school, room.code), values(said, hours)) });
}

export async function addRoom(school) {
  const hours = openingField([{}]);
  return ask({
    title: t("Add a room"), submit: t("Add"), fields: [{ name: "code", label: t("Code"), required: true, most: 64 }, ...fields({})], extra: [hours.node],
    answer: (said) => post("/api/v1/organisation/rooms", { school, code: said.code, ...values(said, hours) }),
  });
}
