"""Keeps the walls going: one feed for every set of schools that somebody may see."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence

from hub.live.picture import Picture
from hub.wall.feed import WallFeed
from hub.wall.rules import DistrictFacts, SchoolFacts


class Walls:
    """All feeds. `organise` says which schools exist; `run` sends until it is told to stop."""

    def __init__(self, picture: Picture, version: str, clock_ms: Callable[[], int]) -> None:
        self.clock_ms = clock_ms
        self._picture = picture
        self._version = version
        self._feeds: dict[frozenset[str] | None, WallFeed] = {}
        self._schools: Sequence[SchoolFacts] = ()
        self._districts: Sequence[DistrictFacts] = ()
        self._stopped = False
        self._wake = asyncio.Event()
        self.feed(None)

    def organise(self, schools: Sequence[SchoolFacts], districts: Sequence[DistrictFacts]) -> None:
        """Takes the schools and districts of the organisation; call again when they change."""
        self._schools, self._districts = schools, districts
        for feed in self._feeds.values():
            feed.organise(schools, districts)

    def feed(self, scope: frozenset[str] | None) -> WallFeed:
        """The feed of these schools (None: all), made when first asked for."""
        feed = self._feeds.get(scope)
        if feed is None:
            feed = WallFeed(self._picture, scope, self._version, self._wake.set, self.clock_ms())
            self._feeds[scope] = feed
            self._picture.add_listener(feed)
            feed.organise(self._schools, self._districts)
            if self._stopped:
                feed.readers.close()
        return feed

    async def run(self, stop: asyncio.Event) -> None:
        """Sends deltas and beats; when `stop` is set it ends every stream and returns."""
        stopping = asyncio.ensure_future(stop.wait())
        stopping.add_done_callback(lambda _: self._wake.set())
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

    def _forget_unread(self) -> None:
        for scope, feed in list(self._feeds.items()):
            if scope is not None and not len(feed.readers):
                del self._feeds[scope]
                self._picture.remove_listener(feed)
