"""Charts and steps: the tier follows the pixels, and every tier shows what the raw values show."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.telemetry.history import History
from hub.telemetry.plan import for_pixels, for_step
from hub.telemetry.port import Aggregate
from hub.telemetry.tiers import DAY_MS, HOUR_MS, MINUTE_MS, WIDTH_MS, Tier
from tests.hub.telemetry.test_rollup_job import KEEP, KEYS, T0
from tests.hub.telemetry.test_rollup_job import History as Written

KEY = KEYS[0]
ALL_KEPT = dict.fromkeys(Tier, 0)


@pytest.fixture
def written(tmp_path: Path) -> Iterator[Written]:
    made = Written(tmp_path)
    yield made
    made.close()


@pytest.fixture
def history(written: Written) -> History:
    return History(written.reader, written.store, KEEP.days, lambda: written.now_ms)


@pytest.mark.parametrize(
    ("range_ms", "points", "expected"),
    [
        (HOUR_MS, 1000, (Tier.RAW, None)),
        (DAY_MS, 1000, (Tier.FIVE_MINUTES, 5 * MINUTE_MS)),
        (7 * DAY_MS, 1000, (Tier.FIVE_MINUTES, 15 * MINUTE_MS)),
        (30 * DAY_MS, 1000, (Tier.HOUR, HOUR_MS)),
        (30 * DAY_MS, 300, (Tier.HOUR, 3 * HOUR_MS)),
        (366 * DAY_MS, 1000, (Tier.DAY, DAY_MS)),
        (10 * 366 * DAY_MS, 1000, (Tier.DAY, 5 * DAY_MS)),
    ],
)
def test_the_tier_follows_the_pixels(range_ms: int, points: int, expected: tuple[Tier, int | None]) -> None:
    assert for_pixels(T0, T0 + range_ms, points, ALL_KEPT) == expected


@given(st.integers(1, 12 * 366 * DAY_MS), st.integers(10, 4000), st.integers(0, 4000 * DAY_MS))
def test_no_more_steps_than_pixels_and_no_tier_that_is_gone(range_ms: int, points: int, age_ms: int) -> None:
    now_ms = T0 + 4000 * DAY_MS
    kept = {tier: now_ms - KEEP.days[tier] * DAY_MS for tier in Tier}
    start_ms = now_ms - age_ms
    tier, step_ms = for_pixels(start_ms, start_ms + range_ms, points, kept)
    assert start_ms >= kept[tier] or tier is Tier.DAY
    if step_ms is not None:
        assert range_ms <= step_ms * points
        assert step_ms % WIDTH_MS[tier] == 0
        finest = start_ms >= kept[Tier.FIVE_MINUTES]
        assert not finest or range_ms / WIDTH_MS[tier] <= 6 * points or tier is Tier.DAY


def test_steps_take_the_coarsest_tier_that_fits() -> None:
    steps = (MINUTE_MS, 7 * MINUTE_MS, 15 * MINUTE_MS, 3 * HOUR_MS, 2 * DAY_MS)
    tiers = [Tier.RAW, Tier.RAW, Tier.FIVE_MINUTES, Tier.HOUR, Tier.DAY]
    assert [for_step(step_ms).tier for step_ms in steps] == tiers


@pytest.mark.parametrize("worked_ms", [0, 26 * HOUR_MS, 60 * HOUR_MS, 200 * HOUR_MS])
@pytest.mark.parametrize("aggregate", list(Aggregate))
def test_steps_say_the_same_from_every_tier(
    written: Written, history: History, worked_ms: int, aggregate: Aggregate
) -> None:
    """However far the job is, also when it has never run: the newest part is made on the way."""
    dice = random.Random(5)
    for ts_ms in sorted(dice.randrange(T0, T0 + 3 * DAY_MS) for _ in range(400)):
        written.now_ms = ts_ms
        written.put(KEY, ts_ms, Temperature=dice.choice([20.5, 21.25, 30.0]), Power=dice.random() < 0.5)
    written.now_ms = T0 + worked_ms
    if worked_ms:
        written.work()
    written.now_ms = T0 + 3 * DAY_MS
    for name in ("Temperature", "Power"):
        for step_ms in (5 * MINUTE_MS, 3 * HOUR_MS, DAY_MS):
            found, _ = history.steps([(KEY, name)], T0, T0 + 3 * DAY_MS, step_ms, aggregate)
            raw = written.reader.query(KEY, name, T0, T0 + 3 * DAY_MS, step_ms, aggregate, 10_000)
            assert [p.ts_ms for p in found[KEY, name]] == [p.ts_ms for p in raw]
            assert [p.value for p in found[KEY, name]] == pytest.approx([p.value for p in raw], rel=1e-6)


def test_a_chart_of_every_range_has_the_same_mean(written: Written, history: History) -> None:
    for n in range(2 * 288):
        written.now_ms = T0 + n * 5 * MINUTE_MS + 1000
        written.put(KEY, written.now_ms, Temperature=20.0 + n % 2)
    written.now_ms = T0 + 2 * DAY_MS
    written.work()
    tiers = set()
    for points in (10, 50, 300, 4000):
        chart = history.chart(KEY, "Temperature", T0, T0 + 2 * DAY_MS, points)
        tiers.add(chart.tier)
        assert len(chart.items) <= points
        covered = [item for item in chart.items if item.covered > 0.9]
        assert sum(item.value for item in covered) / len(covered) == pytest.approx(20.5, abs=0.05)  # type: ignore[misc]
        assert all(item.min <= item.value <= item.max for item in covered)  # type: ignore[operator]
    assert tiers == {Tier.FIVE_MINUTES, Tier.HOUR}


def test_a_gap_is_one_item_without_a_value_and_a_held_value_is_a_line(
    written: Written, history: History
) -> None:
    written.put(KEY, T0 + 1000, Temperature=20.0)
    written.put(KEY, T0 + 4 * HOUR_MS, marker=True, Temperature=None)
    written.put(KEY, T0 + 8 * HOUR_MS, marker=True, Temperature=20.0)
    written.now_ms = T0 + 12 * HOUR_MS
    written.work()
    chart = history.chart(KEY, "Temperature", T0, T0 + 12 * HOUR_MS, 144)
    assert (chart.tier, chart.step_ms) == (Tier.FIVE_MINUTES, 5 * MINUTE_MS)
    values = [item.value for item in chart.items]
    assert values == [20.0] * 48 + [None] + [20.0] * 48
    assert sum(item.count for item in chart.items) == 1
    assert chart.items[48].ts_ms == T0 + 4 * HOUR_MS
    later = history.chart(KEY, "Temperature", T0 + 10 * HOUR_MS, T0 + 11 * HOUR_MS, 1000)
    assert (later.tier, [item.value for item in later.items]) == (Tier.RAW, [20.0]), (
        "what lasts into a range is shown"
    )
    gap = history.chart(KEY, "Temperature", T0 + 5 * HOUR_MS, T0 + 6 * HOUR_MS, 1000)
    assert gap.items == []


def test_states_have_durations(written: Written, history: History) -> None:
    for hour, value in ((0, True), (1, False), (3, True)):
        written.put(KEY, T0 + hour * HOUR_MS, Power=value)
    written.now_ms = T0 + 4 * HOUR_MS
    written.work()
    chart = history.chart(KEY, "Power", T0, T0 + 4 * HOUR_MS, 48)
    on_ms = sum(item.states.get("true", 0) for item in chart.items)
    off_ms = sum(item.states.get("false", 0) for item in chart.items)
    assert (on_ms, off_ms) == (2 * HOUR_MS, 2 * HOUR_MS)
    assert [item.value for item in chart.items[:13]] == [True] * 12 + [False]


def test_many_raw_values_become_as_many_items_as_pixels(written: Written, history: History) -> None:
    for n in range(2000):
        written.ordinal += 1
        written.put(KEY, T0 + n * 1000, Temperature=20.0 if n % 50 else 35.0)
    written.now_ms = T0 + 2_000_000
    chart = history.chart(KEY, "Temperature", T0, T0 + 2_000_000, 200)
    assert chart.tier is Tier.RAW
    assert len(chart.items) <= 200
    assert max(item.max for item in chart.items if item.max) == 35.0, "a spike is not lost"
    assert sum(item.count for item in chart.items) == 2000
