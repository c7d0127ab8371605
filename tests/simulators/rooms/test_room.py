"""A whole room: every kind by every protocol over real sockets, through a real agent, to a hub's broker."""

import asyncio
import contextlib
import math
import tomllib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from devices.kind import kinds
from devices.protocols.options import Drivers
from edge_agents.driver import PolledDevice
from edge_agents.main import build
from edge_agents.node import Node
from edge_agents.outbox import OutboxFile
from edge_agents.settings import load
from simulators.rooms.configuration import AgentFile, text_of, write
from simulators.rooms.main import command
from simulators.rooms.room import FaultError, PlannedFault, Room, RoomPlan, opened
from simulators.rooms.stands import Stand
from tests.conftest import Broker
from tests.edge_agents.conftest import until
from tests.edge_agents.hub_double import HubDouble

GROUP, NODE = "D703-THPT-02", "D703-THPT-02-a1"
# a relay has the most protocols; so many of each kind speak them all
EACH = max(len(one.driver.choices) for one in kinds().values() if isinstance(one.driver, Drivers))


@contextlib.asynccontextmanager
async def agent_in(
    room: Room, broker: Broker, folder: Path
) -> AsyncIterator[tuple[Node, dict[str, PolledDevice]]]:
    """A real agent with the file that the room wrote."""
    file = folder / "agent.toml"
    write(file, text_of(AgentFile(GROUP, NODE, broker.url, poll_s=0.5), room.entries()))
    settings = load(file)
    outbox = OutboxFile(settings.outbox.path, commit_interval_ms=5)
    node, polled = build(settings, outbox)
    stop = asyncio.Event()
    tasks = [asyncio.create_task(node.run(stop)), asyncio.create_task(room.live(stop))]
    tasks += [asyncio.create_task(one.run(stop)) for one in polled.values()]
    try:
        yield node, polled
    finally:
        stop.set()
        await asyncio.gather(*tasks)
        await outbox.close()


def seen(hub: HubDouble, device: str) -> dict[str, Any]:
    """The latest value of each metric that the hub has of a device, births and data together."""
    values: dict[str, Any] = {}
    for one in hub.heard:
        if one.topic.device == device:
            values |= {name: value for name, value in one.values.items() if value is not None}
    return values


def alike(stand: Stand, said: dict[str, Any]) -> bool:
    """Whether what came over the wire is what the simulation is, where that does not wander."""
    truth = stand.device.read()
    if not any(metric.name in said for metric in stand.kind.metrics):
        return False
    steady = [
        metric.name
        for metric in stand.kind.metrics
        if isinstance(truth.get(metric.name), (str, bool)) and metric.name in said
    ]
    return all(said[name] == truth[name] for name in steady if name != "Busiest Port")


@pytest.mark.mosquitto
async def test_every_kind_by_every_protocol_is_born_with_plausible_values(
    broker: Broker, tmp_path: Path
) -> None:
    async with (
        HubDouble(broker.port) as hub,
        opened(RoomPlan(kinds(), each=EACH)) as room,
        agent_in(room, broker, tmp_path) as (node, _),
    ):
        spoken = {(one.kind.id, one.protocol) for one in room.stands}
        assert spoken == {
            (one.id, choice.protocol)
            for one in kinds().values()
            if isinstance(one.driver, Drivers)
            for choice in one.driver.choices
        }

        def told(stand: Stand) -> bool:
            values = seen(hub, stand.id)
            return node.devices[stand.id].alive and alike(stand, values)

        with contextlib.suppress(AssertionError):
            await until(lambda: all(told(one) for one in room.stands), 20)
        assert [(one.id, seen(hub, one.id), one.device.read()) for one in room.stands if not told(one)] == []
        births = {one.topic.device for one in hub.of("DBIRTH")}
        assert births == {entry.id for entry in room.entries()}
        for stand in room.stands:
            values = seen(hub, stand.id)
            known = [metric for metric in stand.kind.metrics if metric.name in values]
            for metric in known:
                assert metric.plausible(values[metric.name]), f"{stand.id}: {metric.name}"
                assert not isinstance(values[metric.name], float) or math.isfinite(values[metric.name])


