"""As much of a quarantined payload as can be read, for people to look at.

What the strict decoder refuses is read metric by metric; of bytes that end in the middle of something the
part before it is read. Everything is bounded: a hostile payload makes no long answer.
"""

from __future__ import annotations

import contextlib
import json
import math
from typing import Any

from google.protobuf.message import DecodeError

from devices.wire import sparkplug_b_pb2 as pb
from devices.wire.datatypes import DataType, known, wrap
from devices.wire.decoding import decode_payload, raw_value
from devices.wire.structures import PayloadError

MAX_METRICS = 200
MAX_TEXT_CHARACTERS = 300
_VARINT, _EIGHT_BYTES, _LENGTH, _FOUR_BYTES = 0, 1, 2, 5


def decoded(payload: bytes) -> dict[str, Any] | None:
    """What the bytes say, as plain JSON; None if nothing can be read.

    `problem` says why the strict decoder refuses them, `complete` whether all bytes were understood.
    """
    problem = None
    try:
        decode_payload(payload)
    except PayloadError as refused:
        problem = str(refused)[:MAX_TEXT_CHARACTERS]
    complete, message = True, None
    try:
        message = pb.Payload.FromString(payload)
    except DecodeError:
        if (document := _json(payload)) is not None:
            return {"problem": problem, "complete": True, "json": document}
        complete, message = False, _beginning(payload)
    if message is None or not (message.metrics or message.HasField("timestamp") or message.HasField("seq")):
        return None
    return {
        "problem": problem,
        "complete": complete,
        "timestamp": message.timestamp if message.HasField("timestamp") else None,
        "seq": message.seq if message.HasField("seq") else None,
        "metrics": [_metric(metric) for metric in message.metrics[:MAX_METRICS]],
        "metrics_total": len(message.metrics),
    }


def _metric(metric: pb.Payload.Metric) -> dict[str, Any]:
    datatype = known(metric.datatype) if metric.HasField("datatype") else None
    shown: dict[str, Any] = {
        "name": metric.name[:MAX_TEXT_CHARACTERS] if metric.HasField("name") else None,
        "datatype": datatype.name if datatype else metric.datatype or None,
        "value": None,
    }
    if metric.HasField("alias"):
        shown["alias"] = metric.alias
    if metric.HasField("timestamp"):
        shown["timestamp"] = metric.timestamp
    if metric.is_historical:
        shown["is_historical"] = True
    if metric.is_null:
        shown["is_null"] = True
        return shown
    try:
        value = raw_value(metric)
        if datatype not in (None, DataType.Unknown) and value is not None:
            value = wrap(value, datatype)
        shown["value"] = _plain(value)
    except ValueError as refused:
        shown["problem"] = str(refused)[:MAX_TEXT_CHARACTERS]
    return shown


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, bytes):
        return f"{value[:64].hex()}{'…' if len(value) > 64 else ''} ({len(value)} bytes)"
    text = str(value)
    return text if len(text) <= MAX_TEXT_CHARACTERS else text[:MAX_TEXT_CHARACTERS] + "…"


def _beginning(payload: bytes) -> pb.Payload | None:
    """Reads the fields that stand whole before the first broken one."""
    end = 0
    ends: list[int] = []
    while (following := _field_end(payload, end)) is not None and following > end:
        end = following
        ends.append(end)
        if end >= len(payload):
            break
    # a whole field may still be wrong inside: then what stands before it
    for end in reversed(ends[-8:]):
        with contextlib.suppress(DecodeError):
            return pb.Payload.FromString(payload[:end])
    return None


def _field_end(payload: bytes, start: int) -> int | None:
    """Where the protobuf field that begins at `start` ends; None if it is broken or cut off."""
    tag, at = _varint(payload, start)
    if tag is None or tag >> 3 == 0:
        return None
    kind = tag & 7
    if kind == _VARINT:
        value, at = _varint(payload, at)
        return None if value is None else at
    if kind == _LENGTH:
        length, at = _varint(payload, at)
        if length is None:
            return None
        at += length
    elif kind in (_EIGHT_BYTES, _FOUR_BYTES):
        at += 8 if kind == _EIGHT_BYTES else 4
    else:
        return None
    return at if at <= len(payload) else None


def _varint(payload: bytes, at: int) -> tuple[int | None, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(payload):
            return None, at
        byte = payload[at]
        value |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            return value, at
    return None, at


def _json(payload: bytes) -> str | None:
    """The text of a payload that is JSON, such as a STATE message."""
    if len(payload) > 16 * MAX_TEXT_CHARACTERS:
        return None
    try:
        json.loads(payload)
    except (ValueError, RecursionError):
        return None
    return str(_plain(payload.decode()))
