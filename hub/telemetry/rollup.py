"""What a stretch of time makes of the values in it: pure functions, exact from tier to tier.

Devices report by exception, so a value lasts until the next one; a null begins a gap, which the next value
ends. A window knows how long each of its values lasted, and what lasts beyond its end.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import mul, sub

from hub.telemetry.port import Value

MAX_STATES = 16
OTHER_STATES = "…"
_STATE_CHARACTERS = 64


@dataclass(frozen=True, slots=True)
class Rollup:
    """One window of one metric.

    `count`, `min`, `max` and `sum` are of the samples in the window alone (true is 1; count also of texts).
    `weighted_sum` (value · ms), `covered_ms` and `states` (ms by state) are of the values that lasted in it,
    the one carried in included; `covered_ms` counts numbers and states alike. `last` is the last value in the
    window, `last_ms` its time (the start without one), and `held` tells whether it lasts beyond the end:
    False means a gap.
    """

    start_ms: int
    count: int
    min: float | None
    max: float | None
    sum: float
    last: Value
    last_ms: int
    weighted_sum: float
    covered_ms: int
    states: dict[str, int]
    held: bool


def is_state(value: Value) -> bool:
    """Tell whether a value is a state (text or Boolean) rather than a number."""
    return isinstance(value, bool | str)


def state_name(value: Value) -> str:
    """Return what a state is called in `Rollup.states`."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)[:_STATE_CHARACTERS]


def end_value(row: Rollup) -> Value:
    """Return the value that lasts beyond the end of a window, None for a gap."""
    return row.last if row.held else None


def window(
    start_ms: int,
    end_ms: int,
    times: Sequence[int],
    values: Sequence[Value],
    carry: Value,
    uncounted: Sequence[int] = (),
) -> Rollup | None:
    """Make a window of the samples in it; None without any, whatever is carried in.

    `times` ascend within [start_ms, end_ms) and belong to `values`; `uncounted` are the places of markers,
    which say that a value lasts or ends but are no samples. `carry` is what lasted at the start.
    """
    if not times:
        return None
    durations = list(map(sub, [*times[1:], end_ms], times))
    before_ms = times[0] - start_ms
    left_out = set(uncounted)
    counted = [value for n, value in enumerate(values) if n not in left_out] if left_out else values
    samples = [value for value in counted if value is not None]
    numbers = [float(value) for value in samples if not isinstance(value, str)]
    has_states = any(isinstance(value, bool) for value in samples) or len(numbers) != len(samples)
    lasting: Iterable[tuple[Value, int]] = zip([carry, *values], [before_ms, *durations], strict=True)
    if (
        len(numbers) == len(values) and not has_states and not is_state(carry)
    ):  # the usual case, at the speed of C
        carried_ms = 0 if carry is None else before_ms
        weighted = sum(map(mul, numbers, durations)) + (0.0 if carry is None else float(carry) * before_ms)
        covered_ms, states = end_ms - times[0] + carried_ms, dict[str, int]()
    else:
        weighted, covered_ms, states = _lasted(lasting)
    place = len(values) - 1
    while place > 0 and values[place] is None:
        place -= 1
    return Rollup(
        start_ms,
        len(samples),
        min(numbers, default=None),
        max(numbers, default=None),
        float(sum(numbers)),
        values[place],
        start_ms if values[place] is None else times[place],
        weighted,
        covered_ms,
        states,
        values[-1] is not None,
    )


def merge(
    start_ms: int, end_ms: int, rows: Sequence[Rollup], width_ms: int, carry: Value, *, always: bool = False
) -> Rollup | None:
    """Make one window of finer ones, `width_ms` wide each and ascending; what lasted between them counts.

    Without rows there is nothing to merge and the answer is None, or with `always` (days, where a search
    for what is carried ends) the value carried through. `end_ms` may cut the window short at the present.
    """
    if not rows and (carry is None or not always):
        return None
    count, total, last, last_ms = 0, 0.0, None, start_ms
    weighted, covered_ms, states = 0.0, 0, dict[str, int]()
    between: list[tuple[Value, int]] = []
    through_ms, held = start_ms, carry
    for row in rows:
        if row.start_ms > through_ms:
            between.append((held, row.start_ms - through_ms))
        count += row.count
        total += row.sum
        weighted += row.weighted_sum
        covered_ms += row.covered_ms
        for name, ms in row.states.items():
            states[name] = states.get(name, 0) + ms
        if row.last is not None:
            last, last_ms = row.last, row.last_ms
        held = end_value(row)
        through_ms = row.start_ms + width_ms
    if through_ms < end_ms:
        between.append((held, end_ms - through_ms))
    between_weighted, between_ms, between_states = _lasted(between)
    for name, ms in between_states.items():
        states[name] = states.get(name, 0) + ms
    if not rows:
        last = carry
    return Rollup(
        start_ms,
        count,
        min((row.min for row in rows if row.min is not None), default=None),
        max((row.max for row in rows if row.max is not None), default=None),
        total,
        last,
        last_ms,
        weighted + between_weighted,
        covered_ms + between_ms,
        _bounded(states),
        held is not None,
    )


def _lasted(lasting: Iterable[tuple[Value, int]]) -> tuple[float, int, dict[str, int]]:
    """Sum up (value, ms): value · ms of numbers, ms of everything but gaps, ms by state."""
    weighted, covered_ms, states = 0.0, 0, dict[str, int]()
    for value, ms in lasting:
        if value is None or ms <= 0:
            continue
        covered_ms += ms
        if isinstance(value, bool | str):
            name = state_name(value)
            states[name] = states.get(name, 0) + ms
        else:
            weighted += value * ms
    return weighted, covered_ms, _bounded(states)


def _bounded(states: dict[str, int]) -> dict[str, int]:
    """Keep the longest states apart and put the rest together."""
    if len(states) <= MAX_STATES:
        return states
    rest_ms = states.pop(OTHER_STATES, 0)
    longest = sorted(states.items(), key=lambda item: (-item[1], item[0]))
    kept = dict(longest[: MAX_STATES - 1])
    kept[OTHER_STATES] = rest_ms + sum(ms for _, ms in longest[MAX_STATES - 1 :])
    return kept
