"""Telemetry in InfluxDB 1.8, 2 or 3: written by line protocol, every answer checked."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hub import clock
from hub.telemetry.influxdb_address import Address
from hub.telemetry.influxdb_catalog import Catalog
from hub.telemetry.influxdb_lines import NS_PER_MS, Lines, tags
from hub.telemetry.influxdb_posting import BATCH_LINES, Line, Posting
from hub.telemetry.influxdb_questions import Questions
from hub.telemetry.port import (
    WINDOW_MS,
    Key,
    Refused,
    Row,
    Series,
    closed_before_ms,
)
from hub.telemetry.tiers import DAY_MS


class InfluxWriter:
    """The writer of the ingest role; opens nothing before the first write."""

    def __init__(self, address: Address, now_ms: Callable[[], int] = clock.now_ms) -> None:
        self._now_ms = now_ms
        self._posting = Posting(address)
        self._questions = Questions(address)
        self._lines = Lines()
        self._catalog = Catalog(self._questions)
        self._days: set[int] = set()
        self._stamp = 0
        self._series: dict[Key, Series] = {}
        self._places: dict[tuple[int, str, int], int] = {}

    def series(self, key: Key) -> Series:
        """Return the series of a device, numbered on first sight; the numbers are of this process only."""
        found = self._series.get(key)
        if found is None:
            found = self._series[key] = Series(key, len(self._series) + 1)
        return found

    def field(self, series: Series, name: str, datatype: int) -> int:
        """Return the index of a metric; another datatype of the same name is another index."""
        place = self._places.get((series.id, name, datatype))
        if place is None:
            place = self._places[series.id, name, datatype] = len(series.fields)
            series.fields.append((name, datatype))
        return place

    def write(self, rows: Sequence[Row]) -> Sequence[Refused]:
        """Store rows; return those InfluxDB will never take. Raises `TelemetryError`: write them again."""
        refused: list[Refused] = []
        for at in range(0, len(rows), BATCH_LINES):
            batch = rows[at : at + BATCH_LINES]
            lines = [
                Line(text, row.ts_ms * NS_PER_MS + row.ordinal % NS_PER_MS, row)
                for row, text in zip(batch, self._lines.of(batch), strict=True)
                if text
            ]
            if lines:
                now_ms = self._now_ms()
                news, known = self._catalog.lines({row.series for row in batch}, now_ms, self._next_stamp)
                days = {row.ts_ms // DAY_MS: row.ts_ms for row in batch}
                books = [*news, *self._day_lines(days), *self._late_lines(batch, now_ms)]
                refused += self._posting.write([*(Line(text, stamp) for text, stamp in books), *lines])
                self._catalog.confirm(known)
                self._days |= days.keys()
        return refused

    def _next_stamp(self) -> int:
        """A time for book-keeping: now, and no two alike."""
        self._stamp = max(self._stamp + 1, self._now_ms() * NS_PER_MS)
        return self._stamp

    def _day_lines(self, days: dict[int, int]) -> list[tuple[str, int]]:
        moments = (ts_ms * NS_PER_MS for day, ts_ms in days.items() if day not in self._days)
        return [(f"day seen=t {stamp}", stamp) for stamp in moments]

    def _late_lines(self, rows: Sequence[Row], now_ms: int) -> list[tuple[str, int]]:
        closed_ms = closed_before_ms(now_ms)
        late = {(row.series, row.ts_ms // WINDOW_MS) for row in rows if row.ts_ms < closed_ms}
        lines = []
        for series, window in late:
            stamp = self._next_stamp()
            lines.append((f"late,{tags(series.key)} window={window * WINDOW_MS}i {stamp}", stamp))
        return lines

    def flush(self) -> None:
        """Nothing waits here: what InfluxDB has answered for is in its log, synced (by its defaults)."""

    def close(self) -> None:
        """Close the connections."""
        self._posting.close()
        self._questions.close()
