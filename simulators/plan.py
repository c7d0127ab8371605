"""What stands where: schools, offices, rooms and devices, the same for the same seed. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from devices.kind import DeviceKind, kinds
from devices.province import School, districts, org_units
from simulators.school_day import DEPARTMENT, OFFICE, RoomTraits, chance
from simulators.timeline import Place

WHOLE_SCHOOL = "-"
TEACHING_BY_LEVEL = {
    "MN": ("smart_classroom", "smart_classroom", "smart_classroom", "hall"),
    "TH": ("smart_classroom", "smart_classroom", "smart_classroom", "computer_lab", "library"),
    "THCS": ("smart_classroom", "smart_classroom", "smart_classroom", "computer_lab", "library"),
    "THPT": (
        "smart_classroom", "smart_classroom", "simulation_lab", "vr_room", "computer_lab", "library",
    ),
}  # fmt: skip
"""The types of a school's teaching rooms, in the order of their numbers; further ones are classrooms."""
FURTHER_BY_LEVEL = {
    "THPT": ("server_room",),
    OFFICE: ("conference_room",),
    DEPARTMENT: ("operations_centre", "server_room", "conference_room"),
}
CODES = {"server_room": "MC1", "conference_room": "HT1", "operations_centre": "DH1"}
SEATS_BY_LEVEL = {"MN": 25, "TH": 32, "THCS": 40, "THPT": 42}
SEATS_BY_TYPE = {"conference_room": 16, "operations_centre": 8, "server_room": 1}
ROOMS_PER_FLOOR = 4


@dataclass(frozen=True, slots=True)
class DevicePlan:
    """One device: its id in the school, kind, room code (`-` for the whole school), name and age in years.

    `number` tells several alike in one room apart, from 1.
    """

    device: str
    kind: str
    room: str
    name: str
    age_years: float
    number: int = 1


@dataclass(frozen=True, slots=True)
class SchoolPlan:
    """One school or office: its edge node, rooms and devices; `age_years` is the age of what has no room."""

    school: School
    node: str
    rooms: tuple[RoomTraits, ...]
    devices: tuple[DevicePlan, ...]
    age_years: float

    @property
    def place(self) -> Place:
        """What a scenario's target chooses from."""
        codes = tuple(room.code for room in self.rooms)
        return Place(self.school.code, self.school.district_code, self.school.level, codes)

    def room_type(self, code: str) -> str:
        """The type of a room; empty for the whole school."""
        return next((room.type for room in self.rooms if room.code == code), "")


def offices() -> list[School]:
    """The department and the offices that have a conference site, as places that report like schools do."""
    names = {district.code: district.name for district in districts()}
    levels = {"department": DEPARTMENT, "district_office": OFFICE}
    return [
        School(unit.code, unit.name, levels[unit.kind], code, names.get(code, ""))
        for unit in org_units()
        if unit.vc_site and unit.kind in levels
        for code in (unit.code.removeprefix("PGD-") if unit.kind == "district_office" else "",)
    ]


def plan_school(
    school: School,
    seed: int,
    rooms_per_school: int | None = None,
    known: Mapping[str, DeviceKind] | None = None,
    devices_per_school: int | None = None,
) -> SchoolPlan:
    """The rooms and devices of one school; without a number of rooms the level decides (4 to 8).

    Each kind says itself where it stands (`DeviceKind.simulated`); `known` are the kinds there are.
    With `devices_per_school` a school has exactly so many, and the rooms they need.
    """
    known = kinds() if known is None else known
    code = school.code
    built = 1.0 + 11.0 * chance(seed, code, "age")
    shared_age = built / 2
    rooms: list[RoomTraits] = []
    devices = [
        _device(kind, WHOLE_SCHOOL, shared_age)
        for kind in known.values()
        if kind.simulated.per_school and _stands(kind, known, school, WHOLE_SCHOOL, "", shared_age, seed)
    ]
    wanted = None if school.level in (OFFICE, DEPARTMENT) else devices_per_school
    for room in _rooms(school, seed, built, rooms_per_school, endless=wanted is not None):
        if wanted is not None and (len(devices) >= wanted or len(rooms) > 10 * wanted):
            break
        rooms.append(room)
        devices += [
            _device(kind, room.code, room.age_years, number, count)
            for kind in known.values()
            if not kind.simulated.per_school
            and _stands(kind, known, school, room.code, room.type, room.age_years, seed)
            for count in (kind.simulated.rooms.get(room.type, 1),)
            for number in range(1, count + 1)
        ]
    return SchoolPlan(school, f"{code}-a1", tuple(rooms), tuple(devices[:wanted]), shared_age)


