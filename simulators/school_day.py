"""What happens in a school at a given minute: pure rules, no clock, no randomness but a seed.

Times are minutes or seconds after local midnight; weekday 0 is Monday. The plan of a day depends on the
level: kindergartens (MN) keep the children for lunch and nap, primary schools (TH) have periods of 35
minutes, secondary schools (THCS, THPT) of 45; these also meet on Saturday morning, and upper
secondary schools stay open for revision in the evening.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from hashlib import blake2b

from devices.kind import RoomConditions
from simulators.weather import Weather

OFFICE, DEPARTMENT = "OFFICE", "DEPARTMENT"
"""Stand where a school's level stands, for places that are none."""
DAY_S = 86_400
LOCAL_OFFSET_MS = 7 * 3_600_000  # Việt Nam has been at UTC+7 without summer time since 1975
SATURDAY, SUNDAY = 5, 6
RAMP_S = 150.0  # how long a class needs to come in or to leave


class Activity(StrEnum):
    """What a school does during one slot of its day."""

    CLOSED = "closed"
    ARRIVAL = "arrival"
    LESSON = "lesson"
    BREAK = "break"
    LUNCH = "lunch"
    NAP = "nap"
    WORK = "work"
    CLEANING = "cleaning"
    EVENING = "evening"


@dataclass(frozen=True, slots=True)
class Slot:
    """One stretch of the day, `[start_min, end_min)` after local midnight; `period` counts lessons from 1."""

    start_min: int
    end_min: int
    activity: Activity
    period: int = 0


@dataclass(frozen=True, slots=True)
class LocalTime:
    """A moment at school: day number since 1970-01-01, weekday (0 Monday) and second of the day."""

    day: int
    weekday: int
    second: float


@dataclass(frozen=True, slots=True)
class RoomTraits:
    """What stays the same about a room: place, type, seats, age of its equipment, how often it is used."""

    school: str
    code: str
    level: str
    seats: int
    age_years: float
    morning_use: float
    afternoon_use: float
    type: str = "smart_classroom"


def local_time(school_ms: int) -> LocalTime:
    """Split a UTC instant (ms) into the school's local day, weekday and second of the day."""
    day, rest_ms = divmod(school_ms + LOCAL_OFFSET_MS, DAY_S * 1000)
    return LocalTime(day, (day + 3) % 7, rest_ms / 1000)  # 1970-01-01 was a Thursday


def chance(*parts: object) -> float:
    """A number in [0, 1) that is always the same for the same parts: the province's only source of luck."""
    digest = blake2b("\x1f".join(map(str, parts)).encode(), digest_size=8).digest()
    return (int.from_bytes(digest, "big") >> 11) / (1 << 53)


def _lessons(start: int, minutes: int, breaks: tuple[int, ...], first_period: int) -> list[Slot]:
    """Lessons of equal length with the given breaks (minutes) between them."""
    slots: list[Slot] = []
    for number in range(len(breaks) + 1):
        slots.append(Slot(start, start + minutes, Activity.LESSON, first_period + number))
        start += minutes
        if number < len(breaks):
            slots.append(Slot(start, start + breaks[number], Activity.BREAK))
            start += breaks[number]
    return slots


@cache
def day_plan(level: str, weekday: int) -> tuple[Slot, ...]:
    """The slots of a day, without gaps from 00:00 to 24:00, for a level (MN, TH, THCS, THPT) or an office."""
    if level in (OFFICE, DEPARTMENT):
        return tuple(_fill(_office_hours() if weekday < SATURDAY else []))
    upper, secondary = level == "THPT", level in ("THCS", "THPT")
    opens = weekday < SATURDAY or (weekday == SATURDAY and secondary)
    slots: list[Slot] = []
    if opens:
        slots.append(Slot(6 * 60 + 30, 7 * 60, Activity.ARRIVAL))
        if level == "MN":
            slots += _lessons(7 * 60, 50, (20, 20, 10), 1)
            slots.append(Slot(11 * 60 + 10, 11 * 60 + 50, Activity.LUNCH))
            slots.append(Slot(11 * 60 + 50, 14 * 60, Activity.NAP))
            slots += _lessons(14 * 60, 50, (20,), 5)
        else:
            minutes = 45 if secondary else 35
            morning, afternoon = ((5, 20, 5, 5), (5, 15, 5)) if secondary else ((5, 25, 5), (5, 20))
            slots += _lessons(7 * 60, minutes, morning, 1)
            if weekday < SATURDAY:
                slots.append(Slot(slots[-1].end_min, 13 * 60 + 15, Activity.LUNCH))
                slots.append(Slot(13 * 60 + 15, 13 * 60 + 30, Activity.ARRIVAL))
                slots += _lessons(13 * 60 + 30, minutes, afternoon, len(morning) + 2)
        slots.append(Slot(slots[-1].end_min, slots[-1].end_min + 40, Activity.CLEANING))
        if upper and weekday < SATURDAY:
            slots.append(Slot(18 * 60 + 30, 20 * 60 + 30, Activity.EVENING))
    return tuple(_fill(slots))


def _office_hours() -> list[Slot]:
    """Hours of work, one slot each so that meetings begin and end with them."""
    morning = [Slot(450 + 60 * number, 510 + 60 * number, Activity.WORK) for number in range(4)]
    afternoon = [Slot(810 + 60 * number, 870 + 60 * number, Activity.WORK) for number in range(3)]
    arrival, lunch = Slot(420, 450, Activity.ARRIVAL), Slot(690, 810, Activity.LUNCH)
    return [arrival, *morning, lunch, *afternoon, Slot(990, 1020, Activity.WORK)]


