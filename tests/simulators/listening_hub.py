"""The least a hub does for its nodes: hears births and data, and answers what it has stored."""

import asyncio
import contextlib
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import aiomqtt

from devices.wire.datatypes import DataType
from devices.wire.payloads import MetricValue, Payload, decode_payload, encode_payload
from devices.wire.topics import MessageType, Topic, parse_topic

EPOCH, POSITION, STORED = "Outbox/Epoch", "Outbox/Position", "Outbox/Stored"


@dataclass
class ListeningHub:
    """What was heard: messages by type, births by topic, the values of each position, deaths."""

    messages: Counter[str] = field(default_factory=Counter)
    births: dict[str, dict[str | None, Any]] = field(default_factory=dict)
    deaths: list[str] = field(default_factory=list)
    data: dict[tuple[str, int, int], dict[str | None, Any]] = field(default_factory=dict)
    times_ms: list[int] = field(default_factory=list)
    historical: int = 0
    stored: dict[tuple[str, str, int], int] = field(default_factory=lambda: defaultdict(int))

    unanswered: set[tuple[str, str, int]] = field(default_factory=set)

    def hear(self, topic: Topic, payload: Payload) -> None:
        """Take one message."""
        self.messages[topic.message_type] += 1
        values = {metric.name: metric.value for metric in payload.metrics}
        match topic.message_type:
            case MessageType.NBIRTH | MessageType.DBIRTH:
                self.births[f"{topic.node}/{topic.device or ''}"] = values
            case MessageType.NDEATH | MessageType.DDEATH:
                self.deaths.append(f"{topic.node}/{topic.device or ''}")
            case MessageType.NDATA | MessageType.DDATA:
                key = topic.node or "", values.pop(EPOCH), values.pop(POSITION)
                self.historical += any(metric.is_historical for metric in payload.metrics)
                # a position counts once: a node that asks what is stored shows the last one again, empty
                self.data.setdefault(key, values if topic.device else {})
                self.times_ms += [metric.ts_ms or 0 for metric in payload.metrics]
                node = (topic.group, *key[:2])
                self.unanswered.add(node)  # also for what is known: a node may ask by sending it again
                while (key[0], key[1], self.stored[node] + 1) in self.data:
                    self.stored[node] += 1
            case _:
                pass

    @property
    def device_payloads(self) -> int:
        """Positions heard that carry values of a device."""
        return sum(1 for values in self.data.values() if values)

    @property
    def device_values(self) -> int:
        """Values of devices heard, each position once."""
        return sum(len(values) for values in self.data.values())


async def _answer(client: aiomqtt.Client, hub: ListeningHub) -> None:
    while True:
        await asyncio.sleep(0.2)
        while hub.unanswered:
            group, name, epoch = node = hub.unanswered.pop()
            stored = hub.stored[node]
            given = {EPOCH: epoch, STORED: stored}
            metrics = [
                MetricValue(name=name, datatype=DataType.UInt64, value=value) for name, value in given.items()
            ]
            topic = str(Topic(group, MessageType.NCMD, name))
            await client.publish(topic, encode_payload(Payload(metrics=metrics)))


@contextlib.asynccontextmanager
async def listening_hub(port: int) -> AsyncIterator[ListeningHub]:
    """A hub that hears everything on a local broker until the block ends."""
    hub = ListeningHub()

    async def read(client: aiomqtt.Client) -> None:
        async for message in client.messages:
            topic = parse_topic(message.topic.value)
            if topic.message_type not in (MessageType.NCMD, MessageType.DCMD):
                assert isinstance(message.payload, bytes)
                hub.hear(topic, decode_payload(message.payload))

    async with aiomqtt.Client("127.0.0.1", port, max_queued_incoming_messages=0) as client:
        await client.subscribe("spBv1.0/#", qos=1)
        tasks = [asyncio.create_task(read(client)), asyncio.create_task(_answer(client, hub))]
        try:
            yield hub
        finally:
            for task in tasks:
                task.cancel()
            for ended in await asyncio.gather(*tasks, return_exceptions=True):
                if not isinstance(ended, asyncio.CancelledError):
                    raise AssertionError("the listening hub failed") from ended
