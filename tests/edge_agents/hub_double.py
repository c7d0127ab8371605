"""A hub as small as can be: checks the session, keeps every position once, answers how far it has all."""

import asyncio
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

import aiomqtt

from devices.cancelling import cancelled
from devices.wire.datatypes import DataType, wrap
from devices.wire.payloads import Payload, decode_payload, encode_payload, rebirth_payload, state_payload
from devices.wire.structures import MetricValue
from devices.wire.topics import MessageType, Topic, parse_topic


@dataclass
class Heard:
    """One message as it came."""

    topic: Topic
    payload: Payload
    raw: bytes
    qos: int
    retain: bool

    @property
    def values(self) -> dict[str, Any]:
        return {str(metric.name): metric.value for metric in self.payload.metrics}

    @property
    def kind(self) -> str:
        return self.topic.message_type.value


@dataclass
class Epoch:
    """What is stored of one epoch of one node."""

    stored: dict[int, bytes] = field(default_factory=dict)
    through: int = 0

    def advance(self, first: int) -> None:
        self.through = max(self.through, first - 1)
        while self.through + 1 in self.stored:
            self.through += 1


class HubDouble:
    """Use as an async context manager. `answering` False: it stores but says nothing."""

    def __init__(self, port: int, *, lose: float = 0.0, answer_s: float = 0.05) -> None:
        self.port = port
        self.answering = True
        self.deaf = False
        self.lose_next = 0
        self.heard: list[Heard] = []
        self.epochs: dict[str, dict[int, Epoch]] = defaultdict(lambda: defaultdict(Epoch))
        self.current: dict[str, int] = {}
        self.values: dict[tuple[str, str], list[tuple[str, Any, int, bool]]] = defaultdict(list)
        self.duplicates = 0
        self.sequence_errors: list[str] = []
        self.answer_s = answer_s
        self._datatypes: dict[tuple[str | None, str | None, str | None], DataType] = {}
        self._seq: dict[str, int] = {}
        self._owed: set[tuple[str, str, int]] = set()
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> "HubDouble":
        self.client = aiomqtt.Client("127.0.0.1", self.port, identifier="hub-double")
        await self.client.__aenter__()
        await self.client.subscribe("spBv1.0/#", qos=0)
        self._tasks = [asyncio.create_task(self._read()), asyncio.create_task(self._answer())]
        return self

    async def __aexit__(self, *error: object) -> None:
        await cancelled(*self._tasks)
        await self.client.__aexit__(None, None, None)

    async def state(self, online: bool, ts_ms: int | None = None) -> None:
        ts_ms = ts_ms or time.time_ns() // 1_000_000
        await self.client.publish("spBv1.0/STATE/hub", state_payload(online, ts_ms), qos=1, retain=True)

    async def rebirth(self, group: str, node: str) -> None:
        topic = str(Topic(group, MessageType.NCMD, node))
        await self.client.publish(topic, rebirth_payload(time.time_ns() // 1_000_000))

    async def write(self, group: str, node: str, device: str, **values: Any) -> None:
        metrics = [MetricValue(name=name.replace("_", " "), value=value) for name, value in values.items()]
        topic = str(Topic(group, MessageType.DCMD, node, device))
        await self.client.publish(topic, encode_payload(Payload(ts_ms=1, seq=None, metrics=metrics)))

    async def acknowledge(self, group: str, node: str, epoch: int, stored: int) -> None:
        metrics = [
            MetricValue(name="Outbox/Epoch", value=epoch),
            MetricValue(name="Outbox/Stored", value=stored),
        ]
        topic = str(Topic(group, MessageType.NCMD, node))
        await self.client.publish(topic, encode_payload(Payload(ts_ms=1, seq=None, metrics=metrics)))

    def of(self, *kinds: str, node: str | None = None) -> list[Heard]:
        return [one for one in self.heard if one.kind in kinds and node in (None, one.topic.node)]

    def all_bodies(self, node: str) -> Counter[bytes]:
        """Every stored payload of a node's epochs and how often it is there."""
        return Counter(body for epoch in self.epochs[node].values() for body in epoch.stored.values())

    def has_through(self, node: str, position: int) -> bool:
        """True if everything through `position` of a node is stored."""
        return any(epoch.through >= position for epoch in self.epochs[node].values())

    async def _read(self) -> None:
        async for message in self.client.messages:
            topic = parse_topic(message.topic.value)
            if topic.message_type in (MessageType.STATE, MessageType.NCMD, MessageType.DCMD):
                continue
            raw = bytes(message.payload)
            if self.deaf:
                continue
            if self.lose_next and topic.message_type is MessageType.DDATA:
                self.lose_next -= 1
                self._seq.pop(topic.node, None)
                continue
            heard = Heard(topic, decode_payload(raw), raw, message.qos, bool(message.retain))
            self._by_birth(heard)
            self.heard.append(heard)
            self._check_sequence(heard)
            is_data = topic.message_type in (MessageType.NBIRTH, MessageType.NDATA, MessageType.DDATA)
            if is_data and "Outbox/Epoch" in heard.values:  # what has no position is only shown
                self._store(heard)

    def _by_birth(self, heard: Heard) -> None:
        """Data names no datatypes: a -1 is a large number until the birth has said that it is signed."""
        for metric in heard.payload.metrics:
            key = (heard.topic.node, heard.topic.device, metric.name)
            if metric.datatype is not None:
                self._datatypes[key] = metric.datatype
            elif key in self._datatypes:
                metric.value = wrap(metric.value, self._datatypes[key])

    def _check_sequence(self, heard: Heard) -> None:
        node, seq = heard.topic.node, heard.payload.seq
        if heard.kind == "NDEATH":
            return
        if heard.kind == "NBIRTH":
            expected = 0
        elif node in self._seq:
            expected = (self._seq[node] + 1) % 256
        else:
            expected = seq if seq is not None else -1
        if seq != expected:
            self.sequence_errors.append(f"{node} {heard.kind}: {seq} instead of {expected}")
        self._seq[node] = seq if seq is not None else 0

    def _store(self, heard: Heard) -> None:
        values, node = heard.values, heard.topic.node
        number, position = values["Outbox/Epoch"], values["Outbox/Position"]
        epoch = self.epochs[node][number]
        self.current[node] = number
        if heard.kind != "NBIRTH":
            names = [metric.name for metric in heard.payload.metrics[:2]]
            assert names == ["Outbox/Epoch", "Outbox/Position"], names
            assert position > 0
            data = [m for m in heard.payload.metrics if not str(m.name).startswith("Outbox/")]
            body = repr([(m.name, m.value, m.ts_ms) for m in data]).encode()
            if position in epoch.stored:
                self.duplicates += 1
            else:
                epoch.stored[position] = body
                for m in data:
                    key = (node, heard.topic.device or "")
                    self.values[key].append((str(m.name), m.value, m.ts_ms or 0, m.is_historical))
        epoch.advance(values.get("Outbox/First", 0))
        self._owed.add((heard.topic.group, node, number))

    async def _answer(self) -> None:
        while True:
            await asyncio.sleep(self.answer_s)
            if not self.answering:
                continue
            owed, self._owed = self._owed, set()
            for group, node, number in owed:
                await self.acknowledge(group, node, number, self.epochs[node][number].through)
