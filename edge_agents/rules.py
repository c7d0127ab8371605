"""The agent's decisions without input or output: what to report, when to send again, how long to wait."""

from __future__ import annotations

import math
import random
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from devices.wire.datatypes import FLOATS, INTEGERS, SIGN, TEXTS, DataType
from devices.wire.datatypes import MASK as BITS

UNSEEN: Any = object()
"""Stands for "never reported": unlike None, which is a reported absence of a value."""

Change = tuple[int, Any, int]
"""Index of the metric, its value (None = no value) and the time of observation in ms."""

_LARGEST_FLOAT32 = 3.4028234663852886e38


class MetricLike(Protocol):
    """What reporting needs to know of a metric; `devices.kind.Metric` is one."""

    @property
    def name(self) -> str: ...
    @property
    def datatype(self) -> DataType: ...
    @property
    def deadband(self) -> float: ...


@dataclass(frozen=True, slots=True)
class Column:
    """One metric, prepared for comparing."""

    name: str
    datatype: DataType
    deadband: float
    low: float = -math.inf
    high: float = math.inf

    @classmethod
    def of(cls, metric: MetricLike) -> Column:
        """Prepare `metric`; integers get the range of their datatype."""
        datatype = DataType(metric.datatype)
        low, high = -math.inf, math.inf
        if datatype in INTEGERS:
            low, high = 0, BITS[datatype]
            if datatype in SIGN:
                low, high = -SIGN[datatype], SIGN[datatype] - 1
        return cls(metric.name, datatype, metric.deadband, low, high)

    def clean(self, value: Any) -> Any:
        """The value as the wire can carry it; None for NaN and infinity. ValueError if it is no such type."""
        if value is None:
            return None
        datatype = self.datatype
        if datatype in FLOATS:
            number = float(value)
            limit = _LARGEST_FLOAT32 if datatype is DataType.Float else math.inf
            # `not <` also catches NaN
            return number if -limit <= number <= limit and math.isfinite(number) else None
        if datatype in INTEGERS or datatype is DataType.DateTime:
            if isinstance(value, float):
                if not math.isfinite(value):
                    return None
                value = round(value)
            if not isinstance(value, int) or not self.low <= value <= self.high:
                raise ValueError(f"{self.name}: {value!r} is no {datatype.name}")
            return int(value)
        if datatype is DataType.Boolean and isinstance(value, (bool, int)):
            return bool(value)
        if datatype in TEXTS and isinstance(value, str):
            return value
        raise ValueError(f"{self.name}: {value!r} is no {datatype.name}")

    def differs(self, last: Any, value: Any) -> bool:
        """True if a reader who was told `last` should now be told `value`."""
        if last is UNSEEN:
            return True
        if self.deadband > 0 and last is not None and value is not None:
            return bool(abs(value - last) >= self.deadband)
        return bool(last != value)


class Columns:
    """The metrics of one kind of device; shared by all devices of that kind."""

    __slots__ = ("by_name", "columns")

    def __init__(self, metrics: Iterable[MetricLike]) -> None:
        self.columns = tuple(Column.of(metric) for metric in metrics)
        self.by_name = {column.name: index for index, column in enumerate(self.columns)}


class Reported:
    """Report by exception: what the hub was last told about one device.

    `changes` says what is new, `accept` remembers that it was told; what the outbox refused is therefore
    offered again with the next poll. Timestamps rise strictly per series, so that two changes within one
    millisecond stay two.
    """

    __slots__ = ("columns", "last", "last_ts", "rejected")

    def __init__(self, columns: Columns) -> None:
        self.columns = columns
        self.last: list[Any] = [UNSEEN] * len(columns.columns)
        self.last_ts: list[int] = [0] * len(columns.columns)
        self.rejected = 0

    def changes(self, values: Mapping[str, Any], ts_ms: int) -> list[Change]:
        """The part of `values` worth telling. Unknown names and wrong types are counted in `rejected`."""
        result: list[Change] = []
        table, last, last_ts = self.columns, self.last, self.last_ts
        for name, value in values.items():
            index = table.by_name.get(name)
            if index is None:
                self.rejected += 1
                continue
            column = table.columns[index]
            try:
                cleaned = column.clean(value)
            except (ValueError, TypeError, OverflowError):
                self.rejected += 1
                continue
            if column.differs(last[index], cleaned):
                previous = last_ts[index]
                result.append((index, cleaned, ts_ms if ts_ms > previous else previous + 1))
        return result

    def move(self, step_ms: int) -> None:
        """The clock was set: times told before are what they would have been by the clock of now."""
        self.last_ts = [max(1, ts_ms + step_ms) if ts_ms else 0 for ts_ms in self.last_ts]

    def accept(self, changes: Sequence[Change]) -> None:
        """Remember that `changes` are in the outbox."""
        for index, value, ts_ms in changes:
            self.last[index] = value
            self.last_ts[index] = ts_ms


