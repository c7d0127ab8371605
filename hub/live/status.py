"""How many devices of each unit and room are there, and their open alarms; counted again on a change."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from hub.live.documents import Document, Mirrored
from hub.live.inventory import Inventory
from hub.live.path import school_state
from hub.live.rules import is_open, is_present
from hub.live.schools import UPLINK, sight
from hub.organisation.rules import Counted


@dataclass(slots=True)
class _Tally:
    devices: int = 0
    online: int = 0
    alarms: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def counted(self) -> Counted:
        alarms = self.alarms
        return Counted(self.devices, self.online, alarms["critical"], alarms["major"], alarms["minor"])


class StatusBoard:
    """Counts of units by code; add it as a listener of the picture after its inventory."""

    def __init__(self, inventory: Inventory) -> None:
        self._inventory = inventory
        self._units: dict[str, Counted] = {}
        self._rooms: dict[str, dict[str, Counted]] = {}

    def of(self, unit: str) -> Counted:
        """What stands in a unit itself, not below it; nothing is online where nothing can be reached."""
        if unit not in self._units:
            self._count(unit)
        return self._units[unit]

    def rooms_of(self, unit: str) -> Mapping[str, Counted]:
        """What stands in each room of a unit, by the room's code."""
        if unit not in self._units:
            self._count(unit)
        return self._rooms[unit]

    def device_changed(self, old: Mirrored | None, new: Mirrored | None) -> None:
        """Values come and go without changing a count; an uplink's say whether its school is reached."""
        if old is not None and new is not None and new.kind != UPLINK and _facts(old) == _facts(new):
            return
        for document in (old, new):
            if document is not None:
                self._units.pop(document.school, None)

    def alarm_changed(self, old: Document | None, new: Document | None) -> None:
        """An alarm was raised, changed, or is closed."""
        for alarm in (old, new):
            if alarm is not None:
                self._units.pop(alarm["school"], None)

    def status_changed(self) -> None:
        """Heartbeats say nothing of devices."""

    def _count(self, unit: str) -> None:
        total, rooms = _Tally(), defaultdict[str, _Tally](_Tally)
        reached = school_state(sight(self._inventory, unit))[0] not in ("down", "unknown")
        for entry in self._inventory.of_school(unit):
            if entry.document.claimed:
                there = reached and is_present(entry.document)
                for tally in (total, rooms[entry.document.room]):
                    tally.devices += 1
                    tally.online += there
        for alarm in self._inventory.alarms_of(unit):
            if is_open(alarm):
                for tally in (total, rooms[alarm["room"]]):
                    tally.alarms[alarm["severity"]] += 1
        self._units[unit] = total.counted()
        self._rooms[unit] = {room: tally.counted() for room, tally in rooms.items()}


def _facts(document: Mirrored) -> tuple[object, ...]:
    presence = document.presence
    return (
        document.school,
        document.room,
        document.kind,
        document.claimed,
        presence.state,
        presence.reason,
    )
