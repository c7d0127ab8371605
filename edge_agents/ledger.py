"""The outbox's SQLite file: one writer, one fsync a commit, a checksum a row."""

from __future__ import annotations

import contextlib
import sqlite3
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SCHEMA = """
CREATE TABLE IF NOT EXISTS about (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS node (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, epoch INTEGER NOT NULL, position INTEGER NOT NULL,
    stored INTEGER NOT NULL, lost INTEGER NOT NULL, dropped INTEGER NOT NULL, bd_seq INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS entry (
    node INTEGER NOT NULL, position INTEGER NOT NULL, device TEXT NOT NULL, body BLOB NOT NULL,
    crc INTEGER NOT NULL, PRIMARY KEY (node, position)) WITHOUT ROWID;
"""
SELECT_ENTRIES = """SELECT position, device, body, crc FROM entry
    WHERE node = ? AND position BETWEEN ? AND ? ORDER BY position"""
RESCUE_STEP = 64
OVERHEAD_BYTES = 32
"""What a row costs beside its body; counted, so that many small payloads cannot outgrow the bound."""

_DAMAGE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_SCHEMA}
_DBMOVED = 1032  # SQLITE_READONLY_DBMOVED


class LedgerDamagedError(Exception):
    """The file cannot be trusted any more: damaged, not a database, or no longer at its path."""


@dataclass(slots=True)
class NodeRow:
    """What is remembered of one node beside its payloads.

    `position`: last one given; `stored`: acknowledged through; `lost`: highest position dropped unsent;
    `dropped`: how many were; `bd_seq`: of the latest MQTT CONNECT, -1 before the first.
    """

    id: int
    name: str
    epoch: int
    position: int = 0
    stored: int = 0
    lost: int = 0
    dropped: int = 0
    bd_seq: int = -1


@dataclass(frozen=True, slots=True)
class Entry:
    """One held payload; `body` is empty for a tombstone."""

    position: int
    device: str
    body: bytes


@dataclass(slots=True)
class Batch:
    """What one commit writes. `bounds`: node id -> (most payloads, most bytes)."""

    nodes: list[NodeRow] = field(default_factory=list)
    entries: list[tuple[int, int, str, bytes, int]] = field(default_factory=list)
    forget: list[tuple[int, int]] = field(default_factory=list)
    bounds: dict[int, tuple[int, int]] = field(default_factory=dict)


def rescue(db: sqlite3.Connection, rows: Iterable[NodeRow]) -> dict[int, list[Entry]]:
    """What can still be read of a damaged file and has the right checksum: node id -> entries in order."""
    found: dict[int, list[Entry]] = {}
    for row in rows:
        entries = found[row.id] = []
        for start in range(row.stored + 1, row.position + 1, RESCUE_STEP):
            end = min(start + RESCUE_STEP - 1, row.position)
            try:
                entries += _intact(db, row.id, start, end)
            except sqlite3.DatabaseError:  # a damaged page: around it, one by one
                for position in range(start, end + 1):
                    with contextlib.suppress(sqlite3.DatabaseError):
                        entries += _intact(db, row.id, position, position)
    return found


def _intact(db: sqlite3.Connection, node: int, first: int, last: int) -> list[Entry]:
    rows = db.execute(SELECT_ENTRIES, (node, first, last)).fetchall()
    return [entry for entry in (_entry(*row) for row in rows) if entry is not None]


def _entry(position: int, device: Any, body: Any, crc: int) -> Entry | None:
    # damage can change a value's type as well
    if isinstance(device, str) and isinstance(body, bytes) and checksum(device, body) == crc:
        return Entry(position, device, body)
    return None


def checksum(device: str, body: bytes) -> int:
    """CRC-32 of a row."""
    return zlib.crc32(body, zlib.crc32(device.encode()))


