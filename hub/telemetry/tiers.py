"""The four grains in which history is kept, and where their windows begin."""

from __future__ import annotations

from enum import StrEnum

MINUTE_MS = 60_000
HOUR_MS = 3_600_000
DAY_MS = 86_400_000
LOCAL_OFFSET_MS = 7 * HOUR_MS
"""Asia/Ho_Chi_Minh is UTC+7 all year (tz database, since 1975): a day's window is 24 hours, always."""


class Tier(StrEnum):
    """A grain of history; its value is what the API calls it."""

    RAW = "raw"
    FIVE_MINUTES = "5m"
    HOUR = "1h"
    DAY = "1d"


ROLLED = (Tier.FIVE_MINUTES, Tier.HOUR, Tier.DAY)
"""Tiers made of another one, finest first."""
FINER = {Tier.FIVE_MINUTES: Tier.RAW, Tier.HOUR: Tier.FIVE_MINUTES, Tier.DAY: Tier.HOUR}
WIDTH_MS = {Tier.FIVE_MINUTES: 5 * MINUTE_MS, Tier.HOUR: HOUR_MS, Tier.DAY: DAY_MS}


def step_start(ts_ms: int, step_ms: int) -> int:
    """Return where the step that holds `ts_ms` begins.

    Steps of whole hours are counted from the province's midnight, so that a day is a day of its people;
    all others from the epoch.
    """
    offset_ms = LOCAL_OFFSET_MS if step_ms % HOUR_MS == 0 else 0
    return ts_ms - (ts_ms + offset_ms) % step_ms


def window_start(tier: Tier, ts_ms: int) -> int:
    """Return where the window of a rolled tier that holds `ts_ms` begins, UTC epoch ms."""
    return step_start(ts_ms, WIDTH_MS[tier])


def day_start(ts_ms: int) -> int:
    """Return the last local midnight at or before `ts_ms`."""
    return step_start(ts_ms, DAY_MS)
