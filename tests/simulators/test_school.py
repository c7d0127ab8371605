"""A living school reports what changed, breaks with age and is struck by faults that pass."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from devices.kind import kinds
from devices.province import schools
from devices.simulation import ROOM_TYPES, TEACHING_ROOMS
from simulators.plan import offices, plan_province, plan_school
from simulators.scenario import FaultKind
from simulators.school import ANY_DEVICE, LivingSchool, Observation

FIVE = ("room_air", "interactive_display", "projector", "relay", "uplink")
KINDS = {name: kinds()[name] for name in FIVE}
MONDAY_0905_MS = 1_764_036_300_000  # 2025-11-25T02:05:00Z, a Tuesday morning at school
SCHOOLS = schools(24)


def living(index: int = 0, **options: bool) -> LivingSchool:
    return LivingSchool(plan_school(SCHOOLS[index], 1, known=KINDS), KINDS, 1, **options)


def run(school: LivingSchool, seconds: int, start_s: int = 0, step_s: int = 5) -> list[Observation]:
    seen: list[Observation] = []
    for second in range(start_s, start_s + seconds + 1, step_s):
        seen += school.live(MONDAY_0905_MS + second * 1000)
    return seen


def latest(seen: list[Observation], device: str) -> Mapping[str, Any]:
    values: dict[str, Any] = {}
    for each in seen:
        if each.device == device:
            values |= each.values or {}
    return values


def test_a_province_is_the_same_for_the_same_seed_and_has_rooms_by_level() -> None:
    assert plan_province(SCHOOLS, 7) == plan_province(SCHOOLS, 7)
    assert plan_province(SCHOOLS, 7) != plan_province(SCHOOLS, 8)
    for plan in plan_province(SCHOOLS, 7, known=KINDS):
        teaching = [room for room in plan.rooms if room.type in TEACHING_ROOMS]
        assert 4 <= len(teaching) <= 6
        assert len(plan.rooms) - len(teaching) <= 2
        held = sum(room.type == "conference_room" for room in plan.rooms)
        assert len(plan.devices) == 1 + 2 * len(teaching) + len(plan.rooms) + held
        assert len({device.device for device in plan.devices}) == len(plan.devices)
        assert {device.kind for device in plan.devices} <= set(KINDS)
        assert plan.node == f"{plan.school.code}-a1"
    assert len(plan_school(SCHOOLS[0], 7, 30).rooms) == 30


def test_two_runs_with_one_seed_see_the_same() -> None:
    assert run(living(), 120) == run(living(), 120)


def test_first_everything_is_reported_then_only_changes() -> None:
    school = living(ageing=False)
    first = school.live(MONDAY_0905_MS)
    assert {each.device for each in first} == set(school.devices)
    assert all(each.values is not None for each in first)
    later = run(school, 60, start_s=5)
    assert 0 < len(later) < 12 * len(school.devices) / 3
    assert school.live(MONDAY_0905_MS + 60_000) == [], "no time passed, nothing changed"


def test_a_lesson_warms_the_room_before_the_first_report() -> None:
    values = [
        device.values
        for index in range(24)
        for school in [living(index)]
        if school.live(MONDAY_0905_MS)
        for device in school.devices.values()
        if device.kind.id == "room_air"
    ]
    busy = [each for each in values if each["Occupancy"] > 10]
    assert len(busy) > 30
    assert sum(each["CO2"] for each in busy) / len(busy) > 500


@pytest.mark.parametrize(
    ("fault", "detail", "device", "metric", "value"),
    [
        (FaultKind.FLOOD, "", "p101-air", "Water Leak", True),
        (FaultKind.UPLINK_DOWN, "", "uplink", "Link Up", False),
        (FaultKind.FIBRE_CUT, "", "uplink", "Link Up", False),
    ],
)
def test_a_fault_shows_and_passes(
    fault: FaultKind, detail: str, device: str, metric: str, value: Any
) -> None:
    school = living(ageing=False)
    before = latest(run(school, 20), device)[metric]
    school.strike(fault, ("P101",), detail=detail)
    assert latest(run(school, 20, 25), device)[metric] == value != before
    school.strike(fault, ("P101",), detail=detail, begins=False)
    assert latest(run(school, 20, 50), device)[metric] == before


def test_a_power_cut_silences_the_room_and_nothing_else() -> None:
    school = living(ageing=False)
    run(school, 10)
    school.strike(FaultKind.POWER_CUT, ("P101",))
    gone = [each for each in run(school, 20, 15) if each.values is None]
    assert sorted(each.device for each in gone) == sorted(
        device.device for device in school.plan.devices if device.room == "P101"
    ), "each is said to be gone once"
    assert {each.reason for each in gone} == {"powered_off"}
    school.strike(FaultKind.POWER_CUT, ("P101",), begins=False)
    back = {each.device: each for each in run(school, 0, 40) if each.returned}
    assert set(back) == {each.device for each in gone}


def test_two_overlapping_faults_need_both_to_end() -> None:
    school = living(ageing=False)
    run(school, 10)
    for _ in range(2):
        school.strike(FaultKind.FLOOD, ("P101",))
    school.strike(FaultKind.FLOOD, ("P101",), begins=False)
    run(school, 5, 15)
    assert school.devices["p101-air"].values["Water Leak"] is True
    school.strike(FaultKind.FLOOD, ("P101",), begins=False)
    run(school, 5, 25)
    assert school.devices["p101-air"].values["Water Leak"] is False


def test_old_schools_break_and_are_repaired() -> None:
    """A compressed week of the 24 schools: something broke by age, most of it where equipment is old."""
    broke: list[float] = []
    for index in range(24):
        school = living(index)
        for hour in range(24 * 7):
            seen = school.live(MONDAY_0905_MS + hour * 3_600_000)
            broke += [school.devices[each.device].plan.age_years for each in seen if each.values is None]
    ages = [device.age_years for plan in plan_province(SCHOOLS, 1) for device in plan.devices]
    assert broke
    assert sum(broke) / len(broke) > sum(ages) / len(ages)


def test_every_fault_of_a_scenario_breaks_something() -> None:
    elsewhere = {FaultKind.POWER_CUT, FaultKind.STUFFY_AIR, *ANY_DEVICE}
    broken = [fault for kind in kinds().values() for fault in kind.simulated.breaks]
    assert set(broken) <= set(FaultKind)
    assert {*broken, *elsewhere} == set(FaultKind)


def test_projectors_stand_where_no_display_does() -> None:
    for plan in plan_province(SCHOOLS, 3, known=KINDS):
        for room in plan.rooms:
            screens = {device.kind for device in plan.devices if device.room == room.code} - {
                "room_air",
                "relay",
            }
            assert len(screens) == (room.type != "server_room")


def test_offices_and_the_operations_centre_report_like_schools_do() -> None:
    places = {place.code: plan_school(place, 7) for place in offices()}
    assert len(places) == 10
    types = {code: [room.type for room in plan.rooms] for code, plan in places.items()}
    assert types["PGD-703"] == ["conference_room"]
    assert types["SGDDT"] == ["operations_centre", "server_room", "conference_room"]
    cells = [device for device in places["SGDDT"].devices if device.kind == "wall_cell"]
    assert [cell.number for cell in cells] == list(range(1, 13))
    assert len({cell.device for cell in cells}) == 12
    with_codec = [
        plan.school.code
        for plan in plan_province([*schools(), *offices()], 7)
        if any(device.kind == "conference_codec" for device in plan.devices)
    ]
    assert len(with_codec) == 9 + 9 + 1, "nine offices, nine upper secondary schools, the department"


def test_every_kind_and_every_type_of_room_is_somewhere_in_the_demonstration() -> None:
    plans = plan_province([*SCHOOLS, *offices()], 1)
    assert {device.kind for plan in plans for device in plan.devices} == set(kinds())
    assert {room.type for plan in plans for room in plan.rooms} == set(ROOM_TYPES)


@pytest.mark.parametrize("wanted", [1, 20, 60])
def test_a_school_has_as_many_devices_as_asked_for(wanted: int) -> None:
    plans = plan_province(SCHOOLS, 7, devices_per_school=wanted)
    assert {len(plan.devices) for plan in plans} == {wanted}
    assert all(
        {device.room for device in plan.devices} <= {"-", *(r.code for r in plan.rooms)} for plan in plans
    )
    assert len({device.device for device in plans[0].devices}) == wanted


def test_an_air_conditioner_is_felt_by_its_room() -> None:
    hot = 1_764_036_300_000 + 5 * 3_600_000
    cooled: list[float] = []
    warm: list[float] = []
    for place in SCHOOLS:
        school = LivingSchool(plan_school(place, 1), kinds(), 1, ageing=False)
        for minute in range(0, 40, 5):
            school.live(hot + minute * 60_000)
        for room in school.plan.rooms:
            unit = school.devices.get(f"{room.code.lower()}-ac")
            air = school.devices[f"{room.code.lower()}-air"]
            if air.values["Occupancy"] > 10:
                on = unit is not None and unit.values["Power"]
                (cooled if on else warm).append(air.values["Temperature"])
    assert sum(cooled) / len(cooled) < sum(warm) / len(warm) - 2


def test_the_operations_centre_wakes_its_wall_in_the_morning() -> None:
    department = next(place for place in offices() if place.code == "SGDDT")
    school = LivingSchool(plan_school(department, 1), kinds(), 1, ageing=False)
    powers = []
    for hour in (5, 9, 20):  # of a Tuesday, local time
        school.live(MONDAY_0905_MS + (hour - 9) * 3_600_000)
        powers.append(school.devices["dh1-cell-07"].values["Power"])
    assert powers == ["standby", "on", "standby"]


SIXTH = '''
"""A bell that rings for the lessons, one a school."""

from devices.kind import DeviceKind, Metric, OfflineRule, Severity, Simulated, Tile
from devices.simulation import GENERAL_FAULTS, Simulation
from devices.wire.datatypes import DataType


class Bell(Simulation):
    FAULTS = ("drowned",)

    def advance(self, room, dt_s):
        self.values = {"Drowned": "drowned" in self.faults}


KIND = DeviceKind(
    id="bell_of_a_test", label_vi="Chuông", label_en="Bell",
    metrics=(Metric(name="Drowned", datatype=DataType.Boolean, label_vi="Ngập", label_en="Drowned"),),
    tile=Tile(("Drowned",)),
    offline=OfflineRule(severity=Severity.MINOR, on_delay_s=60, title_vi="Mất", title_en="Gone"),
    simulate=Bell, faults=(*GENERAL_FAULTS, *Bell.FAULTS),
    simulated=Simulated(HOW),
)
'''


def test_a_sixth_kind_is_planned_lives_and_is_struck_and_moves_no_other(tmp_path: Path) -> None:
    file = tmp_path / "bell_of_a_test.py"
    how = 'per_school=True, levels=("THPT",), breaks={"flood": "drowned"}'
    file.write_text(SIXTH.replace("HOW", how), encoding="utf-8")
    known = {**KINDS, "bell_of_a_test": kinds(tmp_path)["bell_of_a_test"]}
    without = plan_province(SCHOOLS, 7, known=KINDS)
    for before, plan in zip(without, plan_province(SCHOOLS, 7, known=known), strict=True):
        new = set(plan.devices) - set(before.devices)
        assert set(before.devices) <= set(plan.devices)
        assert [(each.device, each.room, each.name) for each in new] == (
            [("bell-of-a-test", "-", "Chuông")] if plan.school.level == "THPT" else []
        )
        if new:
            school = LivingSchool(plan, known, 7, ageing=False)
            assert latest(school.live(MONDAY_0905_MS), "bell-of-a-test") == {"Drowned": False}
            school.strike(FaultKind.FLOOD, ("P101",))
            assert latest(school.live(MONDAY_0905_MS + 5_000), "bell-of-a-test") == {"Drowned": True}


def test_a_kind_that_says_nothing_is_in_every_room(tmp_path: Path) -> None:
    (tmp_path / "bell_of_a_test.py").write_text(SIXTH.replace("HOW", ""), encoding="utf-8")
    known = kinds(tmp_path)
    plan = plan_school(SCHOOLS[0], 7, known=known)
    bells = [device for device in plan.devices if device.kind == "bell_of_a_test"]
    assert [bell.device for bell in bells] == [f"{room.code.lower()}-bell-of-a-test" for room in plan.rooms]
