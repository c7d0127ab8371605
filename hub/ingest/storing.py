"""Rows on their way to the telemetry engine, beside live state and never in its way.

A healthy engine takes rows from memory as fast as they come. One that is away, slow or full leaves them in
the spool on disk, and they are drained when it is back; what arrives meanwhile goes first, so that charts
are current. Before the follower's cursor is written down, every row before it is in the engine or the spool.
"""

from __future__ import annotations

import asyncio
import logging
import random
import sqlite3
from collections import Counter, deque
from collections.abc import Callable
from typing import TypeAlias

from hub.ingest.spool import Spool, unpack
from hub.telemetry.port import Row, TelemetryError, TelemetryWriter

log = logging.getLogger(__name__)

# more would only let three threads fight for one interpreter: measured, a tenth of the CPU
_QUEUE_ROWS = 1_000
_SHORT_PATIENCE_S = 0.05
_PATIENCE_S = 1.0
_LONGEST_WAIT_S = 10.0
_STUCK_TIMES = 200
"""How much of the usual queue waits in memory while neither engine nor disk takes rows."""

Batch: TypeAlias = list[Row]


class Storing:
    """A bounded queue in memory before the engine, the spool behind it, and the loop that empties both."""

    def __init__(
        self,
        telemetry: TelemetryWriter,
        spool: Spool,
        now_ms: Callable[[], int],
        queue_rows: int = _QUEUE_ROWS,
        patience_s: float = _PATIENCE_S,
    ) -> None:
        self.failure = ""
        self.is_stuck = False
        self.stored_rows = 0
        self.stored_ms = 0
        self.refused: Counter[str] = Counter()
        self._refusals = 0
        self._telemetry = telemetry
        self._spool = spool
        self._now_ms = now_ms
        self._queue_rows, self._patience_s = queue_rows, patience_s
        self._queue: deque[Batch] = deque()
        self._queued_rows = 0
        self._writing: Batch | None = None
        self._offered = self._settled = 0
        self._changed = asyncio.Condition()
        self._spilling = asyncio.Lock()

    @property
    def queued_rows(self) -> int:
        """Rows in memory."""
        return self._queued_rows

    @property
    def spooled_rows(self) -> int:
        """Rows on disk that the engine has not taken yet."""
        return self._spool.rows

    @property
    def spooled_bytes(self) -> int:
        """Their size on disk."""
        return self._spool.bytes

    async def offer(self, rows: Batch) -> None:
        """Take rows; when the engine cannot keep up, make room by spooling what waits."""
        if not rows:
            return
        async with self._changed:
            self._queue.append(rows)
            self._queued_rows += len(rows)
            self._offered += 1
            self._changed.notify_all()
        patience_s = _SHORT_PATIENCE_S if self.failure else None  # why wait for one that refuses
        while self._queued_rows > self._queue_rows and not await self._within(self._has_room, patience_s):
            if not self._spilling.locked():
                await self._spill(is_patient=False)

    async def settle(self, patience_s: float | None = None) -> None:
        """Return when every row offered so far is in the engine or on disk in the spool."""
        mark = self._offered
        if self.failure or not await self._within(lambda: self._settled >= mark, patience_s):
            await self._spill()

    def _has_room(self) -> bool:
        return self._queued_rows <= self._queue_rows * (_STUCK_TIMES if self.is_stuck else 1)

    async def _within(self, condition: Callable[[], bool], patience_s: float | None = None) -> bool:
        try:
            async with asyncio.timeout(patience_s or self._patience_s), self._changed:
                await self._changed.wait_for(condition)
        except TimeoutError:
            return False
        return True

    async def _spill(self, *, is_patient: bool = True) -> None:
        """Move everything in memory to the spool, trying again while the disk refuses it.

        Without patience once; rows then stay in memory, and `is_stuck` says that neither engine nor disk
        takes them: no more should be acknowledged.
        """
        wait_s = 0.2
        async with self._spilling:
            while True:
                batches = [*([self._writing] if self._writing else []), *self._queue]
                if not batches:
                    self.is_stuck = False
                    return
                problem = "the spool is full" if self._spool.is_full else ""
                if not problem:
                    try:
                        await asyncio.to_thread(self._spool.append, batches)
                    except sqlite3.Error as error:
                        problem = f"the spool cannot be written: {error}"
                if not problem:
                    break
                if not await self._within(self._is_empty):
                    self.failure = self.failure or problem
                    if not self.is_stuck:
                        log.error("%s and the engine takes nothing: nothing is acknowledged", problem)
                    self.is_stuck = True
                    if not is_patient:
                        return
                    await asyncio.sleep(wait_s * random.uniform(0.5, 1))
                    wait_s = min(_LONGEST_WAIT_S, wait_s * 2)
            async with self._changed:
                for batch in batches:
                    if batch is self._writing:
                        self._writing = None
                    elif self._queue and self._queue[0] is batch:
                        self._queue.popleft()
                    else:
                        continue  # the engine took it meanwhile
                    self._queued_rows -= len(batch)
                    self._settled += 1
                self.is_stuck = False
                self._changed.notify_all()

    def _is_empty(self) -> bool:
        return not self._queue and self._writing is None

    async def run(self) -> None:
        """Write what waits, for ever: first from memory, then from the spool."""
        if self._writing is not None:  # this loop died with it in hand
            self._queue.appendleft(self._writing)
            self._writing = None
        while True:
            async with self._changed:
                await self._changed.wait_for(lambda: bool(self._queue or self._spool.rows))
            if self._queue:
                await self._write_queued()
            else:
                await self._write_spooled()

    def _holds(self, batch: Batch) -> bool:
        return self._writing is batch

    async def _write_queued(self) -> None:
        batch = self._writing = self._queue.popleft()
        while self._holds(batch):  # until it is written, or was spooled meanwhile
            if not await self._write(batch):
                continue
            async with self._changed:
                if self._holds(batch):
                    self._writing = None
                    self._queued_rows -= len(batch)
                    self._settled += 1
                self._changed.notify_all()

    async def _write_spooled(self) -> None:
        found = await asyncio.to_thread(self._spool.first)
        if found is not None:
            chunk_id, packed = found
            if await self._write(unpack(packed, self._telemetry)):
                await asyncio.to_thread(self._spool.forget, chunk_id)

    async def _write(self, rows: Batch) -> bool:
        """Hand rows to the engine once; after a refusal say so, wait, and return False."""
        try:
            refused = await asyncio.to_thread(self._telemetry.write, rows)
        except (TelemetryError, sqlite3.Error, OSError) as error:
            if not self.failure:
                log.error("the telemetry engine takes no rows, they are kept meanwhile: %s", error)
            self.failure = str(error)
            self._refusals += 1
            longest_s = min(_LONGEST_WAIT_S, 0.2 * 2**self._refusals)
            asked_s = (isinstance(error, TelemetryError) and error.retry_after_s) or 0
            await asyncio.sleep(max(asked_s, longest_s * random.uniform(0.5, 1)))
            return False
        if self.failure:
            log.warning("the telemetry engine takes rows again; %d wait in the spool", self._spool.rows)
        for row, reason in refused:
            if not self.refused[reason]:
                log.error("the telemetry engine will never take some rows, such as one of %s at %d: %s",
                          "/".join(row.series.key), row.ts_ms, reason)  # fmt: skip
            self.refused[reason] += 1
        self.failure, self._refusals, self.is_stuck = "", 0, False
        self.stored_rows += len(rows) - len(refused)
        self.stored_ms = self._now_ms()
        return True
