"""A simulated province on a real broker: all that it says it produced arrives, and cut lines die honestly."""

import asyncio
import json
import signal
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from devices.kind import kinds
from devices.province import schools
from devices.wire.topics import MessageType
from edge_agents.connection import MqttSettings
from simulators.clock import parse_clock
from simulators.province import epoch_ms
from simulators.scenario import Scenario, read_scenario
from simulators.simulation import Options, Simulation
from tests.simulators.listening_hub import ListeningHub, listening_hub

pytestmark = pytest.mark.mosquitto

RUN = [
    sys.executable,
    "-c",
    "import sys; from simulators.main import command; sys.exit(command(sys.argv[1:]))",
]


def options(port: int, folder: Path, **changes: Any) -> Options:
    now_ms = epoch_ms()
    basic: dict[str, Any] = {
        "schools": schools(4),
        "kinds": kinds(),
        "mqtt": MqttSettings(port=port),
        "seed": 1,
        "clock": parse_clock("shifted:09:05", now_ms),
        "scenario": Scenario("none"),
        "data_dir": folder,
        "duration_s": 4,
        "poll_s": 0.5,
    }
    return Options(**(basic | changes))


async def heard(port: int, chosen: Options) -> tuple[ListeningHub, Simulation]:
    async with listening_hub(port) as hub:
        simulation = Simulation(chosen)
        await simulation.run(asyncio.Event())
        await asyncio.sleep(0.3)
    return hub, simulation


async def test_totals_are_what_the_hub_hears(broker: Any, tmp_path: Path) -> None:
    started_ms = epoch_ms()
    hub, simulation = await heard(broker.port, options(broker.port, tmp_path))
    report = simulation.report()
    assert report.payloads > report.devices
    assert (hub.device_payloads, hub.device_values) == (report.payloads, report.values)
    assert len(hub.data) == report.positions
    assert (report.held, report.refused, report.sessions) == (0, 0, 4)
    assert hub.messages[MessageType.NDEATH] == 4, "each node says farewell once"
    assert started_ms <= min(hub.times_ms) <= max(hub.times_ms) <= epoch_ms(), "payloads carry real time"


async def test_a_stamped_day_goes_out_as_history_and_is_written_down(broker: Any, tmp_path: Path) -> None:
    now_ms = epoch_ms()
    clock = parse_clock("compressed:600x@09:00", now_ms).stamped(3, now_ms)
    record = tmp_path / "record.jsonl"
    chosen = options(
        broker.port, tmp_path, clock=clock, duration_s=3, record=record, record_samples=True, offices=True
    )
    hub, simulation = await heard(broker.port, chosen)
    report = simulation.report()
    lines = [json.loads(line) for line in record.read_text(encoding="utf-8").splitlines()]
    samples = [line for line in lines if isinstance(line, list)]
    times = [line[3] for line in samples]
    assert clock.school_started_ms <= min(times) <= max(times) < now_ms
    assert max(times) - min(times) > 1_000_000, "half an hour in three seconds"
    end = lines[-1]
    assert (end["devices"], end["values"] + end["nulls"]) == (report.devices, report.values)
    assert hub.device_values == report.values
    assert hub.historical >= hub.device_payloads
    assert report.offices == 10
    birth = hub.births[f"{simulation_node(chosen, 0)}/"]
    assert birth["Simulation/Clock Factor"] == 600
    uplink = hub.births[f"{simulation_node(chosen, 0)}/uplink"]
    assert uplink["Utilisation"] is None, "nothing is known of now"


async def test_the_clock_offset_of_a_birth_is_right_when_it_is_said(broker: Any, tmp_path: Path) -> None:
    """A compressed clock moves on: whoever is born later says more."""
    clock = parse_clock("compressed:600x@09:00", epoch_ms())
    chosen = options(broker.port, tmp_path, clock=clock, duration_s=2.5, connect_per_s=2)
    hub, _ = await heard(broker.port, chosen)
    offsets = [
        hub.births[f"{simulation_node(chosen, index)}/"]["Simulation/Clock Offset"] for index in range(4)
    ]
    apart = [after - before for before, after in pairwise(offsets)]
    assert all(abs(each - 300_000) < 120_000 for each in apart), "half a second apart is five minutes"


async def test_births_say_what_is_simulated_and_what_is_there(broker: Any, tmp_path: Path) -> None:
    chosen = options(broker.port, tmp_path, duration_s=1.5)
    hub, simulation = await heard(broker.port, chosen)
    plans = [member.school.plan for member in simulation.province.members]
    for plan in plans:
        node = hub.births[f"{plan.node}/"]
        assert node["Properties/Simulated"] is True
        assert node["Simulation/Clock Offset"] == chosen.clock.offset_ms(0) != 0
        for device in plan.devices:
            birth = hub.births[f"{plan.node}/{device.device}"]
            assert birth["Properties/Kind"] == device.kind
            assert birth["Properties/Room"] == device.room
            assert birth["Properties/Name"] == device.name
            assert birth.get("Properties/Room Type", "") == plan.room_type(device.room)
            # what is unknown without a call is null on purpose
            known = [
                birth[metric.name]
                for metric in chosen.kinds[device.kind].metrics
                if metric.name not in ("Packet Loss", "Jitter")
            ]
            assert None not in known, "the first birth already shows values"


