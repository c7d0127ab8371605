"""What ingest remembers of nodes, devices and metrics while it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from devices.wire.datatypes import DataType
from devices.wire.payloads import REBIRTH
from devices.wire.sequence import SequenceTracker
from hub.ingest.identity import Identity
from hub.ingest.positions import Positions

if TYPE_CHECKING:
    from devices.kind import DeviceKind
    from devices.wire.sparkplug_b_pb2 import Payload
    from hub.alarms.rules import Watch
    from hub.telemetry.port import Series, Value

BORN, STALE, DEAD = "born", "stale", "dead"

_INT = "int_value"
_LONG = "long_value"
_FIELDS: dict[int, tuple[str, float, float]] = {
    DataType.Int8: (_INT, -(1 << 7), (1 << 7) - 1),
    DataType.Int16: (_INT, -(1 << 15), (1 << 15) - 1),
    DataType.Int32: (_INT, -(1 << 31), (1 << 31) - 1),
    DataType.Int64: (_LONG, -(1 << 63), (1 << 63) - 1),
    DataType.UInt8: (_INT, 0, (1 << 8) - 1),
    DataType.UInt16: (_INT, 0, (1 << 16) - 1),
    DataType.UInt32: (_INT, 0, (1 << 32) - 1),
    DataType.UInt64: (_LONG, 0, (1 << 64) - 1),
    DataType.Float: ("float_value", -3.5e38, 3.5e38),
    DataType.Double: ("double_value", -1.7976931348623157e308, 1.7976931348623157e308),
    DataType.Boolean: ("boolean_value", 0, 1),
    DataType.DateTime: (_LONG, 0, (1 << 64) - 1),
}
"""By datatype: the protobuf field its value belongs in, and the range in which it needs no conversion."""


class Slot:
    """One metric of one device: how to read it, its place in history, its current value."""

    __slots__ = (
        "datatype", "field", "high", "low", "name", "numeric", "place", "stale_ms", "ts_ms", "unit", "value",
        "watch",
    )  # fmt: skip

    def __init__(self, name: str, datatype: int, place: int, unit: str | None) -> None:
        self.name = name
        self.datatype = datatype
        self.place = place
        self.unit = unit
        self.field, self.low, self.high = _FIELDS.get(datatype, ("string_value", 0, 0))
        self.numeric = datatype in _FIELDS
        self.value: Value = None
        self.ts_ms = 0
        self.stale_ms = 0  # of which instant the value was found too old
        self.watch: Watch | None = None


class Presence:
    """Whether something is there, why, and since when (UTC epoch ms)."""

    __slots__ = ("reason", "since_ms", "state")

    def __init__(self, state: str, reason: str, since_ms: int) -> None:
        self.state, self.reason, self.since_ms = state, reason, since_ms


class Device:
    """One Sparkplug device, or with id "" the edge node itself."""

    __slots__ = (
        "birth", "claimed_room", "dirty", "gap_is_own", "gap_ms", "id", "kind", "kind_id", "name",
        "node", "presence", "published_ms", "room", "room_type", "series", "slots", "templates", "topic",
    )  # fmt: skip

    def __init__(self, node: Node, device_id: str, series: Series) -> None:
        self.node = node
        self.id = device_id
        self.series = series
        self.slots: dict[str, Slot] = {}
        self.templates: dict[str | int, str] = {}  # template instances by name and alias: their name
        self.kind: DeviceKind | None = None
        self.kind_id = "edge_node" if not device_id else "unknown"
        self.name = ""
        self.room = "-"
        self.room_type = ""
        self.claimed_room: str | None = None
        self.presence = Presence(STALE, "never_born", 0)
        self.birth: bytes | None = None
        self.topic = ""
        self.published_ms = 0
        self.gap_ms = 0  # since when its history has a gap, and whether it is itself what is gone
        self.gap_is_own = False
        self.dirty = True

    @property
    def shown_room(self) -> str:
        """The room on screens and in the mirror's topic."""
        if not self.node.claimed:
            return "unclaimed"
        return self.claimed_room or self.room


class Node:
    """One edge node and its Sparkplug session."""

    __slots__ = (
        "aliases", "announced", "bd_seq", "claimed", "clock_factor", "clock_offset_ms", "definitions",
        "devices", "epoch", "gap_after", "gap_since_ms", "group", "has_outbox", "heard_ms", "heartbeat_s",
        "held", "id", "identity", "itself", "left_ms", "positions", "rebirth_metric", "sender", "simulated",
        "skew_ms", "software", "tracker", "unreborn_ms", "verified",
    )  # fmt: skip

    def __init__(self, group: str, node_id: str) -> None:
        self.group = group
        self.id = node_id
        self.sender = f"{group}/{node_id}"
        self.itself: Device = None  # type: ignore[assignment]  # set by the directory that makes both
        self.devices: dict[str, Device] = {}
        self.aliases: dict[int, tuple[Device, Slot] | None] = {}  # None: two metrics claim the number
        self.definitions: dict[str, Payload.Template] = {}
        self.rebirth_metric = REBIRTH
        self.announced: set[str] = set()
        self.tracker: SequenceTracker[tuple[int, Any]] = SequenceTracker()
        self.bd_seq: int | None = None
        self.verified = False
        self.claimed = False
        self.simulated = False
        self.software = ""
        self.heartbeat_s = 0
        # simulated school time = clock_factor · UTC + clock_offset_ms
        self.clock_factor = 1.0
        self.clock_offset_ms = 0
        self.skew_ms = 0
        self.heard_ms = 0
        self.has_outbox = False
        self.epoch = 0
        self.identity = Identity()
        self.positions: dict[int, Positions] = {}
        self.gap_since_ms = 0
        self.gap_after = 0
        self.unreborn_ms = 0
        self.left_ms = 0
        self.held: list[tuple[int, Any]] = []
