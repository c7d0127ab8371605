"""Rows that an engine could not take yet, on disk, so that live state need not wait for it.

One SQLite file. Rows are spooled before the follower's cursor passes their journal entry, so a kill at any
moment leaves them here or makes the journal bring them again; stored twice is once.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from hub.telemetry.port import Row, TelemetryWriter

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder().decode

_SCHEMA = """
CREATE TABLE IF NOT EXISTS chunk (
    id INTEGER PRIMARY KEY, row_count INTEGER NOT NULL, value_count INTEGER NOT NULL, packed BLOB NOT NULL
);
"""


def pack(rows: Sequence[Row]) -> bytes:
    """Pack rows so that they can be read by any engine: names and datatypes instead of its numbers."""
    series: dict[int, int] = {}
    heads: list[Any] = []
    body: list[Any] = []
    for row in rows:
        place = series.setdefault(id(row.series), len(series))
        if place == len(heads):
            heads.append([row.series.key, row.series.fields])
        body.append([place, row.ts_ms, row.ordinal, list(row.indices), row.values])
    return zlib.compress(_encode([heads, body]), 1)


def unpack(packed: bytes, telemetry: TelemetryWriter) -> list[Row]:
    """Undo `pack`, with the numbers that the engine gives series and metrics now."""
    heads, body = _decode(zlib.decompress(packed))
    known = []
    for (group, node, device), fields in heads:
        series = telemetry.series((group, node, device))
        known.append((series, [telemetry.field(series, name, datatype) for name, datatype in fields]))
    rows = []
    for place, ts_ms, ordinal, indices, values in body:
        series, fields = known[place]
        places = [fields[index] for index in indices]
        small = max(places, default=0) < 256
        rows.append(Row(series, ts_ms, ordinal, bytes(places) if small else tuple(places), values))
    return rows


class Spool:
    """One file; every method blocks on the disk and is called from a worker thread."""

    def __init__(self, path: Path, limit_bytes: int) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.limit_bytes = limit_bytes
        self._lock = threading.Lock()
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)
        self._db.execute("PRAGMA auto_vacuum=INCREMENTAL")
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        self._db.executescript(_SCHEMA)
        found = self._db.execute("SELECT total(row_count), total(length(packed)) FROM chunk").fetchone()
        self.rows, self.bytes = int(found[0]), int(found[1])

    @property
    def is_full(self) -> bool:
        """Tell whether the allowance is used up."""
        return self.bytes >= self.limit_bytes

    def append(self, batches: Sequence[Sequence[Row]]) -> None:
        """Write batches in one transaction; returns once the disk has them."""
        chunks = [(len(rows), sum(len(row.values) for row in rows), pack(rows)) for rows in batches]
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                self._db.executemany(
                    "INSERT INTO chunk (row_count, value_count, packed) VALUES (?,?,?)", chunks
                )
                self._db.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(sqlite3.Error):  # a full disk has rolled it back already
                    self._db.execute("ROLLBACK")
                raise
            self.rows += sum(chunk[0] for chunk in chunks)
            self.bytes += sum(len(chunk[2]) for chunk in chunks)

    def first(self) -> tuple[int, bytes] | None:
        """Return the oldest chunk with its number."""
        with self._lock:
            found = self._db.execute("SELECT id, packed FROM chunk ORDER BY id LIMIT 1").fetchone()
        return (found[0], found[1]) if found else None

    def forget(self, chunk_id: int) -> None:
        """Forget a chunk the engine has taken, and give its space back."""
        with self._lock:
            found = self._db.execute(
                "DELETE FROM chunk WHERE id=? RETURNING row_count, length(packed)", (chunk_id,)
            ).fetchone()
            if found is not None:
                self.rows -= found[0]
                self.bytes -= found[1]
            if not self.rows:
                self._db.execute("PRAGMA incremental_vacuum").fetchall()
                self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()
