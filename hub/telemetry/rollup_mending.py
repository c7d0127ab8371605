"""Mends the roll-ups of one device that late data belongs to, in the order of time.

A window made again may end with another value than before. That value lasts until the metric's next window
with samples, so that window is made again too; beyond it nothing changes. Then the hours and days of both.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from hub.telemetry.held import held_before
from hub.telemetry.port import Key, TelemetryReader, Value
from hub.telemetry.rollup import end_value
from hub.telemetry.rollup_port import Progress, RollupRow, RollupStore
from hub.telemetry.rollup_windows import coarse_rows, windows
from hub.telemetry.tiers import DAY_MS, HOUR_MS, WIDTH_MS, Tier, day_start, window_start

_WIDTH_MS = WIDTH_MS[Tier.FIVE_MINUTES]
_SPAN_MS = 6 * HOUR_MS
_LOOK_AHEAD_MS = (HOUR_MS, DAY_MS, 7 * DAY_MS)


class Mending:
    """Mends as of one progress of the job: what it has not made yet is not looked at."""

    def __init__(self, raw: TelemetryReader, store: RollupStore, progress: Progress) -> None:
        self._raw = raw
        self._store = store
        self._progress = progress
        self._through_ms = progress.through_ms

    def mend(self, key: Key, starts: Sequence[int]) -> None:
        """Make windows of a device again; `starts` ascend."""
        for start_ms, end_ms in spans(starts):
            self._mend_span(key, start_ms, end_ms)

    def _mend_span(self, key: Key, start_ms: int, end_ms: int) -> None:
        held = self._held(key, start_ms)
        sampled: dict[str, Value] = {}
        rows = []
        for samples in self._raw.samples(start_ms, end_ms, [(key, None)]):
            for row in windows(samples, held.get(samples.name)):
                rows.append(RollupRow(key, samples.name, samples.datatype, row))
                held[samples.name] = sampled[samples.name] = end_value(row)
        # whether or not the value at the end is another than before: work cut off by a kill has changed it
        following = self._following(key, sampled, end_ms)
        for next_ms in sorted(set(following.values())):
            rows += self._again(key, next_ms, {n: sampled[n] for n, at in following.items() if at == next_ms})
        self._store.write({Tier.FIVE_MINUTES: rows})
        touched_ms = {*range(start_ms, end_ms, _WIDTH_MS), *following.values()}
        lasting = len(following) < len(sampled)  # some value lasts until now
        self._coarsen(key, touched_ms, self._through_ms[Tier.DAY] - 1 if lasting else max(touched_ms))

    def _held(self, key: Key, ts_ms: int) -> dict[str, Value]:
        found = held_before(self._store, [(key, None)], ts_ms, self._progress)
        return {name: value for (_, name), value in found.items()}

    def _following(self, key: Key, names: Mapping[str, Value], from_ms: int) -> dict[str, int]:
        """Return where the next window of each metric begins, if there is one already."""
        found: dict[str, int] = {}
        through_ms, ahead = self._through_ms[Tier.FIVE_MINUTES], iter(_LOOK_AHEAD_MS)
        while from_ms < through_ms and len(found) < len(names):
            to_ms = min(through_ms, from_ms + next(ahead, _LOOK_AHEAD_MS[-1]))
            wanted = [(key, name) for name in names if name not in found]
            for (_, name), rows in self._store.rollups(Tier.FIVE_MINUTES, wanted, from_ms, to_ms).items():
                found[name] = rows[0].start_ms
            from_ms = to_ms
        return found

    def _again(self, key: Key, start_ms: int, carried: Mapping[str, Value]) -> Iterator[RollupRow]:
        """Give the whole window of a device, with some metrics made again from what is carried in."""
        end_ms = start_ms + _WIDTH_MS
        kinds = self._store.datatypes(key)
        for (_, name), rows in self._store.rollups(
            Tier.FIVE_MINUTES, [(key, None)], start_ms, end_ms
        ).items():
            if name not in carried:
                yield RollupRow(key, name, kinds.get(name, 0), rows[0])
        for samples in self._raw.samples(start_ms, end_ms, [(key, name) for name in carried]):
            for row in windows(samples, carried[samples.name]):
                yield RollupRow(key, samples.name, samples.datatype, row)

    def _coarsen(self, key: Key, touched_ms: set[int], until_ms: int) -> None:
        """Make the hours touched and the days through `until_ms` again, each before what it carries into."""
        hours = sorted({window_start(Tier.HOUR, ts_ms) for ts_ms in touched_ms})
        day_ms = day_start(hours[0])
        while day_ms <= max(until_ms, hours[-1]):
            for hour_ms in hours:
                if day_ms <= hour_ms < day_ms + DAY_MS:
                    self._again_coarse(Tier.HOUR, key, hour_ms)
            self._again_coarse(Tier.DAY, key, day_ms)
            day_ms += DAY_MS

    def _again_coarse(self, tier: Tier, key: Key, start_ms: int) -> None:
        if start_ms + WIDTH_MS[tier] <= self._through_ms[tier]:
            rows = coarse_rows(self._store, tier, [key], start_ms, self._progress)
            if rows:
                self._store.write({tier: rows})


def spans(starts: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Join windows less than an hour apart, up to six hours: between them little is made in vain."""
    begin_ms = end_ms = starts[0]
    for start_ms in starts:
        if start_ms - end_ms > HOUR_MS or start_ms - begin_ms >= _SPAN_MS:
            yield begin_ms, end_ms
            begin_ms = start_ms
        end_ms = start_ms + _WIDTH_MS
    yield begin_ms, end_ms
