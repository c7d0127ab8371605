"""Windows of one metric from its samples, and of a device from its finer windows."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence

from hub.telemetry.held import held_before
from hub.telemetry.port import Key, Samples, Value
from hub.telemetry.rollup import Rollup, end_value, merge, window
from hub.telemetry.rollup_port import Progress, RollupRow, RollupStore
from hub.telemetry.tiers import FINER, WIDTH_MS, Tier, window_start

_WIDTH_MS = WIDTH_MS[Tier.FIVE_MINUTES]


def windows(samples: Samples, carry: Value, until_ms: int | None = None) -> Iterator[Rollup]:
    """Yield the five-minute windows of one metric that have samples; none goes beyond `until_ms`."""
    times, values, uncounted = samples.times, samples.values, samples.uncounted
    at = 0
    while at < len(times):
        begin_ms = window_start(Tier.FIVE_MINUTES, times[at])
        to = bisect_left(times, begin_ms + _WIDTH_MS, at)
        end_ms = begin_ms + _WIDTH_MS
        row = window(
            begin_ms, min(end_ms, until_ms or end_ms), times[at:to], values[at:to], carry,
            [place - at for place in uncounted if at <= place < to] if uncounted else (),
        )  # fmt: skip
        assert row is not None
        yield row
        carry = end_value(row)
        at = to


def coarse_rows(
    store: RollupStore, tier: Tier, keys: Sequence[Key], start_ms: int, progress: Progress
) -> list[RollupRow]:
    """Make one hour or day of some devices from the finer tier: all metrics that have a row in it.

    A day has one also for what only lasted through it.
    """
    width_ms, finer = WIDTH_MS[tier], FINER[tier]
    wanted = [(key, None) for key in keys]
    found = store.rollups(finer, wanted, start_ms, start_ms + width_ms)
    if tier == Tier.HOUR:
        wanted = [(key, None) for key in dict.fromkeys(key for key, _ in found)]
    carried = held_before(store, wanted, start_ms, progress) if wanted else {}
    metrics = {**dict.fromkeys(found), **(dict.fromkeys(carried) if tier == Tier.DAY else {})}
    kinds: dict[Key, Mapping[str, int]] = {}
    rows = []
    for metric in metrics:
        key, name = metric
        row = merge(
            start_ms, start_ms + width_ms, found.get(metric, ()), WIDTH_MS[finer], carried.get(metric),
            always=tier == Tier.DAY,
        )  # fmt: skip
        if row is not None:
            if key not in kinds:
                kinds[key] = store.datatypes(key)
            rows.append(RollupRow(key, name, kinds[key].get(name, 0), row))
    return rows
