"""From topic and payload bytes to messages whose sender, kind and outbox position are known."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from json import dumps
from typing import NamedTuple, TypeAlias

from google.protobuf.message import DecodeError

from devices.wire.sparkplug_b_pb2 import Payload
from devices.wire.topics import MessageType, Topic, TopicError, parse_topic
from hub.ingest.inbox import Received
from hub.ingest.model import Node
from hub.ingest.positions import Positions

MAX_PAYLOAD_BYTES = 256 * 1024
MAX_ID_CHARACTERS = 200
_MAX_ROUTES = 200_000
_MAX_ANNOUNCED = 1_001
_UNBORN_MS = 90_000

NOT_FOR_THE_HUB = "not_for_the_hub"
EPOCH, POSITION, FIRST = "Outbox/Epoch", "Outbox/Position", "Outbox/First"


Touched: TypeAlias = dict[tuple[str, int], tuple[Node, Positions]]
"""(sender, epoch) whose positions a batch changes."""


class Route:
    """What a topic says, worked out once: message type, node, device; or why it says nothing."""

    __slots__ = ("device_id", "has_position", "is_born", "node", "reason", "topic", "type", "unborn_ms")

    def __init__(self, topic: bytes, node: Node | None, parsed: Topic | None, reason: str = "") -> None:
        self.topic = topic
        self.node = node
        self.reason = reason
        self.type = parsed.message_type if parsed else MessageType.STATE
        self.device_id = (parsed.device or "") if parsed else ""
        self.has_position = self.type in (MessageType.NDATA, MessageType.DDATA)
        self.is_born = False  # the births that say how to read this topic's data came
        self.unborn_ms = 0  # when data came first without them


class Message(NamedTuple):
    """One message on its way: `payload` is None where `reason` says why it cannot be used."""

    route: Route
    raw: bytes
    payload: Payload | None
    position: int
    reason: str = ""


@dataclass(slots=True)
class Batch:
    """What is committed together: raw messages, their decoded forms, and the positions they bring."""

    received_ms: int
    raw: list[Received] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    positions: list[tuple[str, int, int, str, int]] = field(default_factory=list)
    acknowledge: list[tuple[Node, int, int]] = field(default_factory=list)
    duplicates: int = 0
    deferred: int = 0
    overtaken: list[tuple[Node, int, int]] = field(default_factory=list)
    is_durable: bool = True


class Decoder:
    """Turns received messages into batches; owns the table of topics seen."""

    def __init__(
        self,
        node_of: Callable[[str, str], Node | None],
        unborn: Callable[[Node], None] = lambda node: None,
    ) -> None:
        """`node_of` finds a node by group and id; `unborn` is told of a node whose births are needed."""
        self._node_of = node_of
        self._unborn = unborn
        self._routes: dict[bytes, Route] = {}

    def route(self, topic: bytes) -> Route:
        """Read a topic; every topic costs its parsing once."""
        found = self._routes.get(topic)
        if found is not None:
            return found
        try:
            parsed = parse_topic(topic.decode())
        except (TopicError, UnicodeDecodeError) as error:
            return Route(topic, None, None, f"bad_topic: {error}")
        if parsed.message_type is MessageType.STATE or parsed.message_type.is_command:
            return self._remember(Route(topic, None, parsed, NOT_FOR_THE_HUB))
        if max(len(parsed.group), len(parsed.node), len(parsed.device or "")) > MAX_ID_CHARACTERS:
            return Route(topic, None, parsed, f"id_too_long: at most {MAX_ID_CHARACTERS} characters")
        node = self._node_of(parsed.group, parsed.node)
        if node is None:
            return Route(topic, None, parsed, "too_many_nodes")
        return self._remember(Route(topic, node, parsed))

    def _remember(self, route: Route) -> Route:
        if len(self._routes) >= _MAX_ROUTES:
            self._routes.clear()
        self._routes[route.topic] = route
        return route

    def parse(self, received: Iterable[Received]) -> list[Message]:
        """Decode without looking at positions: what is read back from the journal was new once."""
        return [self._message(topic, raw) for topic, raw in received]

    def _message(self, topic: bytes, raw: bytes) -> Message:
        route = self._routes.get(topic) or self.route(topic)
        if route.node is None:
            return Message(route, raw, None, 0, route.reason)
        position = 0
        try:
            payload = Payload.FromString(raw)
            metrics = payload.metrics
            if (
                route.has_position
                and len(metrics) > 1
                and (metrics[0].name, metrics[1].name) == (EPOCH, POSITION)
            ):
                position = metrics[1].long_value
        except DecodeError as error:
            return Message(route, raw, None, 0, f"malformed: {error}")
        if len(raw) > MAX_PAYLOAD_BYTES:
            return Message(
                route, raw, None, position, f"oversize: {len(raw)} bytes, at most {MAX_PAYLOAD_BYTES}"
            )
        return Message(route, raw, payload, position)

    # the short way stands unrolled: every call here is paid per message
    def batch(self, received: list[Received], received_ms: int) -> Batch:
        """Decode what came, drop what is durable already, and note which positions become durable."""
        batch = Batch(received_ms)
        keep, keep_raw = batch.messages.append, batch.raw.append
        touched: Touched = {}
        routes = self._routes
        from_string = Payload.FromString
        for message_bytes in received:
            topic, raw = message_bytes
            route = routes.get(topic)
            # the short way: a known data topic, readable, not too large
            if route is not None and route.has_position and len(raw) <= MAX_PAYLOAD_BYTES:
                position = 0
                try:
                    payload = from_string(raw)
                    metrics = payload.metrics
                    if len(metrics) > 1:
                        second = metrics[1]
                        if second.name == POSITION and (first := metrics[0]).name == EPOCH:
                            position = second.long_value
                            node = route.node
                            assert node is not None
                            if not route.is_born and self._too_early(route, node, received_ms):
                                batch.deferred += 1
                                continue
                            epoch = first.long_value
                            known = node.positions.get(epoch) or self._positions(node, epoch)
                            new = known.add(position)
                            if len(metrics) > 2 and metrics[2].name == FIRST:
                                known.declare_first(metrics[2].long_value)
                            touched[node.sender, epoch] = (node, known)
                            if not new:
                                batch.duplicates += 1
                                _keep_sequence(batch, route, topic, payload)
                                continue
                except DecodeError as error:
                    keep(Message(route, raw, None, 0, f"malformed: {error}"))
                    keep_raw(message_bytes)
                    continue
                keep(Message(route, raw, payload, position))
                keep_raw(message_bytes)
                continue
            self._long_way(message_bytes, batch, touched)
        for (sender, epoch), (node, known) in touched.items():
            node.epoch = epoch
            node.identity.epoch_seen(epoch, received_ms)
            beyond = dumps(known.beyond) if known.beyond else "[]"
            batch.positions.append((sender, epoch, known.through, beyond, known.lost))
            batch.acknowledge.append((node, epoch, known.through))
        # after the others, so that of two answers to one node this one is sent
        batch.acknowledge += batch.overtaken
        return batch

    def _long_way(self, received: Received, batch: Batch, touched: Touched) -> None:
        """Everything that is not data on a known topic."""
        message = self._message(*received)
        if message.reason == NOT_FOR_THE_HUB:
            return  # the hub's own commands come back to it
        route, node = message.route, message.route.node
        if node is not None and message.payload is not None:
            if route.type in (MessageType.NBIRTH, MessageType.DBIRTH):
                if len(node.announced) < _MAX_ANNOUNCED:
                    node.announced.add(route.device_id)
            elif message.position and self._too_early(route, node, batch.received_ms):
                batch.deferred += 1
                return
        if self._note_positions(message, touched, batch):
            batch.messages.append(message)
            batch.raw.append(received)
        else:
            batch.duplicates += 1
            _keep_sequence(batch, route, received[0], message.payload)

    def _too_early(self, route: Route, node: Node, received_ms: int) -> bool:
        """Tell whether the births that say how to read this data are still to come.

        What nobody can read yet is neither kept nor acknowledged: its node holds it and sends it again after
        its births. Only a birth that does not come for long lets its data through, and so into quarantine.
        """
        device = node.devices.get(route.device_id) if route.device_id else node.itself
        route.is_born = ("" in node.announced or node.itself.birth is not None) and (
            route.device_id in node.announced or (device is not None and device.birth is not None)
        )
        if route.is_born:
            return False
        self._unborn(node)
        route.unborn_ms = route.unborn_ms or received_ms
        return received_ms - route.unborn_ms < _UNBORN_MS

    @staticmethod
    def _positions(node: Node, epoch: int) -> Positions:
        if len(node.positions) >= 16:  # a node that changes its epoch all the time must not grow the hub
            node.positions.pop(next(iter(node.positions)))
        return node.positions.setdefault(epoch, Positions())

    def _note_positions(self, message: Message, touched: Touched, batch: Batch) -> bool:
        """Note what a birth, or a message off the short way, says of its outbox; False for a duplicate.

        A birth that counts less than is durable here is that of an outbox put back from an old copy: the
        answer names the highest position known, so that its node can tell.
        """
        node = message.route.node
        if node is None or (message.payload is None and not message.position):
            return True
        payload = message.payload or Payload.FromString(message.raw)
        values = {
            metric.name: metric.long_value
            for metric in payload.metrics[:64]
            if metric.name.startswith("Outbox/")
        }
        epoch = values.get(EPOCH, 0)
        if not epoch:
            return True
        known = node.positions.get(epoch) or self._positions(node, epoch)
        touched[node.sender, epoch] = (node, known)
        if FIRST in values:
            known.declare_first(values[FIRST])
        if message.route.type is MessageType.NBIRTH and values.get(POSITION, known.highest) < known.highest:
            batch.overtaken.append((node, epoch, known.highest))
        return known.add(message.position) if message.position else True


def _keep_sequence(batch: Batch, route: Route, topic: bytes, payload: Payload | None) -> None:
    """Of a payload that is durable already only the place in its session counts: else there is a gap."""
    if payload is not None and payload.HasField("seq"):
        stub = Payload(seq=payload.seq)
        raw = stub.SerializeToString()
        batch.messages.append(Message(route, raw, stub, 0))
        batch.raw.append((topic, raw))
