"""The live mirror: one retained JSON document a device, latest wins, at most one per interval.

It is the first thing to be shed when the hub has too much to do, and it is derived: nothing waits for it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any

import orjson

from hub.alarms.rules import Alarm, AlarmChange
from hub.ingest.model import BORN, Device, Slot
from hub.ingest.sessions import Directory
from hub.telemetry.port import published

_PER_TICK = 400
_NODES_EVERY_MS = 10_000  # a node's outbox and when it was heard move without any value of its own


class Mirror:
    """Publishes documents of changed devices; `publish(topic, payload)` is retained."""

    def __init__(self, directory: Directory, publish: Callable[[str, bytes], None], interval_ms: int) -> None:
        self.published = 0
        self.shed = 0
        self._directory = directory
        self._publish = publish
        self._interval_ms = interval_ms
        self._waiting: dict[Device, None] = {}
        self._alarms: dict[tuple[str, str, str], set[str]] = defaultdict(set)
        self._topics: dict[str, Device] = {}
        self._nodes_ms = 0

    def restored(self, device: Device) -> None:
        """Remember where a device of an earlier life was published."""
        if device.topic:
            self._topics[device.topic] = device

    def publish_changed(self, dirty: dict[Device, None], now_ms: int, *, overloaded: bool = False) -> None:
        """Publish what changed and may be published now; the rest waits for its interval."""
        waiting = self._waiting
        waiting.update(dirty)
        dirty.clear()
        if now_ms - self._nodes_ms >= _NODES_EVERY_MS:
            self._nodes_ms = now_ms
            heard = (n for n in self._directory.nodes.values() if n.heard_ms > n.itself.published_ms > 0)
            waiting.update((node.itself, None) for node in heard)
        interval_ms = self._interval_ms * (10 if overloaded else 1)
        ready = [device for device in waiting if now_ms - device.published_ms >= interval_ms]
        for device in ready[:_PER_TICK]:
            del waiting[device]
            device.published_ms = now_ms
            self.publish(device, now_ms)
        if overloaded:
            self.shed += max(0, len(ready) - _PER_TICK)

    def publish(self, device: Device, now_ms: int) -> None:
        """Publish one document now."""
        topic = self._topic(device)
        if device.topic != topic:
            if device.topic:
                self._publish(device.topic, b"")
                self._topics.pop(device.topic, None)
            device.topic = topic
            self._topics[topic] = device
        self._publish(topic, orjson.dumps(self.document(device, now_ms)))
        self.published += 1

    def _topic(self, device: Device) -> str:
        node = device.node
        school = self._directory.school_of(node)
        if not device.id:
            return f"hub/live/{school}/-/{node.id}"
        topic = f"hub/live/{school}/{device.shown_room}/{device.id}"
        if self._topics.get(topic, device) is device:
            return topic
        return f"{topic}@{node.id}"  # device ids are unique in a node, not necessarily in a room

    def knows(self, topic: str) -> bool:
        """Tell whether a device or node stands behind the topic."""
        return topic in self._topics

    def alarm_changed(self, change: AlarmChange) -> None:
        """Publish an alarm; an ended one is taken off the broker."""
        alarm = change.alarm
        if alarm.is_open:
            self.alarm_open(alarm)
        else:
            self._alarms[alarm.school, alarm.node, alarm.device or ""].discard(alarm.id)
            self._publish(f"hub/alarms/{alarm.id}", b"")

    def alarm_open(self, alarm: Alarm) -> None:
        """Publish an alarm that is open."""
        self._alarms[alarm.school, alarm.node, alarm.device or ""].add(alarm.id)
        self._publish(f"hub/alarms/{alarm.id}", orjson.dumps(alarm))

    def document(self, device: Device, now_ms: int) -> dict[str, Any]:
        """Return what the mirror says of a device (or with id "" of the node)."""
        node = device.node
        school = self._directory.school_of(node)
        here = device.presence.state == BORN
        document: dict[str, Any] = {
            "v": 1,
            "school": school,
            "group": node.group,
            "room": device.shown_room if device.id else "-",
            "node": node.id,
            "device": device.id or None,
            "kind": device.kind_id,
            "name": device.name,
            "claimed": node.claimed,
            "simulated": node.simulated,
            "published_ms": now_ms,
            "presence": {
                "state": device.presence.state,
                "reason": device.presence.reason,
                "since_ms": device.presence.since_ms,
            },
            "metrics": {
                slot.name: {
                    "value": published(slot.value, slot.datatype),
                    "unit": slot.unit,
                    "ts_ms": slot.ts_ms or None,
                    "quality": _quality(slot, here),
                    "severity": slot.watch.severity if slot.watch is not None else None,
                }
                for slot in device.slots.values()
            },
            "alarms": sorted(self._alarms.get((school, node.id, device.id), ())),
        }
        if not device.id:
            known = node.positions.get(node.epoch)
            document["clock_offset_ms"] = node.clock_offset_ms
            document["clock_factor"] = node.clock_factor
            document["skew_ms"] = node.skew_ms
            document["identity_shared"] = node.identity.is_shared(now_ms)
            document["software"] = node.software
            document["heard_ms"] = node.heard_ms or None
            document["outbox"] = known and {
                "stored": known.through,
                "position": known.highest,
                "waiting": known.missing,
                "lost": known.lost,
            }
        return document


def _quality(slot: Slot, here: bool) -> str:
    if slot.value is None and slot.ts_ms:
        return "bad"
    too_old = slot.ts_ms and slot.stale_ms == slot.ts_ms
    return "good" if here and not too_old else "stale"
