"""The outbox: every payload is on disk before it is sent, and stays until the hub has stored it.

`OutboxFile` is one SQLite file (synchronous=FULL) that may serve one agent or hundreds of simulated nodes:
all that is appended while a commit runs goes into the next one, so the number of fsyncs a second is bounded
by `commit_interval_ms`, not by the number of payloads. `Outbox` is one node's part of it.

A payload is known by (node, epoch, position). The hub keeps one payload for each such key and answers
"stored through position p of epoch e"; the agent forgets exactly that. The danger is a key that is given
twice for two different payloads, because then the hub keeps the first and the agent forgets both. It happens
when an outbox is put back from an old copy or runs twice. Three defences:

1. A token beside the file (`generation.py`) changes with every start. An outbox whose token does not
   match is a copy: it takes a new epoch before it gives any position.
2. A copy of the whole machine brings its token along. Only the hub can tell: before anything new is sent in
   a session, the agent shows the hub its last position and waits for the answer. If the hub has stored more
   than this outbox can have sent, the outbox is an old copy and takes a new epoch. If no answer comes in
   time, data goes out nevertheless, but nothing given since the start is forgotten on the word of an answer
   that could mean somebody else's payloads: such an answer leads to a new epoch as well.
3. An outbox that was deleted, or set aside because it was damaged, starts with a random epoch.

With a new epoch all held payloads get the positions 1, 2, 3 … of it and are sent again: nothing is lost, at
worst the hub gets the payloads twice that an old copy still held, under two different keys. (Not covered: a
virtual machine resumed twice from a snapshot of its memory, while both are cut off from the hub.)

The outbox is bounded in payloads and bytes. When it is full the oldest payloads are dropped and counted, and
`first` moves up, which tells the hub that they will never come. When the disk refuses to write, `append`
returns None after `PENDING_MOST` waiting payloads: the caller keeps the value as not yet reported.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import secrets
import sqlite3
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from edge_agents.generation import Generation
from edge_agents.held import Answer, Outbox
from edge_agents.ledger import Batch, Entry, Ledger, LedgerDamagedError, NodeRow, rescue
from edge_agents.rules import Backoff

__all__ = ["Answer", "Outbox", "OutboxFile", "new_epoch"]

log = logging.getLogger(__name__)


class OutboxFile:
    """One outbox file on disk. Open it before the event loop has work; close it with `await close()`."""

    def __init__(self, path: Path, *, commit_interval_ms: int = 20) -> None:
        """Open the file; a damaged one is set aside and what is readable in it is kept.

        `commit_interval_ms`: least time between two commits. Raises OutboxBusyError.
        """
        self.path = path
        self.set_aside: list[Path] = []
        self._interval_s = commit_interval_ms / 1000
        self._outboxes: dict[str, Outbox] = {}
        self._dirty: set[Outbox] = set()
        self._flush_at = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._running: asyncio.Task[None] | None = None
        self._last_commit = 0.0
        self._turn = asyncio.Lock()  # a batch is never built while the file is being exchanged
        self.commits = 0
        self.failure = ""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._generation = Generation(path)
        try:
            self._ledger = Ledger(path)
        except LedgerDamagedError as error:
            self._replace(None, str(error))
        known = self._ledger.nodes()
        if not self._generation.went_on(self._ledger) and known and not self.set_aside:
            log.warning("outbox %s is a copy or was moved: new epochs for %d nodes", path, len(known))
            known = [self._ledger.renew(row, new_epoch()) for row in known]
        # an outbox that never gave a position has nothing to lose, and nobody could tell it from its copy
        self._known = {row.name: row if row.position else replace(row, epoch=new_epoch()) for row in known}
        self._next_id = max([row.id for row in known], default=0) + 1
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="outbox")

    def outbox(
        self,
        node: str,
        *,
        most: int = 1_000_000,
        most_bytes: int = 256 * 2**20,
        largest_bytes: int = 128 * 2**10,
    ) -> Outbox:
        """The outbox of one node, new or as it was left. Bounds: payloads, bytes, bytes of one payload."""
        if node in self._outboxes:
            raise ValueError(f"{node} has its outbox already")
        row = self._known.pop(node, None)
        if row is None:
            row = NodeRow(self._next_id, node, new_epoch())
            self._next_id += 1
        outbox = self._outboxes[node] = Outbox(self, row, most, most_bytes, largest_bytes)
        return outbox

    def held(self, node: int) -> tuple[int, int]:
        """Payloads and bytes on disk of one node."""
        count, size = self._ledger.held.get(node, (0, 0))
        return count, size

    @property
    def damaged_rows(self) -> int:
        """Rows found with a wrong checksum; they go out as tombstones."""
        return self._ledger.damaged_rows

    def wants_commit(self, outbox: Outbox, *, urgent: bool = True) -> None:
        """`outbox` has something to write: soon, or (forgetting) within a second or with the next commit."""
        self._dirty.add(outbox)
        if self._running is not None:
            return
        loop = asyncio.get_running_loop()
        now = loop.time()
        at = max(now, self._last_commit + self._interval_s) if urgent else now + 1
        if self._timer is not None:
            if self._flush_at <= at:
                return
            self._timer.cancel()
        self._flush_at = at
        self._timer = loop.call_at(at, self._start)

    def _start(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._running is None:
            self._running = asyncio.get_running_loop().create_task(self._write())

    async def flush(self) -> None:
        """Return when everything appended so far is on disk."""
        while self._dirty or self._running is not None:
            self._start()
            if self._running is not None:
                await asyncio.shield(self._running)

    async def close(self) -> None:
        """Write what waits (for at most five seconds) and close the file."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(5):
                await self.flush()
        if self._timer is not None:
            self._timer.cancel()
        if self._running is not None:
            self._running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._running
        self._thread.shutdown(wait=True)
        self._ledger.close()
        self._generation.close()

    async def read(self, node: int, first: int, last: int) -> list[Entry]:
        """Held payloads; see `Outbox.held`."""
        ledger = self._ledger
        try:
            return await asyncio.get_running_loop().run_in_executor(
                self._thread, ledger.read, node, first, last
            )
        except LedgerDamagedError as error:
            await self._exchange(ledger, str(error))
            return []

    async def bury(self, node: int, position: int) -> None:
        """See `Outbox.bury`."""
        await asyncio.get_running_loop().run_in_executor(
            self._thread, lambda: self._ledger.bury(node, position)
        )

    async def _write(self) -> None:
        """Commit what is dirty; on a disk that refuses, try again for as long as it takes."""
        backoff = Backoff(0.5, 10)
        rng = random.Random()
        loop = asyncio.get_running_loop()
        try:
            while self._dirty:
                dirty, self._dirty = self._dirty, set()
                try:
                    ledger = self._ledger
                    try:
                        async with self._turn:
                            await self._commit(dirty)
                        backoff.reset()
                        if self.failure:
                            log.warning("outbox %s is written again", self.path)
                        self.failure = ""
                    except LedgerDamagedError as error:
                        self._dirty |= dirty
                        await self._exchange(ledger, str(error))
                except (sqlite3.Error, OSError, LedgerDamagedError) as error:
                    self._dirty |= dirty
                    if not self.failure:
                        log.error("outbox %s cannot be written (%s): values are only shown", self.path, error)
                    self.failure = str(error)
                    await asyncio.sleep(0.2 + backoff.next_s(rng))
                self._last_commit = loop.time()
                if self._dirty:
                    await asyncio.sleep(self._interval_s)
        finally:
            self._running = None

    async def _commit(self, dirty: Iterable[Outbox]) -> None:
        loop = asyncio.get_running_loop()
        going_on: list[tuple[Outbox, int]] = []
        batch = Batch()
        for outbox in dirty:
            if outbox.renewing:
                row = replace(outbox.row)
                fresh = await loop.run_in_executor(self._thread, self._ledger.renew, row, new_epoch())
                outbox.rebased(fresh)
            going_on.append((outbox, outbox.collect(batch)))
        trimmed = await loop.run_in_executor(self._thread, self._ledger.commit, batch)
        self.commits += 1
        for outbox, count in going_on:
            outbox.committed(count, trimmed.get(outbox.row.id))

    async def _exchange(self, damaged: Ledger, reason: str) -> None:
        """The file is damaged or gone: go on in a new one with everything that can still be read."""
        async with self._turn:
            if self._ledger is not damaged:
                return
            rows = [replace(outbox.row) for outbox in self._outboxes.values()]
            loop = asyncio.get_running_loop()
            fresh = await loop.run_in_executor(self._thread, self._replace, rows, reason)
            for row in fresh:
                self._outboxes[row.name].rebased(row)
                self._dirty.add(self._outboxes[row.name])

    def _replace(self, rows: list[NodeRow] | None, reason: str) -> list[NodeRow]:
        rescued: dict[int, list[Entry]] = {}
        old = getattr(self, "_ledger", None)
        if old is not None:
            rescued = old.rescue(rows or [])
            old.close()
        aside = self.path.with_name(f"{self.path.name}.damaged-{time.time_ns() // 1_000_000}")
        for suffix in ("", "-wal", "-shm"):
            with contextlib.suppress(FileNotFoundError):
                self.path.with_name(self.path.name + suffix).rename(aside.with_name(aside.name + suffix))
        self.set_aside.append(aside)
        log.error("outbox %s is damaged (%s): set aside as %s, new epochs", self.path, reason, aside.name)
        if rows is None:
            rows, rescued = _salvage(aside)
        self._ledger = Ledger(self.path)
        if old is not None:
            self._generation.went_on(self._ledger)
        result = []
        for row in rows:
            fresh = NodeRow(0, row.name, new_epoch(), dropped=row.dropped, bd_seq=row.bd_seq)
            entries = [entry for entry in rescued.get(row.id, []) if entry.position > row.stored]
            self._ledger.adopt(fresh, entries)
            result.append(fresh)
        return result


def new_epoch() -> int:
    """A random epoch, nonzero and below 2**63."""
    return secrets.randbelow(2**63 - 1) + 1


def _salvage(path: Path) -> tuple[list[NodeRow], dict[int, list[Entry]]]:
    """What is readable in a damaged file that could not be opened as a whole."""
    db = sqlite3.connect(path, isolation_level=None)
    try:
        rows = [NodeRow(*row) for row in db.execute("SELECT * FROM node")]
        return rows, rescue(db, rows)
    except (sqlite3.DatabaseError, TypeError):
        return [], {}
    finally:
        db.close()
