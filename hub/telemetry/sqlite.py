"""Telemetry in one SQLite file of its own, so that it never blocks bookings.

One table a UTC day (dropped whole when its time is over), one packed row a device and time. The file
follows the journal: `synchronous=NORMAL` may lose the newest rows in a power cut, never the order, and the
journal writes them again; `flush` makes everything so far safe.
"""

from __future__ import annotations

import re
import sqlite3
import threading
from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote, urlsplit

from hub.telemetry import rows as packed_rows
from hub.telemetry.port import Aggregate, Key, Point, Refused, Row, Series, TelemetryError, Value, published

_DAY_MS = 86_400_000
_TABLE = re.compile(r"sample_(\d{8})")

_SCHEMA = """
CREATE TABLE IF NOT EXISTS series (
    id INTEGER PRIMARY KEY, group_code TEXT NOT NULL, node TEXT NOT NULL, device TEXT NOT NULL,
    UNIQUE (group_code, node, device)
);
CREATE TABLE IF NOT EXISTS field (
    series_id INTEGER NOT NULL, place INTEGER NOT NULL, name TEXT NOT NULL, datatype INTEGER NOT NULL,
    PRIMARY KEY (series_id, place)
) WITHOUT ROWID;
"""


def path_of(url: str) -> Path:
    """Return the file a `sqlite:///…` URL names (three slashes relative, four absolute)."""
    parts = urlsplit(url)
    if parts.scheme != "sqlite" or not parts.path[1:]:
        raise TelemetryError(f"telemetry_url = {url!r} names no file; write sqlite:///data/telemetry.db")
    return Path(unquote(parts.path[1:]))


def _table(day: int) -> str:
    return f"sample_{datetime.fromtimestamp(day * 86_400, UTC):%Y%m%d}"


def _insert_into(table: str) -> str:
    return f"INSERT OR REPLACE INTO {table} VALUES (?,?,?,?)"  # noqa: S608  # the name is made above


def _day(table: str) -> int:
    return int(datetime.strptime(table[7:] + "+0000", "%Y%m%d%z").timestamp()) // 86_400


