"""Drivers: how an agent talks to a device, and the loop that keeps each of them going.

A driver raises `UnreachableError(reason)` when the device does not answer; every device has its own loop, its
own backoff and its own timeouts, so none waits for another.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import random
from collections import deque
from collections.abc import Mapping
from typing import Any, Protocol

from devices.kind import DeviceKind
from devices.protocols.failures import RefusedError
from devices.simulation import UnreachableError
from edge_agents.commanding import DEVICE_REFUSED, NOT_ALLOWED, State
from edge_agents.executing import Commands, Write
from edge_agents.node import Node
from edge_agents.power import Switched
from edge_agents.rules import Backoff

log = logging.getLogger(__name__)

BEAT_S = 0.25
WRITES_MOST = 32
"""Commands that may wait for one device; a device that is not there must not collect a day's worth."""
EAGER_POLLS, EAGER_S = 3, 0.7
"""After a command the device is polled at once and a few times soon: many obey only after a moment."""


class Driver(Protocol):
    """One device as its protocol shows it. Every call may raise UnreachableError or OSError."""

    async def connect(self) -> None:
        """Get ready to poll; called again after every failure."""

    async def poll(self) -> Mapping[str, Any]:
        """The present values by metric name; those that are unknown may be missing."""
        ...

    async def write(self, metric: str, value: Any) -> None:
        """Ask the device for a change. Success means that it was asked, not that it obeyed.

        Raises RefusedError if the device answers that it will not; it stays online.
        """

    async def close(self) -> None:
        """Let go of the device; never raises."""


class PolledDevice:
    """Polls one device for ever and tells its node; `run` ends only with `stop`."""

    def __init__(
        self,
        node: Node,
        device_id: str,
        driver: Driver,
        kind: DeviceKind,
        *,
        poll_s: float = 10,
        timeout_s: float = 5,
        rng: random.Random | None = None,
        commands: Commands | None = None,
    ) -> None:
        self.device_id = device_id
        self.rejected_writes = 0
        self._node = node
        self._driver = driver
        self._poll_s = poll_s
        self._timeout_s = timeout_s
        self._rng = rng or random.Random()
        self._allowed = kind.commands
        self._commands = commands
        self._writes: deque[Write] = deque()
        self._eager = 0
        self._switched = Switched(kind)
        self._wake = asyncio.Event()

    def put(self, write: Write, *, first: bool = False) -> bool:
        """Queue a write; False if too many wait. One that comes first is never too many."""
        if first:
            self._writes.appendleft(write)
        elif len(self._writes) >= WRITES_MOST:
            return False
        else:
            self._writes.append(write)
        self._wake.set()
        return True

    def write(self, metric: str, value: Any) -> None:
        """Take a command of nobody in particular; what is not done is counted in `rejected_writes`."""
        allowed = any(one.metric == metric and one.accepts(value) for one in self._allowed)
        if not (allowed and self.put(Write(metric, value, lambda: True, lambda state, detail: None))):
            self.rejected_writes += 1
            log.warning("%s: command %s = %r not taken", self.device_id, metric, value)

    async def run(self, stop: asyncio.Event) -> None:
        """Connect, poll, obey; after a failure say why, wait and begin again."""
        backoff = Backoff(min(1.0, self._poll_s), max(60.0, self._poll_s))
        stopping = asyncio.create_task(stop.wait())
        stopping.add_done_callback(lambda _: self._wake.set())
        try:
            await self._run(stop, backoff)
        finally:
            stopping.cancel()

    async def _run(self, stop: asyncio.Event, backoff: Backoff) -> None:
        while not stop.is_set():
            try:
                async with asyncio.timeout(self._timeout_s):
                    await self._driver.connect()
                await self._poll_until(stop, backoff)
            except Exception as error:
                reason = self._switched.reason(reason_of(error))
                if reason == "protocol_error":
                    log.warning("%s: driver failed", self.device_id, exc_info=error)
                self._node.device_dead(self.device_id, reason)
                self._fail_what_waits(reason)
            finally:
                await self._close()
            if not stop.is_set():  # a command is reason enough to try again at once
                await self._rest(0.05 + backoff.next_s(self._rng), stop)

    async def _poll_until(self, stop: asyncio.Event, backoff: Backoff) -> None:
        while not stop.is_set():
            async with asyncio.timeout(self._timeout_s):
                values = await self._driver.poll()
            if self._commands is not None:
                values = self._commands.seen(self.device_id, values)
            self._switched.saw(values)
            self._node.observe(self.device_id, values)
            backoff.reset()
            await self._until_next_poll(stop)
            if self._writes and not stop.is_set():
                await self._write(self._writes.popleft())

    async def _write(self, write: Write) -> None:
        if not write.begin():
            return
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._driver.write(write.metric, write.value)
        except RefusedError as error:  # it answered: what it will not do is no reason to call it dead
            self._refused(write, DEVICE_REFUSED, error)
        except KeyError as error:  # the driver has no way to say it
            self._refused(write, NOT_ALLOWED, error)
        except Exception as error:
            write.ended(State.FAILED, reason_of(error))
            raise
        else:
            self._eager = EAGER_POLLS
            self._switched.wrote(write.metric, write.value)
            write.ended(State.DONE, "")

    def _refused(self, write: Write, detail: str, error: Exception) -> None:
        self.rejected_writes += 1
        log.warning("%s: command %s = %r refused: %s", self.device_id, write.metric, write.value, error)
        write.ended(State.REFUSED, detail)

    def _fail_what_waits(self, reason: str) -> None:
        waiting, self._writes = self._writes, deque()  # for now, not for whenever the device is back
        self.rejected_writes += len(waiting)
        for write in waiting:
            if write.begin():
                write.ended(State.FAILED, reason)

    async def _until_next_poll(self, stop: asyncio.Event) -> None:
        """Wait for the next poll; a command or the end cuts it short. A timer is cheaper than two tasks."""
        # ±10 %: devices configured alike are not polled in step; but in beats, so that the agent, its disk
        # and its line wake up once for several of them
        poll_s = self._poll_s
        if self._eager:
            self._eager, poll_s = self._eager - 1, min(poll_s, EAGER_S)
        beat_s = min(BEAT_S, poll_s / 4)
        due_s = asyncio.get_running_loop().time() + poll_s * self._rng.uniform(0.9, 1.1)
        await self._rest_until(round(due_s / beat_s) * beat_s, stop)

    async def _rest(self, seconds: float, stop: asyncio.Event) -> None:
        await self._rest_until(asyncio.get_running_loop().time() + seconds, stop)

    async def _rest_until(self, at_s: float, stop: asyncio.Event) -> None:
        self._wake.clear()
        if self._writes or stop.is_set():
            return
        timer = asyncio.get_running_loop().call_at(at_s, self._wake.set)
        try:
            await self._wake.wait()
        finally:
            timer.cancel()

    async def _close(self) -> None:
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._driver.close()
        except Exception as error:  # noqa: BLE001 — as above: a driver that cannot even close is only noted
            log.warning("%s: driver did not close: %s", self.device_id, error)


def reason_of(error: Exception) -> str:
    """The reason code of a device's death."""
    if isinstance(error, UnreachableError):
        return error.reason
    if isinstance(error, TimeoutError):
        return "timeout"
    if isinstance(error, ConnectionRefusedError):
        return "refused"
    if isinstance(error, OSError) and error.errno in (errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ENETDOWN):
        return "no_route"
    return "protocol_error"
