"""When an alarm that comes and goes becomes one flapping alarm, and when it is steady again: pure rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

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


def worth_telling(count: int) -> bool:
    """Whether the count of a flapping alarm is told: at 8, 16, 32 …, so that it costs little however fast."""
    return count >= TOLD_FROM and count & (count - 1) == 0
