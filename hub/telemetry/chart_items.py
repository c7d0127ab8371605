"""Items of a chart: one a step or value, and one for each gap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from hub.telemetry.port import Samples, Value, published
from hub.telemetry.rollup import Rollup, end_value, is_state, merge, window
from hub.telemetry.tiers import step_start


@dataclass(slots=True)
class Item:
    """One step of a chart, or one raw value. `value` None is a gap: no line is drawn through it.

    `value` is the mean by time of numbers, the last of states (`states`: ms in each). `covered` is the part
    of the step in which there was a value.
    """

    ts_ms: int
    value: Value
    min: float | None = None
    max: float | None = None
    last: Value = None
    count: int = 0
    covered: float = 0.0
    states: dict[str, int] = field(default_factory=dict)


def by_step(rows: Sequence[Rollup], step_ms: int) -> list[tuple[int, list[Rollup]]]:
    """Gather windows by the step that they are in, as (start, windows)."""
    steps: list[tuple[int, list[Rollup]]] = []
    for row in rows:
        begin_ms = step_start(row.start_ms, step_ms)
        if not steps or steps[-1][0] != begin_ms:
            steps.append((begin_ms, []))
        steps[-1][1].append(row)
    return steps


def items_of(
    rows: Sequence[Rollup],
    start_ms: int,
    end_ms: int,
    step_ms: int,
    width_ms: int,
    carry: Value,
    datatype: int,
) -> list[Item]:
    """Give an item for every step that has a value at some time, and one for each gap."""
    steps = dict(by_step(rows, step_ms))
    items: list[Item] = []
    for begin_ms in range(start_ms, end_ms, step_ms):
        to_ms = min(begin_ms + step_ms, end_ms)
        row = merge(begin_ms, to_ms, steps.get(begin_ms, ()), width_ms, carry, always=True)
        _append(items, row, begin_ms, to_ms - begin_ms, carry, datatype)
        carry = end_value(row) if row is not None else None
    return items


def pixels_of(
    samples: Samples, start_ms: int, end_ms: int, step_ms: int, carry: Value, datatype: int
) -> list[Item]:
    """Make a window of raw values for every pixel."""
    items: list[Item] = []
    places: dict[int, list[int]] = {}
    marks = set(samples.uncounted)
    for place, ts_ms in enumerate(samples.times):
        if ts_ms >= start_ms:
            places.setdefault((ts_ms - start_ms) // step_ms, []).append(place)
    for n in range(-(-(end_ms - start_ms) // step_ms)):
        begin_ms, to_ms = start_ms + n * step_ms, min(start_ms + (n + 1) * step_ms, end_ms)
        some = places.get(n, [])
        row = window(
            begin_ms, to_ms, [samples.times[p] for p in some], [samples.values[p] for p in some], carry,
            [at for at, place in enumerate(some) if place in marks],
        ) or merge(begin_ms, to_ms, (), step_ms, carry, always=True)  # fmt: skip
        _append(items, row, begin_ms, to_ms - begin_ms, carry, datatype)
        carry = end_value(row) if row is not None else None
    return items


def _append(
    items: list[Item], row: Rollup | None, begin_ms: int, length_ms: int, carry: Value, datatype: int
) -> None:
    if row is None or (not row.covered_ms and not row.count):
        if items and items[-1].value is not None:  # a gap is one item, however long
            items.append(Item(begin_ms, None))
        return
    # what lasted into the step belongs to its range, else the mean could lie outside
    numbers = [
        float(value)
        for value in (row.min, row.max, carry, row.last)
        if isinstance(value, int | float) and not isinstance(value, bool)
    ]
    value: Value
    if is_state(row.last) or row.states:
        value = end_value(row)
        value = row.last if value is None else value
    else:
        value = row.weighted_sum / row.covered_ms if row.covered_ms else row.last
    least, greatest = (float(min(numbers)), float(max(numbers))) if numbers else (None, None)
    items.append(
        Item(
            begin_ms,
            published(value, datatype),
            _shown(least, datatype),
            _shown(greatest, datatype),
            published(row.last, datatype),
            row.count,
            round(row.covered_ms / length_ms, 4) if length_ms else 0.0,
            row.states,
        )
    )


def _shown(number: float | None, datatype: int) -> float | None:
    shown = published(number, datatype)
    return float(shown) if isinstance(shown, int | float) else None


def raw_item(ts_ms: int, value: Value, datatype: int, count: int) -> Item:
    """Give a raw value as it is."""
    shown = published(value, datatype)
    number = shown if isinstance(shown, int | float) and not isinstance(shown, bool) else None
    return Item(
        ts_ms, shown, number, number, shown, count if value is not None else 0, 0.0 if value is None else 1.0
    )
