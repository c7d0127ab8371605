// What stands around a device: its record in the register, its tickets, and the others of its room.
import { at, get } from "../console/api.js";
import { element } from "../dom.js";
import { t } from "../words.js";
import { assetLine, assetTypes } from "../school/equipment.js";
import { roomAddress } from "../school/rooms.js";
import { over, ticketLine } from "../school/ticket_words.js";
import { everything } from "../school/units.js";
import { deviceKey, roomName } from "./device_row.js";
import { roomDevice } from "./room_device.js";
import { Section, once } from "./section.js";

const SHOWN = 30;

// The piece of equipment that is linked to it; first among those of its room, which are few.
async function assetOf(device) {
  const mine = (asset) => asset.device && deviceKey(asset.device) === deviceKey(device);
  const linked = { school: device.school, linked: true };
  const near = roomName(device.room) ? (await everything("/api/v1/assets", { ...linked, room: device.room })).find(mine) : null;
  return near ?? (await everything("/api/v1/assets", linked)).find(mine) ?? null;
}

export const assetPart = (device) => new Section("asset", {
  load: async () => ({ asset: await assetOf(await device()), types: await assetTypes() }),
  draw: once(({ asset }) => asset, ({ asset, types }, body) => body.replaceChildren(...(asset ? [assetLine(asset, types)] : []))),
  empty: () => t("No piece of equipment in the register is linked to it."),
});

export const ticketsPart = ({ group, node, device }) => new Section("tickets", {
  load: () => get("/api/v1/tickets", { group, node, device, limit: SHOWN }),
  draw: once(({ items }) => items, ({ items }, body) => body.replaceChildren(...[...items].sort((a, b) => over(a) - over(b)).map((ticket) => ticketLine(ticket, false)))),
  empty: () => t("No ticket. Raise one when something needs repair."),
});

export const neighboursPart = (device) => new Section("neighbours", {
  async load() {
    const me = await device();
    const { items } = await get("/api/v1/devices", { school: me.school, q: roomName(me.room) ? me.room : "", limit: 200 });
    return { me, items: items.filter((one) => one.room === me.room && deviceKey(one) !== deviceKey(me)).slice(0, SHOWN) };
  },
  draw: once(({ items }) => items, ({ me, items }, body) => body.replaceChildren(...items.map((one) => roomDevice(one)),
    ...(roomName(me.room) ? [element("p", { class: "soft" }, element("a", { href: roomAddress({ school: me.school, room: me.room, code: me.room }) }, t("Open the room")))] : []))),
  empty: () => t("It is alone in its room."),
});

export const agentLink = ({ group, node }) => element("a", { href: at("/agents", group, node) }, t("Open the edge node"));
