import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.wire.sequence import Order, SequenceTracker


def born(reorder_ms: int = 2000) -> SequenceTracker[int]:
    tracker: SequenceTracker[int] = SequenceTracker(reorder_ms)
    tracker.birth(0)
    return tracker


def test_numbers_run_to_255_and_on_from_0() -> None:
    tracker = born()
    for count in range(1, 1000):
        assert tracker.offer(count % 256, count, now_ms=0) == (Order.IN_ORDER, [count])
    assert (tracker.gaps, tracker.deadline_ms) == (0, None)


@pytest.mark.sparkplug(
    "tck-id-operational-behavior-host-reordering-param",
    "tck-id-operational-behavior-host-reordering-start",
    "tck-id-operational-behavior-host-reordering-success",
)
def test_a_late_message_is_waited_for_and_order_restored() -> None:
    tracker = born(reorder_ms=2000)
    assert tracker.offer(2, 2, now_ms=100) == (Order.HELD, [])
    assert tracker.deadline_ms == 2100
    assert tracker.expire(2099) is None
    assert tracker.offer(1, 1, now_ms=2099) == (Order.IN_ORDER, [1, 2])
    assert tracker.expire(999_999) is None


@pytest.mark.sparkplug("tck-id-operational-behavior-host-reordering-rebirth")
def test_after_the_wait_a_rebirth_is_due_and_nothing_held_is_thrown_away() -> None:
    tracker = born(reorder_ms=2000)
    tracker.offer(5, 5, now_ms=0)
    tracker.offer(3, 3, now_ms=10)
    assert tracker.expire(2000) == [3, 5]
    assert (tracker.gaps, tracker.expected, tracker.held) == (1, 6, {})
    assert tracker.offer(6, 6, now_ms=2001) == (Order.IN_ORDER, [6])


def test_the_wait_starts_anew_only_when_the_gap_moved_on() -> None:
    tracker = born(reorder_ms=1000)
    tracker.offer(2, 2, now_ms=0)
    tracker.offer(4, 4, now_ms=500)
    assert tracker.deadline_ms == 1000
    assert tracker.offer(1, 1, now_ms=900)[1] == [1, 2]
    assert tracker.deadline_ms == 1900


def test_twice_is_told_and_not_given_out_again() -> None:
    tracker = born()
    tracker.offer(1, 1, 0)
    assert tracker.offer(1, 1, 0) == (Order.REPEATED, [])
    tracker.offer(3, 3, 0)
    assert tracker.offer(3, 3, 0) == (Order.REPEATED, [])
    assert tracker.repeated == 2


def test_before_the_birth_nothing_has_an_order() -> None:
    tracker: SequenceTracker[int] = SequenceTracker()
    assert tracker.offer(7, 7, 0) == (Order.UNBORN, [])


def test_a_birth_or_death_returns_what_was_held() -> None:
    tracker = born()
    tracker.offer(3, 3, 0)
    assert tracker.birth(0) == [3]
    assert tracker.expected == 1
    tracker.offer(2, 2, 0)
    assert tracker.death() == [2]
    assert tracker.offer(1, 1, 0) == (Order.UNBORN, [])


@given(st.integers(1, 600), st.randoms(use_true_random=False), st.integers(1, 60))
def test_any_shuffle_within_a_window_comes_out_in_order(length: int, rng: object, window: int) -> None:
    import random

    assert isinstance(rng, random.Random)
    messages = list(range(1, length + 1))
    shuffled = sorted(messages, key=lambda count: count + rng.uniform(0, window))
    tracker = born()
    out: list[int] = []
    for now_ms, count in enumerate(shuffled):
        out += tracker.offer(count % 256, count, now_ms)[1]
    assert out == messages
    assert (tracker.held, tracker.deadline_ms, tracker.repeated) == ({}, None, 0)


@given(st.lists(st.tuples(st.integers(0, 255), st.integers(0, 500)), max_size=300))
def test_no_message_is_given_out_twice_and_none_is_kept_for_ever(offers: list[tuple[int, int]]) -> None:
    tracker = born(reorder_ms=1000)
    now_ms, out, told = 0, list[int](), 0
    for serial, (seq, wait_ms) in enumerate(offers):
        now_ms += wait_ms
        out += tracker.expire(now_ms) or []
        order, ready = tracker.offer(seq, serial, now_ms)
        told += order is Order.REPEATED
        out += ready
        assert bool(tracker.held) == (tracker.deadline_ms is not None)
        assert len(tracker.held) < 128
    out += tracker.expire(now_ms + 1000) or []
    assert len(out) == len(set(out)) == len(offers) - told
