"""The hub's decoder and applier behind a real broker, in the test's own hands."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiomqtt
import pytest

from hub.ingest.acknowledge import stored_payload
from tests.edge_agents.conftest import GROUP, NODE
from tests.hub.ingest.parts import Parts


def true_ms() -> int:
    return time.time_ns() // 1_000_000


class HubInHand:
    """The hub's decoder and applier behind a real broker; `away` is an outage."""

    def __init__(self, client: aiomqtt.Client, folder: Path) -> None:
        self.client, self.parts = client, Parts(folder, schools=(GROUP,))
        self.away = False

    async def listen(self) -> None:
        async for message in self.client.messages:
            topic = str(message.topic)
            if self.away or "CMD/" in topic or "STATE/" in topic:
                continue
            self.parts.now_ms = true_ms()
            self.parts.send(topic, bytes(message.payload))
            self.parts.tick()
            for node in self.parts.directory.nodes.values():
                for epoch, known in node.positions.items():
                    answer = stored_payload(epoch, known.through, true_ms())
                    await self.client.publish(f"spBv1.0/{node.group}/NCMD/{node.id}", answer)

    @property
    def skew_ms(self) -> int:
        return self.parts.directory.nodes[f"{GROUP}/{NODE}"].skew_ms

    def samples(self) -> dict[float, int]:
        """Temperature -> time in history."""
        return {
            float(value): row.ts_ms
            for row in self.parts.rows
            for place, value in zip(row.indices, row.values, strict=True)
            if row.series.fields[place][0] == "Temperature" and isinstance(value, float)
        }


@pytest.fixture
async def hub_in_hand(broker: Any, tmp_path: Path) -> AsyncIterator[HubInHand]:
    async with aiomqtt.Client("127.0.0.1", broker.port) as client:
        hub = HubInHand(client, tmp_path / "hub")
        await client.subscribe("spBv1.0/#")
        task = asyncio.create_task(hub.listen())
        yield hub
        task.cancel()
        hub.parts.telemetry.close()
