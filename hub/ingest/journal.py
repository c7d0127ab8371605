"""The journal: what is in this file with its positions may be acknowledged, and nothing else.

One SQLite file, write-ahead log, synchronous=FULL: a commit has returned only when the disk has it.
An entry is one batch: its payloads packed into a blob, and in the same transaction the positions they
bring. Everything else (samples, state, alarms) follows by reading entries in order after a cursor.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import sqlite3
import struct
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from hub.ingest.inbox import Received
from hub.ingest.positions import Positions

_HEAD = struct.Struct("<HI")

_SCHEMA = """
CREATE TABLE IF NOT EXISTS entry (
    id INTEGER PRIMARY KEY, received_ms INTEGER NOT NULL, messages INTEGER NOT NULL, packed BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS position (
    sender TEXT NOT NULL, epoch INTEGER NOT NULL, through INTEGER NOT NULL, beyond TEXT NOT NULL,
    lost INTEGER NOT NULL, entry_id INTEGER NOT NULL, PRIMARY KEY (sender, epoch)
) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """One durable batch: `messages` as received, at `received_ms` (UTC epoch ms)."""

    id: int
    received_ms: int
    messages: list[Received]


def pack(messages: Iterable[Received]) -> bytes:
    """Join messages into one blob: per message topic length (u16), payload length (u32), topic, payload."""
    parts: list[bytes] = []
    for topic, payload in messages:
        parts += (_HEAD.pack(len(topic), len(payload)), topic, payload)
    return b"".join(parts)


def unpack(packed: bytes) -> Iterator[Received]:
    """Undo `pack`."""
    at, end = 0, len(packed)
    while at < end:
        topic_length, payload_length = _HEAD.unpack_from(packed, at)
        at += _HEAD.size
        split = at + topic_length
        yield packed[at:split], packed[split : split + payload_length]
        at = split + payload_length


class Journal:
    """Opened by one process; `append` blocks on the disk and is called from a worker thread."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._alone = _held(path.with_name(f"{path.name}.lock"))
        self._lock = threading.Lock()
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)
        self._db.execute("PRAGMA page_size=16384")  # entries are large: half the work of the usual pages
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        self._db.execute("PRAGMA wal_autocheckpoint=1000")
        self._db.execute("PRAGMA journal_size_limit=67108864")
        self._db.executescript(_SCHEMA)
        row = self._db.execute("SELECT min(id), max(id) FROM entry").fetchone()
        self.last_id: int = row[1] or 0
        self._first_id: int = row[0] or 1

    @property
    def entries(self) -> int:
        """Entries held now."""
        return max(0, self.last_id - self._first_id + 1)

    def positions(self) -> dict[tuple[str, int], Positions]:
        """Read what is durable of every (sender, epoch): at start, once."""
        rows = self._db.execute("SELECT sender, epoch, through, beyond, lost FROM position")
        return {
            (sender, epoch): Positions(through, [(a, b) for a, b in json.loads(beyond)], lost)
            for sender, epoch, through, beyond, lost in rows
        }

    def append(
        self,
        received_ms: int,
        messages: list[Received],
        changed: list[tuple[str, int, int, str, int]],
        after: int = 0,
    ) -> int:
        """Commit one batch with the positions it changes; return the entry's id once the disk has both.

        `changed` holds (sender, epoch, through, beyond as JSON, lost). `after` is the least id to exceed:
        an emptied journal must not count from one again while cursors remember higher ids.
        """
        packed = pack(messages)
        with self._lock:
            entry_id = max(self.last_id, after) + 1
            self._db.execute("BEGIN IMMEDIATE")
            try:
                self._db.execute(
                    "INSERT INTO entry VALUES (?, ?, ?, ?)", (entry_id, received_ms, len(messages), packed)
                )
                self._db.executemany(
                    "INSERT INTO position VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
                    "through=excluded.through, beyond=excluded.beyond, lost=excluded.lost,"
                    " entry_id=excluded.entry_id",
                    [(*row, entry_id) for row in changed],
                )
                self._db.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(sqlite3.Error):  # a full disk has rolled it back already
                    self._db.execute("ROLLBACK")
                raise
            if self.last_id == 0 or entry_id != self.last_id + 1:
                self._first_id = min(self._first_id, entry_id) if self.entries else entry_id
            self.last_id = entry_id
            return entry_id

    def after(self, cursor: int, most: int = 1) -> list[Entry]:
        """Read up to `most` entries with ids above `cursor`, in order."""
        with self._lock:
            rows = self._db.execute(
                "SELECT id, received_ms, packed FROM entry WHERE id > ? ORDER BY id LIMIT ?", (cursor, most)
            ).fetchall()
        return [Entry(row[0], row[1], list(unpack(row[2]))) for row in rows]

    def prune(self, through_id: int, received_before_ms: int, most: int = 500) -> int:
        """Forget entries that every follower has passed and that are old enough; return how many."""
        with self._lock:
            gone = self._db.execute(
                "DELETE FROM entry WHERE id IN (SELECT id FROM entry WHERE id <= ? AND received_ms < ?"
                " ORDER BY id LIMIT ?)",
                (through_id, received_before_ms, most),
            ).rowcount
            if gone:
                row = self._db.execute("SELECT min(id) FROM entry").fetchone()
                self._first_id = row[0] or self.last_id + 1
            return gone

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()
            self._alone.close()


def _held(path: Path) -> IO[bytes]:
    """Locks a file: a second ingest role on one journal is a mistake, but others may read it for a backup."""
    file = path.open("ab")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise BlockingIOError(f"{path} is held: another ingest role works here; set HUB_SHARD") from None
    return file
