"""The last hour of figures and lines, minute by minute."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import TypeAlias

MINUTES = 60
MINUTE_MS = 60_000

Minutes: TypeAlias = Mapping[int, float]
"""Values by minute (number since 1970, UTC); a minute of which nothing is known is not there."""


class MinuteHistory:
    """The last 60 minutes of some series, the running minute last; None where nothing was known."""

    def __init__(self) -> None:
        self._minute = 0
        self._series: dict[str, deque[float | None]] = {}

    def roll(self, now_ms: int) -> bool:
        """Begins new minutes when it is time; true if one began. The first call only sets the clock."""
        minute = now_ms // MINUTE_MS
        passed = minute - self._minute
        first, self._minute = self._minute == 0, max(minute, self._minute)
        if passed <= 0 or first:
            return False
        for series in self._series.values():
            series.extend([None] * min(passed, MINUTES))
        return True

    def last(self, name: str, value: float | None) -> None:
        """Sets the running minute's value."""
        self._of(name)[-1] = value

    def highest(self, name: str, value: float | None) -> None:
        """Raises the running minute's value to this one."""
        series = self._of(name)
        now = series[-1]
        if value is not None and (now is None or value > now):
            series[-1] = value

    def recall(self, name: str, minutes: Minutes) -> None:
        """Fills gaps with what is known from elsewhere; what was seen here stays, too old is nothing."""
        series = self._of(name)
        for minute, value in minutes.items():
            place = MINUTES - 1 - (self._minute - minute)
            if 0 <= place < MINUTES and series[place] is None:
                series[place] = value

    def minutes(self, name: str) -> dict[int, float]:
        """The values of the series by minute, without gaps."""
        first = self._minute - MINUTES + 1
        return {first + place: value for place, value in enumerate(self._of(name)) if value is not None}

    def values(self, name: str) -> list[float | None]:
        """Sixty values, the oldest first."""
        return list(self._of(name))

    def _of(self, name: str) -> deque[float | None]:
        series = self._series.get(name)
        if series is None:
            series = self._series[name] = deque([None] * MINUTES, maxlen=MINUTES)
        return series


def line_series(school: str) -> str:
    """The name of the series of a school's line: its highest utilisation in %."""
    return f"uplink {school}"
