"""Makes the roll-ups: every window once it is over, in order, then again those that late data belongs to.

Nothing is remembered that the store does not have: killed anywhere, it repeats at most its last piece of
work, which gives the same rows. Runs in a thread of the control role; a piece takes seconds at most.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from prometheus_client import Counter, Gauge

from hub.telemetry.held import Metric, held_before
from hub.telemetry.port import Key, TelemetryError, TelemetryReader, Value
from hub.telemetry.rollup import end_value
from hub.telemetry.rollup_mending import Mending
from hub.telemetry.rollup_port import Progress, RollupRow, RollupStore
from hub.telemetry.rollup_windows import coarse_rows, windows
from hub.telemetry.tiers import DAY_MS, FINER, HOUR_MS, ROLLED, WIDTH_MS, Tier, day_start

log = logging.getLogger(__name__)

BEHIND = Gauge("hub_rollup_behind_seconds", "How long the oldest window that is due has waited")
LATE = Counter("hub_rollup_late_windows", "Windows mended because late data belongs to them")
TOO_LATE = Counter("hub_rollup_too_late_windows", "Late windows left alone: their raw history is dropped")

DUE_AFTER_MS = 90_000
"""A window is made so long after its end: what comes later is in the log of late windows."""
_WIDTH_MS = WIDTH_MS[Tier.FIVE_MINUTES]
_ROWS_A_WRITE = 20_000
_DEVICES_A_READ = 200
_LATE_A_READ = 5_000
_FORGET_EVERY_MS = HOUR_MS
_TELL_EVERY_S = 60


@dataclass(frozen=True, slots=True)
class Keep:
    """How many days each tier is kept."""

    days: Mapping[str, int]

    def before_ms(self, tier: Tier, now_ms: int) -> int:
        """Return the moment before which a tier is dropped."""
        return now_ms - self.days[tier] * DAY_MS


class Stopped(Exception):
    """The process ends; the piece of work is left where it is."""


def behind_s(progress: Progress, now_ms: int) -> float:
    """Return how long the oldest window that is due has waited, seconds."""
    through_ms = progress.through_ms[Tier.FIVE_MINUTES]
    return max(0, now_ms - DUE_AFTER_MS - through_ms - _WIDTH_MS) / 1000 if through_ms else 0.0


class RollupJob:
    """Does the next piece of work at every `step`; every method blocks."""

    def __init__(
        self,
        raw: TelemetryReader,
        store: RollupStore,
        keep: Keep,
        now_ms: Callable[[], int],
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        self._raw = raw
        self._store = store
        self._keep = keep
        self._now_ms = now_ms
        self._stopping = stopping
        self._held: dict[Metric, Value] = {}
        self._held_ms = 0
        self._forgot_ms = 0
        self._told_s = 0.0

    def step(self) -> bool:
        """Do one piece; return whether more may be due at once."""
        progress, now_ms = self._store.progress(), self._now_ms()
        if not progress.through_ms[Tier.FIVE_MINUTES]:
            oldest_ms = self._raw.oldest_ms()
            if oldest_ms is None:
                return False
            first_ms = day_start(max(oldest_ms, self._keep.before_ms(Tier.RAW, now_ms)))
            progress = Progress(dict.fromkeys(ROLLED, first_ms), progress.late)
        self._tell(progress, now_ms)
        through = progress.through_ms
        for tier in (Tier.DAY, Tier.HOUR):
            if through[FINER[tier]] >= through[tier] + WIDTH_MS[tier]:
                self._coarsen(tier, progress)
                return True
        due_ms = now_ms - DUE_AFTER_MS
        start_ms = through[Tier.FIVE_MINUTES]
        for width_ms in (HOUR_MS, _WIDTH_MS):  # an hour in one go while catching up
            if start_ms % width_ms == 0 and start_ms + width_ms < due_ms:
                self._roll(start_ms, start_ms + width_ms, progress)
                return True
        if now_ms - self._forgot_ms >= _FORGET_EVERY_MS:
            self._forget(progress, now_ms)
        return self._mend(progress, now_ms)

    # -- windows in their time -----------------------------------------------------------------------

    def _roll(self, start_ms: int, end_ms: int, progress: Progress) -> None:
        """Make the five-minute windows of [start, end) of everything."""
        if self._held_ms != start_ms:
            self._held = {}
            self._learn_held(self._store.keys(), start_ms, progress)
        self._held_ms = 0  # until this is written, memory is ahead of the store
        rows: list[RollupRow] = []
        previous: Key | None = None
        for samples in self._raw.samples(start_ms, end_ms):
            self._check()
            if len(rows) >= _ROWS_A_WRITE and samples.key != previous:  # a device's window is written whole
                self._store.write({Tier.FIVE_MINUTES: rows})
                rows = []
            previous = samples.key
            metric = (samples.key, samples.name)
            held = self._held.get(metric)
            for row in windows(samples, held):
                rows.append(RollupRow(*metric, samples.datatype, row))
                held = end_value(row)
            self._held[metric] = held
        done = Progress({**progress.through_ms, Tier.FIVE_MINUTES: end_ms}, progress.late)
        self._store.write({Tier.FIVE_MINUTES: rows}, done)
        self._held_ms = end_ms

    def _learn_held(self, keys: Sequence[Key], ts_ms: int, progress: Progress) -> None:
        for at in range(0, len(keys), _DEVICES_A_READ):
            self._check()
            some = [(key, None) for key in keys[at : at + _DEVICES_A_READ]]
            self._held |= held_before(self._store, some, ts_ms, progress)

    def _coarsen(self, tier: Tier, progress: Progress) -> None:
        """Make the next hour or day of everything."""
        start_ms = progress.through_ms[tier]
        keys = self._store.keys()
        for at in range(0, len(keys), _DEVICES_A_READ):
            self._check()
            rows = coarse_rows(self._store, tier, keys[at : at + _DEVICES_A_READ], start_ms, progress)
            if rows:
                self._store.write({tier: rows})
        done = Progress({**progress.through_ms, tier: start_ms + WIDTH_MS[tier]}, progress.late)
        self._store.write({}, done)

    # -- afterwards ----------------------------------------------------------------------------------

    def _mend(self, progress: Progress, now_ms: int) -> bool:
        found, cursor = self._raw.late(progress.late, _LATE_A_READ)
        if cursor == progress.late:
            return False
        # its day may be gone, or hold nothing but what came late
        kept_ms = self._keep.before_ms(Tier.RAW, now_ms) + DAY_MS
        windows_of: dict[Key, set[int]] = {}
        too_late = 0
        for key, start_ms in found:
            if start_ms + _WIDTH_MS > progress.through_ms[Tier.FIVE_MINUTES]:
                continue  # not made yet: it will be with everything
            if start_ms < kept_ms:
                too_late += 1
                continue
            windows_of.setdefault(key, set()).add(start_ms)
        mending = Mending(self._raw, self._store, progress)
        for key, starts in windows_of.items():
            self._check()
            mending.mend(key, sorted(starts))
            LATE.inc(len(starts))
        if self._held_ms:
            self._learn_held(list(windows_of), self._held_ms, progress)
        if too_late:
            TOO_LATE.inc(too_late)
            log.warning("%d late windows stay as they are: their raw history is no longer kept", too_late)
        self._store.write({}, Progress(progress.through_ms, cursor))
        return True

    def _forget(self, progress: Progress, now_ms: int) -> None:
        """Drop what is kept no longer; raw history only when it is rolled up."""
        for tier in Tier:
            before_ms = self._keep.before_ms(tier, now_ms)
            if tier == Tier.RAW:
                before_ms = min(before_ms, progress.through_ms[Tier.FIVE_MINUTES])
            try:
                gone = self._store.delete_before(tier, before_ms)
            except TelemetryError as error:
                log.warning("could not drop old history, next try in an hour: %s", error)
                continue
            if gone:
                log.info("dropped %d partitions of tier %s", gone, tier)
        self._forgot_ms = now_ms

    def _check(self) -> None:
        if self._stopping():
            raise Stopped

    def _tell(self, progress: Progress, now_ms: int) -> None:
        waiting_s = behind_s(progress, now_ms)
        BEHIND.set(waiting_s)
        if waiting_s > 600 and time.monotonic() - self._told_s > _TELL_EVERY_S:
            self._told_s = time.monotonic()
            log.info("catching up with the roll-ups: %.1f hours behind", waiting_s / 3600)
