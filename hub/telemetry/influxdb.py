"""Telemetry in InfluxDB 1.8, 2 or 3: written by line protocol, every answer checked."""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Sequence
from typing import NamedTuple

import urllib3
from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.domain.write_precision import WritePrecision
from influxdb_client.rest import ApiException
from influxdb_client.service.write_service import WriteService

from hub.telemetry import influxdb_answers as answers
from hub.telemetry import influxdb_catalog
from hub.telemetry.influxdb_address import Address
from hub.telemetry.influxdb_answers import PointsRefused
from hub.telemetry.influxdb_lines import NS_PER_MS, Lines, tags
from hub.telemetry.influxdb_questions import Questions
from hub.telemetry.port import (
    WINDOW_MS,
    Key,
    Refused,
    Row,
    Series,
    TelemetryError,
    closed_before_ms,
)
from hub.telemetry.tiers import DAY_MS

BATCH_ROWS = 5_000
_CONNECT_S = 3.0


def _wall_clock_ms() -> int:
    return time.time_ns() // 1_000_000


class Line(NamedTuple):
    """A line, its time (ns), and the row it is of; lines of our own book-keeping have none."""

    text: str
    stamp: int
    row: Row | None


class Connection:
    """Posts lines to one bucket; the client's own batching and retries, which lose silently, are not used."""

    def __init__(self, address: Address) -> None:
        self.address = address
        limit_ms = round(address.timeout_s * 1000)
        self._timeout_ms = (min(limit_ms, round(_CONNECT_S * 1000)), limit_ms)
        self._client = InfluxDBClient(
            address.base_url, token=address.token, org=address.org or "-", timeout=self._timeout_ms
        )
        self._service = WriteService(self._client.api_client)  # type: ignore[no-untyped-call]

    def post(self, lines: Sequence[str]) -> None:
        """Write lines; return when InfluxDB says that it has all of them.

        Raises `PointsRefused` or `TelemetryError`.
        """
        body = "\n".join(lines).encode("utf-8", "replace")
        packer = zlib.compressobj(1, wbits=31)  # gzip, at a tenth of the price of the client's own level 9
        try:
            _, status, _ = self._service.post_write_with_http_info(  # type: ignore[no-untyped-call]
                org=self.address.org or "-",
                bucket=self.address.bucket,
                body=packer.compress(body) + packer.flush(),
                precision=WritePrecision.NS,
                content_encoding="gzip",
                content_type="text/plain; charset=utf-8",
            )
        except ApiException as error:
            if not error.status:
                raise answers.away(self.address, error) from error
            said = str(error.body or error.reason or "")
            raise answers.problem(self.address, error.status, said, error.headers or {}) from error
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise answers.away(self.address, error) from error
        except UnicodeDecodeError as error:
            raise answers.unexpected(self.address, "bytes that are no text") from error
        if status != 204:
            raise answers.unexpected(self.address, f"{status} to a write, not 204")

    def close(self) -> None:
        """Close the connections."""
        self._client.close()  # type: ignore[no-untyped-call]


class InfluxWriter:
    """The writer of the ingest role; opens nothing before the first write."""

    def __init__(self, address: Address, now_ms: Callable[[], int] = _wall_clock_ms) -> None:
        self._now_ms = now_ms
        self._connection = Connection(address)
        self._questions = Questions(address)
        self._lines = Lines()
        self._catalog = influxdb_catalog.Catalog(lambda: influxdb_catalog.read(self._questions))
        self._days: set[int] = set()
        self._stamp = 0
        self._series: dict[Key, Series] = {}
        self._places: dict[tuple[int, str, int], int] = {}
        self._taken = ""

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
        for at in range(0, len(rows), BATCH_ROWS):
            batch = rows[at : at + BATCH_ROWS]
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
                refused += self._write([*(Line(text, stamp, None) for text, stamp in books), *lines])
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

    def _write(self, lines: list[Line]) -> list[Refused]:
        """Write one batch; where points are refused, halve it until they stand alone.

        InfluxDB has taken the others of the batch already, or takes them in their half: twice is once.
        """
        refused: list[Refused] = []
        taken = len(lines)
        doubtful: PointsRefused | None = None
        waiting = [lines]
        while waiting:
            part = waiting.pop()
            try:
                self._connection.post([line.text for line in part])
            except PointsRefused as refusal:
                alone = _refused_of(part, refusal)
                if alone is None:
                    waiting += [part[len(part) // 2 :], part[: len(part) // 2]]
                else:
                    refused += (Refused(line.row, refusal.reason) for line in alone if line.row)
                    taken -= len(alone)
                    doubtful = doubtful if refusal.is_certain else refusal
            else:
                self._taken = part[-1].text
        if doubtful is not None and not taken:
            self._prove(doubtful)
        return refused

    def _prove(self, doubtful: PointsRefused) -> None:
        """Nothing was taken, and perhaps not for the rows' fault: write again what was taken before."""
        address = self._connection.address
        try:
            if not self._taken:
                raise doubtful
            self._connection.post([self._taken])
        except PointsRefused:
            raise TelemetryError(
                f"{address} refuses every write ({doubtful.reason}); check HUB_TELEMETRY_URL",
                is_permanent=True,
            ) from doubtful

    def flush(self) -> None:
        """Nothing waits here: what InfluxDB has answered for is in its log, synced (by its defaults)."""

    def close(self) -> None:
        """Close the connections."""
        self._connection.close()
        self._questions.close()


def _refused_of(part: list[Line], refusal: PointsRefused) -> list[Line] | None:
    """The lines a refusal is about, or None if it cannot be told and the batch has to be halved."""
    if len(part) == 1 or refusal.dropped == len(part):
        return part
    if refusal.is_by_age and refusal.dropped:
        return sorted(part, key=lambda line: line.stamp)[: refusal.dropped]
    return None
