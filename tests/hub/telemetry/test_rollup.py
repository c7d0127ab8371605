"""Windows: what lasted is counted while it lasted, and coarse windows say what the raw values say."""

import math
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.telemetry.port import Value
from hub.telemetry.rollup import MAX_STATES, OTHER_STATES, Rollup, end_value, merge, window
from hub.telemetry.rollup_rows import pack, pack_part, unpack
from hub.telemetry.tiers import DAY_MS, HOUR_MS, WIDTH_MS, Tier, day_start, step_start, window_start

T0 = 1_760_000_400_000
FIVE_MS = WIDTH_MS[Tier.FIVE_MINUTES]

_NUMBERS = st.integers(-1000, 1000) | st.floats(-1e6, 1e6, width=32)
_STATES = st.booleans() | st.sampled_from(["on", "off", "standby"])
_VALUES = st.none() | _NUMBERS | _STATES


@st.composite
def _hours(draw: st.DrawFn) -> tuple[list[tuple[int, Value, bool]], Value]:
    """Samples of one hour, bunched so that some windows have none, and what was carried in."""
    kind = draw(st.sampled_from([_NUMBERS, st.none() | _NUMBERS, st.none() | _STATES, _VALUES]))
    offsets = st.integers(0, HOUR_MS - 1) | st.sampled_from([0, FIVE_MS, FIVE_MS - 1, 7 * FIVE_MS])
    moments = sorted(draw(st.lists(offsets, min_size=1, max_size=30)))
    samples = [(T0 + moment, draw(kind), draw(st.booleans()) or draw(st.booleans())) for moment in moments]
    return samples, draw(st.none() | kind)


def _window(
    start_ms: int, end_ms: int, samples: list[tuple[int, Value, bool]], carry: Value
) -> Rollup | None:
    chosen = [sample for sample in samples if start_ms <= sample[0] < end_ms]
    uncounted = [n for n, (_, _, counted) in enumerate(chosen) if not counted]
    return window(start_ms, end_ms, [s[0] for s in chosen], [s[1] for s in chosen], carry, uncounted)


def _same(one: Rollup | None, other: Rollup | None) -> None:
    assert one is not None
    assert other is not None
    for name in Rollup.__slots__:
        first, second = getattr(one, name), getattr(other, name)
        if isinstance(first, float) and second is not None:
            assert math.isclose(first, second, rel_tol=1e-9, abs_tol=1e-3), name
        else:
            assert first == second, name


@settings(max_examples=150)
@given(_hours())
def test_an_hour_of_windows_is_the_hour_of_the_raw_values(hour: tuple[Any, Value]) -> None:
    samples, carry = hour
    held, rows = carry, []
    for start_ms in range(T0, T0 + HOUR_MS, FIVE_MS):
        row = _window(start_ms, start_ms + FIVE_MS, samples, held)
        if row is not None:
            rows.append(row)
            held = end_value(row)
    merged = merge(T0, T0 + HOUR_MS, rows, FIVE_MS, carry)
    _same(_window(T0, T0 + HOUR_MS, samples, carry), merged)
    assert merged is not None
    assert merged.covered_ms <= HOUR_MS
    assert sum(merged.states.values()) <= merged.covered_ms


@given(_hours())
def test_a_window_says_what_a_clock_ticking_through_it_would(hour: tuple[Any, Value]) -> None:
    samples, carry = hour
    row = _window(T0, T0 + HOUR_MS, samples, carry)
    assert row is not None
    weighted, covered, states, counted = 0.0, 0, dict[str, int](), 0
    events = [(T0, carry), *((ts_ms, value) for ts_ms, value, _ in samples), (T0 + HOUR_MS, None)]
    for (begin, value), (end, _) in pairwise(events):
        if value is None:
            continue
        covered += end - begin
        if isinstance(value, bool | str):
            name = str(value).lower()
            states[name] = states.get(name, 0) + end - begin
        else:
            weighted += value * (end - begin)
    counted = sum(1 for _, value, is_sample in samples if is_sample and value is not None)
    assert (row.covered_ms, row.count) == (covered, counted)
    assert {name: ms for name, ms in states.items() if ms} == row.states
    assert math.isclose(row.weighted_sum, weighted, rel_tol=1e-9, abs_tol=1e-3)


