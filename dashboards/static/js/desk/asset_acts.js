// What is done to a piece of equipment: added, changed, moved, repaired, returned, disposed of, linked, reported.
import { element } from "../dom.js";
import { t } from "../words.js";
import { at, call, get, post } from "../console/api.js";
import { raiseTicket } from "../school/raise.js";
import { everything } from "../school/units.js";
import { ask } from "./asking.js";
import { assetAddress, learnTypes } from "./asset_names.js";
import { changes } from "./fields.js";
import { conditionName, fieldName, statusName } from "./names.js";

const CONDITIONS = ["good", "fair", "poor", "broken"];
const api = (asset, ...rest) => at("/api/v1/assets", String(asset.id), ...rest);
const today = () => new Intl.DateTimeFormat("sv-SE", { timeZone: "Asia/Ho_Chi_Minh" }).format(Date.now());
const none = ["", t("not known")];

const field = (name, asset, more = {}) => ({ name, label: fieldName(name), value: asset?.[name], most: 128, ...more });
const described = (asset, types) => [
  field("name", asset, { required: true, most: 200, wide: true }), field("type", asset, { kind: "select", options: [none, ...types] }),
  field("serial", asset), field("maker", asset), field("model", asset),
  field("acquired", asset, { kind: "date", largest: "2099-12-31" }), field("warranty_until", asset, { kind: "date", largest: "2099-12-31" }),
  field("fund_source", asset), field("supplier", asset), field("price_vnd", asset, { kind: "number", least: 0, step: 1 }),
  field("condition", asset, { kind: "select", options: [none, ...CONDITIONS.map((one) => [one, conditionName(one)])] }),
  field("note", asset, { kind: "textarea", most: 2000, wide: true }),
];
const noted = ({ note, ...values }) => ({ ...values, note: note ?? "" });

const SCHOOLS = ["school", "cec", "college"];

// School and room to choose from: the rooms are those of the school that stands there.
export async function placeFields({ school = "", schoolName = "", room = "" }) {
  if (!school) {
    const found = (await get("/api/v1/organisation/schools", { limit: 2 }).catch(() => ({ items: [] }))).items;
    if (found.length === 1) [school, schoolName] = [found[0].code, found[0].name];
  }
  const list = async (code, kept) => {
    const rooms = code ? await everything("/api/v1/organisation/rooms", { school: code }).catch(() => []) : [];
    const known = !kept || rooms.some((one) => one.code === kept) ? [] : [[kept, kept]];
    return [["", t("in no room")], ...known, ...rooms.map((one) => [one.code, one.name ? [one.name, one.code].join(" · ") : one.code])];
  };
  const chosen = async (unit) => {
    const select = document.querySelector("dialog[open] select[name=room]");
    if (!select) return;
    const options = await list(unit?.code, "");
    select.replaceChildren(...options.map(([value, label]) => element("option", { value }, label)));
  };
  return [
    { name: "school", label: fieldName("school"), kind: "unit", kinds: SCHOOLS, value: school, valueName: schoolName, required: true, chosen },
    { name: "room", label: fieldName("room"), kind: "select", value: room, options: await list(school, room) },
  ];
}

export async function addAsset(place = {}) {
  const types = await learnTypes();
  const made = await ask({
    title: t("Add a piece of equipment"), submit: t("Add"), kind: "wide",
    fields: [
      ...(await placeFields(place)), ...described(null, types),
      { name: "tag", label: fieldName("tag"), most: 64, hint: t("Empty: it gets one by itself.") },
    ],
    answer: ({ tag, ...values }) => post("/api/v1/assets", { ...noted(values), ...(tag ? { tag } : {}) }),
  });
  if (made) location.assign(assetAddress(made));
}

