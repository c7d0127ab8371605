"""Building blocks of the agent's tests: outboxes, nodes and a hub double on a real broker."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from devices.cancelling import cancelled
from devices.kind import kinds
from edge_agents.connection import MqttSettings
from edge_agents.node import DeviceDescription, Node, Timing
from edge_agents.outbox import OutboxFile
from tests.edge_agents.hub_double import HubDouble

GROUP, NODE = "D703-THPT-02", "D703-THPT-02-a1"
QUICK = Timing(
    heartbeat_s=1, backlog_per_s=2000, backlog_jitter_s=0, resend_after_s=0.5, answer_wait_s=5,
    host_jitter_s=0.2, reconnect_first_s=0.1, reconnect_longest_s=0.5,
)  # fmt: skip


async def until(condition: Callable[[], Any], seconds: float = 30) -> None:
    """Wait for a condition; an AssertionError says that it did not come."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come"
        await asyncio.sleep(0.01)


class Running:
    """A node with its own outbox file, running in this process."""

    def __init__(self, port: int, path: Path, timing: Timing = QUICK, **others: Any) -> None:
        self.file = OutboxFile(path, commit_interval_ms=5)
        self.outbox = self.file.outbox(NODE)
        self.node = Node(GROUP, NODE, self.outbox, MqttSettings(port=port), timing=timing, **others)
        self.node.declare(DeviceDescription.of(kinds()["room_air"], "p101-air", room="P101"))
        self.stop = asyncio.Event()
        self.task: asyncio.Task[None] | None = None

    def start(self) -> "Running":
        self.task = asyncio.create_task(self.node.run(self.stop))
        return self

    async def end(self) -> None:
        self.stop.set()
        if self.task is not None:
            await self.task
        await self.file.close()

    async def crash(self) -> None:
        """As if the process had been killed, as far as one can from within."""
        await self.file.flush()
        if self.node.session is not None:
            self.node.session.client._client.socket().shutdown(2)  # type: ignore[union-attr]
        if self.task is not None:
            await cancelled(self.task)
        self.stop.set()
        await self.file.close()


@pytest.fixture
async def hub(broker: Any) -> AsyncIterator[HubDouble]:
    async with HubDouble(broker.port) as double:
        yield double


@pytest.fixture
async def running(broker: Any, tmp_path: Path) -> AsyncIterator[Callable[..., Running]]:
    made: list[Running] = []

    def make(path: Path | None = None, **others: Any) -> Running:
        made.append(Running(broker.port, path or tmp_path / "outbox.db", **others))
        return made[-1]

    yield make
    for one in made:
        if not one.stop.is_set():
            await one.end()
