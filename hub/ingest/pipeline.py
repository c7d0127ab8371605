"""The hot path, top to bottom: decode → journal → acknowledge → apply → store.

Two loops share it. `receive` ends where the disk has the batch: from there on nothing is lost, and the sender
is told so. `follow` takes every journalled batch in order and makes of it current state and alarms, and rows
of history that go on to the engine (`storing`); when it falls behind (or after a restart) it reads what it
missed from the journal and receiving goes on.
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
from hub.ingest.decode import Batch, Decoder, Message
from hub.ingest.inbox import Inbox
from hub.ingest.journal import Journal
from hub.ingest.storing import Storing

log = logging.getLogger(__name__)

_IN_MEMORY_BATCHES = 16
_PATIENCE_S = 0.5


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
        self.lock = asyncio.Lock()

    async def receive(self) -> None:
        """Decode, journal, acknowledge, for ever."""
        # also when this loop starts again: positions of a batch that died before its commit must not count
        await asyncio.to_thread(self._restore_positions)
        while True:
            await self._let_follow()
            received = await self._inbox.take(self._batch_messages, self._gather_s)
            batch = self._decoder.batch(received, self._now_ms())
            entry_id = await self._journal_batch(batch)
            self._acknowledgements.durable(batch.acknowledge)
            self.messages += len(batch.messages)
            self.duplicates += batch.duplicates
            self.deferred += batch.deferred
            if entry_id:
                self._recent.append((entry_id, batch))
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

    async def _journal_batch(self, batch: Batch) -> int:
        """Commit a batch, again and again while the disk refuses; return its entry id, 0 if it was empty."""
        wait_s = 0.2
        while batch.raw or batch.positions:
            try:
                entry_id = await asyncio.to_thread(
                    self._journal.append, batch.received_ms, batch.raw, batch.positions, self._resume
                )
            except sqlite3.Error as error:
                if not self.journal_failure:
                    log.error("the journal cannot be written, nothing is acknowledged meanwhile: %s", error)
                self.journal_failure = str(error)
                await asyncio.sleep(wait_s * random.uniform(0.5, 1))
                wait_s = min(10, wait_s * 2)
            else:
                self.journal_failure = ""
                return entry_id
        return 0

    async def follow(self) -> None:
        """Apply and store what the journal holds after the cursor, for ever."""
        while True:
            entry_id, received_ms, messages = await self._next_entry()
            async with self.lock:
                rows = self._applier.apply(entry_id, received_ms, messages)
                await self._storing.offer(rows)
                self.cursor = entry_id
                self.applied_ms = self._now_ms()
                self._followed.set()
            await asyncio.sleep(0)

    async def _next_entry(self) -> tuple[int, int, list[Message]]:
        """The entry after the cursor: from memory if it is there still, else from the journal."""
        while True:
            while self._recent and self._recent[0][0] <= self.cursor:
                self._recent.popleft()
            if self._recent and self._recent[0][0] == self.cursor + 1:
                entry_id, batch = self._recent.popleft()
                return entry_id, batch.received_ms, batch.messages
            if self._journal.last_id > self.cursor:
                found = await asyncio.to_thread(self._journal.after, self.cursor, 1)
                if found:
                    return found[0].id, found[0].received_ms, self._decoder.parse(found[0].messages)
                self.cursor = self._journal.last_id  # pruned, or the journal is a newer one than the state
            self._journalled.clear()
            if self._journal.last_id <= self.cursor:
                await self._journalled.wait()
