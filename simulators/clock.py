"""School time: how far the simulated school's clock is from the real one, and how fast it runs.

What the schools *do* follows school time. What they *say* carries real time, as from any school that a hub
watches live: alarms, presence and screens are of now. A run may be stamped instead: its samples carry school
time and go out as history, as from schools that were cut off on that day and now bring it all. Then the hub's
history holds a school day as a day, with its hours and roll-ups, and nothing of it is taken for news.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from simulators.school_day import DAY_S, LOCAL_OFFSET_MS, SATURDAY, local_time

DAY_MS = DAY_S * 1000
MAX_FACTOR = 3600.0
CLOCKS = re.compile(r"real|shifted:(\d\d?):(\d\d)|compressed:(\d+(?:\.\d+)?)x(?:@(\d\d?):(\d\d))?")


class ClockError(ValueError):
    """The clock setting cannot be understood; the text names the value and the fix."""


@dataclass(frozen=True, slots=True)
class SchoolClock:
    """Maps real time (UTC ms) to school time: `school_started_ms + (now − started_ms) × factor`.

    `is_stamped`: samples carry school time.
    """

    started_ms: int
    school_started_ms: int
    factor: float = 1.0
    is_stamped: bool = False

    def school_ms(self, now_ms: int) -> int:
        """School time (UTC ms) at a real instant."""
        return self.school_started_ms + round((now_ms - self.started_ms) * self.factor)

    def offset_ms(self, now_ms: int) -> int:
        """School time minus real time, in ms."""
        return self.school_ms(now_ms) - now_ms

    def seconds_until(self, hour: int, minute: int) -> float:
        """Real seconds from the start until it is that time of day at school, within the next 24 hours."""
        since_s = (hour * 60 + minute) * 60 - local_time(self.school_started_ms).second
        return (since_s % DAY_S or DAY_S) / self.factor

    def stamped(self, duration_s: float, now_ms: int) -> SchoolClock:
        """The same clock on the latest school day that is over when the run begins, with stamped samples."""
        started_ms = self.school_started_ms
        while started_ms + duration_s * self.factor * 1000 > now_ms or (
            local_time(started_ms).weekday >= SATURDAY
        ):
            started_ms -= DAY_MS
        return replace(self, school_started_ms=started_ms, is_stamped=True)

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
