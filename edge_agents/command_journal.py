"""Where the agent remembers commands: one SQLite file beside the outbox, on disk before anything is done.

What is written while a commit runs goes into the next one, so that a room full of commands costs a few
fsyncs. A damaged file is set aside and written anew from what can be read and what is remembered. A disk
that refuses lets `keep` fail: what is not on disk is not done.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import sqlite3
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol

from edge_agents.commanding import Record, State
from edge_agents.ledger import LedgerDamagedError, damage_noticed

log = logging.getLogger(__name__)

SCHEMA = """
CREATE TABLE IF NOT EXISTS command (
    id TEXT PRIMARY KEY, device TEXT NOT NULL, state TEXT NOT NULL, detail TEXT NOT NULL,
    since_ms INTEGER NOT NULL, at_ms INTEGER NOT NULL, fields TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS held (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""
_KEEP = """INSERT INTO command VALUES (?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (id) DO UPDATE SET state = excluded.state, detail = excluded.detail, at_ms = excluded.at_ms,
    fields = excluded.fields"""
_FORGET = "DELETE FROM command WHERE id = ?"
_HOLD = "INSERT OR REPLACE INTO held VALUES (?, ?)"
_LET_GO = "DELETE FROM held WHERE key = ?"

Told = Callable[[Exception | None], None]
"""Called when a write is on disk (None), or with why it is not."""
Write = tuple[str, tuple[Any, ...]]


class Journal(Protocol):
    """What commands need of a memory that outlives the process."""

    def records(self) -> list[Record]:
        """What was remembered, oldest first."""
        ...

    def held(self, prefix: str) -> dict[str, str]:
        """The texts held under keys that begin so."""
        ...

    def keep(self, record: Record, then: Told) -> None:
        """Remember a state; `then` hears when it is on disk."""

    def hold(self, key: str, value: str | None, then: Told) -> None:
        """Hold a text under a key, or let go of it."""

    def forget(self, ids: Iterable[str]) -> None:
        """Remember these no longer."""


class MemoryJournal:
    """For simulated schools: nothing outlives the process."""

    def __init__(self) -> None:
        self._held: dict[str, str] = {}

    def records(self) -> list[Record]:
        """Nothing was remembered."""
        return []

    def held(self, prefix: str) -> dict[str, str]:
        """The texts held under keys that begin so."""
        return {key: value for key, value in self._held.items() if key.startswith(prefix)}

    def keep(self, record: Record, then: Told) -> None:
        """Nothing to write."""
        then(None)

    def hold(self, key: str, value: str | None, then: Told) -> None:
        """Hold a text while the process lives."""
        if value is None:
            self._held.pop(key, None)
        else:
            self._held[key] = value
        then(None)

    def forget(self, ids: Iterable[str]) -> None:
        """Nothing to forget."""


class FileJournal:
    """The journal on disk. Open it before the event loop has work; close it with `await close()`."""

    def __init__(self, path: Path) -> None:
        """Read the file; never raises: without a disk nothing is remembered and nothing will be done."""
        self.path = path
        self.set_aside: list[Path] = []
        self.failure = ""
        self._db: sqlite3.Connection | None = None
        self._inode = 0
        self._records: dict[str, Record] = {}
        self._held: dict[str, str] = {}
        self._waiting: list[tuple[Write, Told]] = []
        self._running: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="commands")
        try:
            self._open()
        except LedgerDamagedError as error:
            with contextlib.suppress(sqlite3.Error, OSError, LedgerDamagedError):
                self._replace(str(error))
        except (sqlite3.Error, OSError) as error:
            self._note(error)

    def records(self) -> list[Record]:
        """What was remembered, oldest first."""
        return list(self._records.values())

    def held(self, prefix: str) -> dict[str, str]:
        """The texts held under keys that begin so."""
        return {key: value for key, value in self._held.items() if key.startswith(prefix)}

    def keep(self, record: Record, then: Told) -> None:
        """Remember a state; `then` hears when it is on disk."""
        self._records[record.id] = record
        self._want((_KEEP, _row(record)), then)

    def hold(self, key: str, value: str | None, then: Told) -> None:
        """Hold a text under a key, or let go of it."""
        if value is None:
            self._held.pop(key, None)
            self._want((_LET_GO, (key,)), then)
        else:
            self._held[key] = value
            self._want((_HOLD, (key, value)), then)

    def forget(self, ids: Iterable[str]) -> None:
        """Remember these no longer."""
        for id_ in ids:
            self._records.pop(id_, None)
            self._want((_FORGET, (id_,)), lambda _: None)

    async def flush(self) -> None:
        """Return when everything asked for so far is on disk, or was refused."""
        while self._running is not None:
            await asyncio.shield(self._running)

    async def close(self) -> None:
        """Write what waits and close the file."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(5):
                await self.flush()
        self._thread.shutdown(wait=True)
        if self._db is not None:
            self._db.close()

    def _want(self, write: Write, then: Told) -> None:
        self._waiting.append((write, then))
        if self._running is None:
            self._running = asyncio.get_running_loop().create_task(self._commit_all())

    async def _commit_all(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._waiting:
                batch, self._waiting = self._waiting, []
                error: Exception | None = None
                try:
                    await loop.run_in_executor(self._thread, self._commit, [write for write, _ in batch])
                    self.failure = ""
                except (sqlite3.Error, OSError, LedgerDamagedError) as refused:
                    self._note(refused)
                    error = refused
                for _, then in batch:
                    try:
                        then(error)
                    except Exception:  # one that fails must not silence the others
                        log.exception("%s: what follows a write failed", self.path)
        finally:
            self._running = None

    # ------------------------------------------------ in the journal's own thread

    def _commit(self, writes: list[Write]) -> None:
        try:
            if self._db is None:
                self._open()
            self._write(writes)
        except LedgerDamagedError as error:
            self._replace(str(error))
            self._write(writes)

    def _write(self, writes: list[Write]) -> None:
        db = self._db
        if db is None:
            raise sqlite3.OperationalError("the file is not open")
        with damage_noticed():
            try:
                moved = self.path.stat().st_ino != self._inode
            except FileNotFoundError:
                moved = True
            if moved:
                raise LedgerDamagedError("the file was removed or replaced while in use")
            db.execute("BEGIN IMMEDIATE")
            try:
                for statement, values in writes:
                    db.execute(statement, values)
                db.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(sqlite3.Error):
                    db.execute("ROLLBACK")
                raise

    def _open(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        db = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False, timeout=10)
        try:
            with damage_noticed():
                db.execute("PRAGMA journal_mode=WAL")
                db.execute("PRAGMA synchronous=FULL")
                db.executescript(SCHEMA)
                verdict = db.execute("PRAGMA quick_check(1)").fetchone()[0]
                if verdict != "ok":
                    raise LedgerDamagedError(str(verdict))
                self._read(db)
            self._inode = self.path.stat().st_ino
        except BaseException:
            db.close()
            raise
        self._db = db

    def _read(self, db: sqlite3.Connection) -> None:
        """Add what the file remembers and this process does not."""
        rows = db.execute(
            "SELECT id, device, state, detail, since_ms, at_ms, fields FROM command ORDER BY rowid"
        )
        found: dict[str, Record] = {}
        for id_, device, state, detail, since_ms, at_ms, fields in rows:
            with contextlib.suppress(ValueError, TypeError):  # a damaged row must not hide the others
                known = State(state)
                found[id_] = Record(id_, device, known, detail, since_ms, at_ms, json.loads(fields))
        self._records = {**found, **self._records}
        self._held = {**dict(db.execute("SELECT key, value FROM held")), **self._held}

    def _replace(self, reason: str) -> None:
        """Go on in a new file with what can still be read and what this process remembers."""
        if self._db is not None:
            self._db.close()
            self._db = None
        aside = self.path.with_name(f"{self.path.name}.damaged-{time.time_ns() // 1_000_000}")
        for suffix in ("", "-wal", "-shm"):
            with contextlib.suppress(FileNotFoundError):
                self.path.with_name(self.path.name + suffix).rename(aside.with_name(aside.name + suffix))
        self.set_aside.append(aside)
        log.error("commands %s is damaged (%s): set aside as %s", self.path, reason, aside.name)
        with contextlib.suppress(sqlite3.Error), contextlib.closing(sqlite3.connect(aside)) as old:
            self._read(old)
        self._open()
        self._write(
            [(_KEEP, _row(record)) for record in list(self._records.values())]
            + [(_HOLD, pair) for pair in list(self._held.items())]
        )

    def _note(self, error: Exception) -> None:
        if not self.failure:
            log.error("commands %s cannot be written (%s): nothing will be done", self.path, error)
        self.failure = str(error) or type(error).__name__


def _row(record: Record) -> tuple[Any, ...]:
    fields = json.dumps(dict(record.fields), ensure_ascii=False)
    return (
        record.id,
        record.device,
        record.state.value,
        record.detail,
        record.since_ms,
        record.at_ms,
        fields,
    )
