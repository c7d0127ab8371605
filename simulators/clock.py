"""School time: how far the simulated school's clock is from the real one, and how fast it runs.

Payloads always carry real time; only what the schools *do* follows school time.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from simulators.school_day import DAY_S, LOCAL_OFFSET_MS, SATURDAY, local_time

DAY_MS = DAY_S * 1000
MAX_FACTOR = 3600.0
CLOCKS = re.compile(r"real|shifted:(\d\d?):(\d\d)|compressed:(\d+(?:\.\d+)?)x(?:@(\d\d?):(\d\d))?")


class ClockError(ValueError):
    """The clock setting cannot be understood; the text names the value and the fix."""


@dataclass(frozen=True, slots=True)
class SchoolClock:
    """Maps real time (UTC ms) to school time: `school_started_ms + (now − started_ms) × factor`."""

    started_ms: int
    school_started_ms: int
    factor: float = 1.0

    def school_ms(self, now_ms: int) -> int:
        """School time (UTC ms) at a real instant."""
        return self.school_started_ms + round((now_ms - self.started_ms) * self.factor)

    def offset_ms(self, now_ms: int) -> int:
        """School time minus real time, in ms."""
        return self.school_ms(now_ms) - now_ms

    def elapsed_s(self, now_ms: int) -> float:
        """School seconds since the start."""
        return (now_ms - self.started_ms) * self.factor / 1000


def _at_time_of_day(now_ms: int, hour: int, minute: int) -> int:
    """That time of day today, or on the Friday before if today is not a day every school is open."""
    today = local_time(now_ms)
    day = today.day - max(0, today.weekday - SATURDAY + 1)
    return day * DAY_MS + (hour * 60 + minute) * 60_000 - LOCAL_OFFSET_MS


def parse_clock(text: str, now_ms: int) -> SchoolClock:
    """Read `real`, `shifted:09:05`, `compressed:60x` or `compressed:60x@06:45`; raises `ClockError`."""
    found = CLOCKS.fullmatch(text.strip())
    if found is None:
        raise ClockError(f'clock: "{text}" is not a clock; write real, shifted:09:05 or compressed:60x')
    shift_hour, shift_minute, factor, from_hour, from_minute = found.groups()
    hour, minute = shift_hour or from_hour, shift_minute or from_minute
    if hour is not None and (int(hour) > 23 or int(minute) > 59):
        raise ClockError(f'clock: "{text}" has no such time of day; write one from 00:00 to 23:59')
    speed = float(factor) if factor else 1.0
    if not 0 < speed <= MAX_FACTOR:
        raise ClockError(f'clock: "{text}" runs {speed:g}x; write a factor above 0 and up to 3600')
    return SchoolClock(
        now_ms, now_ms if hour is None else _at_time_of_day(now_ms, int(hour), int(minute)), speed
    )
