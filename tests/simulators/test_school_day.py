"""The school day holds together at every minute, level and weekday."""

from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from simulators.school_day import (
    DAY_S,
    SATURDAY,
    SUNDAY,
    Activity,
    LocalTime,
    RoomTraits,
    conditions,
    day_plan,
    failures_per_hour,
    local_time,
    saturates,
    slot_at,
    uplink_load,
)
from simulators.weather import weather_at

levels = st.sampled_from(["MN", "TH", "THCS", "THPT"])
weekdays = st.integers(0, 6)
seconds = st.floats(0, DAY_S, exclude_max=True)
seeds = st.integers(0, 2**32)


def room(level: str = "THPT", **changes: float) -> RoomTraits:
    use: dict[str, Any] = {"age_years": 4.0, "morning_use": 1.0, "afternoon_use": 1.0} | changes
    return RoomTraits(school="D703-THPT-02", code="P101", level=level, seats=40, **use)


@given(levels, weekdays)
def test_a_day_has_no_gap_and_no_overlap(level: str, weekday: int) -> None:
    slots = day_plan(level, weekday)
    assert slots[0].start_min == 0
    assert slots[-1].end_min == 24 * 60
    assert all(slot.start_min < slot.end_min for slot in slots)
    assert all(before.end_min == after.start_min for before, after in pairwise(slots))


@given(levels, weekdays)
def test_periods_count_up_and_keep_their_length(level: str, weekday: int) -> None:
    lessons = [slot for slot in day_plan(level, weekday) if slot.activity is Activity.LESSON]
    assert [slot.period for slot in lessons] == list(range(1, len(lessons) + 1))
    minutes = {"MN": 50, "TH": 35, "THCS": 45, "THPT": 45}[level]
    assert {slot.end_min - slot.start_min for slot in lessons} <= {minutes}
    assert not lessons or lessons[0].start_min == 7 * 60
    if weekday == SUNDAY or (weekday == SATURDAY and level in ("MN", "TH")):
        assert not lessons
    elif weekday < SATURDAY:
        assert any(slot.start_min >= 13 * 60 for slot in lessons), "no afternoon"
        assert any(slot.activity is Activity.LUNCH for slot in day_plan(level, weekday))


@given(levels, weekdays, seconds)
def test_every_moment_is_in_exactly_one_slot(level: str, weekday: int, second: float) -> None:
    slot = slot_at(level, LocalTime(20_000, weekday, second))
    assert slot.start_min * 60 <= second < slot.end_min * 60


@given(levels, weekdays, seconds, seeds)
def test_a_room_never_feels_the_impossible(level: str, weekday: int, second: float, seed: int) -> None:
    moment = LocalTime(20_000, weekday, second)
    felt = conditions(room(level), moment, weather_at(seed, moment.day, second), seed)
    assert 0 <= felt.occupied_people <= 40
    assert not felt.lesson or felt.occupied_people > 2
    assert 15 < felt.outdoor_c < 42
    assert 0 <= felt.outdoor_lux < 120_000
    if weekday == SUNDAY:
        assert felt.occupied_people == 0


@given(seeds, st.integers(0, 30_000), st.integers(0, 7))
def test_a_class_comes_and_goes_slowly(seed: int, day: int, period: int) -> None:
    """No second moves more than one or two people, so occupancy is a curve and not a cliff."""
    slots = [slot for slot in day_plan("THPT", 0) if slot.activity is Activity.LESSON]
    start_s = slots[period].start_min * 60
    weather = weather_at(seed, day, start_s)
    people = [
        conditions(room(), LocalTime(day, 0, start_s + second), weather, seed).occupied_people
        for second in range(-5, 160)
    ]
    assert max(abs(after - before) for before, after in pairwise(people)) <= 2
    assert people[-1] >= 30, "a room that is always used is full once the lesson runs"


@given(levels, seconds, seeds)
def test_a_line_is_wanted_most_around_ten(level: str, second: float, seed: int) -> None:
    school = "D706-TH-03"
    load = uplink_load(school, level, LocalTime(20_000, 2, second), seed)
    assert 0 < load < 2
    if saturates(school, seed):
        assert uplink_load(school, level, LocalTime(20_000, 2, 36_000), seed) > 0.8


def test_a_few_schools_saturate() -> None:
    filled = [number for number in range(445) if saturates(f"S{number}", 1)]
    assert 10 < len(filled) < 60


@given(st.floats(0, 40), st.floats(0, 40))
def test_older_equipment_fails_more(one: float, other: float) -> None:
    younger, older = sorted((one, other))
    assert 0 < failures_per_hour(younger) <= failures_per_hour(older) < 0.05


@given(st.integers(0, 4_000_000_000_000))
def test_local_time_is_that_of_viet_nam(now_ms: int) -> None:
    moment = local_time(now_ms)
    assert 0 <= moment.second < DAY_S
    assert local_time(now_ms + DAY_S * 1000).weekday == (moment.weekday + 1) % 7


def test_a_known_moment() -> None:
    moment = local_time(1_764_000_000_000)  # 2025-11-24T16:00:00Z, a Monday night at school
    assert (moment.weekday, moment.second) == (0, 23 * 3600)


@given(seeds, st.integers(0, 30_000), st.floats(0, DAY_S - 61))
def test_weather_has_no_jumps(seed: int, day: int, second: float) -> None:
    now, later = weather_at(seed, day, second), weather_at(seed, day, second + 60)
    assert abs(now.outdoor_c - later.outdoor_c) < 0.2
    assert abs(now.outdoor_lux - later.outdoor_lux) < 1_500