async def test_a_cut_fibre_is_a_will_and_its_backlog_arrives_afterwards(broker: Any, tmp_path: Path) -> None:
    fault = {"fault": "fibre_cut", "at_s": 1, "for_s": 2, "target": {"index": 1}}
    chosen = options(broker.port, tmp_path, scenario=read_scenario({"fault": [fault]}), duration_s=2.5)
    struck = simulation_node(chosen, 1)
    async with listening_hub(broker.port) as hub:
        simulation = Simulation(chosen)
        running = asyncio.create_task(simulation.run(asyncio.Event()))
        await asyncio.sleep(2)
        assert hub.deaths == [f"{struck}/"], "the broker tells at once, nobody else dies"
        await running
        first = simulation.report()
        assert first.held > 0, "what was observed meanwhile is kept"
        simulation = Simulation(options(broker.port, tmp_path, duration_s=4, drain_s=10))
        await simulation.run(asyncio.Event())
    second = simulation.report()
    assert second.held == 0
    assert len(hub.data) == first.positions + second.positions
    assert hub.historical >= first.held


async def test_a_restored_fibre_brings_the_node_back(broker: Any, tmp_path: Path) -> None:
    fault = {"fault": "fibre_cut", "at_s": 1.5, "for_s": 1, "target": {"index": 1}}
    chosen = options(broker.port, tmp_path, scenario=read_scenario({"fault": [fault]}), duration_s=7)
    hub, simulation = await heard(broker.port, chosen)
    report = simulation.report()
    assert report.sessions == 5
    assert (hub.device_payloads, report.held) == (report.payloads, 0)


async def test_a_power_cut_kills_devices_and_they_are_born_again(broker: Any, tmp_path: Path) -> None:
    fault = {"fault": "power_cut", "at_s": 1, "for_s": 1, "target": {"index": 0, "room": "P101"}}
    chosen = options(broker.port, tmp_path, scenario=read_scenario({"fault": [fault]}))
    hub, simulation = await heard(broker.port, chosen)
    plan = simulation.province.members[0].school.plan
    room = sorted(
        f"{plan.node}/{device.device}"
        for device in plan.devices
        if device.room == "P101" and device.kind != "ar_tablet"  # has a battery
    )
    assert sorted(each for each in hub.deaths if not each.endswith("/")) == room
    assert hub.messages[MessageType.DBIRTH] == simulation.report().devices + len(room)


async def test_a_burst_keeps_its_rate(broker: Any, tmp_path: Path) -> None:
    chosen = options(broker.port, tmp_path, changes_per_s=300, duration_s=2)
    hub, simulation = await heard(broker.port, chosen)
    report = simulation.report()
    assert hub.device_payloads == report.payloads
    assert 500 < report.payloads - report.devices <= 660


async def test_the_command_ends_on_sigterm_with_its_totals(broker: Any, tmp_path: Path) -> None:
    arguments = [
        "--schools",
        "3",
        "--mqtt-url",
        broker.url,
        "--data-dir",
        str(tmp_path),
        "--json",
        "--poll-s",
        "0.5",
    ]
    async with listening_hub(broker.port) as hub:
        process = subprocess.Popen([*RUN, *arguments], stdout=subprocess.PIPE, text=True)
        while hub.device_payloads < 48:
            await asyncio.sleep(0.05)
        busy = subprocess.run([*RUN, *arguments], capture_output=True, text=True, check=False)
        assert busy.returncode == 1
        assert f"--data-dir {tmp_path}: another simulation uses it" in busy.stderr
        process.send_signal(signal.SIGTERM)
        output, _ = await asyncio.to_thread(process.communicate, timeout=15)
        await asyncio.sleep(0.3)
    assert process.returncode == 0
    report = json.loads(output)
    assert report["schools"] == 3
    assert report["payloads"] == hub.device_payloads
    assert report["values"] == hub.device_values


def test_a_broker_that_is_never_there_is_a_failure(unused_port: int, tmp_path: Path) -> None:
    arguments = [
        "--schools",
        "1",
        "--mqtt-url",
        f"mqtt://127.0.0.1:{unused_port}",
        "--data-dir",
        str(tmp_path),
    ]
    ended = subprocess.run([*RUN, *arguments, "--duration", "1"], capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert "1 schools" in ended.stdout


def simulation_node(chosen: Options, index: int) -> str:
    return f"{chosen.schools[index].code}-a1"
