"""Moments and durations as people write them in requests."""

from __future__ import annotations

import re
from datetime import datetime

from hub.errors import Invalid
from hub.telemetry.tiers import DAY_MS, HOUR_MS

_STEP = re.compile(r"(\d{1,7})(ms|s|m|h|d)")
_UNITS_MS = {"ms": 1, "s": 1000, "m": 60_000, "h": HOUR_MS, "d": DAY_MS}


def moment_ms(text: str, field: str) -> int:
    """Read a moment: epoch milliseconds, or ISO 8601 with an offset."""
    if re.fullmatch(r"-?\d{1,15}", text):
        return int(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise Invalid(
            "this is not a moment", field=field, value=text,
            fix="write epoch milliseconds, or ISO 8601 with an offset such as 2026-11-23T07:00:00Z",
        )  # fmt: skip
    return round(moment.timestamp() * 1000)


def duration_ms(text: str, field: str) -> int:
    """Read a duration such as `500ms`, `30s`, `5m`, `1h`, `1d`."""
    found = _STEP.fullmatch(text)
    if found is None or int(found[1]) == 0:
        detail = "a duration needs a unit" if text.isdecimal() and int(text) else "this is not a duration"
        raise Invalid(detail, field=field, value=text, fix="write something like 500ms, 30s, 5m, 1h or 1d")
    return int(found[1]) * _UNITS_MS[found[2]]


def range_ms(start: str | None, end: str | None, now_ms: int) -> tuple[int, int]:
    """Read a range [start, end); by default the hour before the end, and the end now."""
    end_ms = moment_ms(end, "end") if end else now_ms
    start_ms = moment_ms(start, "start") if start else end_ms - HOUR_MS
    if start_ms >= end_ms:
        raise Invalid("the range is empty", field="start", value=start, fix="let start be before end")
    return start_ms, end_ms
