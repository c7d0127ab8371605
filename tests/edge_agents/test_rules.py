"""The agent's decisions as properties."""

import math
import random
from dataclasses import dataclass
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.wire.datatypes import DataType
from edge_agents.rules import UNSEEN, Backoff, Column, Columns, Pace, Replay, Reported


@dataclass(frozen=True)
class Metric:
    name: str
    datatype: DataType
    deadband: float = 0.0


COLUMNS = Columns([
    Metric("T", DataType.Double, 0.5), Metric("N", DataType.Int32, 10), Metric("B", DataType.Boolean),
    Metric("S", DataType.String), Metric("U", DataType.UInt8),
])  # fmt: skip
numbers = st.floats(allow_nan=True, allow_infinity=True, width=64)


@given(st.lists(st.tuples(numbers, st.integers(0, 10_000)), max_size=60))
def test_what_the_hub_knows_is_never_a_deadband_away(polls: list[tuple[float, int]]) -> None:
    reported = Reported(COLUMNS)
    for value, ts_ms in polls:
        reported.accept(reported.changes({"T": value}, ts_ms))
        known = reported.last[0]
        if math.isfinite(value):
            assert known is not None
            assert abs(known - value) < 0.5
        else:
            assert known is None


@given(st.lists(st.integers(0, 20), min_size=1, max_size=60))
def test_timestamps_rise_strictly_within_one_millisecond_and_when_the_clock_steps_back(
    times: list[int],
) -> None:
    reported = Reported(COLUMNS)
    seen: list[int] = []
    for flip, ts_ms in enumerate(times):
        changes = reported.changes({"B": flip % 2 == 0}, ts_ms)
        reported.accept(changes)
        seen += [change[2] for change in changes]
    assert len(seen) == len(times)
    assert all(later > earlier for earlier, later in pairwise(seen))


def test_what_was_refused_is_offered_again() -> None:
    reported = Reported(COLUMNS)
    assert reported.changes({"N": 5}, 1) == [(1, 5, 1)]
    assert reported.changes({"N": 5}, 2) == [(1, 5, 2)]
    reported.accept([(1, 5, 2)])
    assert reported.changes({"N": 5}, 3) == []
    assert reported.changes({"N": 14}, 3) == []
    assert reported.changes({"N": 15}, 3) == [(1, 15, 3)]


def test_nan_is_told_once_as_no_value_and_the_return_is_told() -> None:
    reported = Reported(COLUMNS)
    told = []
    for value in (20.0, math.nan, math.nan, math.inf, None, 20.0):
        changes = reported.changes({"T": value}, 1)
        reported.accept(changes)
        told += [change[1] for change in changes]
    assert told == [20.0, None, 20.0]


@pytest.mark.parametrize(
    ("name", "value"),
    [("N", "five"), ("N", 2**31), ("U", -1), ("S", 5), ("B", "yes"), ("none", 1), ("T", "x")],
)
def test_wrong_types_and_names_are_counted_and_hurt_nothing_else(name: str, value: object) -> None:
    reported = Reported(COLUMNS)
    assert [
        change[1] for change in reported.changes({name: value, "S": "ok"} if name != "S" else {"S": value}, 1)
    ] in (
        ["ok"],
        [],
    )
    assert reported.rejected == 1


@given(st.floats())
def test_float32_never_overflows(value: float) -> None:
    cleaned = Column.of(Metric("F", DataType.Float)).clean(value)
    assert cleaned is None or abs(cleaned) <= 3.4028235e38
    assert Column.of(Metric("F", DataType.Float)).differs(UNSEEN, cleaned)


@given(st.integers(0, 2**32), st.integers(1, 40))
def test_backoff_stays_within_its_bounds(seed: int, attempts: int) -> None:
    backoff, rng = Backoff(1, 30), random.Random(seed)
    for attempt in range(attempts):
        assert 0 <= backoff.next_s(rng) <= min(30, 2**attempt)


@given(st.lists(st.tuples(st.integers(0, 5_000), st.integers(0, 500)), max_size=40))
def test_the_backlog_is_never_faster_than_its_rate(steps: list[tuple[int, int]]) -> None:
    pace, now, granted = Pace(per_s=100, burst=50), 0, 0
    for wait_ms, wanted in steps:
        now += wait_ms
        granted += pace.take(wanted, now)
    assert granted <= 50 + now * 100 / 1000


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 2**32),
    st.floats(0, 0.6),
    st.integers(0, 400),
    st.integers(0, 200),
)
def test_everything_arrives_however_much_is_lost(seed: int, loss: float, held: int, live: int) -> None:
    """A lossy line and lossy answers: in the end the hub has every position, and the window is kept."""
    rng = random.Random(seed)
    replay = Replay(window=100, resend_after_ms=1000, longest_wait_ms=4000)
    replay.begin(0, held, 0)
    hub: set[int] = set()
    position, now = held, 0
    for _ in range(20_000):
        now += 100
        if position < held + live:
            position += 1
            replay.sent_live(position, now)
            if rng.random() >= loss:
                hub.add(position)
        due = replay.next(20, now)
        if due is not None:
            first, last = due
            assert replay.stored < first <= last <= position
            assert last <= replay.stored + 100
            for again in range(first, last + 1):
                if rng.random() >= loss:
                    hub.add(again)
            replay.sent_again(last, now)
        if now % 1000 == 0 and rng.random() >= loss:
            through = replay.stored
            while through + 1 in hub:
                through += 1
            replay.acknowledged(through, now)
        if replay.stored == held + live:
            break
    assert replay.stored == held + live


def test_nothing_is_sent_twice_while_all_is_well() -> None:
    replay = Replay(window=100, resend_after_ms=5000)
    replay.begin(10, 10, 0)
    for second in range(1, 100):
        replay.sent_live(10 + second, second * 1000)
        assert replay.next(50, second * 1000) is None
        replay.acknowledged(10 + second, second * 1000 + 500)
    replay.sent_live(110, 900_000)  # after a long silence
    assert replay.next(50, 900_100) is None


def test_only_answers_that_leave_it_out_make_a_position_poison() -> None:
    silent, talking = Replay(resend_after_ms=1000), Replay(resend_after_ms=1000)
    for replay in (silent, talking):
        replay.begin(0, 5, 0)
        for second in range(1, 1000):
            if (due := replay.next(50, second * 1000)) is not None:
                replay.sent_again(due[1], second * 1000)
            if replay is talking:
                replay.acknowledged(0, second * 1000)
    assert silent.poisoned() is None
    assert talking.poisoned() == 1
