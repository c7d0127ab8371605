// What roles, units, states and kinds of records are called.
import { t } from "../words.js";

const named = (words) => (id) => words()[id] ?? id ?? "";

export const roleName = named(() => ({
  administrator: t("Administrator"), operations: t("Operations staff"), technician: t("Technician"), school_admin: t("School administrator"),
  contributor: t("Reporting agency"), budget_viewer: t("Budget viewer"), inspector: t("Inspector"), wall_screen: t("Wall screen"),
}));
export const ROLES = ["administrator", "operations", "technician", "school_admin", "contributor", "budget_viewer", "inspector"];

export const unitKindName = named(() => ({
  department: t("Department"), district: t("District"), office: t("District office"), commune: t("Commune"), school: t("School"), cec: t("Continuing education centre"), college: t("College"),
}));

export const statusName = named(() => ({ in_use: t("In use"), spare: t("Spare"), repair: t("In repair"), lost: t("Lost"), disposed: t("Disposed of") }));
export const STATUSES = ["in_use", "spare", "repair", "lost", "disposed"];
export const STATUS_SHAPE = { in_use: "ok", spare: "unknown", repair: "minor", lost: "major", disposed: "none" };

export const conditionName = named(() => ({ good: t("Good"), fair: t("Fair"), poor: t("Poor"), broken: t("Broken") }));

export const fieldName = named(() => ({
  tag: t("Tag"), type: t("Type"), name: t("Name"), serial: t("Serial number"), maker: t("Maker"), model: t("Model"), school: t("School"), room: t("Room"), acquired: t("Acquired on"),
  fund_source: t("Funding source"), supplier: t("Supplier"), price_vnd: t("Price (VND)"), warranty_until: t("Warranty until"), status: t("Status"), condition: t("Condition"),
  device: t("Device"), note: t("Note"), documents: t("Documents"), unit: t("Unit"), username: t("User name"), role: t("Role"), grants: t("Roles"), language: t("Language"), disabled: t("Disabled"),
  level: t("Level"), levels: t("Levels"), parent: t("Above"), valid_from: t("Valid from"), valid_to: t("Valid until"), address: t("Address"), phone: t("Telephone"), code: t("Code"), kind: t("Kind"),
  seats: t("Seats"), state: t("State"), text: t("Text"), district: t("District"),
}));

export const domainName = named(() => ({
  schools: t("Schools"), classes: t("Classes"), teachers: t("Teachers"), pupils: t("Pupils"), managers: t("Managers"), facilities: t("Facilities"), equipment: t("Equipment"), libraries: t("Libraries"),
}));
export const DOMAINS = ["schools", "classes", "teachers", "pupils", "managers", "facilities", "equipment", "libraries"];

export const importKindName = named(() => ({
  units: t("Units"), rooms: t("Rooms"), equipment: t("Equipment"), users: t("Users"), counts: t("Numbers of pupils and teachers"), devices: t("Devices of agents"), oneroster: t("OneRoster bundle"),
}));
export const importStateName = named(() => ({
  reading: t("Being read"), checked: t("Checked, not applied"), applying: t("Being applied"), applied: t("Applied"), failed: t("Failed"), discarded: t("Discarded"),
}));