@given(_hours(), st.sampled_from([Tier.FIVE_MINUTES, Tier.HOUR, Tier.DAY]))
def test_packed_windows_come_back(hour: tuple[Any, Value], tier: Tier) -> None:
    samples, carry = hour
    width_ms = WIDTH_MS[tier]
    row = _window(T0, T0 + width_ms, samples, carry) or merge(
        T0, T0 + width_ms, [], FIVE_MS, carry or 1, always=True
    )
    assert row is not None
    parts = [(3, pack_part(row, width_ms)), (300, pack_part(row, width_ms))]
    for packed, places in ((pack(parts[:1]), [3]), (pack(parts), [3, 300])):
        back = list(unpack(packed, T0, width_ms))
        assert [place for place, _ in back] == places
        for _, other in back:
            _same(row, other)
    assert [place for place, _ in unpack(pack(parts), T0, width_ms, {300})] == [300]


def test_a_value_lasts_until_the_next_and_a_null_begins_a_gap() -> None:
    row = window(T0, T0 + 1000, [T0 + 200, T0 + 600], [10.0, None], 4.0)
    assert row == Rollup(T0, 1, 10.0, 10.0, 10.0, 10.0, T0 + 200, 4.0 * 200 + 10.0 * 400, 600, {}, False)
    assert merge(T0, T0 + 3000, [row], 1000, 4.0) == Rollup(
        T0, 1, 10.0, 10.0, 10.0, 10.0, T0 + 200, 4800.0, 600, {}, False
    ), "the gap goes on behind it"


def test_what_is_held_goes_on_through_windows_without_a_row() -> None:
    row = window(T0 + 2000, T0 + 3000, [T0 + 2000], ["on"], "off")
    assert row is not None
    hour = merge(T0, T0 + 5000, [row], 1000, "off")
    assert hour is not None
    assert (hour.states, hour.covered_ms, hour.held) == ({"off": 2000, "on": 3000}, 5000, True)


def test_a_day_without_rows_says_what_lasted_through_it() -> None:
    assert merge(T0, T0 + DAY_MS, [], HOUR_MS, 5.0) is None
    assert merge(T0, T0 + DAY_MS, [], HOUR_MS, None, always=True) is None
    day = merge(T0, T0 + DAY_MS, [], HOUR_MS, 5.0, always=True)
    assert day is not None
    assert (day.count, day.last, day.weighted_sum / day.covered_ms, day.held) == (0, 5.0, 5.0, True)


def test_a_marker_is_no_sample() -> None:
    row = window(T0, T0 + 1000, [T0, T0 + 500], [1.0, 3.0], None, [1])
    assert row is not None
    assert (row.count, row.sum, row.max, row.last) == (1, 1.0, 1.0, 3.0)
    assert row.weighted_sum == 500.0 + 1500.0


def test_a_chatterbox_does_not_grow_a_window() -> None:
    texts = [f"serial {n}" for n in range(100)]
    row = window(T0, T0 + 100_000, [T0 + 1000 * n for n in range(100)], texts, None)
    assert row is not None
    assert len(row.states) == MAX_STATES
    assert row.states[OTHER_STATES] == 85_000
    after = window(T0 + 100_000, T0 + 200_000, [T0 + 100_000], ["x"], None)
    assert after is not None
    merged = merge(T0, T0 + 200_000, [row, after], 100_000, None)
    assert merged is not None
    assert len(merged.states) == MAX_STATES
    assert sum(merged.states.values()) == 200_000


@pytest.mark.parametrize(
    ("ts_ms", "expected"), [(0, -7 * HOUR_MS), (17 * HOUR_MS, 17 * HOUR_MS), (17 * HOUR_MS - 1, -7 * HOUR_MS)]
)
def test_a_day_begins_at_midnight_in_the_province(ts_ms: int, expected: int) -> None:
    assert day_start(ts_ms) == window_start(Tier.DAY, ts_ms) == expected


def test_steps_of_whole_hours_are_counted_from_midnight() -> None:
    assert step_start(day_start(T0) + 5 * HOUR_MS, 4 * HOUR_MS) == day_start(T0) + 4 * HOUR_MS
    assert step_start(T0 + 90_000, 60_000) == T0 + 60_000
