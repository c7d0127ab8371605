"""The telemetry store as the rest of the hub sees it, whichever engine is behind."""

from __future__ import annotations

from collections.abc import Sequence
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
    """The engine could not do what was asked; the message says what and why."""


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


class Point(NamedTuple):
    """One value of one metric; over a step, `ts_ms` is where the step starts."""

    ts_ms: int
    value: Value


class TelemetryWriter(Protocol):
    """Held by the ingest role; `write` and `flush` block and run in a worker thread."""

    def series(self, key: Key) -> Series:
        """Return the series of a device, numbered on first sight."""

    def field(self, series: Series, name: str, datatype: int) -> int:
        """Return the index of a metric in its series, added on first sight."""

    def write(self, rows: Sequence[Row]) -> None:
        """Store rows; a row seen before changes nothing."""

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
        """Return points of [start, end) in time order; with a step, one per step that has values."""

    def close(self) -> None:
        """Close the engine."""
