"""The devices of an agent while it runs: each in a task of its own, started and stopped one by one."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

from devices.sections import DeviceSection
from edge_agents.driver import PolledDevice
from edge_agents.node import Node

log = logging.getLogger(__name__)

FORGET_AFTER_S = 5.0
"""A device that is taken away stays known for so long, so that its death goes out first."""


class Running:
    """Runs devices until `stop`; `make` declares a device, ready to run; `unmake` is its opposite."""

    def __init__(
        self,
        node: Node,
        polled: dict[str, PolledDevice],
        make: Callable[[DeviceSection], PolledDevice],
        unmake: Callable[[str], None],
    ) -> None:
        self.node = node
        self.polled = polled
        self._make = make
        self._unmake = unmake
        self._tasks: dict[str, tuple[asyncio.Task[None], asyncio.Event]] = {}

    @property
    def devices(self) -> Mapping[str, PolledDevice]:
        """Those that run, by id."""
        return {id_: self.polled[id_] for id_ in self._tasks}

    async def run(self, stop: asyncio.Event) -> None:
        """Run all that `polled` holds, and what is started later, until `stop`."""
        for device in self.polled.values():
            self._begin(device)
        await stop.wait()
        for _, own_stop in self._tasks.values():
            own_stop.set()
        await asyncio.gather(*(task for task, _ in self._tasks.values()), return_exceptions=True)

    def start(self, section: DeviceSection) -> None:
        """Declare and run a device."""
        self._begin(self._make(section))

    async def halt(self, device_id: str) -> None:
        """Stop a device; it is polled no more when this returns."""
        task, stop = self._tasks.pop(device_id)
        stop.set()
        await asyncio.wait({task}, timeout=10)
        task.cancel()
        await asyncio.wait({task})

    def forget(self, device_id: str) -> None:
        """A stopped device is no part of the agent any more."""
        gone, polled = self.node.devices.get(device_id), self.polled.get(device_id)
        if gone is None:
            return
        self.node.device_dead(device_id, "removed")
        self._unmake(device_id)

        def drop() -> None:
            if self.node.devices.get(device_id) is gone:  # it may have come back meanwhile
                del self.node.devices[device_id]
            if self.polled.get(device_id) is polled:
                self.polled.pop(device_id, None)

        asyncio.get_running_loop().call_later(FORGET_AFTER_S, drop)

    @asynccontextmanager
    async def paused(self, device_id: str) -> AsyncIterator[None]:
        """Leave a device alone meanwhile: many take one connection at a time."""
        runs = device_id in self._tasks
        if runs:
            await self.halt(device_id)
        try:
            yield
        finally:
            if runs and device_id not in self._tasks and device_id in self.polled:
                self._begin(self.polled[device_id])

    def _begin(self, device: PolledDevice) -> None:
        stop = asyncio.Event()
        task = asyncio.create_task(device.run(stop), name=f"device {device.device_id}")
        self._tasks[device.device_id] = task, stop
        task.add_done_callback(_report)


def _report(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("%s ended", task.get_name(), exc_info=error)
