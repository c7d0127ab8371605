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
from edge_agents.node import Node
from edge_agents.rules import Backoff

log = logging.getLogger(__name__)

BEAT_S = 0.1
WRITES_MOST = 32
"""Commands that may wait for one device; a device that is not there must not collect a day's worth."""


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
    ) -> None:
        self.device_id = device_id
        self.rejected_writes = 0
        self._node = node
        self._driver = driver
        self._poll_s = poll_s
        self._timeout_s = timeout_s
        self._rng = rng or random.Random()
        self._commands = {command.metric: command for command in kind.commands}
        self._writes: deque[tuple[str, Any]] = deque()
        self._wake = asyncio.Event()

    def write(self, metric: str, value: Any) -> None:
        """Take a command; what the kind does not allow is counted in `rejected_writes` and dropped."""
        command = self._commands.get(metric)
        if command is None or not command.accepts(value) or len(self._writes) >= WRITES_MOST:
            self.rejected_writes += 1
            log.warning("%s: command %s = %r not taken", self.device_id, metric, value)
            return
        self._writes.append((metric, value))
        self._wake.set()

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
                reason = reason_of(error)
                if reason == "protocol_error":
                    log.warning("%s: driver failed", self.device_id, exc_info=error)
                self._node.device_dead(self.device_id, reason)
            finally:
                await self._close()
            self.rejected_writes += len(self._writes)
            self._writes.clear()  # a command is for now, not for whenever the device is back
            await _sleep(0.05 + backoff.next_s(self._rng), stop)

    async def _poll_until(self, stop: asyncio.Event, backoff: Backoff) -> None:
        while not stop.is_set():
            async with asyncio.timeout(self._timeout_s):
                values = await self._driver.poll()
            self._node.observe(self.device_id, values)
            backoff.reset()
            await self._until_next_poll(stop)
            if self._writes:
                await self._write(*self._writes.popleft())

    async def _write(self, metric: str, value: Any) -> None:
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._driver.write(metric, value)
        except RefusedError as error:  # it answered: what it will not do is no reason to call it dead
            self.rejected_writes += 1
            log.warning("%s: command %s = %r refused: %s", self.device_id, metric, value, error)

    async def _until_next_poll(self, stop: asyncio.Event) -> None:
        """Wait for the next poll; a command or the end cuts it short. A timer is cheaper than two tasks."""
        self._wake.clear()
        if self._writes or stop.is_set():
            return
        # ±10 %: devices configured alike are not polled in step; but in beats, so that the agent, its disk
        # and its line wake up once for several of them
        loop = asyncio.get_running_loop()
        due_s = loop.time() + self._poll_s * self._rng.uniform(0.9, 1.1)
        beat_s = min(BEAT_S, self._poll_s / 4)
        timer = loop.call_at(round(due_s / beat_s) * beat_s, self._wake.set)
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


async def _sleep(seconds: float, stop: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        pass
