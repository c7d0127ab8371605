"""What stands where: schools, rooms and devices of the province, the same for the same seed. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from devices.province import School
from simulators.school_day import RoomTraits, chance
from simulators.timeline import Place

WHOLE_SCHOOL = "-"
UPLINK = "uplink"
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
    """One school: its edge node, rooms and devices (the uplink first)."""

    school: School
    node: str
    rooms: tuple[RoomTraits, ...]
    devices: tuple[DevicePlan, ...]

    @property
    def place(self) -> Place:
        """What a scenario's target chooses from."""
        codes = tuple(room.code for room in self.rooms)
        return Place(self.school.code, self.school.district_code, self.school.level, codes)


def plan_school(school: School, seed: int, rooms_per_school: int | None = None) -> SchoolPlan:
    """The rooms and devices of one school; without a number of rooms the level decides (4 to 6)."""
    code, level = school.code, school.level
    count = rooms_per_school if rooms_per_school is not None else ROOMS_BY_LEVEL.get(level, 5)
    built = 1.0 + 11.0 * chance(seed, code, "age")
    rooms: list[RoomTraits] = []
    devices = [DevicePlan(UPLINK, "uplink", WHOLE_SCHOOL, "Đường truyền Internet", built / 2)]
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
        low = room.lower()
        devices.append(DevicePlan(f"{low}-air", "room_air", room, f"Cảm biến không khí {room}", age))
        # panels came later than projectors: the newer a room, the likelier it has one
        if chance(seed, code, room, "screen") < 0.75 - 0.05 * age:
            devices.append(
                DevicePlan(f"{low}-display", "interactive_display", room, f"Màn hình tương tác {room}", age)
            )
        else:
            devices.append(DevicePlan(f"{low}-projector", "projector", room, f"Máy chiếu {room}", age))
        devices.append(DevicePlan(f"{low}-relay", "relay", room, f"Tủ điện {room}", age))
    return SchoolPlan(school, f"{code}-a1", tuple(rooms), tuple(devices))


def plan_province(
    schools: Iterable[School], seed: int, rooms_per_school: int | None = None
) -> list[SchoolPlan]:
    """The plans of all schools given, in their order."""
    return [plan_school(school, seed, rooms_per_school) for school in schools]
