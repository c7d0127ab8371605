"""The bounded place between the socket and the decoder.

When it is full, whoever fills it pays: each node keeps a fair share and the excess of the loudest is
dropped, newest first. A node with an outbox sends it again; no other node loses anything.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TypeAlias

Received: TypeAlias = tuple[bytes, bytes]
"""(topic, payload) as they came."""


def node_part(topic: bytes) -> bytes:
    """Return what names the sender in a Sparkplug topic (group and node), or the topic itself."""
    parts = topic.split(b"/", 4)
    return parts[1] + b"/" + parts[3] if len(parts) > 3 else topic


def fair_share(counts: dict[bytes, int], room: int) -> int:
    """Return the largest share with which min(count, share) of all fits into `room` (max-min fair)."""
    left, share = room, 0
    for index, count in enumerate(sorted(counts.values())):
        senders = len(counts) - index
        share = left // senders
        if count > share:
            return share
        left -= count
    return max(counts.values(), default=0)


def shed(messages: list[Received], room: int) -> tuple[list[Received], Counter[bytes]]:
    """Keep at most `room` messages, oldest first per sender; return them and what each sender lost."""
    senders = [node_part(topic) for topic, _ in messages]
    share = fair_share(Counter(senders), room)
    kept: list[Received] = []
    taken: Counter[bytes] = Counter()
    lost: Counter[bytes] = Counter()
    for message, sender in zip(messages, senders, strict=True):
        if taken[sender] < share:
            taken[sender] += 1
            kept.append(message)
        else:
            lost[sender] += 1
    return kept, lost


class Inbox:
    """Holds at most `limit` messages; `take` hands them on in bulk."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.dropped: Counter[bytes] = Counter()
        self.received = 0
        self._messages: list[Received] = []
        self._filled = asyncio.Event()

    def __len__(self) -> int:
        return len(self._messages)

    @property
    def dropped_total(self) -> int:
        """Messages shed since the start."""
        return self.dropped.total()

    def put(self, messages: list[Received]) -> None:
        """Accept what the socket brought; shed down to half the limit when it is exceeded."""
        self.received += len(messages)
        self._messages += messages
        if len(self._messages) > self.limit:
            self._messages, lost = shed(self._messages, self.limit // 2)
            self.dropped.update(lost)
            if len(self.dropped) > 10_000:  # hostile topics must not grow the table of senders
                rest = sum(count for _, count in self.dropped.most_common()[5_000:])
                self.dropped = Counter(dict(self.dropped.most_common(5_000)))
                self.dropped[b"(others)"] += rest
        self._filled.set()

    async def take(self, most: int, gather_s: float) -> list[Received]:
        """Wait for a message, gather for a moment unless `most` are here, return up to `most`."""
        while not self._messages:
            self._filled.clear()
            await self._filled.wait()
        if len(self._messages) < most:
            await asyncio.sleep(gather_s)
        taken = self._messages[:most]
        del self._messages[:most]
        return taken
