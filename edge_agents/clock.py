"""Steps of the machine's clock: what was observed before one carries times of a clock that was wrong.

The hub measures how wrong a clock is when a payload is sent. A payload that waited through a step was
observed by one clock and is sent by another: only the agent can tell, by a clock that never steps.
"""

from __future__ import annotations

import time
from collections.abc import Callable

STEP_MS = 2_000
"""What differs more than this between two looks was set, not slewed."""
_MOST_STEPS = 64


def steady_ms() -> int:
    """Milliseconds since the machine started, sleep included; never steps."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000


class Steps:
    """The steps of one node's clock since it was made, each with the last position observed before it.

    Without a `steady_ms` (a simulated clock may run as it likes) nothing is ever moved.
    """

    def __init__(self, now_ms: Callable[[], int], steady_ms: Callable[[], int] | None, position: int) -> None:
        self._now_ms, self._steady_ms = now_ms, steady_ms
        self._apart_ms = now_ms() - steady_ms() if steady_ms is not None else 0
        self._from = position
        self._steps: list[tuple[int, int]] = []

    def look(self, position: int) -> int:
        """Compare the clocks; return by how much the clock was set since the last look, usually 0 ms."""
        if self._steady_ms is None:
            return 0
        step_ms = self._now_ms() - self._steady_ms() - self._apart_ms
        if abs(step_ms) <= STEP_MS:
            return 0
        self._apart_ms += step_ms
        self._steps.append((position, step_ms))
        del self._steps[:-_MOST_STEPS]
        return step_ms

    def shift_ms(self, position: int) -> int:
        """What the times in a payload have to be moved by, so that the clock of now could have given them."""
        if not self._steps or position <= self._from:
            return 0  # of a run before: nothing is known of its clock
        return sum(step_ms for last, step_ms in self._steps if position <= last)

    def forget(self, position: int) -> None:
        """All payloads through `position` have new positions: what was known of the old ones is over."""
        self._steps.clear()
        self._from = position
