"""How commands go on, told to browsers: what the dispatcher says on the broker, filtered for each reader."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import aiomqtt
import orjson
from fastapi import Request
from sqlalchemy.exc import SQLAlchemyError

from hub.commands.dispatching import PROGRESS
from hub.events import mqtt_client
from hub.live.fanout import Fanout
from hub.web.principal import Principal, Schools

HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
BEAT_S = 10.0
RECHECK_S = 5.0


class Progress:
    """The web role's line to the dispatcher's words."""

    def __init__(self, mqtt_url: str, identifier: str) -> None:
        self.readers = Fanout()
        self._url, self._identifier = mqtt_url, identifier

    async def run(self) -> None:
        """Passes on what comes until the connection is lost (`ConnectionError`); supervise it."""
        try:
            async with mqtt_client(self._url, self._identifier) as client:
                await client.subscribe(PROGRESS, qos=0)
                self.readers.renew()
                async for message in client.messages:
                    # one line each: JSON of the dispatcher has no line ends
                    self.readers.publish(bytes(message.payload) + b"\n")
        except aiomqtt.MqttError as lost:
            raise ConnectionError(f"lost the broker: {lost}") from None


async def frames(request: Request, who: Principal) -> AsyncIterator[bytes]:
    """Gives the frames of one reader's stream for as long as it may look."""
    progress: Progress = request.app.state.command_progress
    schools = who.schools("devices.read")
    checked_s = time.monotonic()
    with progress.readers.subscribe() as reader:
        yield b"event: beat\ndata: {}\n\n"
        while True:
            try:
                async with asyncio.timeout(BEAT_S):
                    found = await reader.next()
            except TimeoutError:
                yield b"event: beat\ndata: {}\n\n"
            else:
                if found is None:
                    return
                yield _frames(found, schools) if found else b"event: reload\ndata: {}\n\n"
            if time.monotonic() - checked_s >= RECHECK_S:
                checked_s = time.monotonic()
                if not await _may_still_look(request, schools):
                    return


def _frames(lines: bytes, schools: Schools) -> bytes:
    """What a reader may see of the dispatcher's words, as events."""
    found: dict[str, list[dict[str, Any]]] = {"commands": [], "batches": []}
    for line in lines.splitlines():
        try:
            said = orjson.loads(line)
        except orjson.JSONDecodeError:
            continue
        for name, place in (("commands", "school"), ("batches", "unit")):
            each = said.get(name) if isinstance(said, dict) else None
            found[name] += [one for one in each or () if schools is None or one.get(place) in schools]
    return b"".join(
        b"event: %b\ndata: %b\n\n" % (name.encode(), orjson.dumps(items))
        for name, items in found.items()
        if items
    )


async def _may_still_look(request: Request, schools: Schools) -> bool:
    """Whether the session or token still stands; a database that is away for a moment revokes nobody."""
    try:
        found = await request.app.state.authenticate(request)
    except SQLAlchemyError:
        return True
    return found is not None and found[0].may("devices.read") and found[0].schools("devices.read") == schools
