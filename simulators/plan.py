"""What stands where: schools, rooms and devices of the province, the same for the same seed. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from devices.kind import DeviceKind, kinds
from devices.province import School
from simulators.school_day import RoomTraits, chance
from simulators.timeline import Place

WHOLE_SCHOOL = "-"
ROOMS_BY_LEVEL = {"MN": 4, "TH": 5, "THCS": 5, "THPT": 6}
SEATS_BY_LEVEL = {"MN": 25, "TH": 32, "THCS": 40, "THPT": 42}
ROOMS_PER_FLOOR = 4


@dataclass(frozen=True, slots=True)
class DevicePlan:
    """One device: its id in the school, kind, room code (`-` for the whole school), name and age in years."""

    device: str
    kind: str
    room: str
    name: str
    age_years: float


@dataclass(frozen=True, slots=True)
class SchoolPlan:
    """One school: its edge node, rooms and devices; `age_years` is the age of what belongs to no room."""

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


def plan_school(
    school: School,
    seed: int,
    rooms_per_school: int | None = None,
    known: Mapping[str, DeviceKind] | None = None,
) -> SchoolPlan:
    """The rooms and devices of one school; without a number of rooms the level decides (4 to 6).

    Each kind says itself where it stands (`DeviceKind.simulated`); `known` are the kinds there are.
    """
    code, level = school.code, school.level
    known = kinds() if known is None else known
    count = rooms_per_school if rooms_per_school is not None else ROOMS_BY_LEVEL.get(level, 5)
    built = 1.0 + 11.0 * chance(seed, code, "age")
    shared_age = built / 2
    rooms: list[RoomTraits] = []
    devices = [
        _device(kind, WHOLE_SCHOOL, shared_age)
        for kind in known.values()
        if kind.simulated.per_school and _stands(kind, known, school, WHOLE_SCHOOL, shared_age, seed)
    ]
    for number in range(count):
        room = f"P{number // ROOMS_PER_FLOOR + 1}{number % ROOMS_PER_FLOOR + 1:02d}"
        age = max(0.2, built - 6.0 * chance(seed, code, room, "renewed"))
        rooms.append(
            RoomTraits(
                school=code,
                code=room,
                level=level,
                seats=SEATS_BY_LEVEL.get(level, 35),
                age_years=age,
                morning_use=0.80 + 0.18 * chance(seed, code, room, "morning"),
                afternoon_use=0.45 + 0.45 * chance(seed, code, room, "afternoon"),
            )
        )
        devices += [
            _device(kind, room, age)
            for kind in known.values()
            if not kind.simulated.per_school and _stands(kind, known, school, room, age, seed)
        ]
    return SchoolPlan(school, f"{code}-a1", tuple(rooms), tuple(devices), shared_age)


def _stands(
    kind: DeviceKind, known: Mapping[str, DeviceKind], school: School, room: str, age: float, seed: int
) -> bool:
    """Whether one of the kind stands there; kinds throw dice of their own: a new one moves no other."""
    where = kind.simulated
    if where.levels and school.level not in where.levels:
        return False
    if chance(seed, school.code, room, where.luck or kind.id) >= where.share_at(age):
        return False
    other = known.get(where.unless)
    return other is None or not _stands(other, known, school, room, age, seed)


def _device(kind: DeviceKind, room: str, age: float) -> DevicePlan:
    suffix = kind.simulated.suffix or kind.id.replace("_", "-")
    name = kind.simulated.name or kind.label_vi
    if room == WHOLE_SCHOOL:
        return DevicePlan(suffix, kind.id, room, name, age)
    return DevicePlan(f"{room.lower()}-{suffix}", kind.id, room, f"{name} {room}", age)


def plan_province(
    schools: Iterable[School],
    seed: int,
    rooms_per_school: int | None = None,
    known: Mapping[str, DeviceKind] | None = None,
) -> list[SchoolPlan]:
    """The plans of all schools given, in their order."""
    known = kinds() if known is None else known
    return [plan_school(school, seed, rooms_per_school, known) for school in schools]
