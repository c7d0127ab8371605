"""Which tier answers a question: as coarse as the eye cannot tell, as fine as is still kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from hub.telemetry.tiers import DAY_MS, HOUR_MS, MINUTE_MS, ROLLED, WIDTH_MS, Tier

RAW_MS_A_PIXEL = 10_000
"""Devices report about once in ten seconds or less: up to this range raw values are few, and exact."""
_WINDOWS_A_PIXEL = 1 / 4
_STEPS_MS = (
    *(n * MINUTE_MS for n in (5, 10, 15, 20, 30)),
    *(n * HOUR_MS for n in (1, 2, 3, 4, 6, 8, 12)),
    *(n * DAY_MS for n in (1, 2, 3, 5, 7, 14, 28, 56, 112, 224, 448)),
)


class Plan(NamedTuple):
    """The tier to read, and the steps to show; None shows every raw value."""

    tier: Tier
    step_ms: int | None


def for_pixels(start_ms: int, end_ms: int, points: int, kept_from_ms: Mapping[Tier, int]) -> Plan:
    """Plan a chart of `points` pixels: never more steps than pixels, and a window for every fourth at least.

    So the windows read are at most six times the pixels, whatever the range. `kept_from_ms` says from when
    on a tier is complete.
    """
    range_ms = end_ms - start_ms
    if range_ms <= points * RAW_MS_A_PIXEL and start_ms >= kept_from_ms[Tier.RAW]:
        return Plan(Tier.RAW, None)
    tier = Tier.FIVE_MINUTES
    for coarser in (Tier.HOUR, Tier.DAY):
        enough = range_ms / WIDTH_MS[coarser] >= points * _WINDOWS_A_PIXEL
        if enough or start_ms < kept_from_ms[tier]:
            tier = coarser
    width_ms = WIDTH_MS[tier]
    step_ms = next(
        (step for step in _STEPS_MS if step % width_ms == 0 and range_ms <= step * points), _STEPS_MS[-1]
    )
    return Plan(tier, step_ms)


def for_step(step_ms: int) -> Plan:
    """Plan steps of a length: the coarsest tier that they are whole windows of; raw values otherwise."""
    fitting = [tier for tier in ROLLED if step_ms % WIDTH_MS[tier] == 0]
    return Plan(fitting[-1] if fitting else Tier.RAW, step_ms)
