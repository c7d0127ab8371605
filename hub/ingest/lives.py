"""Births and deaths: what they change in sessions, presence and records."""

from __future__ import annotations

from devices.wire.sparkplug_b_pb2 import Payload
from hub.ingest.effects import Effects
from hub.ingest.gaps import Gaps
from hub.ingest.model import BORN, DEAD, Device, Node, Presence
from hub.ingest.presence import Attendance
from hub.ingest.rebirth import RebirthRequests
from hub.ingest.sessions import Directory
from hub.organisation.rules import RoomSeen
from hub.registry.rules import DeviceSeen, NodeSeen


class Lives:
    """Begins and ends the lives of nodes and devices; the values in a birth are the applier's."""

    def __init__(
        self,
        directory: Directory,
        rebirths: RebirthRequests,
        attendance: Attendance,
        gaps: Gaps,
        effects: Effects,
    ) -> None:
        self._directory, self._rebirths = directory, rebirths
        self._attendance, self._gaps, self._effects = attendance, gaps, effects

    def node_born(self, node: Node, payload: Payload, raw: bytes, received_ms: int) -> str:
        """Take over an NBIRTH, which ends the lives of its devices; return what is odd about it, or ""."""
        node.heard_ms = received_ms
        node.verified = True
        node.gap_since_ms = node.left_ms = 0
        self._rebirths.satisfied(node)
        problem = self._directory.node_birth(node, payload, raw)
        if not node.has_outbox and node.bd_seq is not None:
            node.identity.birth_seen(node.bd_seq, received_ms)
        self._attendance.note(node.itself, BORN, "birth", received_ms, received_ms)
        for device in node.devices.values():
            if device.presence.state == BORN:
                # until its own birth, a moment away
                device.presence = Presence(DEAD, "rebirth", device.presence.since_ms)
        node.unreborn_ms = received_ms
        school = self._directory.school_of(node) if node.claimed else None
        self._effects.nodes[node.group, node.id] = NodeSeen(
            node.group, node.id, received_ms, node.simulated, node.software, school
        )
        return problem

    def device_born(self, device: Device, payload: Payload, raw: bytes, received_ms: int) -> str:
        """Take over a DBIRTH; return what is odd about it, or ""."""
        node, was = device.node, device.presence
        problem = self._directory.device_birth(node, device, payload, raw)
        if was.state == DEAD and was.reason == "rebirth":
            device.presence = Presence(BORN, "birth", was.since_ms)  # it was never away: nothing to record
            self._attendance.tell_alarms(device, True, received_ms)
        else:
            self._attendance.note(device, BORN, "birth", received_ms, received_ms)
        self._effects.devices[node.group, node.id, device.id] = DeviceSeen(
            node.group, node.id, device.id, device.kind_id, device.shown_room, device.name, node.claimed
        )
        self._learn_room(device)
        return problem

    def _learn_room(self, device: Device) -> None:
        """Note the type of the room a device says it is in; where a person put the node, it knows none."""
        if device.room_type and device.node.claimed and device.claimed_room is None and device.room != "-":
            school = self._directory.school_of(device.node)
            self._effects.rooms[school, device.room] = RoomSeen(school, device.room, type=device.room_type)

    def node_died(self, node: Node, payload: Payload, received_ms: int) -> None:
        """Take an NDEATH that ends the node's session: a goodbye, or the will of a connection that broke."""
        if node.has_outbox and payload.HasField("timestamp"):
            self._attendance.leave(node, received_ms)  # our agents' wills carry no time, their goodbyes do
        else:
            self._attendance.lose(node, "will", received_ms, received_ms)

    def device_died(self, device: Device, payload: Payload, since_ms: int, received_ms: int) -> None:
        """Take a DDEATH; its values end where it did."""
        self._attendance.note(device, DEAD, _reason(payload), since_ms, received_ms)
        self._gaps.begin(device, since_ms, is_own=True)


def ends_session(node: Node, payload: Payload) -> bool:
    """Tell whether an NDEATH is of the node's session, not the will of one that a newer birth replaced."""
    if node.itself.birth is None:
        return False
    bd_seq = next(
        (metric.long_value or metric.int_value for metric in payload.metrics if metric.name == "bdSeq"),
        None,
    )
    return bd_seq is None or node.bd_seq is None or bd_seq == node.bd_seq


def _reason(payload: Payload) -> str:
    for metric in payload.metrics:
        if metric.name == "Properties/Reason" and metric.HasField("string_value"):
            return metric.string_value[:64]
    return "device_death"