class SqliteWriter:
    """The one writer of a telemetry file."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.execute("PRAGMA wal_autocheckpoint=4000")
        self._db.execute("PRAGMA journal_size_limit=67108864")
        self._db.execute("PRAGMA cache_size=-65536")
        self._db.executescript(_SCHEMA)
        self._lock = threading.Lock()
        self._series: dict[Key, Series] = {}
        self._places: dict[tuple[int, str, int], int] = {}
        self._new_series: list[tuple[int, str, str, str]] = []
        self._new_fields: list[tuple[int, int, str, int]] = []
        self._tables = {table: _insert_into(table) for table in _tables(self._db)}
        by_id: dict[int, Series] = {}
        for row in self._db.execute("SELECT group_code, node, device, id FROM series"):
            by_id[row[3]] = self._series[row[0], row[1], row[2]] = Series((row[0], row[1], row[2]), row[3])
        for series_id, place, name, datatype in self._db.execute(
            "SELECT * FROM field ORDER BY series_id, place"
        ):
            self._number(by_id[series_id], place, name, datatype)
        self._next_id = max(by_id, default=0) + 1

    def series(self, key: Key) -> Series:
        """Return the series of a device, numbered on first sight."""
        found = self._series.get(key)
        if found is None:
            found = self._series[key] = Series(key, self._next_id)
            self._next_id += 1
            self._new_series.append((found.id, *key))
        return found

    def field(self, series: Series, name: str, datatype: int) -> int:
        """Return the index of a metric; another datatype of the same name is another index."""
        place = self._places.get((series.id, name, datatype))
        if place is None:
            place = len(series.fields)
            self._number(series, place, name, datatype)
            self._new_fields.append((series.id, place, name, datatype))
        return place

    def _number(self, series: Series, place: int, name: str, datatype: int) -> None:
        series.fields.append((name, datatype))
        series.codes += packed_rows.code(datatype)
        self._places[series.id, name, datatype] = place

    def write(self, rows: Sequence[Row]) -> Sequence[Refused]:
        """Store rows in one transaction; it takes every row."""
        days: dict[int, list[tuple[int, int, int, bytes]]] = defaultdict(list)
        pack = packed_rows.pack
        for series, ts_ms, ordinal, indices, values in rows:
            days[ts_ms // _DAY_MS].append((series.id, ts_ms, ordinal, pack(series, indices, values)))
        with self._lock:
            # emptied only by this thread; the loop's thread appends, so take what is there now
            new_series, new_fields = self._new_series[:], self._new_fields[:]
            self._db.execute("BEGIN IMMEDIATE")
            try:
                self._db.executemany("INSERT OR IGNORE INTO series VALUES (?,?,?,?)", new_series)
                self._db.executemany("INSERT OR IGNORE INTO field VALUES (?,?,?,?)", new_fields)
                for day, packed in days.items():
                    self._db.executemany(self._insert(day), packed)
                self._db.execute("COMMIT")
            except BaseException:
                self._db.execute("ROLLBACK")
                self._tables.clear()  # a table created in this transaction is gone again
                raise
            del self._new_series[: len(new_series)], self._new_fields[: len(new_fields)]
        return ()

    def _insert(self, day: int) -> str:
        table = _table(day)
        if table not in self._tables:
            self._db.execute(
                f"CREATE TABLE IF NOT EXISTS {table} (series_id INTEGER NOT NULL, ts_ms INTEGER NOT NULL,"
                " ordinal INTEGER NOT NULL, packed BLOB NOT NULL, PRIMARY KEY (series_id, ts_ms, ordinal))"
                " WITHOUT ROWID"
            )
            self._tables[table] = _insert_into(table)
        return self._tables[table]

    def flush(self) -> None:
        """Checkpoint the write-ahead log into the file, on disk."""
        with self._lock:
            self._db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()

    def delete_before(self, ts_ms: int) -> list[str]:
        """Drop the days that end before `ts_ms`; return their tables."""
        with self._lock:
            gone = [table for table in _tables(self._db) if (_day(table) + 1) * _DAY_MS <= ts_ms]
            for table in gone:
                self._db.execute(f"DROP TABLE {table}")
                self._tables.pop(table, None)
        return gone

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()


class SqliteReader:
    """Reads a telemetry file that another process may be writing."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._db: sqlite3.Connection | None = None
        self._lock = threading.Lock()

    def _open(self) -> sqlite3.Connection:
        if self._db is None:
            if not self._path.exists():
                raise TelemetryError(f"there is no telemetry yet: {self._path} does not exist")
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
                found = [point for point, _ in zip(points, range(limit), strict=False)]
            else:
                found = _aggregated(points, step_ms, aggregate, limit)
            datatype = self._datatype(key, name)
        return [Point(ts_ms, published(value, datatype)) for ts_ms, value in found]

    def latest(self, key: Key, name: str, before_ms: int) -> Point | None:
        """Return the newest value before `before_ms`, looking back over all days kept."""
        with self._lock:
            newest = deque(self._points(key, name, 0, before_ms), maxlen=1)
            return newest[0] if newest else None

    def _datatype(self, key: Key, name: str) -> int:
        """The metric's datatype; 0 if there is none, or if it changed."""
        found = self._open().execute(
            "SELECT DISTINCT datatype FROM field JOIN series ON series.id = field.series_id"
            " WHERE (group_code, node, device) = (?, ?, ?) AND name=?",
            (*key, name),
        )
        datatypes: list[tuple[int]] = found.fetchall()
        return datatypes[0][0] if len(datatypes) == 1 else 0

    def _points(self, key: Key, name: str, start_ms: int, end_ms: int) -> Iterator[Point]:
        db = self._open()
        row = db.execute("SELECT id FROM series WHERE (group_code, node, device) = (?, ?, ?)", key).fetchone()
        if row is None:
            return
        fields = db.execute(
            "SELECT name, datatype FROM field WHERE series_id=? ORDER BY place", row
        ).fetchall()
        wanted = {place for place, (known, _) in enumerate(fields) if known == name}
        codes = "".join(packed_rows.code(datatype) for _, datatype in fields)
        for table in _tables(db):
            day_ms = _day(table) * _DAY_MS
            if day_ms >= end_ms or day_ms + _DAY_MS <= start_ms:
                continue
            for ts_ms, packed in db.execute(
                f"SELECT ts_ms, packed FROM {table} WHERE series_id=?"  # noqa: S608  # a name of ours
                " AND ts_ms>=? AND ts_ms<? ORDER BY ts_ms, ordinal",
                (row[0], start_ms, end_ms),
            ):
                for place, value in packed_rows.unpack(codes, packed):
                    if place in wanted:
                        yield Point(ts_ms, value)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            if self._db is not None:
                self._db.close()
                self._db = None


def _tables(db: sqlite3.Connection) -> list[str]:
    names = db.execute("SELECT name FROM sqlite_master WHERE type='table' ORDER BY name")
    return [name for (name,) in names if _TABLE.fullmatch(name)]


def _aggregated(points: Iterator[Point], step_ms: int, aggregate: Aggregate, limit: int) -> list[Point]:
    result: list[Point] = []
    values: list[Value] = []
    current: int | None = None
    for ts_ms, value in points:
        step = ts_ms - ts_ms % step_ms
        if step != current:
            if current is not None:
                result.append(Point(current, _combined(values, aggregate)))
                if len(result) >= limit:
                    return result
            current, values = step, []
        if value is not None:
            values.append(value)
    if current is not None:
        result.append(Point(current, _combined(values, aggregate)))
    return result


def _combined(values: list[Value], aggregate: Aggregate) -> Value:
    if aggregate is Aggregate.COUNT:
        return len(values)
    if not values:
        return None
    numbers = [float(value) for value in values if isinstance(value, int | float)]
    if aggregate is Aggregate.LAST or len(numbers) != len(values):
        return values[-1]
    match aggregate:
        case Aggregate.MIN:
            return min(numbers)
        case Aggregate.MAX:
            return max(numbers)
        case _:
            return sum(numbers) / len(numbers)
