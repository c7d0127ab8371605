"""Clocks that are wrong, and clocks that are set: the real agent, and the hub's decoder and applier."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiomqtt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agents.clock import STEP_MS, Steps
from hub.ingest.acknowledge import stored_payload
from tests.edge_agents.conftest import GROUP, NODE, Running, until
from tests.hub.ingest.parts import Parts

HOUR_MS = 3_600_000
BACK_TO_1970_MS = -1_760_000_000_000


def true_ms() -> int:
    return time.time_ns() // 1_000_000


class WrongClock:
    """The agent's wall clock, wrong by `wrong_ms`."""

    def __init__(self, wrong_ms: int = 0) -> None:
        self.wrong_ms = wrong_ms

    def __call__(self) -> int:
        return true_ms() + self.wrong_ms


class HubInHand:
    """The hub's decoder and applier behind a real broker; `away` is an outage."""

    def __init__(self, client: aiomqtt.Client, folder: Path) -> None:
        self.client, self.parts = client, Parts(folder, schools=(GROUP,))
        self.away = False

    async def listen(self) -> None:
        async for message in self.client.messages:
            topic = str(message.topic)
            if self.away or "CMD/" in topic or "STATE/" in topic:
                continue
            self.parts.now_ms = true_ms()
            self.parts.send(topic, bytes(message.payload))
            self.parts.tick()
            for node in self.parts.directory.nodes.values():
                for epoch, known in node.positions.items():
                    answer = stored_payload(epoch, known.through, true_ms())
                    await self.client.publish(f"spBv1.0/{node.group}/NCMD/{node.id}", answer)

    @property
    def skew_ms(self) -> int:
        return self.parts.directory.nodes[f"{GROUP}/{NODE}"].skew_ms

    def samples(self) -> dict[float, int]:
        """Temperature -> time in history."""
        return {
            float(value): row.ts_ms
            for row in self.parts.rows
            for place, value in zip(row.indices, row.values, strict=True)
            if row.series.fields[place][0] == "Temperature" and isinstance(value, float)
        }


@pytest.fixture
async def hub(broker: Any, tmp_path: Path) -> AsyncIterator[HubInHand]:
    async with aiomqtt.Client("127.0.0.1", broker.port) as client:
        hub = HubInHand(client, tmp_path / "hub")
        await client.subscribe("spBv1.0/#")
        task = asyncio.create_task(hub.listen())
        yield hub
        task.cancel()
        hub.parts.telemetry.close()


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
    hub: HubInHand, running: Callable[..., Running], wrong_ms: int
) -> None:
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
    hub: HubInHand, running: Callable[..., Running]
) -> None:
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
