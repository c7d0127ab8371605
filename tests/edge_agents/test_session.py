"""A node against a real broker: births, sequence, data, deaths, rebirth, farewell."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from devices.cancelling import cancelled
from devices.kind import kinds
from devices.wire.datatypes import DataType
from edge_agents.node import DeviceDescription
from tests.edge_agents.conftest import GROUP, NODE, Running, until
from tests.edge_agents.hub_double import HubDouble

pytestmark = pytest.mark.mosquitto


@pytest.mark.sparkplug("tck-id-topics-nbirth-topic")
@pytest.mark.sparkplug("tck-id-topics-nbirth-mqtt")
@pytest.mark.sparkplug("tck-id-topics-nbirth-seq-num")
@pytest.mark.sparkplug("tck-id-topics-nbirth-timestamp")
@pytest.mark.sparkplug("tck-id-topics-nbirth-bdseq-included")
@pytest.mark.sparkplug("tck-id-topics-nbirth-rebirth-metric")
@pytest.mark.sparkplug("tck-id-topics-dbirth-topic")
@pytest.mark.sparkplug("tck-id-topics-dbirth-metric-reqs")
@pytest.mark.sparkplug("tck-id-payloads-dbirth-order")
@pytest.mark.sparkplug("tck-id-payloads-name-birth-data-requirement")
@pytest.mark.sparkplug("tck-id-principles-birth-certificates-order")
@pytest.mark.sparkplug("tck-id-operational-behavior-data-publish-dbirth-values")
async def test_births_come_first_and_declare_everything(
    hub: HubDouble, running: Callable[..., Running]
) -> None:
    agent = running()
    agent.node.declare(DeviceDescription.of(kinds()["uplink"], "uplink", room="-", name="Đường truyền"))
    agent.node.observe("p101-air", {"Temperature": 27.25, "CO2": 640}, 1_764_000_000_000)
    agent.start()
    await until(lambda: hub.of("DDATA"))
    nbirth, first, second, *_ = hub.heard
    assert [one.kind for one in (nbirth, first, second)] == ["NBIRTH", "DBIRTH", "DBIRTH"]
    assert (nbirth.payload.seq, first.payload.seq, second.payload.seq) == (0, 1, 2)
    assert not any(one.retain or one.qos for one in hub.heard)
    values = nbirth.values
    assert values["bdSeq"] == 0
    assert values["Node Control/Rebirth"] is False
    assert values["Outbox/Epoch"] == agent.outbox.epoch
    assert values["Properties/Simulated"] is False
    air, uplink = first.values, second.values
    assert (air["Properties/Kind"], air["Properties/Room"]) == ("room_air", "P101")
    assert (uplink["Properties/Room"], uplink["Properties/Name"]) == ("-", "Đường truyền")
    assert {metric.name for metric in kinds()["room_air"].metrics} <= set(air)
    assert air["Temperature"] == 27.25
    assert air["Humidity"] is None
    for one in (nbirth, first, second):
        assert one.payload.ts_ms is not None
        assert all(m.ts_ms is not None and m.datatype is not None and m.name for m in one.payload.metrics)
    units = {m.name: m.properties for m in first.payload.metrics}
    assert units["Temperature"] == {"engUnit": "°C"}
    data = hub.of("DDATA")[0]
    assert data.payload.metrics[2].ts_ms == 1_764_000_000_000
    assert data.values["CO2"] == 640
    assert not hub.sequence_errors


@pytest.mark.sparkplug("tck-id-topics-ddata-topic")
@pytest.mark.sparkplug("tck-id-topics-ddata-mqtt")
@pytest.mark.sparkplug("tck-id-topics-ddata-seq-num")
@pytest.mark.sparkplug("tck-id-topics-ddata-payload")
@pytest.mark.sparkplug("tck-id-payloads-sequence-num-incrementing")
@pytest.mark.sparkplug("tck-id-payloads-metric-datatype-not-req")
@pytest.mark.sparkplug("tck-id-principles-rbe-recommended")
async def test_data_is_by_exception_in_sequence_and_forgotten_when_stored(
    hub: HubDouble, running: Callable[..., Running]
) -> None:
    agent = running().start()
    await until(lambda: agent.node.connected)
    for number in range(600):
        assert agent.node.observe(
            "p101-air", {"CO2": 400 + 100 * (number % 2), "Humidity": 60.0}, 1000 + number
        )
        await asyncio.sleep(0)
    await until(lambda: agent.outbox.stored >= 600)
    assert not hub.sequence_errors
    assert hub.duplicates == 0
    series = [v for v in hub.values[NODE, "p101-air"] if v[0] == "Humidity"]
    assert len(series) == 1
    times = [v[2] for v in hub.values[NODE, "p101-air"] if v[0] == "CO2"]
    assert times == [1000 + number for number in range(600)]
    assert all(m.datatype is None for m in hub.of("DDATA")[0].payload.metrics)
    await agent.file.flush()
    assert agent.outbox.held_count <= 1  # at most a heartbeat of just now


@pytest.mark.sparkplug("tck-id-operational-behavior-data-commands-rebirth-action-1")
@pytest.mark.sparkplug("tck-id-operational-behavior-data-commands-rebirth-action-2")
@pytest.mark.sparkplug("tck-id-operational-behavior-data-commands-rebirth-action-3")
@pytest.mark.sparkplug("tck-id-message-flow-edge-node-ncmd-subscribe")
@pytest.mark.sparkplug("tck-id-payloads-nbirth-bdseq-repeat")
async def test_rebirth_on_command(hub: HubDouble, running: Callable[..., Running]) -> None:
    agent = running().start()
    await until(lambda: agent.node.connected)
    await hub.rebirth(GROUP, NODE)
    await until(lambda: len(hub.of("NBIRTH")) == 2)
    await until(lambda: len(hub.of("DBIRTH")) == 2)
    assert {one.values["bdSeq"] for one in hub.of("NBIRTH")} == {0}
    assert not hub.sequence_errors


@pytest.mark.sparkplug("tck-id-operational-behavior-device-ddeath")
@pytest.mark.sparkplug("tck-id-topics-ddeath-topic")
@pytest.mark.sparkplug("tck-id-topics-ddeath-seq-num")
@pytest.mark.sparkplug("tck-id-payloads-ddeath-timestamp")
async def test_a_device_dies_and_is_born_again(hub: HubDouble, running: Callable[..., Running]) -> None:
    agent = running().start()
    await until(lambda: agent.node.connected)
    agent.node.observe("p101-air", {"CO2": 500})
    agent.node.device_dead("p101-air", "timeout")
    agent.node.device_dead("p101-air", "timeout")
    await until(lambda: hub.of("DDEATH"))
    assert hub.of("DDEATH")[0].values["Properties/Reason"] == "timeout"
    agent.node.observe("p101-air", {"CO2": 500})
    await until(lambda: len(hub.of("DBIRTH")) == 2)
    kinds_heard = [one.kind for one in hub.heard if one.kind != "NDATA"]
    assert kinds_heard == ["NBIRTH", "DBIRTH", "DDATA", "DDEATH", "DBIRTH"]
    assert hub.of("DBIRTH")[1].values["CO2"] == 500
    assert not hub.sequence_errors


@pytest.mark.sparkplug("tck-id-operational-behavior-edge-node-intentional-disconnect-ndeath")
@pytest.mark.sparkplug("tck-id-topics-ndeath-topic")
@pytest.mark.sparkplug("tck-id-topics-ndeath-payload")
@pytest.mark.sparkplug("tck-id-topics-ndeath-seq")
@pytest.mark.sparkplug("tck-id-payloads-ndeath-will-message-publisher-disconnect-mqtt311")
async def test_farewell_says_everything_and_dies_once(
    hub: HubDouble, running: Callable[..., Running]
) -> None:
    agent = running().start()
    await until(lambda: agent.node.connected)
    agent.node.observe("p101-air", {"CO2": 500})
    await agent.end()
    await until(lambda: hub.of("NDEATH"))
    await asyncio.sleep(0.2)
    assert [one.kind for one in hub.heard][-2:] == ["DDATA", "NDEATH"]
    death = hub.of("NDEATH")[0]
    assert death.payload.seq is None
    assert [(m.name, m.value, m.datatype) for m in death.payload.metrics] == [("bdSeq", 0, DataType.Int64)]


@pytest.mark.sparkplug("tck-id-message-flow-edge-node-birth-publish-will-message")
@pytest.mark.sparkplug("tck-id-message-flow-edge-node-birth-publish-will-message-topic")
@pytest.mark.sparkplug("tck-id-message-flow-edge-node-birth-publish-will-message-payload-bdSeq")
@pytest.mark.sparkplug("tck-id-payloads-ndeath-will-message")
@pytest.mark.sparkplug("tck-id-payloads-ndeath-bdseq")
@pytest.mark.sparkplug("tck-id-topics-nbirth-bdseq-increment")
async def test_the_will_tells_of_a_crash_and_bd_seq_counts_on(
    hub: HubDouble, running: Callable[..., Running]
) -> None:
    agent = running().start()
    await until(lambda: agent.node.connected)
    agent.node.session.client._client.socket().shutdown(2)  # type: ignore[union-attr]
    await until(lambda: len(hub.of("NBIRTH")) == 2)
    await agent.end()
    again = running().start()
    await until(lambda: len(hub.of("NBIRTH")) == 3)
    assert [one.values["bdSeq"] for one in hub.of("NBIRTH")] == [0, 1, 2]
    assert [one.values["bdSeq"] for one in hub.of("NDEATH")] == [0, 1]
    await again.end()


async def test_heartbeat_and_host_state(hub: HubDouble, running: Callable[..., Running]) -> None:
    agent = running().start()
    await until(lambda: agent.node.connected)
    await until(lambda: hub.of("NDATA"), 3)
    await hub.state(online=False)
    await until(lambda: agent.node.host.online is False)
    assert agent.node.connected  # offline is no reason to leave
    before = len(hub.of("NDATA"))
    await hub.state(online=True)
    await until(lambda: agent.node.host.online)
    await until(lambda: len(hub.of("NDATA")) > before, 0.6)
    await hub.state(online=False, ts_ms=5)
    await asyncio.sleep(0.2)
    assert agent.node.host.online  # an older message says nothing


@pytest.mark.sparkplug("tck-id-message-flow-device-dcmd-subscribe")
async def test_commands_reach_the_device_and_garbage_does_not(
    hub: HubDouble, running: Callable[..., Running]
) -> None:
    written: list[tuple[str, str, Any]] = []
    agent = running(on_write=lambda *what: written.append(what)).start()
    await until(lambda: agent.node.connected)
    await hub.client.publish(f"spBv1.0/{GROUP}/NCMD/{NODE}", b"\xff\xff garbage")
    await hub.client.publish("spBv1.0/STATE/hub", b"not json")
    await hub.write(GROUP, NODE, "nobody", Power=True)
    await hub.write(GROUP, NODE, "p101-air", Relay_1=True)
    await until(lambda: written)
    assert written == [("p101-air", "Relay 1", True)]
    assert agent.node.counters.commands_rejected == 3
    assert agent.node.connected


async def test_a_task_that_misses_its_cancellation_is_asked_again() -> None:
    missed = 0

    async def deaf() -> None:
        nonlocal missed
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                missed += 1
                if missed == 2:
                    raise

    task, ended = asyncio.create_task(deaf()), asyncio.create_task(asyncio.sleep(0))
    await asyncio.sleep(0.01)
    async with asyncio.timeout(5):
        await cancelled(task, ended)
    assert task.cancelled()
    assert missed == 2


async def test_facts_of_the_agent_are_declared_and_told_when_they_change(
    hub: HubDouble, running: Callable[..., Running]
) -> None:
    agent = running()
    agent.node.tell("Agent/Certificate End", DataType.Int64, 5)
    agent.start()
    await until(lambda: hub.of("NBIRTH"))
    assert hub.of("NBIRTH")[0].values["Agent/Certificate End"] == 5
    agent.node.tell("Agent/Certificate End", DataType.Int64, 5)
    agent.node.tell("Agent/Certificate End", DataType.Int64, 6)
    told = "Agent/Certificate End"
    await until(lambda: [one.values[told] for one in hub.of("NDATA") if told in one.values] == [6])
    agent.node.tell("Agent/Version", DataType.String, None)  # nobody declared it yet
    await until(lambda: "Agent/Version" in hub.of("NBIRTH")[-1].values)
    await until(lambda: agent.outbox.stored == agent.outbox.position)
