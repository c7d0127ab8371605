"""How payloads are laid down in the outbox and dressed for sending.

The outbox keeps only the encoded metrics of a payload. Protobuf messages can be joined end to end, so sending
is a small head (time, seq, epoch, position) in front of the kept bytes: nothing is encoded twice, and a new
epoch does not touch what is on disk.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from google.protobuf.message import DecodeError

from devices.wire import sparkplug_b_pb2 as pb
from devices.wire.datatypes import FIELD, DataType
from devices.wire.datatypes import MASK as BITS
from edge_agents.rules import Change, Columns

EPOCH, POSITION, FIRST, STORED = "Outbox/Epoch", "Outbox/Position", "Outbox/First", "Outbox/Stored"
FAILURE = "Outbox/Failure"
"""Why the agent's disk takes nothing at present; empty if it does."""


def data_body(columns: Columns, changes: Sequence[Change], *, is_history: bool = False) -> bytes:
    """The changed metrics of a device, encoded by name, without datatypes."""
    payload = pb.Payload()
    add = payload.metrics.add
    table = columns.columns
    for index, value, ts_ms in changes:
        column = table[index]
        cell = add(name=column.name, timestamp=ts_ms)
        if is_history:
            cell.is_historical = True
        if value is None:
            cell.is_null = True
        else:
            set_value(cell, column.datatype, value)
    return payload.SerializeToString()


def set_value(cell: pb.Payload.Metric, datatype: DataType, value: Any) -> None:
    """Put a clean value into the field of its datatype."""
    field = FIELD[datatype]
    if field == "float_value":
        cell.float_value = value
    elif field == "int_value":
        cell.int_value = value & 0xFFFF_FFFF if value < 0 else value
    elif field == "boolean_value":
        cell.boolean_value = value
    elif field == "long_value":
        cell.long_value = value & BITS[DataType.UInt64] if value < 0 else value
    else:
        setattr(cell, field, value)


def counter_body(name: str, value: int, ts_ms: int) -> bytes:
    """One UInt64 of the node itself, encoded."""
    payload = pb.Payload()
    payload.metrics.add(name=name, timestamp=ts_ms, long_value=value)
    return payload.SerializeToString()


def fact_body(name: str, datatype: DataType, value: Any, ts_ms: int) -> bytes:
    """One metric of the node itself, encoded; None is null."""
    payload = pb.Payload()
    cell = payload.metrics.add(name=name, timestamp=ts_ms)
    if value is None:
        cell.is_null = True
    else:
        set_value(cell, datatype, value)
    return payload.SerializeToString()


def historical(body: bytes) -> bytes:
    """The same metrics with their old times, marked as history; empty if the bytes are no metrics."""
    try:
        payload = pb.Payload.FromString(body)
    except DecodeError:
        return b""
    for cell in payload.metrics:
        cell.is_historical = True
    return payload.SerializeToString()


def transient(body: bytes, seq: int, ts_ms: int) -> bytes:
    """A payload that shows these metrics and promises nothing: without position, not to be kept."""
    payload = pb.Payload.FromString(body)
    payload.timestamp, payload.seq = ts_ms, seq
    for cell in payload.metrics:
        cell.is_transient = True
    return payload.SerializeToString()


def moved(body: bytes, shift_ms: int) -> bytes:
    """The same metrics, their times moved; unchanged if the bytes are no metrics."""
    try:
        payload = pb.Payload.FromString(body)
    except DecodeError:
        return body
    for cell in payload.metrics:
        if cell.HasField("timestamp"):
            cell.timestamp = max(1, cell.timestamp + shift_ms)
    return payload.SerializeToString()


def text_body(name: str, value: str, ts_ms: int) -> bytes:
    """One text of the node itself, encoded."""
    payload = pb.Payload()
    payload.metrics.add(name=name, timestamp=ts_ms, string_value=value)
    return payload.SerializeToString()


class Head:
    """Builds the beginning of data payloads: time, seq, epoch, position and, after a loss, the first held."""

    __slots__ = ("_history", "_live")

    def __init__(self) -> None:
        self._live = self._message(is_historical=False)
        self._history = self._message(is_historical=True)

    @staticmethod
    def _message(*, is_historical: bool) -> pb.Payload:
        payload = pb.Payload()
        for name in (EPOCH, POSITION):
            cell = payload.metrics.add(name=name)
            if is_historical:
                cell.is_historical = True
        return payload

    def encode(
        self, seq: int, ts_ms: int, epoch: int, position: int, *, is_history: bool, first: int | None = None
    ) -> bytes:
        """The head's bytes; the kept metrics follow. `first`: tell the oldest position held."""
        payload = self._history if is_history else self._live
        payload.timestamp = ts_ms
        payload.seq = seq
        given, at = payload.metrics[0], payload.metrics[1]
        given.timestamp = at.timestamp = ts_ms
        given.long_value = epoch
        at.long_value = position
        head = payload.SerializeToString()
        return head if first is None else head + counter_body(FIRST, first, ts_ms)
