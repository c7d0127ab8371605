"""History as people ask for it: charts by their pixels, steps of many metrics, of the tiers there are.

What is not rolled up yet is made on the way: hours of five minutes, five minutes of raw values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from hub.telemetry.chart_items import Item, by_step, items_of, pixels_of, raw_item
from hub.telemetry.held import Metric, held_before
from hub.telemetry.plan import for_pixels, for_step
from hub.telemetry.port import Aggregate, Key, Point, TelemetryReader, Value, published
from hub.telemetry.rollup import Rollup, end_value, merge
from hub.telemetry.rollup_port import Progress, RollupStore
from hub.telemetry.rollup_windows import windows
from hub.telemetry.tiers import DAY_MS, FINER, MINUTE_MS, WIDTH_MS, Tier, step_start, window_start

_FIVE_MS = WIDTH_MS[Tier.FIVE_MINUTES]
_RAW_BEHIND_MS = DAY_MS
"""So far back from a chart's start raw values are read at most, for what lasts at the start."""
_FRESH_STEP_MS = 30 * MINUTE_MS
"""Steps as long as this do without the raw values of the last minutes: nobody would see them."""


@dataclass(slots=True)
class Chart:
    """What answers a question for a chart; `step_ms` None: raw values."""

    tier: Tier
    step_ms: int | None
    items: list[Item]


