"""Clocks that are wrong, and clocks that are set: the real agent, and the hub's decoder and applier."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agents.clock import STEP_MS, Steps
from tests.edge_agents.conftest import GROUP, NODE, Running, until
from tests.edge_agents.hub_in_hand import HubInHand, hub_in_hand, true_ms

__all__ = ["hub_in_hand"]

HOUR_MS = 3_600_000
BACK_TO_1970_MS = -1_760_000_000_000


class WrongClock:
    """The agent's wall clock, wrong by `wrong_ms`."""

    def __init__(self, wrong_ms: int = 0) -> None:
        self.wrong_ms = wrong_ms

    def __call__(self) -> int:
        return true_ms() + self.wrong_ms


async def observe(agent: Running, truth: dict[float, int], first: int, count: int) -> None:
    """Observe numbers, 20 ms apart, and note when it really was."""
    for number in range(first, first + count):
        agent.node.observe("p101-air", {"Temperature": float(number)})
        truth[float(number)] = true_ms()
        await asyncio.sleep(0.02)


def expect_true_times(hub: HubInHand, truth: dict[float, int], within_ms: int = 6_000) -> None:
    found = hub.samples()
    assert found.keys() == truth.keys()
    wrong = {n: found[n] - truth[n] for n in truth if abs(found[n] - truth[n]) > within_ms}
    assert not wrong, wrong
    assert hub.parts.reasons == {}


@pytest.mark.mosquitto
@pytest.mark.parametrize("wrong_ms", [HOUR_MS, -HOUR_MS, BACK_TO_1970_MS])
async def test_a_wrong_clock_that_is_set_in_the_middle_of_a_backlog(
    hub_in_hand: HubInHand, running: Callable[..., Running], wrong_ms: int
) -> None:
    hub = hub_in_hand
    clock, truth = WrongClock(wrong_ms), dict[float, int]()
    agent = running(now_ms=clock, steady_ms=true_ms).start()
    await until(lambda: agent.node.connected)
    await observe(agent, truth, 0, 5)
    await until(lambda: 4.0 in hub.samples())
    assert abs(hub.skew_ms + wrong_ms) < 5_000, "flagged"
    assert hub.parts.value("p101-air", "Temperature", f"{GROUP}/{NODE}") == 4.0, "live"
    hub.away = True
    await observe(agent, truth, 5, 10)
    clock.wrong_ms = 0  # somebody sets it
    await observe(agent, truth, 15, 10)
    hub.away = False
    await observe(agent, truth, 25, 3)
    await until(lambda: len(hub.samples()) == len(truth))
    expect_true_times(hub, truth)
    assert hub.skew_ms == 0
    assert agent.node.counters.clock_steps == 1
    times = [hub.samples()[float(number)] for number in range(5, 28)]
    assert times[:10] == sorted(set(times[:10])), "of one clock they keep rising"
    assert times[10:] == sorted(set(times[10:]))
    assert hub.parts.value("p101-air", "Temperature", f"{GROUP}/{NODE}") == 27.0


@pytest.mark.mosquitto
async def test_a_clock_that_jumps_back_and_forth_while_all_is_well(
    hub_in_hand: HubInHand, running: Callable[..., Running]
) -> None:
    hub = hub_in_hand
    clock, truth = WrongClock(), dict[float, int]()
    agent = running(now_ms=clock, steady_ms=true_ms).start()
    await until(lambda: agent.node.connected)
    for number, wrong_ms in enumerate((HOUR_MS, 0, -HOUR_MS, 0, BACK_TO_1970_MS, 0)):
        clock.wrong_ms = wrong_ms
        await observe(agent, truth, number * 5, 5)
    await until(lambda: len(hub.samples()) == len(truth))
    expect_true_times(hub, truth)
    assert not hub.parts.book.open(), "no alarm of it"


@given(
    st.lists(st.tuples(st.integers(0, 50), st.integers(-(10**9), 10**9)), max_size=12),
    st.integers(0, 60),
)
def test_a_shift_is_the_sum_of_the_steps_since(parts: list[tuple[int, int]], position: int) -> None:
    wall, at, expected = 10**12, 0, 0
    steady = 0
    steps = Steps(lambda: wall, lambda: steady, 0)
    for more, step in parts:
        at += more
        wall, steady = wall + 1_000 + step, steady + 1_000
        noticed = steps.look(at)
        if abs(step) > 2 * STEP_MS:
            assert abs(noticed - step) <= STEP_MS
        if 0 < position <= at:
            expected += noticed
    assert steps.shift_ms(position) == expected


def test_what_was_observed_before_this_start_is_not_moved() -> None:
    wall = 10**12
    steps = Steps(lambda: wall, lambda: 0, 7)
    wall += HOUR_MS
    assert steps.look(9) == HOUR_MS
    assert [steps.shift_ms(position) for position in (7, 8, 9, 10)] == [0, HOUR_MS, HOUR_MS, 0]
    steps.forget(3)
    assert steps.shift_ms(2) == 0