class Ledger:
    """One open outbox file. Not thread-safe: its owner lets one thread at a time use it."""

    def __init__(self, path: Path) -> None:
        """Open or make the file. Raises LedgerDamagedError; sqlite3.OperationalError if the disk refuses."""
        self.path = path
        self.damaged_rows = 0
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)
        try:
            with damage_noticed():
                self._db.execute("PRAGMA journal_mode=WAL")
                self._db.execute("PRAGMA synchronous=FULL")
                self._db.executescript(SCHEMA)
                verdict = self._db.execute("PRAGMA quick_check(1)").fetchone()[0]
                if verdict != "ok":
                    raise LedgerDamagedError(str(verdict))
                self.held = self._count_held()
                self._inode = path.stat().st_ino
        except BaseException:
            self._db.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def nodes(self) -> list[NodeRow]:
        """All nodes in the file."""
        with damage_noticed():
            rows = self._db.execute(
                "SELECT id, name, epoch, position, stored, lost, dropped, bd_seq FROM node"
            )
            return [NodeRow(*row) for row in rows]

    def about(self, key: str) -> str | None:
        """A remark about the file itself."""
        row = self._db.execute("SELECT value FROM about WHERE key = ?", (key,)).fetchone()
        return None if row is None else str(row[0])

    def remark(self, **values: str) -> None:
        """Write remarks, durably."""
        with self._transaction():
            self._db.executemany("INSERT OR REPLACE INTO about VALUES (?, ?)", values.items())

    def commit(self, batch: Batch) -> dict[int, tuple[int, int]]:
        """Write a batch with one fsync; returns what was dropped: node id -> (through position, count).

        Raises LedgerDamagedError, or sqlite3.OperationalError when the disk is full: nothing is written then.
        """
        trimmed: dict[int, tuple[int, int]] = {}
        try:
            with self._transaction():
                self._db.executemany("INSERT INTO entry VALUES (?, ?, ?, ?, ?)", batch.entries)
                for node, _, _, body, _ in batch.entries:
                    held = self.held.setdefault(node, [0, 0])
                    held[0] += 1
                    held[1] += len(body) + OVERHEAD_BYTES
                for node, through in batch.forget:
                    self._delete(node, through)
                for node, (most, most_bytes) in batch.bounds.items():
                    if (cut := self._over(node, most, most_bytes)) is not None:
                        trimmed[node] = (cut, self._delete(node, cut))
                for row in batch.nodes:
                    if row.id in trimmed:
                        row.lost, row.dropped = trimmed[row.id][0], row.dropped + trimmed[row.id][1]
                self._write_nodes(batch.nodes)
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                self.held = self._count_held()
            raise
        return trimmed

    def read(self, node: int, first: int, last: int) -> list[Entry]:
        """Held payloads in [first, last]; a row with a wrong checksum comes back as a tombstone."""
        result = []
        with damage_noticed():
            for row in self._db.execute(SELECT_ENTRIES, (node, first, last)):
                entry = _entry(*row)
                if entry is None:
                    self.damaged_rows += 1
                result.append(entry or Entry(row[0], "", b""))
        return result

    def bury(self, node: int, position: int) -> None:
        """Replace a payload by a tombstone."""
        with self._transaction():
            self._db.execute(
                "UPDATE entry SET device = '', body = x'', crc = ? WHERE node = ? AND position = ?",
                (checksum("", b""), node, position),
            )

    def rescue(self, rows: Iterable[NodeRow]) -> dict[int, list[Entry]]:
        """See the function `rescue`."""
        return rescue(self._db, rows)

    def renew(self, row: NodeRow, epoch: int) -> NodeRow:
        """Give a node a new epoch in which its held payloads stand at 1, 2, 3 … in their old order."""
        with self._transaction():
            self._delete(row.id, row.stored)
            fresh = NodeRow(self._free_id(), row.name, epoch, dropped=row.dropped, bd_seq=row.bd_seq)
            moved = self._db.execute(
                "INSERT INTO entry SELECT ?, row_number() OVER (ORDER BY position), device, body, crc"
                " FROM entry WHERE node = ?",
                (fresh.id, row.id),
            )
            fresh.position = moved.rowcount
            self._db.execute("DELETE FROM entry WHERE node = ?", (row.id,))
            self._db.execute("DELETE FROM node WHERE id = ?", (row.id,))
            self._write_nodes([fresh])
            self.held[fresh.id] = self.held.pop(row.id, [0, 0])
        return fresh

    def adopt(self, row: NodeRow, entries: Iterable[Entry]) -> None:
        """Write a node and payloads rescued from elsewhere; their positions become 1, 2, 3 …."""
        with self._transaction():
            row.id, row.position = self._free_id(), 0
            held = self.held[row.id] = [0, 0]
            for row.position, entry in enumerate(entries, start=1):
                crc = checksum(entry.device, entry.body)
                values = (row.id, row.position, entry.device, entry.body, crc)
                self._db.execute("INSERT INTO entry VALUES (?, ?, ?, ?, ?)", values)
                held[0] += 1
                held[1] += len(entry.body) + OVERHEAD_BYTES
            self._write_nodes([row])

    def _count_held(self) -> dict[int, list[int]]:
        rows = self._db.execute(
            "SELECT node, count(*), sum(length(body) + ?) FROM entry GROUP BY node", (OVERHEAD_BYTES,)
        )
        return {node: [count, size] for node, count, size in rows}

    def _free_id(self) -> int:
        highest = self._db.execute(
            "SELECT max(n) FROM (SELECT max(id) n FROM node UNION SELECT max(node) FROM entry)"
        )
        return int(highest.fetchone()[0] or 0) + 1

    def _write_nodes(self, rows: list[NodeRow]) -> None:
        self._db.executemany(
            "INSERT OR REPLACE INTO node VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [(r.id, r.name, r.epoch, r.position, r.stored, r.lost, r.dropped, r.bd_seq) for r in rows],
        )

    def _delete(self, node: int, through: int) -> int:
        where = "FROM entry WHERE node = ? AND position <= ?"
        size = self._db.execute(
            f"SELECT coalesce(sum(length(body) + {OVERHEAD_BYTES}), 0) {where}", (node, through)
        )
        held = self.held.setdefault(node, [0, 0])
        held[1] -= size.fetchone()[0]
        count = self._db.execute(f"DELETE {where}", (node, through)).rowcount
        held[0] -= count
        return count

    def _over(self, node: int, most: int, most_bytes: int) -> int | None:
        count, size = self.held.get(node, (0, 0))
        cut = None
        if count <= most and size <= most_bytes:
            return cut
        rows = self._db.execute(
            "SELECT position, length(body) FROM entry WHERE node = ? ORDER BY position", (node,)
        )
        for position, length in rows:
            if count <= most and size <= most_bytes:
                break
            cut, count, size = position, count - 1, size - length - OVERHEAD_BYTES
        rows.close()
        return cut

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        with damage_noticed():
            self._still_there()
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(sqlite3.Error):
                    self._db.execute("ROLLBACK")
                raise

    def _still_there(self) -> None:
        # an unlinked file goes on taking commits, fsync and all, and is gone at the next start
        try:
            if self.path.stat().st_ino == self._inode:
                return
        except FileNotFoundError:
            pass
        raise LedgerDamagedError("the file was removed or replaced while in use")


@contextlib.contextmanager
def damage_noticed() -> Iterator[None]:
    """Tell damage of a file from a disk that refuses: raises LedgerDamagedError for the former."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        code = getattr(error, "sqlite_errorcode", 0)
        if code & 0xFF in _DAMAGE or code == _DBMOVED or isinstance(error, sqlite3.ProgrammingError):
            raise LedgerDamagedError(str(error)) from error
        raise
