"""The telemetry store as the rest of the hub sees it, whichever engine is behind."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple, Protocol, TypeAlias

from devices.wire.datatypes import DataType

Value: TypeAlias = bool | int | float | str | None
Key: TypeAlias = tuple[str, str, str]
"""(group, node, device); device is "" for the node itself."""


def published(value: Value, datatype: int) -> Value:
    """Give a value as people should see it: a 32-bit Float holds 7 digits, more is noise of widening it."""
    if datatype == DataType.Float and isinstance(value, float):
        return float(f"{value:.7g}")
    return value


class TelemetryError(Exception):
    """The engine could not do what was asked; the message says what and why.

    `is_permanent`: trying again helps only after somebody has changed something (token, bucket, settings).
    `retry_after_s`: how long the engine asks to be left alone, where it says so.
    """

    def __init__(
        self, message: str, *, is_permanent: bool = False, retry_after_s: float | None = None
    ) -> None:
        super().__init__(message)
        self.is_permanent = is_permanent
        self.retry_after_s = retry_after_s


class NothingYet(TelemetryError):
    """The engine has never been written to."""


MARKER = 1 << 61
"""Bit of an ordinal: the row marks where a value ends (null) or lasts again, and is no sample to count."""

WINDOW_MS = 300_000
LATE_AFTER_MS = 30_000


def closed_before_ms(now_ms: int) -> int:
    """Return the moment before which a row written now belongs to a five-minute window closed long ago.

    Such a row is late: its (device, window) goes to the log of `TelemetryReader.late` with it. What is not
    late is there before the window is rolled up, 90 s after its end.
    """
    open_ms = now_ms - LATE_AFTER_MS
    return open_ms - open_ms % WINDOW_MS


class Aggregate(StrEnum):
    """What one step of a query shows of the values in it."""

    MEAN = "mean"
    MIN = "min"
    MAX = "max"
    LAST = "last"
    COUNT = "count"


@dataclass(slots=True, eq=False)
class Series:
    """The metrics of one device as the engine numbers them: `fields[i]` is (name, Sparkplug datatype)."""

    key: Key
    id: int
    fields: list[tuple[str, int]] = field(default_factory=list)
    codes: str = ""


class Row(NamedTuple):
    """Values of one device at one time; (series, ts_ms, ordinal) is the key: written twice is once.

    `indices` number the fields of the series, `values` stand in the same order. `ordinal` is the outbox
    position, or for nodes without one the place in the journal.
    """

    series: Series
    ts_ms: int
    ordinal: int
    indices: bytes | tuple[int, ...]
    values: list[Value]


class Refused(NamedTuple):
    """A row that the engine will never take, and why (beyond its retention, a field of another type)."""

    row: Row
    reason: str


class Point(NamedTuple):
    """One value of one metric; over a step, `ts_ms` is where the step starts."""

    ts_ms: int
    value: Value


class Samples(NamedTuple):
    """Values of one metric in time order, by columns; values of one time in the order of their ordinals.

    `uncounted` are the places of markers (ordinals with the bit `MARKER`).
    """

    key: Key
    name: str
    datatype: int
    times: list[int]
    values: list[Value]
    uncounted: list[int]


class TelemetryWriter(Protocol):
    """Held by the ingest role; `write` and `flush` block and run in a worker thread."""

    def series(self, key: Key) -> Series:
        """Return the series of a device, numbered on first sight."""

    def field(self, series: Series, name: str, datatype: int) -> int:
        """Return the index of a metric in its series, added on first sight."""

    def write(self, rows: Sequence[Row]) -> Sequence[Refused]:
        """Store rows; a row seen before changes nothing. Return those that can never be stored.

        Raises `TelemetryError` when the engine is away or set up wrongly: the same rows may come again.
        """

    def flush(self) -> None:
        """Return when everything written so far survives a power cut."""

    def close(self) -> None:
        """Close the engine."""


class TelemetryReader(Protocol):
    """Held by the web role."""

    def query(
        self,
        key: Key,
        name: str,
        start_ms: int,
        end_ms: int,
        step_ms: int | None,
        aggregate: Aggregate,
        limit: int,
    ) -> list[Point]:
        """Return points of [start, end) in time order; with a step, one per step that has values.

        Markers are points without a step, and neither counted nor averaged over one.
        """

    def samples(
        self, start_ms: int, end_ms: int, wanted: Sequence[tuple[Key, str | None]] | None = None
    ) -> Iterator[Samples]:
        """Yield everything in [start, end), device after device, one item a metric that has any.

        A name of None wants all metrics of the device, `wanted` None all devices. A metric whose datatype
        changed is one item all the same, with the newest. At most one device is in memory at a time.
        """

    def late(self, after: str, most: int) -> tuple[list[tuple[Key, int]], str]:
        """Return up to `most` (device, start of a five-minute window) logged after the cursor, and the next.

        "" is the cursor before the first. The same window may be there many times. The cursor is the
        engine's own text; the same one back means that there is nothing more now.
        """

    def oldest_ms(self) -> int | None:
        """Return a moment at or before the oldest row, near it; None without any."""

    def close(self) -> None:
        """Close the engine."""
