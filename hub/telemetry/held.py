"""What lasted at a moment, found in few rows: yesterday's day, today's hours, this hour's five minutes.

Days are written for every metric that has a value, so the search never goes further back than one.
"""

from __future__ import annotations

from collections.abc import Sequence

from hub.telemetry.port import Key, Value
from hub.telemetry.rollup import end_value
from hub.telemetry.rollup_port import Progress, RollupStore
from hub.telemetry.tiers import DAY_MS, Tier, day_start, window_start

Metric = tuple[Key, str]


def held_before(
    store: RollupStore, wanted: Sequence[tuple[Key, str | None]], ts_ms: int, progress: Progress
) -> dict[Metric, Value]:
    """Return what lasted at `ts_ms`, as far as roll-ups say; metrics never seen are absent, None is a gap.

    `ts_ms` is the start of a window that is rolled up or the next to be.
    """
    through = progress.through_ms
    # a tier that is not yet as far as its finer one leaves the rest to it
    day_ms = min(day_start(ts_ms), max(through[Tier.DAY], day_start(ts_ms) - DAY_MS))
    hour_ms = max(day_ms, min(window_start(Tier.HOUR, ts_ms), through[Tier.HOUR]))
    held: dict[Metric, Value] = {}
    for tier, start_ms, end_ms in (
        (Tier.DAY, day_ms - DAY_MS, day_ms),
        (Tier.HOUR, day_ms, hour_ms),
        (Tier.FIVE_MINUTES, hour_ms, ts_ms),
    ):
        if start_ms < end_ms:
            for metric, rows in store.rollups(tier, wanted, start_ms, end_ms).items():
                held[metric] = end_value(rows[-1])
    return held
