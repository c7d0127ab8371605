"""The SNMP drivers against a switch of our own that can be made to misbehave, over a real socket."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from devices.kind import kind
from devices.simulation import UnreachableError
from edge_agents.driver import Driver
from simulators.protocols.snmp import Fault, Port, SnmpAgent


@pytest.fixture
async def agent() -> AsyncIterator[SnmpAgent]:
    one = SnmpAgent([Port("gi1"), Port("gi2", up=False), Port("Vlan1", type=53)], uptime_ticks=360_000)
    await one.start()
    yield one
    one.stop()


def driver(of: str, agent: SnmpAgent, **options: Any) -> Driver:
    make = kind(of).driver
    assert make is not None
    made: Driver = make(host="127.0.0.1", port=agent.port, answer_s=0.15, retries=0, **options)
    return made


class Clock:
    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def later(agent: SnmpAgent, one: Any, seconds: float, *octets: int) -> None:
    clock = one._clock if isinstance(one._clock, Clock) else Clock()
    one._clock = clock
    clock.now_s += seconds
    agent.uptime_ticks += int(seconds * 100)
    for port, more in zip(agent.ports, octets, strict=False):
        port.octets_in += more


async def test_a_switch_tells_ports_rates_and_the_busiest(agent: SnmpAgent) -> None:
    switch = driver("network_switch", agent)
    later(agent, switch, 0)
    await switch.connect()
    first = await switch.poll()
    assert first == {"Uptime": 1.0, "Ports": 2, "Ports Up": 1, "Rx": None, "Tx": None, "Errors": None,
                     "Busiest Load": None, "Busiest Port": None}  # fmt: skip
    later(agent, switch, 10, 125_000_000)
    agent.ports[0].errors += 4
    second = await switch.poll()
    assert (second["Rx"], second["Busiest Port"], second["Busiest Load"], second["Errors"]) == (
        100_000,
        "gi1",
        10,
        24,
    )
    await switch.close()


async def test_rates_go_through_wraps_restarts_and_lost_polls(agent: SnmpAgent) -> None:
    agent.ports = [Port("eth0", speed_mbps=100, wide=False, octets_in=2**32 - 1000)]
    line = driver("uplink", agent, interface="eth0", capacity_kbps=50_000)
    later(agent, line, 0)
    await line.connect()
    assert (await line.poll())["Rx"] is None
    later(agent, line, 10, 12_500_000)
    wrapped = await line.poll()
    assert (wrapped["Rx"], wrapped["Utilisation"], wrapped["Capacity"], wrapped["Link Up"]) == (
        10_000,
        20,
        50_000,
        True,
    )
    agent.fault = "silent"
    with pytest.raises(UnreachableError):
        await line.poll()
    await line.close()
    agent.fault = ""
    await line.connect()
    later(agent, line, 20, 25_000_000)
    assert (await line.poll())["Rx"] == 10_000, "what ran while polls were lost is not lost"
    later(agent, line, 10)
    agent.uptime_ticks, agent.ports[0].octets_in = 300, 5000
    assert (await line.poll())["Rx"] is None, "it restarted"
    later(agent, line, 10, 12_500_000)
    agent.ports[0].up = False
    last = await line.poll()
    assert (last["Rx"], last["Link Up"]) == (10_000, False)
    await line.close()


@pytest.mark.parametrize(
    ("fault", "reason"),
    [("silent", "timeout"), ("garbage", "timeout"), ("half", "timeout"), ("wrong_id", "timeout"),
     ("endless", "protocol_error")],
)  # fmt: skip
async def test_what_misbehaves_has_a_reason_and_recovers(agent: SnmpAgent, fault: Fault, reason: str) -> None:
    """A datagram that cannot be read is dropped, as if it had not come."""
    switch = driver("network_switch", agent)
    await switch.connect()
    agent.fault = fault
    with pytest.raises(UnreachableError) as caught:
        await (switch.connect() if fault == "endless" else switch.poll())
    assert caught.value.reason == reason
    await switch.close()
    agent.fault = ""
    await switch.connect()
    assert (await switch.poll())["Ports"] == 2
    await switch.close()


async def test_a_device_of_few_words_is_asked_in_parts_and_for_what_matters_alone(agent: SnmpAgent) -> None:
    agent.ports = [Port(f"gi{number}") for number in range(24)] + [Port("Vlan1", type=53)]
    agent.most = 50
    switch = driver("network_switch", agent)
    await switch.connect()
    assert (await switch.poll())["Ports"] == 24
    agent.questions = 0
    await switch.poll()
    assert agent.questions == 5, "121 variables: what was too big is not tried again"
    agent.most = 0
    with pytest.raises(UnreachableError, match="too big"):
        await switch.poll()
    await switch.close()


async def test_a_ports_speed_is_asked_again_with_its_state_and_once_a_minute(agent: SnmpAgent) -> None:
    agent.ports = [Port("eth0", speed_mbps=100)]
    line = driver("uplink", agent, interface="eth0")
    later(agent, line, 0)
    await line.connect()
    assert (await line.poll())["Capacity"] == 100_000
    agent.ports[0].speed_mbps, agent.questions = 10, 0
    later(agent, line, 59)
    assert (await line.poll())["Capacity"] == 100_000
    assert agent.questions == 1, "it costs a question, so it is not asked for every time"
    later(agent, line, 2)
    assert (await line.poll())["Capacity"] == 10_000
    agent.ports[0].speed_mbps, agent.ports[0].up = 1000, False
    later(agent, line, 1)
    assert (await line.poll())["Capacity"] == 1_000_000
    await line.close()


async def test_an_interface_that_is_not_there_is_named(agent: SnmpAgent) -> None:
    line = driver("uplink", agent, interface="wan7")
    await line.connect()
    with pytest.raises(UnreachableError, match=r"wan7.*gi1, gi2"):
        await line.poll()
    await line.close()
    agent.community = "another"
    with pytest.raises(UnreachableError) as caught:
        await line.connect()
    assert caught.value.reason == "timeout", "a wrong community is answered by silence"
    await line.close()
