"""The hot path, top to bottom: decode → journal → acknowledge → apply → store.

Two loops share it. `receive` ends where the disk has the batch: from there on nothing is lost, and the sender
is told so. `follow` takes every journalled batch in order and makes of it current state and alarms, and rows
of history that go on to the engine (`storing`); when it falls behind (or after a restart) it reads what it
missed from the journal and receiving goes on.

A disk that refuses stops storing, not seeing: what arrives meanwhile is applied to live state all the same,
and not acknowledged. A node with an outbox sends it again, as history; of others the hub keeps what it can.
"""

from __future__ import annotations

import asyncio
import logging
import random
import sqlite3
from collections import deque
from collections.abc import Callable

from hub.ingest.acknowledge import Acknowledgements
from hub.ingest.apply import Applier
from hub.ingest.decode import NOT_FOR_THE_HUB, Batch, Decoder
from hub.ingest.inbox import Inbox
from hub.ingest.journal import Journal
from hub.ingest.storing import Storing

log = logging.getLogger(__name__)

_IN_MEMORY_BATCHES = 16
_PATIENCE_S = 0.5
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.2, 10.0


class Pipeline:
    """Owns the order of things; every step is a module of its own."""

    def __init__(
        self,
        *,
        inbox: Inbox,
        decoder: Decoder,
        journal: Journal,
        acknowledgements: Acknowledgements,
        applier: Applier,
        storing: Storing,
        cursor: int,
        batch_messages: int,
        gather_s: float,
        restore_positions: Callable[[], None],
        now_ms: Callable[[], int],
    ) -> None:
        self.cursor = cursor
        self.applied_ms = 0
        self.messages = 0
        self.duplicates = 0
        self.deferred = 0
        self.live_only = 0
        self.journal_failure = ""
        self._inbox = inbox
        self._decoder = decoder
        self._journal = journal
        self._acknowledgements = acknowledgements
        self._applier = applier
        self._storing = storing
        self._batch_messages = batch_messages
        self._gather_s = gather_s
        self._restore_positions = restore_positions
        self._now_ms = now_ms
        self._recent: deque[tuple[int, Batch]] = deque(maxlen=_IN_MEMORY_BATCHES)
        self._journalled = asyncio.Event()
        self._followed = asyncio.Event()
        self._resume = cursor
        self._wait_s = _FIRST_WAIT_S
        self._again_s = 0.0
        self.lock = asyncio.Lock()

    async def receive(self) -> None:
        """Decode, journal, acknowledge, for ever."""
        # also when this loop starts again: positions of a batch that died before its commit must not count
        await asyncio.to_thread(self._restore_positions)
        while True:
            await self._let_follow()
            received = await self._inbox.take(self._batch_messages, self._gather_s)
            is_refused = self.journal_failure and asyncio.get_running_loop().time() < self._again_s
            if is_refused or self._storing.is_stuck:
                messages = [one for one in self._decoder.parse(received) if one.reason != NOT_FOR_THE_HUB]
                self._apply_only(Batch(self._now_ms(), messages=messages))
                continue
            batch = self._decoder.batch(received, self._now_ms())
            entry_id = await self._journal_batch(batch)
            if entry_id is None:
                await asyncio.to_thread(self._restore_positions)
                self._apply_only(batch)
                continue
            self._acknowledgements.durable(batch.acknowledge)
            self.messages += len(batch.messages)
            self.duplicates += batch.duplicates
            self.deferred += batch.deferred
            if entry_id:
                self._recent.append((entry_id, batch))
                self._journalled.set()

    def _apply_only(self, batch: Batch) -> None:
        """Let the follower see what the journal could not take, under a number that no entry will have."""
        batch.is_durable = False
        self.live_only += len(batch.messages)
        self._resume = max(self._journal.last_id, self._resume) + 1
        self._recent.append((self._resume, batch))
        self._journalled.set()

    async def _let_follow(self) -> None:
        """Wait for the follower while there is room to: what it must read back is decoded twice.

        When the inbox fills, or nothing moves for a moment (an engine that is away), receiving goes first.
        """
        while len(self._recent) >= _IN_MEMORY_BATCHES - 1 and len(self._inbox) < self._inbox.limit // 2:
            self._followed.clear()
            try:
                await asyncio.wait_for(self._followed.wait(), _PATIENCE_S)
            except TimeoutError:
                return

    async def _journal_batch(self, batch: Batch) -> int | None:
        """Commit a batch; return its entry id, 0 if there was nothing to keep, None if the disk refuses."""
        if not batch.raw and not batch.positions:
            return 0
        try:
            entry_id = await asyncio.to_thread(
                self._journal.append, batch.received_ms, batch.raw, batch.positions, self._resume
            )
        except sqlite3.Error as error:
            if not self.journal_failure:
                log.error("the journal cannot be written, nothing is acknowledged meanwhile: %s", error)
            self.journal_failure = str(error)
            self._again_s = asyncio.get_running_loop().time() + self._wait_s * random.uniform(0.5, 1)
            self._wait_s = min(_LONGEST_WAIT_S, self._wait_s * 2)
            return None
        if self.journal_failure:
            log.warning("the journal is written again; %d messages were only seen", self.live_only)
        self.journal_failure, self._wait_s = "", _FIRST_WAIT_S
        return entry_id

    async def follow(self) -> None:
        """Apply and store what the journal holds after the cursor, for ever."""
        while True:
            entry_id, batch = await self._next_entry()
            async with self.lock:
                rows = self._applier.apply(entry_id, batch.received_ms, batch.messages)
                if not batch.is_durable:
                    # what has an outbox position comes again; what has none is numbered by its entry
                    rows = [row for row in rows if row.ordinal >> 20 == entry_id]
                await self._storing.offer(rows)
                self.cursor = entry_id
                self.applied_ms = self._now_ms()
                self._followed.set()
            await asyncio.sleep(0)

    async def _next_entry(self) -> tuple[int, Batch]:
        """The entry after the cursor: from memory if it is there still, else from the journal."""
        while True:
            while self._recent and self._recent[0][0] <= self.cursor:
                self._recent.popleft()
            is_next = self._recent and self._recent[0][0] == self.cursor + 1
            if self._recent and (is_next or self._journal.last_id <= self.cursor):
                return self._recent.popleft()
            if self._journal.last_id > self.cursor:
                found = await asyncio.to_thread(self._journal.after, self.cursor, 1)
                if found:
                    messages = self._decoder.parse(found[0].messages)
                    return found[0].id, Batch(found[0].received_ms, messages=messages)
                self.cursor = self._journal.last_id  # pruned, or the journal is a newer one than the state
            self._journalled.clear()
            if self._journal.last_id <= self.cursor and not self._recent:
                await self._journalled.wait()
