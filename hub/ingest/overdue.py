"""What a node owes and the passing of time brings out: positions, births, its return, its heartbeat."""

from __future__ import annotations

from hub.alarms.rules import AlarmBook
from hub.ingest.identity import SHARED
from hub.ingest.model import DEAD, Device, Node
from hub.ingest.presence import Attendance
from hub.ingest.rebirth import RebirthRequests
from hub.ingest.sessions import Directory

_REBORN_WITHIN_MS = 15_000
_GAP_MS = 30_000
_BEATS_MISSED = 3


class Overdue:
    """Looks at one node; what it finds goes to presence, to the alarms and to the rebirth requests."""

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

    def look(self, node: Node, now_ms: int) -> None:
        """Look at what is due by now."""
        self._look_for_gap(node, now_ms)
        self._look_for_unborn(node, now_ms)
        self._attendance.look_for_absence(node, now_ms)
        self._look_for_twins(node, now_ms)
        self._look_for_silence(node, now_ms)

    def _look_for_gap(self, node: Node, now_ms: int) -> None:
        """Positions that stay missing: a birth will say whether the node still holds them.

        A backlog that is arriving closes the gap from below, and a rebirth would only begin it anew.
        """
        known = node.positions.get(node.epoch)
        if known is None or not known.beyond:
            node.gap_since_ms = 0
        elif not node.gap_since_ms or known.through != node.gap_after:
            node.gap_since_ms, node.gap_after = now_ms, known.through
        elif now_ms - node.gap_since_ms > _GAP_MS:
            node.gap_since_ms = now_ms
            self._rebirths.want(node, "position_gap")

    def _look_for_unborn(self, node: Node, now_ms: int) -> None:
        """Devices that were there before their node's new birth and have none of their own since."""
        if not node.unreborn_ms or now_ms - node.unreborn_ms <= _REBORN_WITHIN_MS:
            return
        node.unreborn_ms = 0
        for device in node.devices.values():
            if device.presence.state == DEAD and device.presence.reason in ("node_lost", "rebirth"):
                self._attendance.absent(device, "not_reborn", now_ms)

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
        self._dirty[node.itself] = None

    def _look_for_silence(self, node: Node, now_ms: int) -> None:
        """A node that promised a heartbeat and is not heard is lost from when it should have been."""
        if node.heartbeat_s and node.itself.presence.state != DEAD:
            due_ms = node.heard_ms + 1000 * _BEATS_MISSED * node.heartbeat_s
            if now_ms > due_ms:
                self._attendance.lose(node, "silence", due_ms, now_ms)
