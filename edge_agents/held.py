"""One node's part of an outbox file; see `outbox.py` for how it all fits."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from enum import Enum
from pathlib import Path
from typing import Protocol

from edge_agents.ledger import Batch, Entry, NodeRow, checksum

log = logging.getLogger(__name__)

PENDING_MOST = 10_000
"""Payloads of one node that may wait in memory for a disk that does not take them."""


class Answer(Enum):
    """What an acknowledgement meant."""

    FORGOTTEN = "forgotten"
    OTHER_EPOCH = "other_epoch"
    OLD_COPY = "old_copy"


class HoldingFile(Protocol):
    """What an outbox asks of the file that it is a part of; see `OutboxFile`."""

    set_aside: list[Path]

    @property
    def failure(self) -> str: ...

    def held(self, node: int) -> tuple[int, int]: ...

    def wants_commit(self, outbox: Outbox, *, urgent: bool = True) -> None: ...

    async def read(self, node: int, first: int, last: int) -> list[Entry]: ...

    async def bury(self, node: int, position: int) -> None: ...

    async def flush(self) -> None: ...


class Outbox:
    """One node's payloads that the hub has not stored yet; made by `OutboxFile.outbox`."""

    def __init__(
        self, file: HoldingFile, row: NodeRow, most: int, most_bytes: int, largest_bytes: int
    ) -> None:
        self._file = file
        self.row = row
        self._bounds = (most, most_bytes)
        self._largest_bytes = largest_bytes
        self._pending: list[tuple[str, bytes]] = []
        self._fresh_start()
        self.durable = row.position
        self.refused = self.oversize = self.buried = 0
        self.renewing = False
        self.on_durable: Callable[[], None] = lambda: None
        self.on_new_epoch: Callable[[], None] = lambda: None

    def _fresh_start(self) -> None:
        self.opened_at = self.row.position
        self.proven = self.opened_at == 0
        self._hub_is_behind = False
        self._sent = 0

    @property
    def epoch(self) -> int:
        """The life of this outbox; a random number, nonzero and below 2**63."""
        return self.row.epoch

    @property
    def position(self) -> int:
        """The last position given, on disk or not."""
        return self.row.position

    @property
    def stored(self) -> int:
        """The hub has stored, quarantined or given up everything through this position."""
        return self.row.stored

    @property
    def first(self) -> int:
        """The oldest position still held; `durable` + 1 if none is."""
        return max(self.row.stored, self.row.lost) + 1

    @property
    def lost_unknown_to_hub(self) -> bool:
        """True while the hub may still wait for positions that were dropped."""
        return self.row.lost > self.row.stored or self._hub_is_behind

    @property
    def known(self) -> int:
        """The highest position that the hub can rightly have of this outbox."""
        return max(self.opened_at, self._sent) if self.proven else self.opened_at

    @property
    def failure(self) -> str:
        """Why the disk takes nothing at present; empty if it does."""
        return self._file.failure

    @property
    def damaged(self) -> bool:
        """Whether its file was found damaged, and set aside, since the agent started."""
        return bool(self._file.set_aside)

    @property
    def dropped(self) -> int:
        """Payloads dropped because the outbox was full."""
        return self.row.dropped

    @property
    def held_bytes(self) -> int:
        """Bytes on disk for this node, about."""
        return self._file.held(self.row.id)[1]

    @property
    def held_count(self) -> int:
        """Payloads on disk for this node."""
        return self._file.held(self.row.id)[0]

    def append(self, device: str, body: bytes) -> int | None:
        """Take a payload's encoded metrics; returns its position, or None if the disk refuses for long.

        `device` is empty for the node's own data. `body` larger than the limit is replaced by a tombstone.
        It may be sent once `durable` has reached the position; `on_durable` is called then.
        """
        if len(self._pending) >= PENDING_MOST:
            self.refused += 1
            return None
        if len(body) > self._largest_bytes:
            self.oversize += 1
            log.warning("payload of %d bytes from %s/%s is too large: only its place is sent", len(body),
                        self.row.name, device)  # fmt: skip
            device, body = "", b""
        self.row.position += 1
        self._pending.append((device, body))
        self._file.wants_commit(self)
        return self.row.position

    def sent(self, position: int) -> None:
        """Note that `position` went out."""
        self._sent = max(self._sent, position)

    def acknowledge(self, epoch: int, stored: int) -> Answer:
        """The hub's answer: it has everything through `stored` of `epoch`."""
        if epoch != self.epoch or self.renewing:
            return Answer.OTHER_EPOCH
        known = self.known
        if stored > known:
            self.renew(f"the hub has stored {stored}, this outbox can account for {known}: it is an old copy")
            return Answer.OLD_COPY
        self.proven = True
        # a hub put back from an older copy waits for what we forgot on its word: it must count that as lost
        self._hub_is_behind = stored < self.row.stored
        if stored > self.row.stored:
            self.row.stored = stored
            self._file.wants_commit(self, urgent=False)
        return Answer.FORGOTTEN

    def renew(self, reason: str) -> None:
        """Take a new epoch, with new positions for everything held; `on_new_epoch` is called when done."""
        log.warning("outbox of %s: new epoch: %s", self.row.name, reason)
        self.renewing = True
        self._file.wants_commit(self)

    async def held(self, first: int, last: int) -> list[Entry]:
        """Held payloads with positions in [first, last]; those damaged on disk as tombstones."""
        return await self._file.read(self.row.id, first, min(last, self.durable))

    async def bury(self, position: int, reason: str) -> None:
        """Replace a payload that can never be stored by a tombstone."""
        self.buried += 1
        log.error("outbox of %s: position %d given up: %s", self.row.name, position, reason)
        await self._file.bury(self.row.id, position)

    async def next_bd_seq(self) -> int:
        """The bdSeq for the next MQTT CONNECT, 0–255, on disk before it is used."""
        self.row.bd_seq = (self.row.bd_seq + 1) % 256
        self._file.wants_commit(self)
        await self._file.flush()
        return self.row.bd_seq

    # ------------------------------------------------ for OutboxFile

    def collect(self, batch: Batch) -> int:
        """Add what waits to a batch; returns how many payloads."""
        row, pending = self.row, self._pending
        start = row.position - len(pending) + 1
        for position, (device, body) in enumerate(pending, start=start):
            batch.entries.append((row.id, position, device, body, checksum(device, body)))
        batch.nodes.append(replace(row))
        batch.forget.append((row.id, row.stored))
        batch.bounds[row.id] = self._bounds
        return len(pending)

    def committed(self, count: int, cut: tuple[int, int] | None) -> None:
        """The batch is on disk; `cut`: what had to be dropped (through position, how many)."""
        del self._pending[:count]
        self.durable = self.row.position - len(self._pending)
        if cut is not None:
            self.row.lost, self.row.dropped = cut[0], self.row.dropped + cut[1]
            log.warning("outbox of %s is full: %d oldest payloads dropped", self.row.name, cut[1])
        self.on_durable()

    def rebased(self, row: NodeRow) -> None:
        """Everything on disk has new positions in a new epoch; what waits comes after it."""
        row.bd_seq = self.row.bd_seq
        self.durable = row.position
        row.position += len(self._pending)
        self.row = row
        self.renewing = False
        self._fresh_start()
        self.proven = True  # nobody else knows this epoch
        self.on_new_epoch()
