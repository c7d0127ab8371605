"""Who is there: how nodes and devices come, go, fall silent and are heard again."""

from __future__ import annotations

from devices.wire.sparkplug_b_pb2 import Payload
from hub.alarms.rules import AlarmBook
from hub.ingest.effects import Effects
from hub.ingest.gaps import Gaps
from hub.ingest.model import BORN, DEAD, STALE, Device, Node, Presence
from hub.ingest.sessions import Directory
from hub.registry.rules import PresenceChange

GOODBYE = "goodbye"
_BACK_WITHIN_MS = 60_000


class Attendance:
    """Keeps the presence of everything; changes go to `effects`, to the alarms and to what is `dirty`."""

    def __init__(
        self,
        directory: Directory,
        book: AlarmBook,
        effects: Effects,
        dirty: dict[Device, None],
        gaps: Gaps,
    ) -> None:
        self._directory = directory
        self._book = book
        self._effects = effects
        self._dirty = dirty
        self._gaps = gaps

    def lose(self, node: Node, reason: str, since_ms: int, now_ms: int) -> None:
        """Note that a node is gone, and with it the sight of its devices."""
        node.verified = False
        self.note(node.itself, DEAD, reason, since_ms, now_ms)
        self._lose_sight(node, since_ms)

    def _lose_sight(self, node: Node, since_ms: int) -> None:
        self._dirty[node.itself] = None
        for device in node.devices.values():
            if device.presence.state != DEAD:
                device.presence = Presence(DEAD, "node_lost", since_ms)
                self._dirty[device] = None
                self._gaps.begin(device, since_ms, is_own=False)

    def leave(self, node: Node, now_ms: int) -> None:
        """Note that a node said goodbye: a restart or an update, and an alarm only if it stays away."""
        node.verified = False
        node.left_ms = now_ms
        itself = node.itself
        itself.presence = Presence(DEAD, GOODBYE, now_ms)
        self._effects.presence.append(PresenceChange(node.group, node.id, "", DEAD, GOODBYE, now_ms))
        self._lose_sight(node, now_ms)

    def look_for_absence(self, node: Node, now_ms: int) -> None:
        """Raise the alarm of a node that said goodbye and did not come back."""
        if node.left_ms and now_ms - node.left_ms > _BACK_WITHIN_MS:
            node.left_ms = 0
            self.tell_alarms(node.itself, False, now_ms)

    def heard(self, node: Node, received_ms: int) -> None:
        """Note that a node was heard after a restart of the hub or after it had been given up."""
        node.verified = True
        if node.itself.presence.state != BORN and node.itself.birth is not None:
            self.note(node.itself, BORN, "heard_again", received_ms, received_ms)
            for device in node.devices.values():
                if device.presence.reason in ("node_lost", "hub_restart"):
                    self.note(device, BORN, "heard_again", received_ms, received_ms)
                    self._gaps.end(device, received_ms)

    def note(self, device: Device, state: str, reason: str, since_ms: int, now_ms: int) -> None:
        """Note that something came, went or fell silent."""
        self._dirty[device] = None
        if device.presence.state != state:
            device.presence = Presence(state, reason, since_ms)
            node = device.node
            self._effects.presence.append(
                PresenceChange(node.group, node.id, device.id, state, reason, since_ms)
            )
        self.tell_alarms(device, state != DEAD, now_ms)

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
            self._dirty[device] = None
            if device.id and device.birth is not None:
                self._directory.device_birth(node, device, Payload.FromString(device.birth), device.birth)
            self.tell_alarms(device, device.presence.state != DEAD, now_ms)
            self._observe_again(device, now_ms)

    def _observe_again(self, device: Device, now_ms: int) -> None:
        for slot in device.slots.values():
            if slot.watch is not None and slot.value is not None:
                self._book.observe(slot.watch, slot.value, slot.ts_ms, now_ms)

    def absent(self, device: Device, reason: str, now_ms: int) -> None:
        """Note that a device is not there any more, though nothing said so."""
        device.presence = Presence(BORN, reason, now_ms)
        self.note(device, DEAD, reason, now_ms, now_ms)
        self._gaps.begin(device, now_ms, is_own=True)

    def tell_alarms(self, device: Device, online: bool, now_ms: int) -> None:
        """Tell the alarms whether a device is there, if its absence matters."""
        rule = self._directory.offline_rule(device)
        if rule is not None:
            presence = device.presence
            subject = self._directory.subject(device)
            self._book.presence(subject, online, presence.reason, presence.since_ms, now_ms, rule)
