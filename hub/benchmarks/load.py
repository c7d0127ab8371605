"""A load of Sparkplug payloads, encoded beforehand, sent as fast as the receiver acknowledges them."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass, field

from devices.wire.sparkplug_b_pb2 import Payload
from hub.ingest import packets
from hub.ingest.connection import dial

VALUES = 8
_EPOCH = 0x5EED5EED
NAMES = ("Temperature", "Humidity", "CO2", "Light", "Power", "Energy", "Noise", "Voltage")
_FLOAT, _INT32, _UINT64, _INT64, _BOOLEAN, _STRING = 9, 3, 8, 4, 11, 12


@dataclass(frozen=True, slots=True)
class Load:
    """How much: `payloads` data messages of 8 values and 2 outbox metrics, over nodes × devices."""

    payloads: int
    nodes: int = 100
    devices: int = 5
    window: int = 60_000
    first_node: int = 0
    rate_per_s: float = 0.0
    """As fast as acknowledged if 0."""


@dataclass(slots=True)
class Prepared:
    """PUBLISH packets ready for the socket: births, then slices of data with the number in each."""

    births: bytes
    slices: list[tuple[bytes, int]] = field(default_factory=list)


def node_ids(index: int) -> tuple[str, str]:
    """Give group and id of a node by its number."""
    return f"BENCH-{index:03d}", f"BENCH-{index:03d}-a1"


def _outbox(payload: Payload, position: int, first: int | None = None) -> None:
    payload.metrics.add(name="Outbox/Epoch", long_value=_EPOCH)
    payload.metrics.add(name="Outbox/Position", long_value=position)
    if first is not None:
        payload.metrics.add(name="Outbox/First", long_value=first)


def _births(load: Load, now_ms: int) -> bytes:
    parts: list[bytes] = []
    for index in range(load.first_node, load.first_node + load.nodes):
        group, node = node_ids(index)
        birth = Payload(timestamp=now_ms, seq=0)
        birth.metrics.add(name="bdSeq", datatype=_INT64, long_value=0)
        birth.metrics.add(name="Node Control/Rebirth", datatype=_BOOLEAN, boolean_value=False)
        _outbox(birth, 0, 1)
        parts.append(packets.publish(f"spBv1.0/{group}/NBIRTH/{node}", birth.SerializeToString()))
        for device in range(load.devices):
            birth = Payload(timestamp=now_ms, seq=1 + device)
            _outbox(birth, 0, 1)
            birth.metrics.add(name="Properties/Kind", datatype=_STRING, string_value="bench")
            birth.metrics.add(name="Properties/Room", datatype=_STRING, string_value=f"P{device}")
            for name in NAMES[:6]:
                birth.metrics.add(name=name, datatype=_FLOAT, float_value=0.0)
            for name in NAMES[6:]:
                birth.metrics.add(name=name, datatype=_INT32, int_value=0)
            parts.append(
                packets.publish(f"spBv1.0/{group}/DBIRTH/{node}/d{device}", birth.SerializeToString())
            )
    return b"".join(parts)


def prepare(load: Load, seed: int = 1) -> Prepared:
    """Encode everything, with timestamps that rise by 1 ms at each turn of a node."""
    chance = random.Random(seed)
    now_ms = time.time_ns() // 1_000_000
    prepared = Prepared(_births(load, now_ms))
    parts: list[bytes] = []
    for number in range(load.payloads):
        index, turn = number % load.nodes, number // load.nodes
        group, node = node_ids(load.first_node + index)
        ts_ms = now_ms + turn
        payload = Payload(timestamp=ts_ms, seq=(1 + load.devices + turn) & 255)
        _outbox(payload, turn + 1)
        for name in NAMES[:6]:
            payload.metrics.add(
                name=name, timestamp=ts_ms, datatype=_FLOAT, float_value=chance.random() * 100
            )
        for name in NAMES[6:]:
            payload.metrics.add(name=name, timestamp=ts_ms, datatype=_INT32, int_value=chance.randrange(1000))
        topic = f"spBv1.0/{group}/DDATA/{node}/d{turn % load.devices}"
        parts.append(packets.publish(topic, payload.SerializeToString()))
        if len(parts) == 500:
            prepared.slices.append((b"".join(parts), len(parts)))
            parts = []
    if parts:
        prepared.slices.append((b"".join(parts), len(parts)))
    return prepared


class Sender:
    """Sends a prepared load over one connection; hears the acknowledgements."""

    def __init__(self, mqtt_url: str) -> None:
        self.acknowledged: dict[bytes, int] = {}
        self._url = mqtt_url

    def _heard(self, messages: list[tuple[bytes, bytes]]) -> None:
        for topic, raw in messages:
            for metric in Payload.FromString(raw).metrics:
                if metric.name == "Outbox/Stored":
                    self.acknowledged[topic] = metric.long_value

    async def send(
        self, prepared: Prepared, load: Load, *, births: bool, windowed: bool, timeout_s: float
    ) -> float:
        """Send everything; return the UTC time of the first data packet in seconds.

        With a window, at most `load.window` payloads are unacknowledged at any time.
        """
        connection, _, _ = await dial(self._url, self._heard)
        will = packets.Will("bench/will", b"", qos=0, retain=False)
        await connection.open("bench-load", will, None, None)
        if windowed:
            await connection.subscribe([("spBv1.0/+/NCMD/+", 0)])
        if births:
            connection.send_raw(prepared.births)
            await asyncio.sleep(1)
        started_s, sent, deadline_s = time.time(), 0, time.monotonic() + timeout_s
        for raw, count in prepared.slices:
            if load.rate_per_s:
                await asyncio.sleep(max(0.0, started_s + sent / load.rate_per_s - time.time()))
            while connection.unsent_bytes > 1_000_000:
                await asyncio.sleep(0.001)
            while windowed and sent + count - sum(self.acknowledged.values()) > load.window:
                await asyncio.sleep(0.005)
                if time.monotonic() > deadline_s:
                    raise TimeoutError(f"only {sum(self.acknowledged.values())} of {sent} were acknowledged")
            connection.send_raw(raw)
            sent += count
        while connection.unsent_bytes or (windowed and sum(self.acknowledged.values()) < sent):
            await asyncio.sleep(0.01)
            if time.monotonic() > deadline_s:
                raise TimeoutError(f"only {sum(self.acknowledged.values())} of {sent} were acknowledged")
        connection.close()
        return started_s
