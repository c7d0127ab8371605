"""Sparkplug B payloads: encode, decode, and the few that have a fixed form (NDEATH, rebirth, STATE)."""

from __future__ import annotations

import json
from dataclasses import dataclass

from devices.wire.datatypes import DataType
from devices.wire.decoding import decode_payload, raw_value
from devices.wire.encoding import encode_payload
from devices.wire.structures import DataSet, MetaData, MetricValue, Parameter, Payload, PayloadError, Template

__all__ = [
    "BD_SEQ", "REBIRTH", "DataSet", "HostState", "MetaData", "MetricValue", "Parameter", "Payload",
    "PayloadError", "Template", "bd_seq_metric", "decode_payload", "encode_payload", "ndeath_payload",
    "parse_state", "raw_value", "rebirth_payload", "state_payload",
]  # fmt: skip

BD_SEQ = "bdSeq"
REBIRTH = "Node Control/Rebirth"


def bd_seq_metric(bd_seq: int, ts_ms: int | None = None) -> MetricValue:
    """The metric that ties a death to its birth; Int64, 0–255."""
    return MetricValue(BD_SEQ, datatype=DataType.Int64, value=bd_seq & 0xFF, ts_ms=ts_ms)


def ndeath_payload(bd_seq: int, ts_ms: int | None = None) -> bytes:
    """The will of an edge node: bdSeq alone and no sequence number."""
    return encode_payload(Payload(ts_ms=ts_ms, metrics=[bd_seq_metric(bd_seq)]))


def rebirth_payload(ts_ms: int, name: str = REBIRTH) -> bytes:
    """The command that asks an edge node for all its births again; commands have no sequence number.

    `name`: how the node's own birth wrote it, if otherwise (some write `Node Control/rebirth`).
    """
    wish = MetricValue(name, datatype=DataType.Boolean, value=True, ts_ms=ts_ms)
    return encode_payload(Payload(ts_ms=ts_ms, metrics=[wish]))


@dataclass(frozen=True, slots=True)
class HostState:
    """What a host application says about itself; `ts_ms` of will and birth are the same."""

    online: bool
    ts_ms: int


def state_payload(online: bool, ts_ms: int) -> bytes:
    """The STATE message (and, with online False, its will): retained, QoS 1, JSON."""
    return json.dumps({"online": online, "timestamp": ts_ms}, separators=(",", ":")).encode()


def parse_state(data: bytes) -> HostState:
    """Read a STATE message. Raises PayloadError("bad_state", …)."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise PayloadError("bad_state", str(error)) from error
    if not isinstance(document, dict):
        raise PayloadError("bad_state", "not a JSON object")
    online, ts_ms = document.get("online"), document.get("timestamp")
    if type(online) is not bool or type(ts_ms) is not int or ts_ms < 0:
        raise PayloadError("bad_state", "wants online: boolean and timestamp: integer")
    return HostState(online, ts_ms)