@pytest.mark.mosquitto
async def test_faults_begin_and_end_and_commands_reach_what_stands_behind_the_protocol(
    broker: Broker, tmp_path: Path
) -> None:
    known = {one: kinds()[one] for one in ("projector", "vr_headset", "camera", "conference_codec", "relay")}
    faults = [
        PlannedFault("projector", "reset", 0, 1.5),
        PlannedFault("p101-vr-headset-1", "gone", 0, 1.5),
        PlannedFault("camera", "unplugged"),
    ]
    async with (
        HubDouble(broker.port) as hub,
        opened(RoomPlan(known, broker_url=broker.url, faults=faults)) as room,
        agent_in(room, broker, tmp_path) as (node, polled),
    ):
        alive = {one.kind.id: node.devices[one.id] for one in room.stands}
        await until(lambda: all(alive[one].reason for one in ("projector", "vr_headset", "camera")), 20)
        assert alive["projector"].reason == "protocol_error"
        assert alive["vr_headset"].reason == alive["camera"].reason == "timeout"
        await until(lambda: alive["projector"].alive and alive["vr_headset"].alive, 20)
        assert not alive["camera"].alive
        stands = {one.kind.id: one.device for one in room.stands}
        muted = stands["conference_codec"].read()["Microphone Muted"]
        lit = stands["relay"].read()["Relay 1"]
        polled["p101-conference-codec-1"].write("Microphone Muted", not muted)
        polled["p101-relay-1"].write("Relay 1", not lit)
        await until(lambda: stands["conference_codec"].read()["Microphone Muted"] is not muted, 20)
        await until(lambda: stands["relay"].read()["Relay 1"] is not lit, 20)
        await until(lambda: seen(hub, "p101-relay-1").get("Relay 1") is (not lit), 20)


async def test_a_room_whose_faults_cannot_be_is_not_opened() -> None:
    plan = RoomPlan({"ups": kinds()["ups"]}, faults=[PlannedFault("ups", "flood")])
    with pytest.raises(FaultError, match=r"ups=flood: ups can have .*battery_worn.*silence"):
        async with opened(plan):
            pass


def test_the_command_writes_a_file_that_an_agent_takes_and_ends(tmp_path: Path) -> None:
    file = tmp_path / "room" / "agent.toml"
    options = ["--kinds", "ups,air_conditioner", "--devices", "2", "--seconds", "0.2"]
    assert command([*options, "--write-config", str(file), "--poll-s", "1.5"]) == 0
    assert file.stat().st_mode & 0o077 == 0, "it holds passwords"
    assert [(one.kind, one.poll_s) for one in load(file).devices] == [
        ("ups", 1.5),
        ("ups", 1.5),
        ("air_conditioner", 1.5),
        ("air_conditioner", 1.5),
    ]
    assert tomllib.loads(file.read_text())["agent"]["simulated"] is True


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--kinds", "toaster"], "--kinds toaster: write some of air_conditioner"),
        (["--devices", "0"], "--devices 0: write a number from 1 to 500"),
        (["--fault", "ups"], "--fault ups: write for example"),
        (["--kinds", "ups", "--fault", "camera=silent"], "no such device or kind here; there is ups"),
        (["--kinds", "relay", "--room-broker", "mqtt://127.0.0.1:9"], "correct --room-broker"),
    ],
)
def test_wrong_arguments_are_answered_with_what_to_write(
    arguments: list[str], says: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("simulators.rooms.broker.READY_WITHIN_S", 0.3)
    assert command([*arguments, "--seconds", "0.1"]) in (1, 2)
    assert says in capsys.readouterr().err
