"""Payloads changed as a broken or hostile sender would: the structure stays, what stands in it does not."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable

from google.protobuf.message import DecodeError

from devices.wire.sparkplug_b_pb2 import Payload

NAMES = [
    "", "Temperature", "Occupancy", "Fault", "bdSeq", "Node Control/Rebirth", "Outbox/Epoch",
    "Outbox/Position", "Outbox/First", "Outbox/Stored", "Properties/Kind", "Properties/Room",
    "Properties/Heartbeat", "Simulation/Clock Offset", "x" * 300, "\u0000", "/+#",
]  # fmt: skip
NUMBERS = [0, 1, 2, 3, 77, 127, 128, 255, 256, 65_535, 1_760_000_000_000, 2**31, 2**32 - 1, 2**63, 2**64 - 1]
REALS = [0.0, -0.0, 1.5, -1e308, 1e308, float("nan"), float("inf"), float("-inf"), 3.4e38, 3.5e38]
_32_BITS = 2**32


def _number(rng: random.Random) -> int:
    return rng.choice(NUMBERS) if rng.random() < 0.7 else rng.getrandbits(rng.randrange(1, 65))


def _value(metric: Payload.Metric, rng: random.Random) -> None:
    """Another value, in any field, whatever the datatype says."""
    match rng.randrange(9):
        case 0:
            metric.int_value = _number(rng) % _32_BITS
        case 1:
            metric.long_value = _number(rng)
        case 2:
            metric.float_value = rng.choice(REALS)
        case 3:
            metric.double_value = rng.choice(REALS)
        case 4:
            metric.boolean_value = rng.random() < 0.5
        case 5:
            metric.string_value = rng.choice([*NAMES, "\U0010ffff" * rng.randrange(40)])
        case 6:
            metric.bytes_value = rng.randbytes(rng.randrange(24))
        case 7:
            table = metric.dataset_value
            table.columns.extend(["a", "b"][: rng.randrange(3)])
            table.types.extend(rng.choices(range(36), k=rng.randrange(3)))
            for _ in range(rng.randrange(3)):
                table.rows.add().elements.add().int_value = _number(rng) % _32_BITS
        case _:
            template = metric.template_value
            template.is_definition = rng.random() < 0.5
            _value(template.metrics.add(name=rng.choice(NAMES), datatype=rng.randrange(36)), rng)
            template.parameters.add(name=rng.choice(NAMES), type=rng.randrange(36))


def _datatype(metric: Payload.Metric, rng: random.Random) -> None:
    metric.datatype = rng.randrange(36) if rng.random() < 0.9 else _number(rng) % _32_BITS


def _properties(metric: Payload.Metric, rng: random.Random) -> None:
    metric.properties.keys.extend(rng.choices(["engUnit", "Quality", ""], k=rng.randrange(3)))
    for _ in range(rng.randrange(3)):
        metric.properties.values.add(type=rng.randrange(36), string_value=rng.choice(NAMES))


def _timestamp(metric: Payload.Metric, rng: random.Random) -> None:
    metric.timestamp = _number(rng)


def _flags(metric: Payload.Metric, rng: random.Random) -> None:
    metric.is_null, metric.is_historical = rng.random() < 0.5, rng.random() < 0.5


def _name(metric: Payload.Metric, rng: random.Random) -> None:
    metric.name = rng.choice(NAMES)


def _alias(metric: Payload.Metric, rng: random.Random) -> None:
    metric.ClearField("name")
    metric.alias = _number(rng)


_METRIC: list[Callable[[Payload.Metric, random.Random], None]] = [
    _value, _value, _datatype, _properties, _timestamp, _flags, _name, _alias,
]  # fmt: skip


def mutated(raw: bytes, rng: random.Random, changes: int = 1) -> bytes:
    """Change a payload `changes` times; what is no payload gets a metric and becomes one."""
    try:
        payload = Payload.FromString(raw)
    except DecodeError:
        payload = Payload()
    for _ in range(changes):
        metrics = payload.metrics
        choice = rng.random()
        if not metrics or choice < 0.1:
            _value(metrics.add(name=rng.choice(NAMES), datatype=rng.randrange(36)), rng)
        elif choice < 0.2:
            del metrics[rng.randrange(len(metrics))]
        elif choice < 0.25:
            metrics.add().CopyFrom(rng.choice(metrics))
        elif choice < 0.3:
            payload.seq = _number(rng)
        elif choice < 0.35:
            payload.timestamp = _number(rng)
        elif choice < 0.4:
            payload.ClearField(rng.choice(["seq", "timestamp"]))
        else:
            rng.choice(_METRIC)(rng.choice(metrics), rng)
    out = payload.SerializeToString()
    if rng.random() < 0.1:  # and sometimes the bytes themselves
        at = rng.randrange(len(out) + 1)
        out = out[:at] + rng.randbytes(rng.randrange(4)) + out[at + rng.randrange(3) :]
    return out


# -- several messages in one input ---------------------------------------------------------------------------

_FRAME = struct.Struct("<BH")


def framed(messages: list[tuple[int, bytes]]) -> bytes:
    """Join messages, each with a number below 256 that stands for its topic, into one input of a fuzzer."""
    return b"".join(_FRAME.pack(topic, len(raw)) + raw for topic, raw in messages)


def unframed(data: bytes) -> list[tuple[int, bytes]]:
    """Undo `framed`; reads something out of every input."""
    messages: list[tuple[int, bytes]] = []
    at = 0
    while at + _FRAME.size <= len(data) and len(messages) < 64:
        topic, size = _FRAME.unpack_from(data, at)
        at += _FRAME.size
        messages.append((topic, data[at : at + size]))
        at += size
    return messages
