"""The polling loop: one bad driver never holds up another, and a command is answered by what is observed."""

import asyncio
import random
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from devices.kind import kinds
from devices.simulation import UnreachableError
from edge_agents.driver import PolledDevice, reason_of
from edge_agents.node import DeviceDescription
from edge_agents.simulated import SimulatedDriver, room_at
from tests.edge_agents.conftest import GROUP, NODE, Running, until
from tests.edge_agents.hub_double import HubDouble


class Scripted:
    """A driver that does what it is told."""

    def __init__(self) -> None:
        self.fail: Exception | None = None
        self.hang = False
        self.polls = 0

    async def connect(self) -> None:
        if self.fail:
            raise self.fail

    async def poll(self) -> Mapping[str, Any]:
        self.polls += 1
        if self.hang:
            await asyncio.sleep(3600)
        if self.fail:
            raise self.fail
        return {"CO2": 400 + self.polls * 200}

    async def write(self, metric: str, value: Any) -> None: ...

    async def close(self) -> None:
        raise RuntimeError("cannot even close")


@pytest.mark.mosquitto
async def test_bad_drivers_hurt_only_themselves(hub: HubDouble, running: Callable[..., Running]) -> None:
    agent = running()
    drivers = {name: Scripted() for name in ("good", "hanging", "broken", "silent")}
    drivers["hanging"].hang = True
    drivers["broken"].fail = ZeroDivisionError("a bug")
    drivers["silent"].fail = UnreachableError("no_route")
    air = kinds()["room_air"]
    loops = []
    for name, driver in drivers.items():
        agent.node.declare(DeviceDescription.of(air, name, room="P101"))
        loops.append(PolledDevice(agent.node, name, driver, air, poll_s=0.05, timeout_s=0.3))
    agent.start()
    await until(lambda: agent.node.connected)
    tasks = [asyncio.create_task(loop.run(agent.stop)) for loop in loops]
    await until(lambda: len(hub.values[NODE, "good"]) >= 10, 5)
    await until(lambda: len(hub.of("DDEATH")) >= 3)
    reasons = {one.topic.device: one.values["Properties/Reason"] for one in hub.of("DDEATH")}
    assert reasons == {"hanging": "timeout", "broken": "protocol_error", "silent": "no_route"}
    drivers["silent"].fail = None
    await until(lambda: hub.values[NODE, "silent"])
    agent.stop.set()
    await asyncio.gather(*tasks)


@pytest.mark.mosquitto
async def test_a_command_comes_back_as_an_observation(
    hub: HubDouble, running: Callable[..., Running]
) -> None:
    relay = kinds()["relay"]
    polled: dict[str, PolledDevice] = {}
    agent = running(on_write=lambda device, metric, value: polled[device].write(metric, value))
    agent.node.declare(DeviceDescription.of(relay, "lights", room="P101"))
    night = datetime(2026, 3, 2, 15, tzinfo=UTC).timestamp()
    driver = SimulatedDriver(relay, seed=1, clock=lambda: night)
    polled["lights"] = PolledDevice(agent.node, "lights", driver, relay, poll_s=0.05)
    agent.start()
    await until(lambda: agent.node.connected)
    task = asyncio.create_task(polled["lights"].run(agent.stop))
    await until(lambda: ("Relay 1", False) in [v[:2] for v in hub.values[NODE, "lights"]])
    await hub.write(GROUP, NODE, "lights", Relay_1=True)
    await until(lambda: ("Relay 1", True) in [v[:2] for v in hub.values[NODE, "lights"]])
    await hub.write(GROUP, NODE, "lights", Energy=0.0)
    await until(lambda: polled["lights"].rejected_writes == 1)
    agent.stop.set()
    await task


async def test_every_kind_can_be_simulated() -> None:
    for kind in kinds().values():
        driver = SimulatedDriver(kind, seed=3)
        await driver.connect()
        assert set(await driver.poll()) <= {metric.name for metric in kind.metrics}


def test_a_school_day() -> None:
    monday = datetime(2026, 3, 2, tzinfo=UTC)  # 7:00 in Vietnam
    assert room_at(monday.replace(hour=1)).lesson
    assert not room_at(monday.replace(hour=5)).lesson  # lunch
    assert not room_at(monday.replace(hour=14)).lesson
    assert not room_at(monday.replace(day=1, hour=1)).lesson  # Sunday


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (TimeoutError(), "timeout"), (ConnectionRefusedError(), "refused"), (OSError(113, ""), "no_route"),
        (UnreachableError("powered_off"), "powered_off"), (random.Random, "protocol_error"),
    ],
)  # fmt: skip
def test_reasons(error: Any, reason: str) -> None:
    assert reason_of(error) == reason
