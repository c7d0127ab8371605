"""Births: what a node and its devices declare, and how their metrics are read from then on."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence

from devices.kind import DeviceKind, OfflineRule, Severity
from devices.wire.datatypes import DataType
from devices.wire.payloads import BD_SEQ, REBIRTH
from devices.wire.sparkplug_b_pb2 import Payload
from devices.wire.templates import definitions_in, flatten
from hub.alarms.rules import AlarmBook, Subject
from hub.ingest.decode import EPOCH
from hub.ingest.model import Device, Node, Slot
from hub.registry.rules import Claim
from hub.telemetry.port import TelemetryWriter

MAX_NODES = 20_000
MAX_DEVICES = 1_000
MAX_METRICS = 5_000

NODE_OFFLINE = OfflineRule(
    severity=Severity.CRITICAL,
    on_delay_s=5,
    title_vi="Mất kết nối thiết bị biên",
    title_en="Edge node lost",
)

_ABOUT = frozenset(
    (BD_SEQ, REBIRTH, EPOCH, "Outbox/Position", "Outbox/First", "Outbox/Stored", "Properties/Kind",
     "Properties/Room", "Properties/Name", "Properties/Reason", "Properties/Heartbeat",
     "Properties/Simulated", "Properties/Room Type", "Simulation/Clock Offset", "Simulation/Clock Factor")
)  # fmt: skip
"""What a birth says about the sender rather than about the room."""


_REBIRTH = REBIRTH.casefold()


class BirthError(ValueError):
    """A birth that cannot be used; `args[0]` begins with a stable reason code."""


class Directory:
    """Every node and device this worker knows, and what their births declared."""

    def __init__(self, telemetry: TelemetryWriter, kinds: Mapping[str, DeviceKind], book: AlarmBook) -> None:
        self.nodes: dict[str, Node] = {}
        self.device_count = 0
        self._telemetry = telemetry
        self._kinds = kinds
        self._book = book
        self.known_schools: frozenset[str] = frozenset()
        self.claims: dict[tuple[str, str], Claim] = {}
        self.reorder_ms = 2000

    def node(self, group: str, node_id: str) -> Node | None:
        """Return a node, made on first sight; None when there are too many."""
        sender = f"{group}/{node_id}"
        node = self.nodes.get(sender)
        if node is None:
            if len(self.nodes) >= MAX_NODES:
                return None
            node = self.nodes[sender] = Node(group, node_id)
            node.tracker.reorder_ms = self.reorder_ms
            node.itself = Device(node, "", self._telemetry.series((group, node_id, "")))
            self.claim(node)
        return node

    def device(self, node: Node, device_id: str) -> Device:
        """Return a device of a node, made on first sight."""
        device = node.devices.get(device_id)
        if device is None:
            if len(node.devices) >= MAX_DEVICES:
                raise BirthError(f"too_many_devices: {node.sender} has {MAX_DEVICES} devices already")
            series = self._telemetry.series((node.group, node.id, device_id))
            device = node.devices[device_id] = Device(node, device_id, series)
            self.device_count += 1
            self.claim(node)
        return device

    def find(self, named: Mapping[str, object]) -> Device | None:
        """Return a known device by its `group`, `node` and `device`."""
        node = self.nodes.get(f"{named.get('group')}/{named.get('node')}")
        return node.devices.get(str(named.get("device"))) if node is not None else None

    def claim(self, node: Node) -> None:
        """Decide whose the node is: a person's claim, or else a school whose code is the node's group."""
        found = self.claims.get((node.group, node.id))
        node.claimed = found is not None or (node.has_outbox and node.group in self.known_schools)
        for device in node.devices.values():
            device.claimed_room = found.room if found else None

    def school_of(self, node: Node) -> str:
        """Return the code of the school the node counts for."""
        found = self.claims.get((node.group, node.id))
        return found.school if found else node.group

    def subject(self, device: Device) -> Subject:
        """Name the device to the alarms."""
        return Subject(
            self.school_of(device.node), device.shown_room, device.node.id, device.id or None, device.kind_id
        )

    def offline_rule(self, device: Device) -> OfflineRule | None:
        """Return when the absence of this device is an alarm; None for what nobody has claimed."""
        if not device.node.claimed:
            return None
        if not device.id:
            return NODE_OFFLINE
        return device.kind.offline if device.kind else None

    def node_birth(self, node: Node, payload: Payload, raw: bytes) -> str:
        """Take over an NBIRTH: a new session with no devices born yet; return what is odd about it, or ""."""
        about = _about(payload)
        node.has_outbox = EPOCH in about
        node.bd_seq = _integer(about.get(BD_SEQ))
        node.simulated = about.get("Properties/Simulated") is True
        node.software = str(about.get("Properties/Software") or "")
        node.heartbeat_s = min(86_400, _integer(about.get("Properties/Heartbeat")) or 0)
        offset_ms = _integer(about.get("Simulation/Clock Offset")) or 0
        offset_ms = offset_ms - (1 << 64) if offset_ms >> 63 else offset_ms
        node.clock_factor = _number(about.get("Simulation/Clock Factor")) or 1.0
        # the offset is that of the birth's instant; this one holds at every instant
        node.clock_offset_ms = offset_ms - round((node.clock_factor - 1) * payload.timestamp)
        node.aliases.clear()
        node.definitions = definitions_in(payload.metrics)
        wishes = (metric.name for metric in payload.metrics if _is_rebirth(metric.name))
        node.rebirth_metric = next(wishes, REBIRTH)
        self.claim(node)
        problem = self._declare(node, node.itself, payload)
        node.itself.birth = raw  # only what could be taken is remembered: a restart reads it again
        return problem

    def device_birth(self, node: Node, device: Device, payload: Payload, raw: bytes) -> str:
        """Take over a DBIRTH; return what is odd about it, or ""."""
        about = _about(payload)
        device.kind_id = str(about.get("Properties/Kind") or "unknown")
        device.kind = self._kinds.get(device.kind_id)
        device.room = _level(str(about.get("Properties/Room") or "-"))
        device.room_type = str(about.get("Properties/Room Type") or "")[:32].replace("\x00", "")
        device.name = str(about.get("Properties/Name") or "")
        problem = self._declare(node, device, payload)
        device.birth = raw
        return problem

    def _declare(self, node: Node, device: Device, payload: Payload) -> str:
        problem = ""
        aliases: set[int] = set()
        metrics = metrics_of(device, payload)
        before, device.slots = device.slots, {}
        subject = self.subject(device)
        for metric in metrics:
            name = sys.intern(metric.name)  # ten thousand devices of a dozen kinds
            if not name or name in _ABOUT or _is_rebirth(name):
                continue
            if name in device.slots:
                problem = f"duplicate_name: {name[:100]!r} is declared twice"
                continue
            slot = before.get(name)
            if slot is None or slot.datatype != metric.datatype:
                place = self._telemetry.field(device.series, name, metric.datatype)
                slot = Slot(name, metric.datatype, place, _unit(metric))
            if device.kind is not None and (declared := device.kind.metric(name)) is not None:
                slot.unit = declared.unit
                slot.watch = self._book.watch(subject, declared) if node.claimed else None
            device.slots[name] = slot
            if metric.HasField("alias"):
                owner, _ = node.aliases.get(metric.alias, (device, slot)) or (None, None)
                if owner is device and metric.alias not in aliases:
                    node.aliases[metric.alias] = (
                        device,
                        slot,
                    )  # perhaps another metric's at an earlier birth
                else:
                    # whose value it is nobody can say: better none than another's
                    node.aliases[metric.alias] = None
                    problem = f"alias_collision: {name[:100]!r} has the alias {metric.alias} of another"
                aliases.add(metric.alias)
        # a metric that is no longer declared keeps its history, not its place on screens
        return problem


def metrics_of(device: Device, payload: Payload) -> Sequence[Payload.Metric]:
    """The metrics of a birth, those of templates one by one; raises BirthError if there are too many."""
    templates = [metric for metric in payload.metrics if _is_template(metric)]
    metrics: Sequence[Payload.Metric] = payload.metrics
    device.templates = {}
    if templates:
        device.templates = {metric.name: metric.name for metric in templates}
        device.templates |= {metric.alias: metric.name for metric in templates if metric.HasField("alias")}
        known = (m for m in payload.metrics if not _is_template(m) or m.HasField("template_value"))
        metrics = flatten(known, device.node.definitions)
    if len(metrics) > MAX_METRICS:
        raise BirthError(f"too_many_metrics: {len(metrics)}, at most {MAX_METRICS}")
    return metrics


def _is_template(metric: Payload.Metric) -> bool:
    return metric.datatype == DataType.Template or metric.HasField("template_value")


def _is_rebirth(name: str) -> bool:
    """Tell whether a metric is the one that asks for a rebirth; not everybody writes it alike."""
    return len(name) == len(REBIRTH) and name.casefold() == _REBIRTH


def _about(payload: Payload) -> dict[str, bool | float | str]:
    result: dict[str, bool | float | str] = {}
    for metric in payload.metrics:
        if metric.name in _ABOUT or metric.name == "Properties/Software":
            field = metric.WhichOneof("value")
            if field in ("int_value", "long_value", "double_value", "boolean_value", "string_value"):
                result[metric.name] = getattr(metric, field)
    return result


def _number(value: bool | float | str | None) -> float | None:
    return value if isinstance(value, float) and 0 < value < 1e5 else None


def _integer(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _unit(metric: Payload.Metric) -> str | None:
    for key, value in zip(metric.properties.keys, metric.properties.values, strict=False):
        if key.lower() in ("engunit", "unit", "units") and value.HasField("string_value"):
            return value.string_value[:32]
    return None


def _level(text: str) -> str:
    """Make a text safe as one level of the mirror's topics."""
    return "".join("_" if character in "/+#\x00" else character for character in text)[:64] or "-"