@dataclass(slots=True)
class Backoff:
    """Exponential waiting with full jitter, so that a thousand agents do not come back in step."""

    first_s: float = 1.0
    longest_s: float = 30.0
    attempts: int = 0

    def next_s(self, rng: random.Random) -> float:
        """Seconds to wait before the next attempt: uniform in [0, min(longest, first · 2ⁿ)]."""
        ceiling: float = min(self.longest_s, self.first_s * 2 ** min(self.attempts, 16))
        self.attempts += 1
        return rng.uniform(0, ceiling)

    def reset(self) -> None:
        """Start from the beginning: the last attempt worked."""
        self.attempts = 0


@dataclass(slots=True)
class Pace:
    """A token bucket that limits how fast the backlog goes out."""

    per_s: float
    burst: float
    _tokens: float = 0.0
    _at_ms: int = 0

    def take(self, wanted: int, now_ms: int) -> int:
        """How many of `wanted` may go now."""
        self._tokens = min(self.burst, self._tokens + max(0, now_ms - self._at_ms) * self.per_s / 1000)
        self._at_ms = now_ms
        granted = min(wanted, int(self._tokens))
        self._tokens -= granted
        return granted


@dataclass(slots=True)
class Replay:
    """Which held positions go out again, and when.

    `begin` says that everything up to a position was not sent in this session: that is the backlog, sent
    in order and never further than `window` beyond what is acknowledged. When nothing is acknowledged for
    `resend_after_ms` although something was sent, it goes back to the oldest unacknowledged position and
    sends what was sent at least that long ago once more; each fruitless round doubles the wait up to
    `longest_wait_ms`. All times are one monotonic clock in ms.
    """

    window: int = 1000
    resend_after_ms: int = 5_000
    longest_wait_ms: int = 60_000
    strikes_to_poison: int = 5
    stored: int = 0
    cursor: int = 0
    limit: int = 0
    live_sent: int = 0
    _since_ms: int = 0
    _wait_ms: int = 5_000
    _marks: deque[tuple[int, int]] = field(default_factory=deque)
    _answers: int = 0
    _strikes: int = 0
    _stuck_at: int = -1

    def begin(self, stored: int, position: int, now_ms: int) -> None:
        """A session starts: everything through `position` is backlog."""
        self.stored = self.cursor = stored
        self.limit = position
        self.live_sent = max(position, stored)
        self._marks.clear()
        self._since_ms = now_ms
        self._wait_ms = self.resend_after_ms
        self._answers = self._strikes = 0

    def sent_live(self, position: int, now_ms: int) -> None:
        """A payload went out for the first time."""
        if self.stored >= max(self.live_sent, self.cursor):  # nothing else is waiting for an answer
            self._since_ms = now_ms
        self.live_sent = position

    def skipped_live(self, position: int) -> None:
        """The live queue was full: `position` and all before it are backlog now."""
        self.limit = max(self.limit, position)
        self.live_sent = max(self.live_sent, position)

    def acknowledged(self, stored: int, now_ms: int) -> None:
        """The hub answered."""
        if stored > self.stored:
            self.stored = stored
            self._since_ms = now_ms
            self._wait_ms = self.resend_after_ms
            self._answers = self._strikes = 0
        else:
            self._answers += 1

    def next(self, most: int, now_ms: int) -> tuple[int, int] | None:
        """The next positions to send again as (first, last), at most `most`; None if nothing is due."""
        self._mark(now_ms)
        self.cursor = max(self.cursor, self.stored)
        if (due := self._due(most)) is not None:
            return due
        if max(self.live_sent, self.cursor) <= self.stored or now_ms - self._since_ms < self._wait_ms:
            return None
        old_enough = max(self.limit, self._sent_before(now_ms - self.resend_after_ms))
        if old_enough <= self.stored:
            return None
        self._count_strike()
        self.limit, self.cursor = old_enough, self.stored
        self._since_ms = now_ms
        self._wait_ms = min(self._wait_ms * 2, self.longest_wait_ms)
        return self._due(most)

    def sent_again(self, through: int, now_ms: int) -> None:
        """Positions through `through` were sent again."""
        self.cursor = max(self.cursor, through)
        self._since_ms = now_ms

    def poisoned(self) -> int | None:
        """The position that the hub keeps answering about without ever taking it; None if there is none."""
        return self.stored + 1 if self._strikes >= self.strikes_to_poison else None

    def _due(self, most: int) -> tuple[int, int] | None:
        last = min(self.limit, self.stored + self.window, self.cursor + most)
        return (self.cursor + 1, last) if last > self.cursor else None

    def _mark(self, now_ms: int) -> None:
        marks = self._marks
        if not marks or marks[-1][0] + 500 <= now_ms:
            marks.append((now_ms, self.live_sent))
        while len(marks) > 1 and marks[1][0] <= now_ms - self.resend_after_ms:
            marks.popleft()

    def _sent_before(self, then_ms: int) -> int:
        return self._marks[0][1] if self._marks and self._marks[0][0] <= then_ms else 0

    def _count_strike(self) -> None:
        # only an answer that leaves this very position out is evidence against it: silence is not
        if self._stuck_at == self.stored and self._answers:
            self._strikes += 1
        elif self._stuck_at != self.stored:
            self._strikes = 0
        self._stuck_at = self.stored
        self._answers = 0
