"""Moments and durations as people write them in requests."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated

from fastapi import Query
from pydantic import BeforeValidator

from hub.errors import Invalid
from hub.wording import said

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
_FORMS = "epoch milliseconds, or ISO 8601 with an offset such as 2026-11-23T07:00:00Z"
_STEP = re.compile(r"(\d{1,7})(ms|s|m|h|d)")
_UNITS_MS = {"ms": 1, "s": 1000, "m": 60_000, "h": HOUR_MS, "d": DAY_MS}


def read_moment(text: str) -> int:
    """Read a moment, UTC epoch ms or ISO 8601 with an offset, as UTC epoch ms. Raises ValueError."""
    if re.fullmatch(r"-?\d{1,15}", text):
        return int(text)
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no offset from UTC")
    return round(moment.timestamp() * 1000)


def moment_ms(text: str, field: str) -> int:
    """Read a moment as `read_moment` does; raises `Invalid` that names the field."""
    try:
        return read_moment(text)
    except ValueError:
        raise Invalid(
            "this is not a moment", field=field, value=text, fix=said("write {forms}", forms=_FORMS)
        ) from None


def _instant(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return read_moment(value)
    except ValueError:
        raise ValueError(said("this is not a moment; write {forms}", forms=_FORMS)) from None


Instant = Annotated[int | None, BeforeValidator(_instant), Query(ge=0, le=10**15, description=_FORMS)]
"""A parameter that is a moment: UTC epoch ms."""


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
