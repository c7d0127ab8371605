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
from hub.ingest.lives import Lives, ends_session
from hub.ingest.model import BORN, Device, Node
from hub.ingest.overdue import Overdue
from hub.ingest.presence import Attendance
from hub.ingest.rebirth import RebirthRequests
from hub.ingest.sessions import BirthError, Directory, metrics_of
from hub.ingest.values import Values
from hub.telemetry.port import Row

log = logging.getLogger(__name__)

_HELD_PER_NODE = 256
_UNBORN_MS = 60_000

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
        self._lives = Lives(directory, rebirths, self.attendance, self._gaps, self.effects)
        self._overdue = Overdue(directory, book, rebirths, self.attendance, self.dirty)
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

    def tick(self, now_ms: int) -> list[Row]:
        """Let time pass: reorder timers, silence, births that did not come, alarm delays."""
        self._values.rows = []
        for node in self._directory.nodes.values():
            self._expire(node, now_ms)
            self._overdue.look(node, now_ms)
        self._freshness.look(now_ms)
        self.effects.alarms += self._book.due(now_ms)
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
                self._lives.device_died(device, payload, since_ms, received_ms)
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

    def _expire(self, node: Node, now_ms: int) -> None:
        """Wait no longer for what is missing in the order, nor for a birth that does not come."""
        if node.tracker.deadline_ms is not None and (ready := node.tracker.expire(now_ms)) is not None:
            self._rebirths.want(node, "sequence_gap")
            self._release(node, ready)
        if node.held and now_ms - node.held[0][1][1] > _UNBORN_MS:
            for ordinal, (message, received_ms) in node.held:
                self._set_aside(message, "unborn", "its birth did not come within 60 s", received_ms, ordinal)
            node.held = []

    # -- births and deaths ---------------------------------------------------------------------------

    def _node_birth(
        self, message: Message, payload: Payload, node: Node, received_ms: int, ordinal: int
    ) -> None:
        self._release(node, node.tracker.birth(payload.seq))
        problem = self._lives.node_born(node, payload, message.raw, received_ms)
        if problem:
            self._odd(message, problem, received_ms, ordinal)
        self._snapshot(node.itself, payload, received_ms, ordinal)
        self._release_held(node)

    def _device_birth(
        self, message: Message, payload: Payload, node: Node, received_ms: int, ordinal: int
    ) -> None:
        device = self._directory.device(node, message.route.device_id)
        problem = self._lives.device_born(device, payload, message.raw, received_ms)
        if problem:
            self._odd(message, problem, received_ms, ordinal)
        try:
            self._snapshot(device, payload, received_ms, ordinal)
        finally:
            self._gaps.end(device, received_ms)  # one bad metric does not leave the others in a gap
        if node.held:
            self._release_held(node)

    def _node_death(self, payload: Payload, node: Node, received_ms: int) -> None:
        if ends_session(node, payload):
            self._release(node, node.tracker.death())
            self._lives.node_died(node, payload, received_ms)

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
