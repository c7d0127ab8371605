"""When an alarm that comes and goes becomes one flapping alarm, and when it is steady again: pure rules."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from hub.alarms.conditions import Condition, Timed

MINUTE_MS = 60_000
TOLD_FROM = 8


@dataclass(frozen=True, slots=True)
class FlapRule:
    """Flapping is to rise `rises` times within `window_ms`; it ends when nothing rose for `hold_ms`."""

    rises: int = 4
    window_ms: int = 10 * MINUTE_MS
    hold_ms: int = 5 * MINUTE_MS


FLAPPING: Mapping[str, FlapRule] = {
    "offline": FlapRule(window_ms=30 * MINUTE_MS, hold_ms=10 * MINUTE_MS),
    "school_down": FlapRule(window_ms=30 * MINUTE_MS, hold_ms=10 * MINUTE_MS),
}
"""The rules by condition; `FlapRule()` for all others. Connections come and go more slowly than values."""


@dataclass(slots=True, eq=False)
class Flap(Timed):
    """The latest rises of one condition; woken when it has been quiet for long enough.

    `wrong` is whether it is so at this moment, which a flapping alarm does not show; `count` is how often it
    rose since it flaps.
    """

    condition: Condition
    rule: FlapRule
    wrong: bool = False
    count: int = 0
    rises_ms: deque[int] = field(default_factory=deque)

    def rise(self, at_ms: int) -> bool:
        """Notes a rise, never before the one before; tells whether there are too many within the window."""
        rises = self.rises_ms
        rises.append(max(at_ms, rises[-1]) if rises else at_ms)
        if len(rises) > self.rule.rises:
            rises.popleft()
        return len(rises) == self.rule.rises and rises[-1] - rises[0] <= self.rule.window_ms


def worth_telling(count: int) -> bool:
    """Whether the count of a flapping alarm is told: at 8, 16, 32 …, so that it costs little however fast."""
    return count >= TOLD_FROM and count & (count - 1) == 0
