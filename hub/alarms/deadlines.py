"""A heap of things to wake, in which putting one off costs nothing."""

from __future__ import annotations

import heapq

from hub.alarms.conditions import Timed


class Deadlines:
    """What is due when. A deadline moved later or taken back stays in the heap until its old time."""

    def __init__(self) -> None:
        self._order = 0
        self._heap: list[tuple[int, int, Timed]] = []

    @property
    def next_ms(self) -> int | None:
        """No deadline is before this; None if there is none at all."""
        return self._heap[0][0] if self._heap else None

    def arm(self, timed: Timed, at_ms: int) -> None:
        """Wakes it at this time and no other; `timed.due_ms = None` takes that back."""
        timed.due_ms = at_ms
        if timed.queued_ms is None or at_ms < timed.queued_ms:
            timed.queued_ms = at_ms
            self._order += 1
            heapq.heappush(self._heap, (at_ms, self._order, timed))

    def pop(self, now_ms: int) -> tuple[int, list[Timed]] | None:
        """Takes the earliest instant that is not after now, with what is due then (maybe nothing)."""
        heap = self._heap
        if not heap or heap[0][0] > now_ms:
            return None
        at_ms, due = heap[0][0], []
        while heap and heap[0][0] == at_ms:
            timed = heapq.heappop(heap)[2]
            if timed.queued_ms != at_ms:
                continue
            timed.queued_ms = None
            if timed.due_ms is None:
                continue
            if timed.due_ms > at_ms:
                self.arm(timed, timed.due_ms)
            else:
                timed.due_ms = None
                due.append(timed)
        return at_ms, due
