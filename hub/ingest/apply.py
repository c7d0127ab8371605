"""Messages become sessions, current values, presence, alarms and rows of history; no I/O.

Runs over every message in the order of the journal, once when it arrives and again after a crash for what
had not been written. Twice gives the same: rows, presence and alarms carry keys made of the facts alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from devices.wire.datatypes import DatatypeError, not_finite, wrap
from devices.wire.payloads import raw_value
from devices.wire.sequence import Order
from devices.wire.sparkplug_b_pb2 import Payload
from devices.wire.topics import MessageType
from hub.alarms.rules import AlarmBook
from hub.ingest.decode import Message
from hub.ingest.effects import Effects, QuarantineGate
from hub.ingest.model import BORN, DEAD, STALE, Device, Node, Presence, Slot
from hub.ingest.rebirth import RebirthRequests
from hub.ingest.sessions import BirthError, Directory
from hub.registry.rules import DeviceSeen, NodeSeen, PresenceChange
from hub.telemetry.port import Row, Value

_CLOCK_TOLERANCE_MS = 60_000
_OLDEST_MS = 2 * 366 * 86_400_000
_HELD_PER_NODE = 256
_REBORN_WITHIN_MS = 15_000

_NBIRTH, _DBIRTH, _NDEATH, _DDEATH = (
    MessageType.NBIRTH,
    MessageType.DBIRTH,
    MessageType.NDEATH,
    MessageType.DDEATH,
)


class Applier:
    """Applies messages; `effects`, `dirty` and the directory are what it changes."""

    def __init__(self, directory: Directory, book: AlarmBook, rebirths: RebirthRequests, shard: str) -> None:
        self.effects = Effects()
        self.dirty: dict[Device, None] = {}
        self.quarantine = QuarantineGate()
        self.values = 0
        self._directory = directory
        self._book = book
        self._rebirths = rebirths
        self._shard = shard
        self._rows: list[Row] = []

    def apply(self, entry_id: int, received_ms: int, messages: Sequence[Message]) -> list[Row]:
        """Apply one journal entry; return the rows it brings."""
        self._rows = []
        ordinal = entry_id << 20
        for message in messages:
            ordinal += 1
            payload, node = message.payload, message.route.node
            if payload is None or node is None:
                reason, _, detail = message.reason.partition(": ")
                self._set_aside(message, reason, detail, received_ms, ordinal)
                if node is not None and (node.gap_since_ms == 0):
                    node.gap_since_ms = received_ms
                continue
            tracker = node.tracker
            kind = message.route.type
            try:
                if message.route.has_position and tracker.expected == payload.seq and not tracker.held:
                    if not node.verified:
                        self._verify(node, received_ms)
                    node.heard_ms = received_ms
                    tracker.expected = (payload.seq + 1) & 255
                    self._data(message, payload, node, received_ms, ordinal)
                elif kind is _NBIRTH:
                    self._node_birth(message, payload, node, received_ms, ordinal)
                elif kind is _NDEATH:
                    self._node_death(payload, node, received_ms)
                else:
                    self._in_sequence(message, payload, node, received_ms, ordinal)
            except (DatatypeError, BirthError, UnicodeDecodeError, ValueError) as error:
                reason, _, detail = str(error).partition(": ")
                if not isinstance(error, BirthError):
                    reason, detail = "bad_value", str(error)
                self._set_aside(message, reason, detail, received_ms, ordinal)
        return self._rows

    def replay(self, number: int, received_ms: int, message: Message) -> tuple[list[Row], bool]:
        """Read a quarantined payload again, as history; return its rows and whether it could be used now."""
        self._rows = []
        payload, node = message.payload, message.route.node
        if payload is None or node is None:
            return [], False
        device = node.devices.get(message.route.device_id) if message.route.device_id else node.itself
        if device is None or not message.route.has_position:
            return [], False
        ordinal = message.position or (1 << 62) + number
        try:
            sent_ms = self._sent_ms(payload, node, received_ms)
            metrics = message.metrics[2:] if message.position else message.metrics
            self._values(device, metrics, sent_ms, received_ms, ordinal, store=True, live=False)
        except (DatatypeError, BirthError, ValueError):
            return self._rows, False
        return self._rows, True

    def held_entry(self) -> int | None:
        """The oldest journal entry with a message that still waits for its turn, if there is one."""
        ordinals = [
            ordinal
            for node in self._directory.nodes.values()
            if node.held or node.tracker.held
            for ordinal, _ in (*node.held, *node.tracker.held.values())
        ]
        return min(ordinals) >> 20 if ordinals else None

    # -- order ---------------------------------------------------------------------------------------

    def _in_sequence(self, message: Message, payload: Payload, node: Node, received_ms: int, ordinal: int) -> None:
        """Everything off the short way: births of devices, deaths, gaps, strangers."""
        node.heard_ms = received_ms
        if node.itself.birth is None:
            self._rebirths.want(node, "unborn")
            self._hold(message, node, received_ms, ordinal)
            return
        if not node.verified:
            # heard for the first time since the hub came back: what was missed cannot be counted, and a node
            # with an outbox sends again what the hub lacks
            node.tracker.birth((payload.seq - 1) & 255)
            self._verify(node, received_ms)
            if not node.has_outbox:
                self._rebirths.want(node, "hub_restart")
        if not payload.HasField("seq"):
            self._take(message, payload, node, received_ms, ordinal)
            return
        order, ready = node.tracker.offer(payload.seq, (ordinal, (message, received_ms)), received_ms)
        if order in (Order.REPEATED, Order.UNBORN):
            self._take(message, payload, node, received_ms, ordinal)
        self._release(node, ready)

    def _release(self, node: Node, ready: Sequence[Any]) -> None:
        for ordinal, (message, received_ms) in ready:
            self._take(message, message.payload, node, received_ms, ordinal)

    def _take(self, message: Message, payload: Payload, node: Node, received_ms: int, ordinal: int) -> None:
        kind = message.route.type
        if kind is _DBIRTH:
            self._device_birth(message, payload, node, received_ms, ordinal)
        elif kind is _DDEATH:
            device = node.devices.get(message.route.device_id)
            if device is not None:
                self.set_presence(device, DEAD, _reason(payload), self._sent_ms(payload, node, received_ms), received_ms)
        else:
            self._data(message, payload, node, received_ms, ordinal)

    def _hold(self, message: Message, node: Node, received_ms: int, ordinal: int) -> None:
        if len(node.held) >= _HELD_PER_NODE:
            oldest, (waiting, waiting_ms) = node.held.pop(0)
            self._set_aside(waiting, "unborn", "its birth did not come", waiting_ms, oldest)
        node.held.append((ordinal, (message, received_ms)))

    def _release_held(self, node: Node) -> None:
        held, node.held = node.held, []
        self._release(node, held)

    def tick(self, now_ms: int) -> list[Row]:
        """Let time pass: reorder timers, silence, births that did not come, alarm delays."""
        self._rows = []
        for node in self._directory.nodes.values():
            if node.tracker.deadline_ms is not None and (ready := node.tracker.expire(now_ms)) is not None:
                self._rebirths.want(node, "sequence_gap")
                self._release(node, ready)
            if node.held and now_ms - node.held[0][1][1] > 60_000:
                for ordinal, (message, received_ms) in node.held:
                    self._set_aside(message, "unborn", "its birth did not come within 60 s", received_ms, ordinal)
                node.held = []
            if node.unreborn_ms and now_ms - node.unreborn_ms > _REBORN_WITHIN_MS:
                node.unreborn_ms = 0
                for device in node.devices.values():
                    if device.presence.state == DEAD and device.presence.reason in ("node_lost", "rebirth"):
                        self._absent(device, "not_reborn", now_ms)
            silent_ms = now_ms - node.heard_ms
            if node.heartbeat_s and node.itself.presence.state != DEAD and silent_ms > 3_000 * node.heartbeat_s:
                self._lose(node, "silence", node.heard_ms + 3_000 * node.heartbeat_s, now_ms)
        self.effects.alarms += self._book.due(now_ms)
        return self._rows

    # -- sessions ------------------------------------------------------------------------------------

    def _node_birth(self, message: Message, payload: Payload, node: Node, received_ms: int, ordinal: int) -> None:
        self._release(node, node.tracker.birth(payload.seq))
        node.heard_ms = received_ms
        node.verified = True
        node.gap_since_ms = 0
        self._rebirths.satisfied(node)
        self._directory.node_birth(node, payload, message.raw)
        itself = node.itself
        self.set_presence(itself, BORN, "birth", received_ms, received_ms)
        for device in node.devices.values():
            if device.presence.state == BORN:
                device.presence = Presence(DEAD, "rebirth", received_ms)  # until its own birth, a moment away
        node.unreborn_ms = received_ms
        school = self._directory.school_of(node) if node.claimed else None
        self.effects.nodes[node.group, node.id] = NodeSeen(
            node.group, node.id, received_ms, node.simulated, node.software, school
        )
        self._snapshot(itself, payload, received_ms, ordinal)
        self._release_held(node)

    def _device_birth(self, message: Message, payload: Payload, node: Node, received_ms: int, ordinal: int) -> None:
        device = self._directory.device(node, message.route.device_id)
        was = device.presence
        self._directory.device_birth(node, device, payload, message.raw)
        if was.state == DEAD and was.reason == "rebirth":
            device.presence = Presence(BORN, "birth", received_ms)  # it was never away: nothing to record
            self._alarm_presence(device, True, received_ms)
        else:
            self.set_presence(device, BORN, "birth", received_ms, received_ms)
        self.effects.devices[node.group, node.id, device.id] = DeviceSeen(
            node.group, node.id, device.id, device.kind_id, device.shown_room, device.name, node.claimed
        )
        self._snapshot(device, payload, received_ms, ordinal)
        if node.held:
            self._release_held(node)

    def _node_death(self, payload: Payload, node: Node, received_ms: int) -> None:
        if node.itself.birth is None:
            return
        bd_seq = next((metric.long_value or metric.int_value for metric in payload.metrics if metric.name == "bdSeq"), None)
        if bd_seq is not None and node.bd_seq is not None and bd_seq != node.bd_seq:
            return  # the will of an earlier connection: a newer birth has replaced it
        self._release(node, node.tracker.death())
        self._lose(node, "will", received_ms, received_ms)

    def _lose(self, node: Node, reason: str, since_ms: int, now_ms: int) -> None:
        self.set_presence(node.itself, DEAD, reason, since_ms, now_ms)
        for device in node.devices.values():
            if device.presence.state != DEAD:
                device.presence = Presence(DEAD, "node_lost", since_ms)
                self.dirty[device] = None

    def _verify(self, node: Node, received_ms: int) -> None:
        node.verified = True
        if node.itself.presence.state != BORN and node.itself.birth is not None:
            self.set_presence(node.itself, BORN, "heard_again", received_ms, received_ms)
            for device in node.devices.values():
                if device.presence.reason in ("node_lost", "hub_restart"):
                    self.set_presence(device, BORN, "heard_again", received_ms, received_ms)

    def set_presence(self, device: Device, state: str, reason: str, since_ms: int, now_ms: int) -> None:
        """Note that something came, went or fell silent."""
        self.dirty[device] = None
        if device.presence.state != state:
            device.presence = Presence(state, reason, since_ms)
            node = device.node
            self.effects.presence.append(PresenceChange(node.group, node.id, device.id, state, reason, since_ms))
        self._alarm_presence(device, state != DEAD, now_ms)

    def restored(self, device: Device, now_ms: int) -> None:
        """After a restart: what was born may be so still, but nobody has heard it yet."""
        presence = device.presence
        device.presence = Presence(STALE, "hub_restart", presence.since_ms)
        self._observe_again(device, now_ms)

    def reclaim(self, node: Node, now_ms: int) -> None:
        """Somebody decided whose the node is: its devices get rooms, limits and alarms accordingly."""
        for device in (node.itself, *node.devices.values()):
            self._book.forget(self._directory.subject(device), now_ms)
        self._directory.claim(node)
        for device in (node.itself, *node.devices.values()):
            self.dirty[device] = None
            if device.id and device.birth is not None:
                self._directory.device_birth(node, device, Payload.FromString(device.birth), device.birth)
            self._alarm_presence(device, device.presence.state != DEAD, now_ms)
            self._observe_again(device, now_ms)

    def _observe_again(self, device: Device, now_ms: int) -> None:
        for slot in device.slots.values():
            if slot.watch is not None and slot.value is not None:
                self._book.observe(slot.watch, slot.value, slot.ts_ms, now_ms)

    def _absent(self, device: Device, reason: str, now_ms: int) -> None:
        device.presence = Presence(BORN, reason, now_ms)
        self.set_presence(device, DEAD, reason, now_ms, now_ms)

    def _alarm_presence(self, device: Device, online: bool, now_ms: int) -> None:
        rule = self._directory.offline_rule(device)
        if rule is not None:
            presence = device.presence
            subject = self._directory.subject(device)
            self._book.presence(subject, online, presence.reason, presence.since_ms, now_ms, rule)

    # -- values --------------------------------------------------------------------------------------

    def _data(self, message: Message, payload: Payload, node: Node, received_ms: int, ordinal: int) -> None:
        device_id = message.route.device_id
        device = node.devices.get(device_id) if device_id else node.itself
        if device is None or device.birth is None:
            self._rebirths.want(node, "unknown_device")
            self._hold(message, node, received_ms, ordinal)
            return
        sent_ms = self._sent_ms(payload, node, received_ms)
        metrics = message.metrics
        if message.position:
            metrics, ordinal = metrics[2:], message.position
        late = bool(metrics) and metrics[0].is_historical
        if late and not message.position and not all(metric.is_historical for metric in metrics):
            fresh = [metric for metric in metrics if not metric.is_historical]
            metrics = [metric for metric in metrics if metric.is_historical]
            self._values(device, fresh, sent_ms, received_ms, ordinal, store=True, live=True)
        self._values(device, metrics, sent_ms, received_ms, ordinal, store=True, live=not late)
        if device.presence.state != BORN and not late:
            self.set_presence(device, BORN, "heard_again", received_ms, received_ms)

    def _snapshot(self, device: Device, payload: Payload, received_ms: int, ordinal: int) -> None:
        """The values in a birth: current state for everyone; history where no outbox sends them as well."""
        sent_ms = self._sent_ms(payload, device.node, received_ms)
        store = not device.node.has_outbox
        self._values(device, payload.metrics, sent_ms, received_ms, ordinal, store=store, live=True)

    def _values(
        self,
        device: Device,
        metrics: Sequence[Payload.Metric],
        sent_ms: int,
        received_ms: int,
        ordinal: int,
        *,
        store: bool,
        live: bool,
    ) -> None:
        """The hot loop: every metric of one payload, each checked, compared and kept."""
        slots, skew_ms = device.slots, device.node.skew_ms
        places: list[int] = []
        values: list[Value] = []
        groups: dict[int, tuple[list[int], list[Value]]] = {}
        ts_ms, stamp = sent_ms, -1
        problem: BirthError | None = None
        for metric in metrics:
            slot = slots.get(metric.name)
            owner = device
            field = metric.WhichOneof("value")
            value: Any
            if slot is not None and field == slot.field:
                value = getattr(metric, field)
                usual = not slot.numeric or slot.low <= value <= slot.high
            else:
                usual = False
            if not usual:
                try:
                    if slot is None:
                        owner, slot = self._unnamed(device, metric)
                        if slot is None:
                            continue
                    value = self._converted(slot, metric)
                except BirthError as error:  # one bad metric does not cost its neighbours
                    problem = error
                    continue
            assert slot is not None
            if (given := metric.timestamp) != stamp:
                stamp = given
                ts_ms = given + skew_ms
                if not given or not received_ms - _OLDEST_MS < ts_ms < received_ms + _CLOCK_TOLERANCE_MS:
                    ts_ms = sent_ms
                places, values = groups.setdefault(ts_ms, ([], []))
            if live and ts_ms >= slot.ts_ms:
                watch = slot.watch
                if watch is not None and value is not None:
                    if value != slot.value if watch.discrete else not watch.quiet_low <= value <= watch.quiet_high:
                        self._book.observe(watch, value, ts_ms, received_ms)
                slot.value = value
                slot.ts_ms = ts_ms
            if owner is device:
                places.append(slot.place)
                values.append(value)
            elif store:
                self._rows.append(Row(owner.series, ts_ms, ordinal, _indices([slot.place]), [value]))
        if store:
            for ts_ms, (places, values) in groups.items():
                if places:
                    self.values += len(values)
                    self._rows.append(Row(device.series, ts_ms, ordinal, _indices(places), values))
        if live:
            self.dirty[device] = None
        if problem is not None:
            raise problem

    def _unnamed(self, device: Device, metric: Payload.Metric) -> tuple[Device, Slot | None]:
        """A metric whose name the device's birth did not declare: an alias, our own, or an error."""
        name = metric.name
        if not name and metric.HasField("alias"):
            found = device.node.aliases.get(metric.alias)
            if found is not None:
                return found
            self._rebirths.want(device.node, "unknown_alias")
            raise BirthError(f"unknown_alias: {metric.alias}")
        if name.startswith(("Outbox/", "Properties/", "Node Control/", "Simulation/")) or name == "bdSeq":
            return device, None
        if not name:
            raise BirthError("no_name: a metric has neither name nor alias")
        self._rebirths.want(device.node, "unknown_metric")
        raise BirthError(f"unknown_metric: {name[:100]!r} was not declared at birth")

    def _converted(self, slot: Slot, metric: Payload.Metric) -> Value:
        """The value of a metric that is null, in another field than usual, or out of its datatype's range."""
        if metric.is_null or metric.WhichOneof("value") is None:
            return None
        if metric.HasField("datatype") and metric.datatype and metric.datatype != slot.datatype:
            raise BirthError(f"wrong_datatype: {slot.name!r} was born as {slot.datatype}, came as {metric.datatype}")
        try:
            value = wrap(raw_value(metric), slot.datatype)
        except DatatypeError as error:
            raise BirthError(f"wrong_datatype: {slot.name!r}: {error}") from error
        if not_finite(value):
            self.quarantine.total += 1
            self.quarantine.by_reason["not_finite"] += 1
            return None
        return value if isinstance(value, bool | int | float | str) else str(value)[:2000]

    def _sent_ms(self, payload: Payload, node: Node, received_ms: int) -> int:
        """When the payload was sent, by the hub's clock; a node whose clock is wrong is measured and flagged."""
        sent_ms = payload.timestamp
        if not sent_ms:
            return received_ms
        ahead_ms = received_ms - sent_ms
        if -_CLOCK_TOLERANCE_MS < ahead_ms < _CLOCK_TOLERANCE_MS:
            node.skew_ms = 0
            return sent_ms
        if abs(ahead_ms - node.skew_ms) > 5_000:
            node.skew_ms = ahead_ms
        return sent_ms + node.skew_ms

    def _set_aside(self, message: Message, reason: str, detail: str, received_ms: int, ordinal: int) -> None:
        key = f"{self._shard}:{ordinal >> 20}:{ordinal & 0xFFFFF}"
        self.quarantine.admit(self.effects, message, reason, detail, received_ms, key)


def _indices(places: list[int]) -> bytes | tuple[int, ...]:
    try:
        return bytes(places)
    except ValueError:
        return tuple(places)


def _reason(payload: Payload) -> str:
    for metric in payload.metrics:
        if metric.name == "Properties/Reason" and metric.HasField("string_value"):
            return metric.string_value[:64]
    return "device_death"
