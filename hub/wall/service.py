"""Keeps the walls going: one feed for every set of schools that somebody may see."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping, Sequence

from hub.live.documents import Key
from hub.live.picture import Picture
from hub.supervision import supervise
from hub.wall.feed import NO_NAMES, WallFeed
from hub.wall.memory import WallMemory
from hub.wall.minutes import MINUTE_MS, line_series
from hub.wall.rules import HISTORY, DistrictFacts, SchoolFacts

MEMORY_GAP_S = 1.0


class Walls:
    """All feeds. `organise` says which schools exist; `run` sends until it is told to stop."""

    def __init__(self, picture: Picture, version: str, clock_ms: Callable[[], int]) -> None:
        self.clock_ms = clock_ms
        self._picture = picture
        self._version = version
        self._feeds: dict[frozenset[str] | None, WallFeed] = {}
        self._schools: Sequence[SchoolFacts] = ()
        self._districts: Sequence[DistrictFacts] = ()
        self._names: Mapping[str, str] = NO_NAMES
        self._stopped = False
        self._wake = asyncio.Event()
        self._memory: WallMemory | None = None
        self._recalled: set[Key] = set()
        self._everything = self.feed(None)

    def remember(self, memory: WallMemory) -> None:
        """Fills the last hour from what outlived the process, and keeps it from now on; once is enough."""
        if self._memory is None:
            self._memory = memory

    def organise(
        self,
        schools: Sequence[SchoolFacts],
        districts: Sequence[DistrictFacts],
        names: Mapping[str, str] = NO_NAMES,
    ) -> None:
        """Takes the organisation; call again when it changes. `names` are those of all units, offices too."""
        self._schools, self._districts, self._names = schools, districts, names
        for feed in self._feeds.values():
            feed.organise(schools, districts, names)

    def feed(self, scope: frozenset[str] | None) -> WallFeed:
        """The feed of these schools (None: all), made when first asked for."""
        feed = self._feeds.get(scope)
        if feed is None:
            feed = WallFeed(self._picture, scope, self._version, self._wake.set, self.clock_ms())
            self._feeds[scope] = feed
            self._picture.add_listener(feed)
            feed.organise(self._schools, self._districts, self._names)
            if scope is not None:
                history = self._everything.history
                feed.recall({name: history.minutes(name) for name in map(line_series, feed.lines)})
            if self._stopped:
                feed.readers.close()
        return feed

    async def run(self, stop: asyncio.Event) -> None:
        """Sends deltas and beats; when `stop` is set it ends every stream and returns."""
        stopping = asyncio.ensure_future(stop.wait())
        stopping.add_done_callback(lambda _: self._wake.set())
        remembering = asyncio.ensure_future(
            supervise("wall memory", lambda: self._remember(stop), stop, grace_s=0.5)
        )
        try:
            while not stop.is_set():
                self._wake.clear()
                now_s, now_ms = time.monotonic(), self.clock_ms()
                next_s = min(feed.step(now_s, now_ms) for feed in list(self._feeds.values()))
                self._forget_unread()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), max(0.0, next_s - time.monotonic()))
        finally:
            stopping.cancel()
            if stop.is_set():
                self._stopped = True
                for feed in self._feeds.values():
                    feed.readers.close()
            else:
                remembering.cancel()
            await asyncio.wait({remembering})

    async def _remember(self, stop: asyncio.Event) -> None:
        """Once a minute the figures, once a second the lines that appeared since, one after the other."""
        kept_minute = 0
        while not stop.is_set():
            minute = self.clock_ms() // MINUTE_MS
            if self._memory is not None:
                if minute != kept_minute:
                    await self._keep_figures(self._memory)
                    kept_minute = minute
                await self._recall_lines(self._memory, stop)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), MEMORY_GAP_S)
        if self._memory is not None:
            await self._keep_figures(self._memory)

    async def _keep_figures(self, memory: WallMemory) -> None:
        everything = self._everything
        everything.recall(await asyncio.to_thread(memory.figures))
        figures = {name: everything.history.minutes(name) for name in HISTORY}
        await asyncio.to_thread(memory.keep, figures)

    async def _recall_lines(self, memory: WallMemory, stop: asyncio.Event) -> None:
        for school, key in list(self._everything.lines.items()):
            if stop.is_set():
                return
            if key not in self._recalled:
                minutes = await asyncio.to_thread(memory.utilisation, key, self.clock_ms())
                self._recalled.add(key)
                for feed in self._feeds.values():
                    if minutes and school in feed.lines:
                        feed.recall({line_series(school): minutes})

    def _forget_unread(self) -> None:
        for scope, feed in list(self._feeds.items()):
            if scope is not None and not len(feed.readers):
                del self._feeds[scope]
                self._picture.remove_listener(feed)
