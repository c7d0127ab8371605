"""`hub agent --config FILE`: the agent as a process."""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import uvloop

from devices.kind import DeviceKind, kinds
from devices.wire.datatypes import DataType
from edge_agents.clock import steady_ms
from edge_agents.driver import Driver, PolledDevice
from edge_agents.generation import OutboxBusyError
from edge_agents.identity_renewal import Renewal
from edge_agents.node import DeviceDescription, Node, utc_ms
from edge_agents.outbox import OutboxFile
from edge_agents.settings import AgentSettings, DeviceSection, SettingsError, load
from edge_agents.simulated import SimulatedDriver

log = logging.getLogger(__name__)


def command(argv: list[str]) -> int:
    """Run the agent until SIGTERM or SIGINT. Exit codes: 0 ended as asked, 1 failed, 2 settings are wrong."""
    if argv[:1] == ["enrol"]:
        from edge_agents import enrolment  # an agent that runs does not need it

        return enrolment.command(argv[1:])
    parser = argparse.ArgumentParser(
        prog="hub agent",
        description="Poll a school's devices and tell the hub.",
        epilog="hub agent enrol --help: get a certificate from the hub for a one-time code.",
    )
    parser.add_argument("--config", type=Path, required=True, metavar="FILE", help="the agent's TOML file")
    parser.add_argument("--check", action="store_true", help="only check the file")
    try:
        options = parser.parse_args(argv)
    except SystemExit as error:
        return int(error.code or 0)
    try:
        settings = load(options.config)
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    if options.check:
        agent = settings.agent
        devices = "1 device" if len(settings.devices) == 1 else f"{len(settings.devices)} devices"
        sys.stdout.write(f"{options.config}: nothing is wrong; {agent.group}/{agent.node} has {devices}\n")
        return 0
    return run(settings)


def run(settings: AgentSettings) -> int:
    """Run an agent with checked settings; returns the exit code."""
    logging.basicConfig(
        level=settings.agent.log_level,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        stream=sys.stderr,
    )
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_run(settings))
    except OutboxBusyError as error:
        sys.stderr.write(f"outbox.path = {str(settings.outbox.path)!r}: {error}\n")
        return 1
    except OSError as error:
        path = str(settings.outbox.path)
        sys.stderr.write(f"outbox.path = {path!r}: {error}. Fix: a directory that may be written.\n")
        return 1
    return 0


async def _run(settings: AgentSettings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    section = settings.outbox
    file = OutboxFile(section.path, commit_interval_ms=section.commit_interval_ms)
    try:
        node, polled = build(settings, file)
        log.info("agent %s/%s with %d devices", node.group, node.node_id, len(polled))
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(node.run(stop))
            if (renewal := _renewal(settings, node)) is not None:
                tasks.create_task(renewal.run(stop))
            for device in polled.values():
                tasks.create_task(device.run(stop))
    finally:
        await file.close()


def _renewal(settings: AgentSettings, node: Node) -> Renewal | None:
    identity, section = settings.identity(), settings.enrolment
    if identity is None or section is None:
        return None

    def told(end_ms: int, problem: str) -> None:
        node.tell("Agent/Certificate End", DataType.Int64, end_ms or None)
        node.tell("Agent/Problem", DataType.String, problem)

    # what STATE said last is of the hub's clock; this machine's may have stopped in 1970
    return Renewal(identity, section.hub_url, lambda: max(utc_ms(), node.host.ts_ms), told)


def build(settings: AgentSettings, file: OutboxFile) -> tuple[Node, dict[str, PolledDevice]]:
    """The node and its devices, ready to run."""
    section, agent = settings.outbox, settings.agent
    outbox = file.outbox(
        agent.node,
        most=section.max_payloads,
        most_bytes=section.max_mib * 2**20,
        largest_bytes=section.largest_payload_kib * 2**10,
    )
    polled: dict[str, PolledDevice] = {}

    def write(device: str, metric: str, value: Any) -> None:
        polled[device].write(metric, value)

    node = Node(
        agent.group,
        agent.node,
        outbox,
        settings.mqtt_settings(),
        host_id=agent.host_id,
        simulated=agent.simulated,
        software=f"smart-classroom-agent {_version()}",
        timing=settings.timing(),
        on_write=write,
        steady_ms=steady_ms,
    )
    known = kinds()
    for device in settings.devices:
        kind = known[device.kind]
        node.declare(
            DeviceDescription.of(
                kind, device.id, room=device.room, name=device.name, room_type=device.room_type
            )
        )
        polled[device.id] = PolledDevice(
            node, device.id, _driver(kind, device), kind, poll_s=device.poll_s, timeout_s=device.timeout_s
        )
    return node, polled


def _driver(kind: DeviceKind, device: DeviceSection) -> Driver:
    if device.driver == "simulated" or kind.driver is None:
        return SimulatedDriver(kind, device.seed, restless=device.options.get("restless") is True)
    driver: Driver = kind.driver(**device.options)
    return driver


def _version() -> str:
    try:
        return version("smart-classroom-hub")
    except PackageNotFoundError:
        return "from source"


if __name__ == "__main__":
    raise SystemExit(command(sys.argv[1:]))
