"""What applying messages changes outside the telemetry store, gathered until it is written."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from hub.alarms.rules import AlarmChange
from hub.ingest.decode import Message
from hub.organisation.rules import RoomSeen
from hub.registry.rules import DeviceSeen, NodeSeen, PresenceChange, Quarantined

_QUARANTINE_PER_SENDER = 50
_ACKNOWLEDGED_PER_SENDER = 5_000
_QUARANTINE_WINDOW_MS = 60_000


@dataclass(slots=True)
class Effects:
    """Facts for the relational database; every one may be written twice without harm."""

    nodes: dict[tuple[str, str], NodeSeen] = field(default_factory=dict)
    devices: dict[tuple[str, str, str], DeviceSeen] = field(default_factory=dict)
    rooms: dict[tuple[str, str], RoomSeen] = field(default_factory=dict)
    presence: list[PresenceChange] = field(default_factory=list)
    quarantine: list[Quarantined] = field(default_factory=list)
    alarms: list[AlarmChange] = field(default_factory=list)

    def __bool__(self) -> bool:
        facts = (self.nodes, self.devices, self.rooms, self.presence, self.quarantine, self.alarms)
        return any(facts)


class QuarantineGate:
    """Counts everything that cannot be used, and keeps the bytes of a bounded part of it.

    A node that sends nothing but rubbish fills its own minute's allowance, not the database.
    """

    def __init__(self) -> None:
        self.total = 0
        self.unkept = 0
        self.by_reason: Counter[str] = Counter()
        self._window_ms = 0
        self._kept: Counter[tuple[str, str]] = Counter()

    def count(self, reason: str) -> None:
        """Count something unusable of which there is nothing to keep."""
        self.total += 1
        self.by_reason[reason] += 1

    def admit(
        self, effects: Effects, message: Message, reason: str, detail: str, received_ms: int, key: str
    ) -> None:
        """Count one unusable payload; keep it unless its sender's allowance for the reason is used up."""
        self.count(reason)
        if received_ms - self._window_ms > _QUARANTINE_WINDOW_MS or len(self._kept) > 10_000:
            self._window_ms = received_ms
            self._kept.clear()
        route = message.route
        sender = route.node.sender if route.node else ""
        # what carries a position was acknowledged: its sender has forgotten it
        allowance = _ACKNOWLEDGED_PER_SENDER if message.position else _QUARANTINE_PER_SENDER
        if self._kept[sender, reason] >= allowance:
            self.unkept += 1
            return
        self._kept[sender, reason] += 1
        effects.quarantine.append(
            Quarantined(
                received_ms=received_ms,
                group=route.node.group if route.node else "",
                node=route.node.id if route.node else "",
                device=route.device_id,
                topic=route.topic.decode(errors="replace"),
                reason=reason,
                detail=detail[:500],
                payload=message.raw,
                journal_key=key,
            )
        )
