"""Passes frames on to many readers of which none may slow the others: bounded, latest wins, drops counted.

A reader that falls behind loses its backlog at once and is told so; it then takes the newest picture, which
holds everything it missed.
"""

from __future__ import annotations

import asyncio
from collections import deque
from types import TracebackType

from prometheus_client import Counter, Gauge

DROPPED = Counter("hub_stream_frames_dropped", "Frames a slow screen missed before it got a new snapshot")
READERS = Gauge("hub_stream_readers", "Screens that are reading an event stream now")

MAX_FRAMES = 16  # more than three seconds of changes and beats


class Subscription:
    """One reader's bounded backlog; use it as a context manager."""

    def __init__(self, fanout: Fanout) -> None:
        self.dropped = 0
        self._fanout = fanout
        self._frames: deque[bytes] = deque()
        self._lagging = False
        self._closed = False
        self._wake = asyncio.Event()

    def __enter__(self) -> Subscription:
        self._fanout.join(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._fanout.leave(self)

    async def next(self) -> bytes | None:
        """Waits for what is new: all waiting frames as one, b"" if the reader must take a new snapshot.

        None when the stream has ended.
        """
        while not (self._frames or self._lagging or self._closed):
            self._wake.clear()
            await self._wake.wait()
        if self._closed:
            return None
        frames = b"".join(self._frames)
        self._frames.clear()
        if self._lagging:
            self._lagging = False
            return b""
        return frames

    def give(self, frame: bytes) -> None:
        """Adds a frame; a full backlog is dropped as a whole."""
        if self._lagging:
            self.dropped += 1
            DROPPED.inc()
        elif len(self._frames) >= MAX_FRAMES:
            self.dropped += len(self._frames) + 1
            DROPPED.inc(len(self._frames) + 1)
            self.renew()
        else:
            self._frames.append(frame)
            self._wake.set()

    def renew(self) -> None:
        """Makes the reader take a new snapshot next."""
        self._frames.clear()
        self._lagging = True
        self._wake.set()

    def close(self) -> None:
        """Ends the reader's stream."""
        self._closed = True
        self._wake.set()


class Fanout:
    """All readers of one stream."""

    def __init__(self) -> None:
        self._readers: set[Subscription] = set()
        self._closed = False

    def __len__(self) -> int:
        return len(self._readers)

    def subscribe(self) -> Subscription:
        """Makes a reader; frames published from its `with` on reach it."""
        return Subscription(self)

    def publish(self, frame: bytes) -> None:
        """Gives a frame to every reader; never waits."""
        for reader in self._readers:
            reader.give(frame)

    def renew(self) -> None:
        """Makes every reader take a new snapshot: the picture changed in ways that no frame tells."""
        for reader in self._readers:
            reader.renew()

    def close(self) -> None:
        """Ends every reader's stream, also of those that come later."""
        self._closed = True
        for reader in self._readers:
            reader.close()

    def join(self, reader: Subscription) -> None:
        """Lets a reader take part."""
        self._readers.add(reader)
        READERS.inc()
        if self._closed:
            reader.close()

    def leave(self, reader: Subscription) -> None:
        """Forgets a reader."""
        self._readers.discard(reader)
        READERS.dec()