class History:
    """Reads the raw engine and the roll-ups; every method blocks and may raise `TelemetryError`."""

    def __init__(
        self,
        raw: TelemetryReader,
        store: RollupStore,
        keep_days: Mapping[str, int],
        now_ms: Callable[[], int],
    ) -> None:
        self._raw = raw
        self.store = store
        self._keep_days = keep_days
        self._now_ms = now_ms

    def close(self) -> None:
        """Close the store of roll-ups; the raw reader is its opener's."""
        self.store.close()

    def kept_from_ms(self) -> dict[Tier, int]:
        """From when on each tier is complete; partitions that have begun to go do not count."""
        now_ms = self._now_ms()
        return {tier: now_ms - (self._keep_days[tier] - 1) * DAY_MS for tier in Tier}

    # -- charts --------------------------------------------------------------------------------------

    def chart(self, key: Key, name: str, start_ms: int, end_ms: int, points: int) -> Chart:
        """Return one metric over [start, end) for `points` pixels."""
        metric = (key, name)
        progress = self.store.progress()
        plan = for_pixels(start_ms, end_ms, points, self.kept_from_ms())
        end_ms = min(end_ms, self._now_ms() + 1)
        if plan.tier is Tier.RAW or plan.step_ms is None:
            return self._raw_chart(metric, start_ms, end_ms, points, progress)
        through_ms = progress.through_ms[Tier.FIVE_MINUTES]
        is_fresh = plan.step_ms < _FRESH_STEP_MS or end_ms - through_ms > 4 * _FIVE_MS
        end_ms = end_ms if is_fresh else min(end_ms, through_ms)
        start_ms = step_start(start_ms, plan.step_ms)
        rows, carried = self._rows(plan.tier, [metric], start_ms, end_ms, progress, fresh=is_fresh)
        datatype = self.store.datatypes(key).get(name, 0)
        items = items_of(
            rows.get(metric, []),
            start_ms,
            end_ms,
            plan.step_ms,
            WIDTH_MS[plan.tier],
            carried.get(metric),
            datatype,
        )
        return Chart(plan.tier, plan.step_ms, items)

    def _raw_chart(
        self, metric: Metric, start_ms: int, end_ms: int, points: int, progress: Progress
    ) -> Chart:
        """Every value; or if there are many more than pixels, a window for each pixel, made now."""
        from_ms, carry = self._carry(metric, start_ms, progress)
        samples = next(iter(self._raw.samples(from_ms, end_ms, [metric])), None)
        datatype = samples.datatype if samples else self.store.datatypes(metric[0]).get(metric[1], 0)
        times, values, uncounted = (
            (samples.times, samples.values, samples.uncounted) if samples else ([], [], [])
        )
        first = next((n for n, ts_ms in enumerate(times) if ts_ms >= start_ms), len(times))
        if first:
            carry = values[first - 1]
        if samples is not None and len(times) - first > 2 * points:
            step_ms = max(1, -(-(end_ms - start_ms) // points))
            return Chart(Tier.RAW, step_ms, pixels_of(samples, start_ms, end_ms, step_ms, carry, datatype))
        marks = set(uncounted)
        items = [] if carry is None else [raw_item(start_ms, carry, datatype, 0)]
        items += [
            raw_item(times[place], values[place], datatype, 0 if place in marks else 1)
            for place in range(first, len(times))
        ]
        return Chart(Tier.RAW, None, items)

    def _carry(self, metric: Metric, start_ms: int, progress: Progress) -> tuple[int, Value]:
        """Return from where to read raw values to know what lasts at the start, and what lasts there."""
        through_ms = progress.through_ms[Tier.FIVE_MINUTES]
        from_ms = min(window_start(Tier.FIVE_MINUTES, start_ms), through_ms)
        if not through_ms or from_ms < start_ms - _RAW_BEHIND_MS:
            return start_ms - _FIVE_MS, None
        return from_ms, held_before(self.store, [metric], from_ms, progress).get(metric)

    # -- steps ---------------------------------------------------------------------------------------

    def steps(
        self, metrics: Sequence[Metric], start_ms: int, end_ms: int, step_ms: int, aggregate: Aggregate
    ) -> tuple[dict[Metric, list[Point]], Tier]:
        """Return a point for each step that has samples, by metric, and the tier that answered.

        Steps that are whole five minutes come from roll-ups: the first begins at or before `start_ms`. For
        one metric they are complete to the present, for several as far as roll-ups are.
        """
        progress = self.store.progress()
        plan = for_step(step_ms)
        if plan.tier is Tier.RAW or not progress.through_ms[Tier.FIVE_MINUTES]:
            return {
                (key, name): self._raw.query(key, name, start_ms, end_ms, step_ms, aggregate, 1 << 30)
                for key, name in metrics
            }, Tier.RAW
        start_ms, end_ms = step_start(start_ms, step_ms), min(end_ms, self._now_ms() + 1)
        rows, _ = self._rows(
            plan.tier, metrics, start_ms, end_ms, progress, fresh=len(metrics) == 1, carry=False
        )
        kinds: dict[Key, Mapping[str, int]] = {}
        found = {}
        for metric in metrics:
            key, name = metric
            if key not in kinds:
                kinds[key] = self.store.datatypes(key)
            datatype = kinds[key].get(name, 0)
            found[metric] = [
                Point(begin_ms, published(value, datatype))
                for begin_ms, value in _aggregated(rows.get(metric, []), step_ms, aggregate)
                if start_ms <= begin_ms < end_ms
            ]
        return found, plan.tier

    # -- rows ----------------------------------------------------------------------------------------

    def _rows(
        self,
        tier: Tier,
        metrics: Sequence[Metric],
        start_ms: int,
        end_ms: int,
        progress: Progress,
        *,
        fresh: bool,
        carry: bool = True,
    ) -> tuple[dict[Metric, list[Rollup]], dict[Metric, Value]]:
        """Return the windows of a tier in [start, end) by metric, and what lasted at the start.

        The newest are made of finer ones, of raw values too if `fresh`; the last may end at `end_ms`.
        """
        through_ms = progress.through_ms
        edge_ms = min(end_ms, max(start_ms, through_ms[tier]))
        rows = self.store.rollups(tier, metrics, start_ms, edge_ms) if start_ms < edge_ms else {}
        carried = {}
        if start_ms <= through_ms[Tier.FIVE_MINUTES]:
            carried = held_before(self.store, metrics, start_ms, progress) if carry else {}
        if edge_ms >= end_ms:
            return rows, carried
        finer = FINER[tier]
        if finer is Tier.RAW:
            newest, held = self._newest(metrics, edge_ms, end_ms, progress) if fresh else ({}, {})
        else:
            newest, held = self._rows(finer, metrics, edge_ms, end_ms, progress, fresh=fresh)
            width_ms = WIDTH_MS[tier]
            newest = {
                metric: _coarse(of_metric, width_ms, WIDTH_MS[finer], end_ms, held.get(metric))
                for metric, of_metric in newest.items()
            }
        for metric, of_metric in newest.items():
            rows.setdefault(metric, []).extend(of_metric)
        return rows, carried if start_ms <= through_ms[Tier.FIVE_MINUTES] else held

    def _newest(
        self, metrics: Sequence[Metric], start_ms: int, end_ms: int, progress: Progress
    ) -> tuple[dict[Metric, list[Rollup]], dict[Metric, Value]]:
        """Make five-minute windows of raw values; also return what lasted at the start."""
        through_ms = progress.through_ms[Tier.FIVE_MINUTES]
        from_ms = max(min(start_ms, through_ms), start_ms - _RAW_BEHIND_MS)
        held = held_before(self.store, metrics, through_ms, progress) if through_ms else {}
        rows: dict[Metric, list[Rollup]] = {}
        for samples in self._raw.samples(from_ms, end_ms, metrics):
            metric = (samples.key, samples.name)
            made = list(windows(samples, held.get(metric), end_ms))
            for row in made:
                if row.start_ms < start_ms:
                    held[metric] = end_value(row)
            rows[metric] = [row for row in made if row.start_ms >= start_ms]
        return rows, held


def _coarse(rows: Sequence[Rollup], width_ms: int, finer_ms: int, end_ms: int, carry: Value) -> list[Rollup]:
    """Merge windows into those of a coarser tier, of which the last may not be over."""
    merged = []
    for begin_ms, some in by_step(rows, width_ms):
        row = merge(begin_ms, min(end_ms, begin_ms + width_ms), some, finer_ms, carry)
        if row is not None:
            merged.append(row)
            carry = end_value(row)
    return merged


def _aggregated(rows: Sequence[Rollup], step_ms: int, aggregate: Aggregate) -> list[tuple[int, Value]]:
    """Give what steps show of the samples in them; steps without samples are left out."""
    points: list[tuple[int, Value]] = []
    for begin_ms, some in by_step(rows, step_ms):
        count = some[0].count if len(some) == 1 else sum(row.count for row in some)
        if not count:
            continue
        last = next((row.last for row in reversed(some) if row.last is not None), None)
        value: Value
        if aggregate is Aggregate.COUNT:
            value = count
        elif aggregate is Aggregate.LAST or isinstance(last, str):
            value = last
        elif aggregate is Aggregate.MIN:
            value = min((row.min for row in some if row.min is not None), default=None)
        elif aggregate is Aggregate.MAX:
            value = max((row.max for row in some if row.max is not None), default=None)
        else:
            value = (some[0].sum if len(some) == 1 else sum(row.sum for row in some)) / count
        points.append((begin_ms, value))
    return points
