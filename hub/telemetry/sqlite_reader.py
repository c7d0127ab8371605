"""Reads the telemetry file of `hub.telemetry.sqlite`, which another process may be writing."""

from __future__ import annotations

import sqlite3
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path

from hub.telemetry import rows as packed_rows
from hub.telemetry.port import MARKER, Aggregate, Key, NothingYet, Point, Samples, published
from hub.telemetry.sqlite_tables import DAY_MS, day_of, tables
from hub.telemetry.steps import Mark, aggregated


class SqliteReader:
    """Reads a telemetry file that another process may be writing."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._db: sqlite3.Connection | None = None
        self._lock = threading.Lock()

    def _open(self) -> sqlite3.Connection:
        if self._db is None:
            if not self._path.exists():
                raise NothingYet(f"there is no telemetry yet: {self._path} does not exist")
            self._db = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False, timeout=10)
            self._db.execute("PRAGMA query_only=ON")
        return self._db

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
        """Return points of [start, end) in time order, at most `limit`."""
        with self._lock:
            points = self._points(key, name, start_ms, end_ms)
            if step_ms is None:
                found = [
                    Point(ts_ms, value) for (ts_ms, value, _), _ in zip(points, range(limit), strict=False)
                ]
            else:
                found = aggregated(points, step_ms, aggregate, limit)
            datatype = self._datatype(key, name)
        return [Point(ts_ms, published(value, datatype)) for ts_ms, value in found]

    def latest(self, key: Key, name: str, before_ms: int) -> Point | None:
        """Return the newest value before `before_ms`, looking back over all days kept."""
        with self._lock:
            newest = deque(self._points(key, name, 0, before_ms), maxlen=1)
            return Point(*newest[0][:2]) if newest else None

    def _datatype(self, key: Key, name: str) -> int:
        """The metric's datatype; 0 if there is none, or if it changed."""
        found = self._open().execute(
            "SELECT DISTINCT datatype FROM field JOIN series ON series.id = field.series_id"
            " WHERE (group_code, node, device) = (?, ?, ?) AND name=?",
            (*key, name),
        )
        datatypes: list[tuple[int]] = found.fetchall()
        return datatypes[0][0] if len(datatypes) == 1 else 0

    def _points(self, key: Key, name: str, start_ms: int, end_ms: int) -> Iterator[Mark]:
        db = self._open()
        row = db.execute("SELECT id FROM series WHERE (group_code, node, device) = (?, ?, ?)", key).fetchone()
        if row is None:
            return
        fields = db.execute(
            "SELECT name, datatype FROM field WHERE series_id=? ORDER BY place", row
        ).fetchall()
        wanted = {place for place, (known, _) in enumerate(fields) if known == name}
        codes = "".join(packed_rows.code(datatype) for _, datatype in fields)
        for table in tables(db):
            day_ms = day_of(table) * DAY_MS
            if day_ms >= end_ms or day_ms + DAY_MS <= start_ms:
                continue
            for ts_ms, ordinal, packed in db.execute(
                f"SELECT ts_ms, ordinal, packed FROM {table} WHERE series_id=?"  # noqa: S608  # a name of ours
                " AND ts_ms>=? AND ts_ms<? ORDER BY ts_ms, ordinal",
                (row[0], start_ms, end_ms),
            ):
                for place, value in packed_rows.unpack(codes, packed):
                    if place in wanted:
                        yield ts_ms, value, ordinal

    def samples(
        self, start_ms: int, end_ms: int, wanted: Sequence[tuple[Key, str | None]] | None = None
    ) -> Iterator[Samples]:
        """Yield the values in [start, end), one device after the other."""
        with self._lock:
            db = self._open()
            days = [
                table
                for table in tables(db)
                if day_of(table) * DAY_MS < end_ms and (day_of(table) + 1) * DAY_MS > start_ms
            ]
            names: dict[Key, set[str] | None] = {}
            if wanted is None:
                devices = db.execute("SELECT group_code, node, device, id FROM series ORDER BY id").fetchall()
            else:
                names = _by_device(wanted)
                find = "SELECT id FROM series WHERE (group_code, node, device) = (?, ?, ?)"
                devices = [(*key, found[0]) for key in names if (found := db.execute(find, key).fetchone())]
        for group, node, device, series_id in devices if days else ():
            key = (group, node, device)
            with self._lock:
                rows: list[tuple[int, int, bytes]] = []
                for table in days:
                    rows += db.execute(
                        f"SELECT ts_ms, ordinal, packed FROM {table} WHERE series_id=?"  # noqa: S608  # ours
                        " AND ts_ms>=? AND ts_ms<? ORDER BY ts_ms, ordinal",
                        (series_id, start_ms, end_ms),
                    )
                if not rows:
                    continue
                fields = db.execute(
                    "SELECT name, datatype FROM field WHERE series_id=? ORDER BY place", (series_id,)
                ).fetchall()
            yield from _columns(key, fields, rows, names.get(key))

    def late(self, after: str, most: int) -> tuple[list[tuple[Key, int]], str]:
        """Return late windows after the cursor, which is the number of the last one seen."""
        with self._lock:
            db = self._open()
            if not db.execute("SELECT 1 FROM sqlite_master WHERE name='late'").fetchone():
                return [], after
            found = db.execute(
                "SELECT seq, group_code, node, device, window_ms FROM late JOIN series ON id = series_id"
                " WHERE seq > ? ORDER BY seq LIMIT ?",
                (int(after or 0), most),
            ).fetchall()
        return [(row[1:4], row[4]) for row in found], str(found[-1][0]) if found else after

    def oldest_ms(self) -> int | None:
        """Return the start of the oldest day there is."""
        with self._lock:
            try:
                days = tables(self._open())
            except NothingYet:
                return None  # the first row is still to come
        return day_of(days[0]) * DAY_MS if days else None

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            if self._db is not None:
                self._db.close()
                self._db = None


def _by_device(wanted: Sequence[tuple[Key, str | None]]) -> dict[Key, set[str] | None]:
    """Gather the metrics wanted of each device; None for all of them."""
    names: dict[Key, set[str] | None] = {}
    for key, name in wanted:
        if name is None:
            names[key] = None
        elif (known := names.setdefault(key, set())) is not None:
            known.add(name)
    return names


def _columns(
    key: Key, fields: list[tuple[str, int]], rows: list[tuple[int, int, bytes]], wanted: set[str] | None
) -> Iterator[Samples]:
    """Turn the packed rows of a device into columns, one item a metric."""
    items: dict[str, Samples] = {}
    by_place: list[Samples | None] = []
    for name, datatype in fields:
        item = None
        if wanted is None or name in wanted:
            times, values, uncounted = (
                (known.times, known.values, known.uncounted) if (known := items.get(name)) else ([], [], [])
            )
            item = items[name] = Samples(key, name, datatype, times, values, uncounted)
        by_place.append(item)
    codes = "".join(packed_rows.code(datatype) for _, datatype in fields)
    for ts_ms, ordinal, packed in rows:
        for place, value in packed_rows.unpack(codes, packed):
            item = by_place[place]
            if item is not None:
                if ordinal & MARKER:
                    item.uncounted.append(len(item.times))
                item.times.append(ts_ms)
                item.values.append(value)
    for item in items.values():
        if item.times:
            yield item