def _rooms(
    school: School, seed: int, built: float, rooms_per_school: int | None, *, endless: bool
) -> Iterator[RoomTraits]:
    """The rooms of a school, for ever if wanted: teaching rooms by number, then those that have a name."""
    types = TEACHING_BY_LEVEL.get(school.level, ())
    count = len(types) if rooms_per_school is None else rooms_per_school
    number = 0
    while number < count:
        room_type = types[number] if number < len(types) else "smart_classroom"
        floor, place = divmod(number, ROOMS_PER_FLOOR)
        yield _room(school, seed, built, f"P{floor + 1}{place + 1:02d}", room_type)
        number += 1
    if rooms_per_school is None:
        further = FURTHER_BY_LEVEL.get(school.level, ())
        if school.level == "THPT" and school.code in _conference_schools():
            further = (*further, "conference_room")
        for room_type in further:
            yield _room(school, seed, built, CODES[room_type], room_type)
    while endless:
        floor, place = divmod(number, ROOMS_PER_FLOOR)
        yield _room(school, seed, built, f"P{floor + 1}{place + 1:02d}", "smart_classroom")
        number += 1


def _room(school: School, seed: int, built: float, code: str, room_type: str) -> RoomTraits:
    where = (seed, school.code, code)
    return RoomTraits(
        school=school.code,
        code=code,
        level=school.level,
        seats=SEATS_BY_TYPE.get(room_type, SEATS_BY_LEVEL.get(school.level, 35)),
        age_years=max(0.2, built - 6.0 * chance(*where, "renewed")),
        morning_use=0.80 + 0.18 * chance(*where, "morning"),
        afternoon_use=0.45 + 0.45 * chance(*where, "afternoon"),
        type=room_type,
    )


def _conference_schools() -> set[str]:
    return {unit.code for unit in org_units() if unit.kind == "vc_school" and unit.vc_site}


def _stands(
    kind: DeviceKind,
    known: Mapping[str, DeviceKind],
    school: School,
    room: str,
    room_type: str,
    age: float,
    seed: int,
) -> bool:
    """Whether one of the kind stands there; kinds throw dice of their own: a new one moves no other."""
    where = kind.simulated
    if where.levels and school.level not in where.levels:
        return False
    if where.rooms and room_type not in where.rooms:
        return False
    luck = chance(seed, school.code, room, where.luck or kind.id)
    if room_type not in where.always and luck >= where.share_at(age):
        return False
    other = known.get(where.unless)
    return other is None or not _stands(other, known, school, room, room_type, age, seed)


def _device(kind: DeviceKind, room: str, age: float, number: int = 1, count: int = 1) -> DevicePlan:
    suffix = kind.simulated.suffix or kind.id.replace("_", "-")
    name = kind.simulated.name or kind.label_vi
    if room == WHOLE_SCHOOL:
        return DevicePlan(suffix, kind.id, room, name, age)
    if count > 1:
        device = f"{room.lower()}-{suffix}-{number:02d}"
        return DevicePlan(device, kind.id, room, f"{name} {room}-{number:02d}", age, number)
    return DevicePlan(f"{room.lower()}-{suffix}", kind.id, room, f"{name} {room}", age)


def plan_province(
    schools: Iterable[School],
    seed: int,
    rooms_per_school: int | None = None,
    known: Mapping[str, DeviceKind] | None = None,
    devices_per_school: int | None = None,
) -> list[SchoolPlan]:
    """The plans of all schools given, in their order."""
    known = kinds() if known is None else known
    return [plan_school(school, seed, rooms_per_school, known, devices_per_school) for school in schools]
