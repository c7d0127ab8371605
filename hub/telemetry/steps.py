"""What a step of a query shows of the raw values in it, for every engine alike."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

from hub.telemetry.port import MARKER, Aggregate, Point, Value
from hub.telemetry.tiers import step_start

Mark: TypeAlias = tuple[int, Value, int]
"""A point with its row's ordinal."""


def aggregated(points: Iterable[Mark], step_ms: int, aggregate: Aggregate, limit: int) -> list[Point]:
    """Return one point a step that has samples, at most `limit`; markers are none."""
    result: list[Point] = []
    values: list[Value] = []
    current: int | None = None
    for ts_ms, value, ordinal in points:
        if ordinal & MARKER:
            continue
        step = step_start(ts_ms, step_ms)
        if step != current:
            if current is not None:
                result.append(Point(current, combined(values, aggregate)))
                if len(result) >= limit:
                    return result
            current, values = step, []
        if value is not None:
            values.append(value)
    if current is not None:
        result.append(Point(current, combined(values, aggregate)))
    return result


def combined(values: list[Value], aggregate: Aggregate) -> Value:
    """Return what a step shows of its values; of texts always the last; true is 1."""
    if aggregate is Aggregate.COUNT:
        return len(values)
    if not values:
        return None
    numbers = [float(value) for value in values if isinstance(value, int | float)]
    if aggregate is Aggregate.LAST or len(numbers) != len(values):
        return values[-1]
    match aggregate:
        case Aggregate.MIN:
            return min(numbers)
        case Aggregate.MAX:
            return max(numbers)
        case _:
            return sum(numbers) / len(numbers)
