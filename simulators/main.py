"""`hub simulate`: schools that live a day and report it over MQTT, until stopped or for a while.

`hub simulate room` is another one: devices that speak their protocols to a real agent (`simulators/rooms`).

Exit codes: 0 ended as asked · 1 the broker was never reached, or the data directory is in use ·
2 wrong arguments. The totals at the end can be compared with the hub's own counts.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import os
import re
import signal
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

import uvloop

from devices.kind import DeviceKind, kinds
from devices.province import schools
from edge_agents.connection import MqttSettings
from simulators.clock import ClockError, SchoolClock, parse_clock
from simulators.inventory import write_plan
from simulators.province import epoch_ms
from simulators.scenario import FaultKind, Scenario, ScenarioError, load_scenario
from simulators.simulation import Options, Simulation, SimulationError

log = logging.getLogger(__name__)

SCENARIOS = (Path("config/scenarios"), Path(__file__).resolve().parent.parent / "config" / "scenarios")
DEFAULT_SCENARIO = "morning_with_faults"
DONE, FAILED, WRONG = 0, 1, 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="hub simulate",
        description="Simulate schools that live a school day and report it over MQTT. "
        "`hub simulate room` runs devices on real sockets for a real agent instead.",
    )
    add = parser.add_argument
    add("--schools", type=int, default=24, metavar="N", help="how many of the province's schools [24]")
    add("--rooms-per-school", type=int, metavar="N", help="rooms of every school [4 to 6, by level]")
    url = os.environ.get("HUB_MQTT_URL", "mqtt://127.0.0.1:1883")
    add("--mqtt-url", default=url, metavar="URL", help="the broker [HUB_MQTT_URL or mqtt://127.0.0.1:1883]")
    add("--devices-per-school", type=int, metavar="N", help="devices of every school [what its rooms hold]")
    add(
        "--offices",
        action=argparse.BooleanOptionalAction,
        help="also the operations centre and the offices with a conference room [as the scenario says]",
    )
    add("--seed", type=int, default=1, help="the same seed gives the same schools and the same luck [1]")
    add(
        "--scenario",
        metavar="FILE",
        help=f"a file, the name of one in config/scenarios, or none [{DEFAULT_SCENARIO}]",
    )
    add(
        "--clock",
        default="real",
        help="school time: real, shifted:09:05, compressed:60x or compressed:60x@06:45 [real]",
    )
    add("--duration", type=float, default=0.0, metavar="S", help="stop after so many seconds [0: never]")
    add("--until", metavar="TIME", help="stop when it is that time at school, such as 17:30")
    add(
        "--stamp",
        choices=("real", "school"),
        default="real",
        help="school: samples carry the time of the latest whole school day and go out as history [real]",
    )
    add(
        "--record", type=Path, metavar="FILE", help="write down what was produced, for `hub telemetry verify`"
    )
    add("--plan", type=Path, metavar="FILE", help="write down what the schools hold (JSON), and end")
    add("--record-samples", action="store_true", help="with --record: every sample, not only totals")
    add("--data-dir", type=Path, default=Path("data/schools"), metavar="DIR", help="for the nodes' outboxes")
    add("--poll-s", type=float, default=2.0, metavar="S", help="seconds between two polls of a device [2]")
    add(
        "--changes-per-s",
        type=float,
        default=0.0,
        metavar="R",
        help="instead of living: this many payloads a second over all schools, for benchmarks",
    )
    add(
        "--alarm-every",
        type=int,
        default=20,
        metavar="N",
        help="with --changes-per-s: every Nth change turns a water leak on or off, 0 for never [20]",
    )
    add("--connect-per-s", type=float, default=60.0, metavar="R", help="nodes that connect a second [60]")
    add("--drain-s", type=float, default=5.0, metavar="S", help="at the end wait for the hub's answers [5]")
    add("--json", action="store_true", help="print the totals as one line of JSON")
    add("--verbose", action="store_true", help="log what happens")
    return parser


def _wrong_numbers(arguments: argparse.Namespace) -> Iterable[str]:
    """What is wrong with the numbers, as lines that name argument, value and fix."""
    bounds = {
        "schools": (1, 445),
        "rooms_per_school": (1, 200),
        "devices_per_school": (1, 1_000),
        "duration": (0, 1e9),
        "poll_s": (0.2, 3600),
        "changes_per_s": (0, 100_000),
        "alarm_every": (0, 1e9),
        "connect_per_s": (0.1, 10_000),
        "drain_s": (0, 600),
    }
    for name, (low, high) in bounds.items():
        value = getattr(arguments, name)
        if value is not None and not low <= value <= high:
            yield f"--{name.replace('_', '-')} {value:g}: write a number from {low:g} to {high:g}"


class ArgumentError(ValueError):
    """An argument is wrong; the text names it, its value and the fix."""


def _broker(url: str) -> MqttSettings:
    try:
        return MqttSettings.from_url(url)
    except ValueError as error:
        raise ArgumentError(f"--mqtt-url {url}: {error}; write for example mqtt://127.0.0.1:1883") from error


def find_scenario(name: str | None, default: str = DEFAULT_SCENARIO) -> Scenario:
    """The scenario of a file, of a name in config/scenarios, or an empty one for `none`.

    Raises ScenarioError.
    """
    wanted = name or default
    if wanted == "none":
        return Scenario("none")
    for path in (Path(wanted), *(folder / f"{wanted}.toml" for folder in SCENARIOS)):
        if path.is_file():
            return load_scenario(path)
    if name is None:  # installed without the configuration: schools without faults are better than none
        log.warning("scenario %s is not installed here: nothing will strike", wanted)
        return Scenario("none")
    there = ", ".join(sorted({each.stem for folder in SCENARIOS for each in folder.glob("*.toml")}))
    raise ScenarioError(f"scenario = {wanted!r}: no such file; write a path, none, or one of {there}")


def check_details(scenario: Scenario, known: Mapping[str, DeviceKind]) -> None:
    """Refuse faults that no kind of device knows. Raises ScenarioError."""
    mistakes = []
    for fault in scenario.faults:
        where = f"fault[{fault.number}]"
        kind = fault.target.kind
        if kind and kind not in known:
            mistakes.append(f"{where}.target.kind = {kind!r}: write one of {', '.join(sorted(known))}")
            continue
        breaks = {name for each in known.values() if kind in ("", each.id) for name in each.faults}
        needed = fault.fault is FaultKind.EQUIPMENT
        if (needed or fault.detail) and fault.detail not in breaks:
            mistakes.append(f"{where}.detail = {fault.detail!r}: write one of {', '.join(sorted(breaks))}")
    if mistakes:
        raise ScenarioError("\n".join(mistakes))


def _options(
    arguments: argparse.Namespace, mqtt: MqttSettings, clock: SchoolClock, scenario: Scenario
) -> Options:
    duration_s = arguments.duration
    if arguments.until is not None:
        found = re.fullmatch(r"([01]?\d|2[0-3]):([0-5]\d)", arguments.until)
        if found is None:
            raise ArgumentError(f"--until {arguments.until}: write a time of day such as 17:30")
        duration_s = clock.seconds_until(int(found[1]), int(found[2]))
    if arguments.stamp == "school":
        if not duration_s:
            raise ArgumentError("--stamp school: say with --until or --duration when the past ends")
        clock = clock.stamped(duration_s, clock.started_ms)
    return Options(
        schools=schools(arguments.schools),
        kinds=dict(kinds()),
        mqtt=mqtt,
        seed=arguments.seed,
        clock=clock,
        scenario=scenario,
        data_dir=arguments.data_dir,
        duration_s=duration_s,
        poll_s=arguments.poll_s,
        rooms_per_school=arguments.rooms_per_school,
        offices=scenario.offices if arguments.offices is None else arguments.offices,
        devices_per_school=arguments.devices_per_school or scenario.devices_per_school,
        record=arguments.record,
        record_samples=arguments.record_samples,
        changes_per_s=arguments.changes_per_s,
        alarm_every=arguments.alarm_every,
        connect_per_s=arguments.connect_per_s,
        drain_s=arguments.drain_s,
    )


async def _run(options: Options) -> Simulation:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        with contextlib.suppress(
            NotImplementedError, RuntimeError
        ):  # tests may run it outside the main thread
            loop.add_signal_handler(number, stop.set)
    simulation = Simulation(options)
    await simulation.run(stop)
    return simulation


def command(argv: list[str]) -> int:
    """Run `hub simulate` with these arguments; returns the exit code."""
    if argv[:1] == ["room"]:
        from simulators.rooms.main import command as room  # protocols and their libraries: only here

        return room(argv[1:])
    try:
        arguments = _parser().parse_args(argv)
    except SystemExit as leave:
        return int(leave.code or 0)
    level = logging.INFO if arguments.verbose else logging.WARNING
    logging.basicConfig(level=level, stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s")
    if wrong := list(_wrong_numbers(arguments)):
        sys.stderr.write("\n".join(wrong) + "\n")
        return WRONG
    if arguments.plan is not None:
        write_plan(schools(arguments.schools), arguments.seed, arguments.rooms_per_school, arguments.plan)
        return DONE
    try:
        clock = parse_clock(arguments.clock, epoch_ms())
        default = "none" if arguments.changes_per_s else DEFAULT_SCENARIO
        scenario = find_scenario(arguments.scenario, default)
        options = _options(arguments, _broker(arguments.mqtt_url), clock, scenario)
        check_details(scenario, options.kinds)
    except (ArgumentError, ClockError, ScenarioError) as error:
        sys.stderr.write(f"{error}\n")
        return WRONG
    started_s = time.process_time()
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            simulation = runner.run(_run(options))
    except SimulationError as error:
        sys.stderr.write(f"{error}\n")
        return FAILED
    report = simulation.report(cpu_s=time.process_time() - started_s)
    sys.stdout.write((report.as_json() if arguments.json else report.as_text()) + "\n")
    sys.stdout.flush()
    return DONE if report.connected_once else FAILED
