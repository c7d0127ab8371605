// What the wall knows, and what of it changed since it was last drawn. No DOM in here.
import { worstFirst } from "../severity.js";

const SHOWN_UPLINKS = 12;

export class Picture {
  constructor() {
    this.clear();
  }

  clear() {
    this.schools = new Map();
    this.districts = new Map();
    this.offices = new Map();
    this.alarms = new Map();
    this.uplinks = new Map();
    this.figures = {};
    this.status = {};
    this.simulated = false;
    this.clockOffsetMs = 0;
    this.clockFactor = 1;
    this.dirty = { all: true, schools: new Set(), districts: new Set(), figures: true, alarms: true, uplinks: true };
  }

  snapshot(picture) {
    this.clear();
    for (const district of picture.districts ?? []) this.districts.set(district.code, { ...district, members: [] });
    for (const school of picture.schools ?? []) {
      this.schools.set(school.code, { ...school });
      if (!this.districts.has(school.district))
        this.districts.set(school.district, { code: school.district, name: school.district, short: school.district, members: [] });
      this.districts.get(school.district).members.push(this.schools.get(school.code));
    }
    this.offices = new Map(Object.entries(picture.offices ?? {}));
    for (const alarm of picture.alarms ?? []) this.alarms.set(alarm.id, alarm);
    for (const uplink of picture.uplinks ?? []) this.uplinks.set(uplink.school, uplink);
    this.figures = picture.figures ?? {};
    this.status = picture.status ?? {};
    this.simulated = Boolean(picture.simulated);
    this.clockOffsetMs = picture.clock_offset_ms ?? 0;
    this.clockFactor = picture.clock_factor ?? 1;
  }

  delta(change) {
    for (const [code, [state, roomsOnline, rooms, devicesOnline, devices]] of Object.entries(change.schools ?? {})) {
      const school = this.schools.get(code);
      if (!school) continue;
      Object.assign(school, { state, rooms_online: roomsOnline, rooms, devices_online: devicesOnline, devices });
      this.dirty.schools.add(code);
      this.dirty.districts.add(school.district);
    }
    if (change.figures) {
      const history = { ...this.figures.history, ...change.figures.history };
      Object.assign(this.figures, change.figures, { history });
      this.dirty.figures = true;
    }
    if (change.alarms) {
      for (const id of change.alarms.remove ?? []) this.alarms.delete(id);
      for (const alarm of change.alarms.upsert ?? [])
        if (alarm.state === "normal") this.alarms.delete(alarm.id);
        else this.alarms.set(alarm.id, alarm);
      this.dirty.alarms = true;
    }
    if (change.uplinks) {
      for (const [code, uplink] of Object.entries(change.uplinks))
        if (uplink === null) this.uplinks.delete(code);
        else this.uplinks.set(code, { ...this.uplinks.get(code), school: code, ...uplink });
      const spare = this.busiest(Infinity).slice(4 * SHOWN_UPLINKS);
      for (const uplink of spare) this.uplinks.delete(uplink.school); // a wall runs for months
      this.dirty.uplinks = true;
    }
    Object.assign(this.status, change.status);
  }

  taken() {
    const dirty = this.dirty;
    this.dirty = { all: false, schools: new Set(), districts: new Set(), figures: false, alarms: false, uplinks: false };
    return dirty;
  }

  // Rooms online and in all of a district, of schools that have ever been heard.
  rooms(district) {
    let online = 0;
    let all = 0;
    for (const school of district.members)
      if (school.state !== "unknown") {
        online += school.rooms_online ?? 0;
        all += school.rooms ?? 0;
      }
    return [online, all];
  }

  // Alarms that somebody has to look at, in the order they should.
  ranked() {
    return [...this.alarms.values()].filter((alarm) => alarm.state !== "suppressed" && !alarm.suppressed_by).sort(worstFirst);
  }

  get suppressed() {
    const counted = this.figures.alarms_suppressed;
    return counted ?? [...this.alarms.values()].filter((alarm) => alarm.state === "suppressed" || alarm.suppressed_by).length;
  }

  busiest(count = SHOWN_UPLINKS) {
    return [...this.uplinks.values()]
      .sort((a, b) => (b.utilisation ?? -1) - (a.utilisation ?? -1) || (a.school < b.school ? -1 : 1))
      .slice(0, count);
  }
}
