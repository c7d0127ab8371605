"""Telemetry in one SQLite file of its own, so that it never blocks bookings.

One table a UTC day (dropped whole when its time is over), one packed row a device and time. The file
follows the journal: `synchronous=NORMAL` may lose the newest rows in a power cut, never the order, and the
journal writes them again; `flush` makes everything so far safe.
"""

from __future__ import annotations

import contextlib
import sqlite3
import sys
import threading
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

from hub import clock
from hub.telemetry import rows as packed_rows
from hub.telemetry.port import WINDOW_MS, Key, Refused, Row, Series, closed_before_ms
from hub.telemetry.sqlite_reader import SqliteReader
from hub.telemetry.sqlite_tables import DAY_MS, SERIES_SCHEMA, drop_before, path_of, table_of

__all__ = ["SqliteReader", "SqliteWriter", "path_of"]

_SCHEMA = f"""
{SERIES_SCHEMA}
CREATE TABLE IF NOT EXISTS late (
    seq INTEGER PRIMARY KEY, series_id INTEGER NOT NULL, window_ms INTEGER NOT NULL
);
"""


class SqliteWriter:
    """The one writer of a telemetry file."""

    def __init__(self, path: Path, now_ms: Callable[[], int] = clock.now_ms) -> None:
        self._now_ms = now_ms
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
        self._fields: dict[tuple[str, int], tuple[str, int]] = {}
        self._new_series: list[tuple[int, str, str, str]] = []
        self._new_fields: list[tuple[int, int, str, int]] = []
        by_id: dict[int, Series] = {}
        for row in self._db.execute("SELECT group_code, node, device, id FROM series"):
            by_id[row[3]] = self._series[row[0], row[1], row[2]] = Series((row[0], row[1], row[2]), row[3])
        for series_id, name, datatype in self._db.execute(
            "SELECT series_id, name, datatype FROM field ORDER BY series_id, place"
        ):
            self._number(by_id[series_id], name, datatype)
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
        known = self._fields.get((name, datatype))
        if known is not None and known in series.fields:  # a dozen at most, asked for at births alone
            return series.fields.index(known)
        place = len(series.fields)
        self._number(series, name, datatype)
        self._new_fields.append((series.id, place, name, datatype))
        return place

    def _number(self, series: Series, name: str, datatype: int) -> None:
        # ten thousand devices of a dozen kinds: the same few metrics again and again, kept once
        series.fields.append(self._fields.setdefault((name, datatype), (name, datatype)))
        series.codes = sys.intern(series.codes + packed_rows.code(datatype))

    def write(self, rows: Sequence[Row]) -> Sequence[Refused]:
        """Store rows in one transaction; it takes every row."""
        days: dict[int, list[tuple[int, int, int, bytes]]] = defaultdict(list)
        pack = packed_rows.pack
        late: set[tuple[int, int]] = set()
        closed_ms = closed_before_ms(self._now_ms())
        for series, ts_ms, ordinal, indices, values in rows:
            if ts_ms < closed_ms:
                late.add((series.id, ts_ms - ts_ms % WINDOW_MS))
            days[ts_ms // DAY_MS].append((series.id, ts_ms, ordinal, pack(series, indices, values)))
        with self._lock:
            # emptied only by this thread; the loop's thread appends, so take what is there now
            new_series, new_fields = self._new_series[:], self._new_fields[:]
            self._db.execute("BEGIN IMMEDIATE")
            try:
                self._db.executemany("INSERT OR IGNORE INTO series VALUES (?,?,?,?)", new_series)
                self._db.executemany("INSERT OR IGNORE INTO field VALUES (?,?,?,?)", new_fields)
                for day, packed in days.items():
                    self._db.executemany(self._insert(day), packed)
                if late:
                    self._note_late(sorted(late))
                self._db.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(sqlite3.Error):  # a full disk has rolled it back already
                    self._db.execute("ROLLBACK")
                raise
            del self._new_series[: len(new_series)], self._new_fields[: len(new_fields)]
        return ()

    def _note_late(self, late: list[tuple[int, int]]) -> None:
        """Number late windows so that no number is given twice, not even when a power cut took some back."""
        (newest,) = self._db.execute("SELECT max(seq) FROM late").fetchone()
        first = max((newest or 0) + 1, self._now_ms() * 1000)
        self._db.executemany(
            "INSERT INTO late VALUES (?,?,?)", [(first + n, *window) for n, window in enumerate(late)]
        )

    def _insert(self, day: int) -> str:
        """Return the statement for a day's table, which others may have dropped since the last row."""
        table = table_of(day)
        self._db.execute(
            f"CREATE TABLE IF NOT EXISTS {table} (series_id INTEGER NOT NULL, ts_ms INTEGER NOT NULL,"
            " ordinal INTEGER NOT NULL, packed BLOB NOT NULL, PRIMARY KEY (series_id, ts_ms, ordinal))"
            " WITHOUT ROWID"
        )
        return f"INSERT OR REPLACE INTO {table} VALUES (?,?,?,?)"  # noqa: S608  # the name is made above

    def flush(self) -> None:
        """Checkpoint the write-ahead log into the file, on disk."""
        with self._lock:
            self._db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()

    def delete_before(self, ts_ms: int) -> list[str]:
        """Drop the days that end before `ts_ms`; return their tables."""
        with self._lock:
            return drop_before(self._db, ts_ms)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()
