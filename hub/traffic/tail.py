"""`hub tail`: live traffic on a terminal or as lines of JSON, until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import re
import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import orjson

from hub.clock import now_ms
from hub.settings import Settings
from hub.supervision import Backoff
from hub.traffic.messages import Message
from hub.traffic.rules import Question, text_of
from hub.traffic.stream import Listener, Traffic

MAX_WAITING = 2_000
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")
_UNIT_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


@dataclass(frozen=True, slots=True)
class Look:
    """How to show it, and when to end: after `count` messages, after `for_s` seconds, or never."""

    question: Question = field(default_factory=Question)
    json: bool = False
    values: bool = False
    raw: bool = False
    colour: bool = False
    width: int = 100
    count: int | None = None
    for_s: float | None = None


def seconds(text: str) -> float:
    """Read `10s`, `500ms`, `2m` or `1h`. Raises ValueError."""
    found = _DURATION.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text!r} is no duration; write 10s, 500ms, 2m or 1h")
    return float(found[1]) * _UNIT_S[found[2]]


def line_of(message: Message, raw: bytes, look: Look) -> bytes:
    """One message as it is written, with its end of line."""
    if look.json:
        return orjson.dumps({**message, "raw": raw.hex()} if look.raw else message) + b"\n"
    text = text_of(message, width=look.width, values=look.values, colour=look.colour)
    return (f"{text}\n    {raw.hex(' ')}\n" if look.raw else f"{text}\n").encode(errors="replace")


class Output:
    """Writes in a thread of its own: a reader that stops reading must not stop us from ending."""

    def __init__(self, descriptor: int, broken: Callable[[], None]) -> None:
        self._descriptor, self._broken = descriptor, broken
        self._loop = asyncio.get_running_loop()
        self._work: list[tuple[bytes, asyncio.Future[None]]] = []
        self._ready = threading.Semaphore(0)
        threading.Thread(target=self._write, daemon=True, name="tail output").start()

    async def write(self, data: bytes) -> None:
        """Write, and return when it is written."""
        done: asyncio.Future[None] = self._loop.create_future()
        self._work.append((data, done))
        self._ready.release()
        await done

    def _write(self) -> None:
        while True:
            self._ready.acquire()
            data, done = self._work.pop(0)
            try:
                while data:
                    data = data[os.write(self._descriptor, data) :]
            except OSError:  # a closed pipe: `hub tail | head` has seen enough
                self._loop.call_soon_threadsafe(self._broken)
                return
            with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
                self._loop.call_soon_threadsafe(_finish, done)


def _finish(done: asyncio.Future[None]) -> None:
    if not done.done():
        done.set_result(None)


async def tail(settings: Settings, look: Look, descriptor: int = 1) -> bool:
    """Show traffic until the count, the time, a signal or the end of output; tell if it met the broker."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    if look.for_s is not None:
        loop.call_later(look.for_s, stop.set)
    traffic = Traffic(settings.mqtt_url, f"{settings.host_id}-tail-{os.getpid()}", now_ms)
    with traffic.listen(look.question, max_waiting=MAX_WAITING) as listener:
        source = asyncio.create_task(_keep_connected(traffic, settings.mqtt_url.rpartition("@")[2]))
        shown = asyncio.create_task(_show(listener, Output(descriptor, stop.set), look))
        telling = asyncio.create_task(_tell(lambda: listener.dropped))
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({shown, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stop.set()
        tasks = (shown, telling, source, stopping)
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        dropped = listener.dropped
    if dropped:
        _say(dropped)
    for each in results:
        if isinstance(each, Exception):
            raise each
    return traffic.was_connected


async def _keep_connected(traffic: Traffic, place: str) -> None:
    backoff, failures = Backoff(first_s=0.5, limit_s=5), 0
    while True:
        try:
            await traffic.run()
        except ConnectionError as lost:
            failures += 1
            what = str(lost) if traffic.was_connected else f"no broker at {place}, set HUB_MQTT_URL"
            sys.stderr.write(f"hub tail: {what}; trying again\n")
            await asyncio.sleep(backoff.delay_s(failures, random.random()))


async def _show(listener: Listener, output: Output, look: Look) -> None:
    shown = 0
    while True:
        # one at a time: what waits longer than it takes to write is dropped at the source, and counted there
        for message, raw in await listener.next(60, most=1):
            await output.write(line_of(message, raw, look))
            shown += 1
        if shown == look.count:
            return


async def _tell(dropped: Callable[[], int]) -> None:
    told = 0
    while True:
        await asyncio.sleep(5)
        if dropped() > told:
            told = dropped()
            _say(told)


def _say(dropped: int) -> None:
    noun = "message was" if dropped == 1 else "messages were"
    sys.stderr.write(f"hub tail: {dropped} {noun} left out: the output is slower than the traffic\n")
