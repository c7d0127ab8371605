"""What a node says of itself and its devices when it comes, and when a device goes."""

from __future__ import annotations

from typing import Any

from devices.wire import sparkplug_b_pb2 as pb
from devices.wire.datatypes import DataType
from devices.wire.payloads import BD_SEQ, REBIRTH
from edge_agents.declared import Device
from edge_agents.encoding import EPOCH, FAILURE, FIRST, POSITION, STORED, set_value
from edge_agents.rules import UNSEEN
from edge_agents.state import NodeState

_BOOLEAN, _INT64, _STRING = DataType.Boolean, DataType.Int64, DataType.String
_UINT32, _UINT64 = DataType.UInt32, DataType.UInt64

REASON = "Properties/Reason"


def node_birth(node: NodeState, bd_seq: int, seq: int) -> bytes:
    """The NBIRTH: every metric of the node itself, with its value now."""
    now, payload = _begin(node, seq)
    _add(payload, BD_SEQ, _INT64, bd_seq, now)
    _add(payload, REBIRTH, _BOOLEAN, False, now)
    _add_outbox(payload, node, now)
    _add(payload, STORED, _UINT64, node.outbox.stored, now)
    _add(payload, FAILURE, _STRING, node.outbox.failure, now)
    _add(payload, "Properties/Software", _STRING, node.software, now)
    _add(payload, "Properties/Heartbeat", _UINT32, round(node.timing.heartbeat_s), now)
    _add(payload, "Properties/Simulated", _BOOLEAN, node.simulated, now)
    _add(payload, "Simulation/Clock Offset", _INT64, node.clock_offset_ms(now), now)
    if node.clock_factor != 1:
        _add(payload, "Simulation/Clock Factor", DataType.Double, node.clock_factor, now)
    for name, (datatype, value) in node.facts.items():
        _add(payload, name, datatype, value, now)
    return payload.SerializeToString()


def device_birth(node: NodeState, device: Device, seq: int) -> bytes:
    """The DBIRTH: kind, room, name and every metric as last reported; null where nothing is known now."""
    now, payload = _begin(node, seq)
    _add_outbox(payload, node, now)
    description, reported = device.description, device.reported
    about = {
        "Kind": description.kind,
        "Room": description.room,
        "Room Type": description.room_type,
        "Name": description.name,
    }
    for name, value in about.items():
        if value:
            _add(payload, f"Properties/{name}", _STRING, value, now)
    _add(payload, REASON, _STRING, None, now)  # what a death will say
    for metric, value, at in zip(description.metrics, reported.last, reported.last_ts, strict=True):
        known = None if value is UNSEEN or node.history else value
        cell = _add(payload, metric.name, metric.datatype, known, now if known is None else at)
        if metric.unit:
            cell.properties.keys.append("engUnit")
            cell.properties.values.add(type=_STRING, string_value=metric.unit)
    return payload.SerializeToString()


def device_death(node: NodeState, device: Device, seq: int) -> bytes:
    """The DDEATH, with the reason."""
    now, payload = _begin(node, seq)
    _add(payload, REASON, _STRING, device.reason, now)
    return payload.SerializeToString()


def _begin(node: NodeState, seq: int) -> tuple[int, pb.Payload]:
    now = node.now_ms()
    return now, pb.Payload(timestamp=now, seq=seq)


def _add_outbox(payload: pb.Payload, node: NodeState, now: int) -> None:
    outbox = node.outbox
    _add(payload, EPOCH, _UINT64, outbox.epoch, now)
    _add(payload, POSITION, _UINT64, outbox.durable, now)
    _add(payload, FIRST, _UINT64, outbox.first, now)


def _add(payload: pb.Payload, name: str, datatype: DataType, value: Any, ts_ms: int) -> pb.Payload.Metric:
    cell = payload.metrics.add(name=name, timestamp=ts_ms, datatype=datatype)
    if value is None:
        cell.is_null = True
    else:
        set_value(cell, datatype, value)
    return cell
