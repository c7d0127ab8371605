"""Messages become sessions, current values, presence, alarms and rows of history; no I/O.

Runs over every message in the order of the journal, once when it arrives and again after a crash for what
had not been written. Twice gives the same: rows, presence and alarms carry keys made of the facts alone.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from devices.wire.datatypes import DatatypeError
from devices.wire.sequence import Order
from devices.wire.sparkplug_b_pb2 import Payload
from devices.wire.structures import PayloadError
from devices.wire.topics import MessageType
from hub.alarms.rules import AlarmBook
from hub.ingest.decode import Message
from hub.ingest.effects import Effects, QuarantineGate
from hub.ingest.freshness import Freshness
from hub.ingest.gaps import Gaps
from hub.ingest.identity import SHARED
from hub.ingest.model import BORN, DEAD, Device, Node, Presence
from hub.ingest.presence import Attendance
from hub.ingest.rebirth import RebirthRequests
from hub.ingest.sessions import BirthError, Directory, metrics_of
from hub.ingest.values import Values
from hub.organisation.rules import RoomSeen
from hub.registry.rules import DeviceSeen, NodeSeen
from hub.telemetry.port import Row

log = logging.getLogger(__name__)

_HELD_PER_NODE = 256
_REBORN_WITHIN_MS = 15_000
_GAP_MS = 30_000

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
        self.quarantine = QuarantineGate()
        self._directory = directory
        self._book = book
        self._rebirths = rebirths
        self._shard = shard
        self._values = Values(book, rebirths, self.quarantine)
        self.dirty = self._values.dirty
        self._gaps = Gaps(self._values)
        self.attendance = Attendance(directory, book, self.effects, self.dirty, self._gaps)
        self._freshness = Freshness(directory, book, rebirths, self.attendance, self.dirty)

    @property
    def value_count(self) -> int:
        """Values taken into history since the start."""
        return self._values.count

    def apply(self, entry_id: int, received_ms: int, messages: Sequence[Message]) -> list[Row]:
        """Apply one journal entry; return the rows it brings."""
        self._values.rows = []
        ordinal = entry_id << 20
        for message in messages:
            ordinal += 1
            payload, node = message.payload, message.route.node
            if payload is None or node is None:
                reason, _, detail = message.reason.partition(": ")
                self._set_aside(message, reason, detail, received_ms, ordinal)
                continue
            tracker = node.tracker
            kind = message.route.type
            try:
                if (
                    message.route.has_position
                    and tracker.expected == payload.seq
                    and not tracker.held
                    and (payload.seq or payload.HasField("seq"))
                ):
                    if not node.verified:
                        self.attendance.heard(node, received_ms)
                    node.heard_ms = received_ms
                    tracker.expected = (payload.seq + 1) & 255
                    self._data(message, payload, node, received_ms, ordinal)
                elif kind is _NBIRTH:
                    self._node_birth(message, payload, node, received_ms, ordinal)
                elif kind is _NDEATH:
                    self._node_death(payload, node, received_ms)
                else:
                    self._in_sequence(message, payload, node, received_ms, ordinal)
            except Exception as error:  # noqa: BLE001  # edge of the loop: one message, kept for replay
                self._refuse(message, error, received_ms, ordinal)
        return self._values.rows

    def replay(self, number: int, received_ms: int, message: Message) -> tuple[list[Row], bool]:
        """Read a quarantined payload again, as history; return its rows and whether it could be used now."""
        self._values.rows = []
        payload, node = message.payload, message.route.node
        if payload is None or node is None:
            return [], False
        device = node.devices.get(message.route.device_id) if message.route.device_id else node.itself
        if device is None or not message.route.has_position:
            return [], False
        ordinal = (1 << 62) + number
        if message.position:
            ordinal = ordinal_of(payload.metrics[0].long_value, message.position)
        try:
            sent_ms = self._values.sent_ms(payload, node, received_ms)
            metrics = payload.metrics[2 if message.position else 0 :]
            self._values.take(device, metrics, sent_ms, received_ms, ordinal, store=True, live=False)
        except (DatatypeError, BirthError, ValueError):
            return self._values.rows, False
        return self._values.rows, True

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

    def _in_sequence(
        self, message: Message, payload: Payload, node: Node, received_ms: int, ordinal: int
    ) -> None:
        """Everything off the short way: births of devices, deaths, gaps, strangers."""
        node.heard_ms = received_ms
        if node.itself.birth is None:
            self._rebirths.want(node, "unborn")
            self._hold(message, node, received_ms, ordinal)
            return
        if not node.verified:
            # heard for the first time since the hub came back: what was missed cannot be counted, and a node
            # with an outbox sends again what the hub lacks
            self._release(node, node.tracker.birth((payload.seq - 1) & 255))
            self.attendance.heard(node, received_ms)
            if not node.has_outbox:
                self._rebirths.want(node, "hub_restart")
        if not payload.HasField("seq"):
            self._take(message, payload, node, received_ms, ordinal)
            return
        order, ready = node.tracker.offer(payload.seq, (ordinal, (message, received_ms)), received_ms)
        if order in (Order.REPEATED, Order.UNBORN):
            self._take(message, payload, node, received_ms, ordinal, straggler=order is Order.REPEATED)
        self._release(node, ready)

    def _release(self, node: Node, ready: Sequence[Any]) -> None:
        for ordinal, (message, received_ms) in ready:
            try:
                self._take(message, message.payload, node, received_ms, ordinal)
            except Exception as error:  # noqa: BLE001  # as above; not the fault of its releaser
                self._refuse(message, error, received_ms, ordinal)

    def _refuse(self, message: Message, error: Exception, received_ms: int, ordinal: int) -> None:
        if isinstance(error, BirthError | PayloadError):
            reason, _, detail = str(error).partition(": ")
        elif isinstance(error, ValueError):
            reason, detail = "bad_value", str(error)
        else:
            log.error("could not apply a message on %r", message.route.topic, exc_info=error)
            reason, detail = "hub_error", "a fault of the hub; see its log"
        self._set_aside(message, reason, detail, received_ms, ordinal)

    def _take(
        self,
        message: Message,
        payload: Payload,
        node: Node,
        received_ms: int,
        ordinal: int,
        *,
        straggler: bool = False,
    ) -> None:
        kind = message.route.type
        if kind is _DBIRTH:
            self._device_birth(message, payload, node, received_ms, ordinal)
        elif kind is _DDEATH:
            device = node.devices.get(message.route.device_id)
            if device is not None:
                since_ms = self._values.sent_ms(payload, node, received_ms)
                self.attendance.note(device, DEAD, _reason(payload), since_ms, received_ms)
                self._gaps.begin(device, since_ms, is_own=True)
        else:
            self._data(message, payload, node, received_ms, ordinal, straggler=straggler)

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
        self._values.rows = []
        for node in self._directory.nodes.values():
            if node.tracker.deadline_ms is not None and (ready := node.tracker.expire(now_ms)) is not None:
                self._rebirths.want(node, "sequence_gap")
                self._release(node, ready)
            self._look_for_gap(node, now_ms)
            if node.held and now_ms - node.held[0][1][1] > 60_000:
                for ordinal, (message, received_ms) in node.held:
                    self._set_aside(
                        message, "unborn", "its birth did not come within 60 s", received_ms, ordinal
                    )
                node.held = []
            if node.unreborn_ms and now_ms - node.unreborn_ms > _REBORN_WITHIN_MS:
                node.unreborn_ms = 0
                for device in node.devices.values():
                    if device.presence.state == DEAD and device.presence.reason in ("node_lost", "rebirth"):
                        self.attendance.absent(device, "not_reborn", now_ms)
            self.attendance.look_for_absence(node, now_ms)
            self._look_for_twins(node, now_ms)
            silent_ms = now_ms - node.heard_ms
            if (
                node.heartbeat_s
                and node.itself.presence.state != DEAD
                and silent_ms > 3_000 * node.heartbeat_s
            ):
                self.attendance.lose(node, "silence", node.heard_ms + 3_000 * node.heartbeat_s, now_ms)
        self._freshness.look(now_ms)
        self.effects.alarms += self._book.due(now_ms)
        return self._values.rows

    def _look_for_gap(self, node: Node, now_ms: int) -> None:
        """Positions that stay missing: a birth will say whether the node still holds them."""
        known = node.positions.get(node.epoch)
        if known is None or not known.beyond:
            node.gap_since_ms = 0
        elif not node.gap_since_ms:
            node.gap_since_ms = now_ms
        elif now_ms - node.gap_since_ms > _GAP_MS:
            node.gap_since_ms = now_ms
            self._rebirths.want(node, "position_gap")

    def _look_for_twins(self, node: Node, now_ms: int) -> None:
        """Say when two agents share the node's identity, and when they no longer do."""
        is_shared = node.identity.is_shared(now_ms)
        if is_shared is node.identity.is_said or node.itself.birth is None or not node.claimed:
            return
        subject = self._directory.subject(node.itself)
        is_first = node.identity.is_said is None
        node.identity.is_said = is_shared
        was_said = any(alarm.metric == SHARED.name for alarm in self._book.alarms_of(subject))
        if is_first and not is_shared and not was_said:
            return  # after a restart of the hub only what was said before has to be taken back
        watch = self._book.watch(subject, SHARED)
        if watch is not None:
            self._book.observe(watch, is_shared, now_ms, now_ms)
        self.dirty[node.itself] = None

    # -- sessions ------------------------------------------------------------------------------------

    def _node_birth(
        self, message: Message, payload: Payload, node: Node, received_ms: int, ordinal: int
    ) -> None:
        self._release(node, node.tracker.birth(payload.seq))
        node.heard_ms = received_ms
        node.verified = True
        node.gap_since_ms = node.left_ms = 0
        self._rebirths.satisfied(node)
        problem = self._directory.node_birth(node, payload, message.raw)
        if not node.has_outbox and node.bd_seq is not None:
            node.identity.birth_seen(node.bd_seq, received_ms)
        itself = node.itself
        self.attendance.note(itself, BORN, "birth", received_ms, received_ms)
        for device in node.devices.values():
            if device.presence.state == BORN:
                # until its own birth, a moment away
                device.presence = Presence(DEAD, "rebirth", device.presence.since_ms)
        node.unreborn_ms = received_ms
        school = self._directory.school_of(node) if node.claimed else None
        self.effects.nodes[node.group, node.id] = NodeSeen(
            node.group, node.id, received_ms, node.simulated, node.software, school
        )
        if problem:
            self._odd(message, problem, received_ms, ordinal)
        self._snapshot(itself, payload, received_ms, ordinal)
        self._release_held(node)

    def _device_birth(
        self, message: Message, payload: Payload, node: Node, received_ms: int, ordinal: int
    ) -> None:
        device = self._directory.device(node, message.route.device_id)
        was = device.presence
        problem = self._directory.device_birth(node, device, payload, message.raw)
        if was.state == DEAD and was.reason == "rebirth":
            device.presence = Presence(BORN, "birth", was.since_ms)  # it was never away: nothing to record
            self.attendance.tell_alarms(device, True, received_ms)
        else:
            self.attendance.note(device, BORN, "birth", received_ms, received_ms)
        self.effects.devices[node.group, node.id, device.id] = DeviceSeen(
            node.group, node.id, device.id, device.kind_id, device.shown_room, device.name, node.claimed
        )
        self._learn_room(device)
        if problem:
            self._odd(message, problem, received_ms, ordinal)
        try:
            self._snapshot(device, payload, received_ms, ordinal)
        finally:
            self._gaps.end(device, received_ms)  # one bad metric does not leave the others in a gap
        if node.held:
            self._release_held(node)

    def _learn_room(self, device: Device) -> None:
        """Note the type of the room a device says it is in; where a person put the node, it knows none."""
        if device.room_type and device.node.claimed and device.claimed_room is None and device.room != "-":
            school = self._directory.school_of(device.node)
            self.effects.rooms[school, device.room] = RoomSeen(school, device.room, type=device.room_type)

    def _node_death(self, payload: Payload, node: Node, received_ms: int) -> None:
        if node.itself.birth is None:
            return
        bd_seq = next(
            (metric.long_value or metric.int_value for metric in payload.metrics if metric.name == "bdSeq"),
            None,
        )
        if bd_seq is not None and node.bd_seq is not None and bd_seq != node.bd_seq:
            return  # the will of an earlier connection: a newer birth has replaced it
        self._release(node, node.tracker.death())
        if node.has_outbox and payload.HasField("timestamp"):
            self.attendance.leave(node, received_ms)  # our agents' wills carry no time, their goodbyes do
        else:
            self.attendance.lose(node, "will", received_ms, received_ms)

    # -- values --------------------------------------------------------------------------------------

    def _data(
        self,
        message: Message,
        payload: Payload,
        node: Node,
        received_ms: int,
        ordinal: int,
        *,
        straggler: bool = False,
    ) -> None:
        """Take an NDATA or DDATA; what is historical, or came after its successors, is history only."""
        device_id = message.route.device_id
        device = node.devices.get(device_id) if device_id else node.itself
        if device is None or device.birth is None:
            self._rebirths.want(node, "unknown_device")
            self._hold(message, node, received_ms, ordinal)
            return
        sent_ms = self._values.sent_ms(payload, node, received_ms)
        # sliced: a list of metrics is read twice as fast as their container
        metrics = payload.metrics[:]
        late = straggler
        if message.position:
            ordinal = ordinal_of(metrics[0].long_value, message.position)
            metrics = metrics[2:]
            late = late or (bool(metrics) and metrics[0].is_historical)
        elif metrics and metrics[0].is_transient:  # shown, not kept: its sender says so
            self._values.take(device, metrics, sent_ms, received_ms, ordinal, store=False, live=True)
            metrics = []
        elif past := [metric for metric in metrics if metric.is_historical]:
            self._values.take(device, past, sent_ms, received_ms, ordinal, store=True, live=False)
            metrics = [metric for metric in metrics if not metric.is_historical]
        self._values.take(device, metrics, sent_ms, received_ms, ordinal, store=True, live=not late)
        if device.presence.state != BORN and metrics and not late:
            self.attendance.note(device, BORN, "heard_again", received_ms, received_ms)
            self._gaps.end(device, received_ms)

    def _snapshot(self, device: Device, payload: Payload, received_ms: int, ordinal: int) -> None:
        """The values in a birth: current state for everyone; history where no outbox sends them as well."""
        sent_ms = self._values.sent_ms(payload, device.node, received_ms)
        store = not device.node.has_outbox
        metrics = metrics_of(device, payload)
        self._values.take(device, metrics, sent_ms, received_ms, ordinal, store=store, live=True)

    def _odd(self, message: Message, problem: str, received_ms: int, ordinal: int) -> None:
        """Show a birth that contradicts itself; what it says clearly is used all the same."""
        reason, _, detail = problem.partition(": ")
        self._set_aside(message, reason, detail, received_ms, ordinal)

    def _set_aside(self, message: Message, reason: str, detail: str, received_ms: int, ordinal: int) -> None:
        key = f"{self._shard}:{ordinal >> 20}:{ordinal & 0xFFFFF}"
        self.quarantine.admit(self.effects, message, reason, detail, received_ms, key)


def ordinal_of(epoch: int, position: int) -> int:
    """What tells rows of one device and millisecond apart: the position, under some bits of its epoch."""
    return (epoch & 0x7F) << 40 | position & 0xFF_FFFF_FFFF


def _reason(payload: Payload) -> str:
    for metric in payload.metrics:
        if metric.name == "Properties/Reason" and metric.HasField("string_value"):
            return metric.string_value[:64]
    return "device_death"