export async function editAsset(asset, first = null) {
  const types = await learnTypes();
  const statuses = ["in_use", "spare", "lost"];
  const settled = asset.status === "repair" || asset.status === "disposed";
  const before = { ...asset, note: asset.note ?? "" };
  const fields = [...described(asset, types), ...(settled ? [] : [field("status", asset, { kind: "select", options: [none, ...statuses.map((one) => [one, statusName(one)])] })])];
  return ask({
    title: t("Change the record"), subject: asset.tag, submit: t("Save"), kind: "wide",
    fields: first ? [...fields.filter((one) => one.name === first), ...fields.filter((one) => one.name !== first)] : fields,
    answer: (values) => call("PATCH", api(asset), changes(before, noted(values))),
  });
}

export const moveAsset = async (asset) => ask({
  title: t("Move it"), subject: asset.name, submit: t("Move elsewhere"),
  fields: [
    ...(await placeFields({ school: asset.school, schoolName: asset.school_name, room: asset.room ?? "" })),
    { name: "on", label: t("On the day"), kind: "date", value: today(), required: true }, { name: "text", label: t("Why"), most: 2000 },
  ],
  answer: ({ text, ...values }) => post(api(asset, "move"), { ...values, text: text ?? "" }),
});

export const repairAsset = (asset) => ask({
  title: t("Into repair"), subject: asset.name, submit: t("Into repair"), fields: [{ name: "text", label: t("What is wrong"), kind: "textarea", most: 2000, required: true }],
  answer: (values) => post(api(asset, "repair"), values),
});

export const returnAsset = (asset) => ask({
  title: t("Back from repair"), subject: asset.name, submit: t("Back in use"), fields: [{ name: "text", label: t("What was done"), kind: "textarea", most: 2000 }],
  answer: ({ text }) => post(api(asset, "return"), { text: text ?? "" }),
});

export const takeDisposalBack = (asset) => ask({
  title: t("Take the disposal back?"), subject: t("{name} counts again and is in use; what happened stays in its history.", { name: asset.name }), submit: t("Take the disposal back"),
  fields: [{ name: "text", label: t("Why"), kind: "textarea", most: 2000 }],
  answer: ({ text }) => post(api(asset, "return"), { text: text ?? "" }),
});

export const disposeAsset = (asset) => ask({
  title: t("Dispose of it?"), subject: t("{name} leaves the register's counts; its history stays.", { name: asset.name }), submit: t("Dispose of it"), kind: "grave",
  fields: [{ name: "on", label: t("On the day"), kind: "date", value: today(), required: true }, { name: "reason", label: t("Reason"), kind: "textarea", most: 2000, required: true }],
  answer: (values) => post(api(asset, "dispose"), values),
});

// Devices of the same school stand to choose from.
export async function linkDevice(asset) {
  let devices = [];
  try {
    devices = (await get("/api/v1/devices", { school: asset.school, limit: 500 })).items;
  } catch {
    devices = [];
  }
  const key = (device) => [device.group, device.node, device.device].join("/");
  const near = (device) => (device.room === asset.room ? 0 : 1);
  return ask({
    title: t("Link to a device"), subject: t("Its presence, values and alarms then belong to this piece of equipment."), submit: t("Link"),
    fields: [{ name: "device", label: t("Device"), kind: "select", required: true, options: devices.sort((a, b) => near(a) - near(b) || key(a).localeCompare(key(b))).map((device) => [key(device), [device.name || device.device, device.room && t("room {room}", { room: device.room }), device.device].filter(Boolean).join(" · ")]) }],
    answer: ({ device }) => {
      const one = devices.find((each) => key(each) === device);
      return call("PATCH", api(asset), { device: { group: one.group, node: one.node, device: one.device } });
    },
  });
}

export const unlinkDevice = (asset) => ask({ title: t("Take the link away?"), subject: asset.name, submit: t("Take away"), answer: () => call("PATCH", api(asset), { device: null }) });

export const reportFault = (asset) => raiseTicket({ unit: asset.school, room: asset.room, device: asset.device, asset_id: asset.id }, [asset.name, asset.tag].join(" · "));