def _fill(slots: list[Slot]) -> list[Slot]:
    """Close the gaps of a day with CLOSED."""
    filled: list[Slot] = []
    at = 0
    for slot in [*slots, Slot(24 * 60, 24 * 60, Activity.CLOSED)]:
        if slot.start_min > at:
            filled.append(Slot(at, slot.start_min, Activity.CLOSED))
        if slot.end_min > slot.start_min:
            filled.append(slot)
        at = slot.end_min
    return filled


def slot_at(level: str, moment: LocalTime) -> Slot:
    """The slot of a level's day that a moment falls in."""
    minute = moment.second / 60
    for slot in day_plan(level, moment.weekday):
        if minute < slot.end_min:
            return slot
    raise ValueError(f"second {moment.second} is not within a day of 86,400 seconds")


def _people(room: RoomTraits, slot: Slot, moment: LocalTime, seed: int) -> float:
    """How many people a room has in the middle of a slot."""
    luck = chance(seed, room.school, room.code, moment.day, slot.start_min)
    in_use = chance(seed, room.school, room.code, moment.day, slot.start_min, "use")
    if room.type in _PEOPLE_BY_TYPE:
        return _PEOPLE_BY_TYPE[room.type](room.seats, slot, luck, in_use)
    match slot.activity:
        case Activity.LESSON:
            use = room.morning_use if slot.start_min < 12 * 60 else room.afternoon_use
            use *= _SHARED_USE.get(room.type, 1.0)
            return room.seats * (0.82 + 0.18 * luck) if in_use < use else 0.0
        case Activity.NAP:
            return room.seats * (0.9 + 0.1 * luck)
        case Activity.BREAK:
            return room.seats * 0.2 * luck
        case Activity.ARRIVAL:
            return room.seats * 0.4 * luck
        case Activity.LUNCH:
            return room.seats * 0.8 if room.level == "MN" else room.seats * 0.08 * luck
        case Activity.CLEANING:
            return 2.0 if in_use < 0.4 else 0.0
        case Activity.EVENING:
            return room.seats * 0.6 * luck if in_use < 0.3 else 0.0
        case _:
            return 0.0


def _meeting(seats: int, slot: Slot, luck: float, in_use: float) -> float:
    """Conferences take some hours of the week, and whole hours."""
    if slot.activity in (Activity.WORK, Activity.LESSON) and in_use < 0.3:
        return seats * (0.35 + 0.6 * luck)
    return 0.0


def _watch(seats: int, slot: Slot, luck: float, in_use: float) -> float:
    """The operations centre is watched as long as anything may be open; at night its wall sleeps."""
    if slot.activity in (Activity.WORK, Activity.ARRIVAL):
        return seats * (0.5 + 0.4 * luck)
    return 2.0 if slot.activity is Activity.LUNCH else 0.0


def _nobody(seats: int, slot: Slot, luck: float, in_use: float) -> float:
    return 0.0


_PEOPLE_BY_TYPE = {"conference_room": _meeting, "operations_centre": _watch, "server_room": _nobody}
_SHARED_USE = {"simulation_lab": 0.7, "vr_room": 0.6, "computer_lab": 0.85, "library": 0.5, "hall": 0.6}
"""Rooms that classes share stand empty more often than classrooms."""


def conditions(
    room: RoomTraits,
    moment: LocalTime,
    weather: Weather,
    seed: int,
    *,
    powered: bool = True,
    extra_people: int = 0,
) -> RoomConditions:
    """Everything a room's devices feel at one moment; people come and go over some minutes, never at once."""
    plan = day_plan(room.level, moment.weekday)
    slot = slot_at(room.level, moment)
    people = _people(room, slot, moment, seed)
    since_s = moment.second - slot.start_min * 60
    if since_s < RAMP_S and slot.start_min > 0:
        before = _people(room, plan[plan.index(slot) - 1], moment, seed)
        people = before + (people - before) * since_s / RAMP_S
    special = room.type in _PEOPLE_BY_TYPE
    lesson = (special or slot.activity is Activity.LESSON) and people > 2 - special
    return RoomConditions(
        occupied_people=max(0, round(people) + extra_people),
        lesson=lesson,
        outdoor_c=weather.outdoor_c,
        outdoor_lux=weather.outdoor_lux,
        age_years=room.age_years,
        load_fraction=0.0,
        powered=powered,
    )


_LOAD = {
    Activity.CLOSED: 0.03,
    Activity.ARRIVAL: 0.22,
    Activity.LESSON: 0.46,
    Activity.BREAK: 0.34,
    Activity.LUNCH: 0.24,
    Activity.NAP: 0.16,
    Activity.CLEANING: 0.10,
    Activity.EVENING: 0.20,
    Activity.WORK: 0.35,
}
SATURATING_SHARE = 0.07  # schools whose line is too thin for the hour when everybody is online


def saturates(school: str, seed: int) -> bool:
    """Whether a school is one of the few whose line fills up around ten o'clock."""
    return chance(seed, school, "saturates") < SATURATING_SHARE


def uplink_load(school: str, level: str, moment: LocalTime, seed: int) -> float:
    """The share of its line a school wants now; above 1 when it wants more than it has."""
    slot = slot_at(level, moment)
    slow = 0.85 + 0.3 * chance(seed, school, moment.day, int(moment.second // 300), "load")
    wanted = _LOAD[slot.activity] * slow * (0.6 + 0.6 * chance(seed, school, "appetite"))
    if slot.activity is not Activity.CLOSED:
        ten = math.exp(-(((moment.second - 36_000) / 1_300) ** 2))
        wanted += ten * (0.75 if saturates(school, seed) else 0.12)
    return wanted


def failures_per_hour(age_years: float) -> float:
    """How often one piece of equipment breaks: hardly ever when new, about once in forty hours at fifteen."""
    return 0.001 * math.exp(min(max(age_years, 0.0), 15.0) * 0.215)
