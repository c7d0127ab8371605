"""Is what is shown still so? Values that should have moved long ago, and nodes that promise no heartbeat.

Values are reported by exception: one that does not change is not old while its node is heard. So age alone
says nothing; only a kind that says a metric always moves (`Metric.stale_after_s`) makes its silence a fault.
It is judged by what the node had said when it was heard last, so that a hub that is behind accuses nobody.
A node without a heartbeat is asked for its birth when it has been silent for long; a living one must answer.
"""

from __future__ import annotations

from devices.kind import DeviceKind, Metric
from hub.alarms.rules import AlarmBook
from hub.ingest.model import BORN, STALE, Device, Node
from hub.ingest.presence import Attendance
from hub.ingest.rebirth import RebirthRequests
from hub.ingest.sessions import Directory

_LOOK_EVERY_MS = 10_000
_ASK_AFTER_MS = 600_000
_ANSWER_WITHIN_MS = 120_000


class Freshness:
    """Looks over everything now and then; what it finds goes to the alarms and to what is `dirty`."""

    def __init__(
        self,
        directory: Directory,
        book: AlarmBook,
        rebirths: RebirthRequests,
        attendance: Attendance,
        dirty: dict[Device, None],
    ) -> None:
        self._directory, self._book, self._rebirths = directory, book, rebirths
        self._attendance, self._dirty = attendance, dirty
        self._moving: dict[str, tuple[Metric, ...]] = {}
        self._asked_ms: dict[Node, int] = {}
        self._told: set[tuple[str, str | None, str]] = set()
        self._looked_ms = 0

    def look(self, now_ms: int) -> None:
        """Look, if it is time to."""
        if 0 <= now_ms - self._looked_ms < _LOOK_EVERY_MS:
            return
        self._looked_ms = now_ms
        self._told = {
            (alarm.node, alarm.device, alarm.metric)
            for alarm in self._book.open().values()
            if alarm.condition == "stale" and alarm.returned_ms is None
        }
        for node in self._directory.nodes.values():
            if not node.heartbeat_s and node.itself.presence.state == BORN:
                self._ask(node, now_ms)
            if not node.claimed:
                continue
            for device in node.devices.values():
                if device.kind is not None and device.presence.state != STALE:
                    for metric in self._moving_of(device.kind):
                        self._judge(device, metric, now_ms)

    def _ask(self, node: Node, now_ms: int) -> None:
        asked_ms = self._asked_ms.get(node, 0)
        if asked_ms and node.heard_ms >= asked_ms:
            del self._asked_ms[node]
        elif asked_ms and now_ms - asked_ms > _ANSWER_WITHIN_MS:
            del self._asked_ms[node]
            self._attendance.lose(node, "unanswered", asked_ms, now_ms)
        elif not asked_ms and now_ms - node.heard_ms > _ASK_AFTER_MS:
            self._asked_ms[node] = now_ms
            self._rebirths.want(node, "silence")

    def _moving_of(self, kind: DeviceKind) -> tuple[Metric, ...]:
        moving = self._moving.get(kind.id)
        if moving is None:
            moving = tuple(metric for metric in kind.metrics if metric.stale_after_s is not None)
            self._moving[kind.id] = moving
        return moving

    def _judge(self, device: Device, metric: Metric, now_ms: int) -> None:
        slot = device.slots.get(metric.name)
        if slot is None or not slot.ts_ms:
            return
        # a device that comes back reports a value it had before only when that value changes
        known_ms = max(slot.ts_ms, device.presence.since_ms)
        due_ms = known_ms + round((metric.stale_after_s or 0) * 1000)
        is_old = device.presence.state == BORN and slot.value is not None and device.node.heard_ms >= due_ms
        if is_old:
            is_told = slot.stale_ms == slot.ts_ms
        else:  # it may have been told before a restart
            is_told = not slot.stale_ms and (device.node.id, device.id, metric.name) not in self._told
        if not is_told:
            slot.stale_ms = slot.ts_ms if is_old else 0
            self._dirty[device] = None
            subject = self._directory.subject(device)
            self._book.freshness(subject, metric, due_ms if is_old else None, now_ms)
