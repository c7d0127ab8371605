"""`hub agent --config FILE`: the agent as a process."""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import signal
import sqlite3
import sys
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import uvloop

from devices.kind import kinds
from devices.wire.datatypes import DataType
from edge_agents.clock import steady_ms
from edge_agents.command_journal import FileJournal
from edge_agents.configuration import ConfigurationFile
from edge_agents.day_plan import DayPlan
from edge_agents.diagnosing import LogRing
from edge_agents.discovery.searching import PATIENCE_S, Discovery
from edge_agents.driver import PolledDevice
from edge_agents.executing import Commands
from edge_agents.generation import OutboxBusyError
from edge_agents.identity_renewal import Renewal
from edge_agents.managed import Managed
from edge_agents.node import DeviceDescription, Node, utc_ms
from edge_agents.outbox import OutboxFile
from edge_agents.requests import Requests
from edge_agents.running import Running
from edge_agents.settings import AgentSettings, DeviceSection, SettingsError, load
from edge_agents.simulated import driver_of
from edge_agents.versions import hand_over, start_anew

log = logging.getLogger(__name__)


def command(argv: list[str]) -> int:
    """Run the agent until SIGTERM or SIGINT. Exit codes: 0 ended as asked, 1 failed, 2 settings are wrong."""
    if argv[:1] == ["enrol"]:
        from edge_agents import enrolment  # an agent that runs does not need it

        return enrolment.command(argv[1:])
    if argv[:1] == ["doctor"]:
        from edge_agents import doctor

        return doctor.command(argv[1:])
    parser = argparse.ArgumentParser(
        prog="hub agent",
        description="Poll a school's devices and tell the hub.",
        epilog="hub agent enrol --help: get a certificate from the hub for a one-time code. "
        "hub agent doctor --config FILE: say what is wrong here.",
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
    hand_over(settings.outbox.path.parent, argv)
    code, again = run(settings, options.config)
    if again:
        start_anew(argv)
    return code


def run(settings: AgentSettings, config: Path) -> tuple[int, bool]:
    """Run an agent with the settings of its file; returns the exit code, and whether to begin anew."""
    ring = LogRing()
    logging.basicConfig(
        level=settings.agent.log_level,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        stream=sys.stderr,
    )
    logging.getLogger().addHandler(ring)
    try:
        # what is loaded stays: looking through it for cycles again and again is a tenth of an agent's work
        gc.freeze()
        gc.set_threshold(20_000, 20, 50)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return 0, runner.run(_run(settings, config, ring))
    except OutboxBusyError as error:
        sys.stderr.write(f"outbox.path = {str(settings.outbox.path)!r}: {error}\n")
    except (OSError, sqlite3.OperationalError) as error:  # whatever starts it tries again until there is room
        path = str(settings.outbox.path)
        fix = "make room on its disk, remount it for writing, or name a directory that may be written"
        sys.stderr.write(f"outbox.path = {path!r}: {error}. Fix: {fix}.\n")
    return 1, False


async def _run(own: AgentSettings, config: Path, ring: LogRing) -> bool:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    section = own.outbox
    file = OutboxFile(section.path, commit_interval_ms=section.commit_interval_ms)
    wanted = ConfigurationFile(section.path.parent).read()
    settings = wanted.on_top_of(own)
    agent = None
    try:
        agent = assemble(settings, file)
        node = agent.node
        running = Running(node, agent.polled, agent.add, agent.commands.remove)
        managed = Managed(config, own, wanted, running, driver_of, ring, agent.requests, version=_version())
        discovery = Discovery(node, lambda: managed.settings)
        agent.requests.register("scan", discovery.scan, patience_s=PATIENCE_S)
        log.info("agent %s/%s with %d devices", node.group, node.node_id, len(agent.polled))
        agent.start()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(node.run(stop))
            if (renewal := _renewal(settings, node)) is not None:
                tasks.create_task(renewal.run(stop))
            tasks.create_task(running.run(stop))
            tasks.create_task(managed.run(stop))
            tasks.create_task(discovery.run(stop))
    finally:
        if agent is not None:
            await agent.close()
        await file.close()
    return managed.restarting


def _renewal(settings: AgentSettings, node: Node) -> Renewal | None:
    identity, section = settings.identity(), settings.enrolment
    if identity is None or section is None:
        return None

    said = ""

    def told(end_ms: int, problem: str) -> None:
        nonlocal said
        node.tell("Agent/Certificate End", DataType.Int64, end_ms or None)
        if problem != said:  # others say theirs in the same metric
            said = problem
            node.tell("Agent/Problem", DataType.String, problem)

    # what STATE said last is of the hub's clock; this machine's may have stopped in 1970
    return Renewal(identity, section.hub_url, lambda: max(utc_ms(), node.host.ts_ms), told)


@dataclass(frozen=True, slots=True)
class Agent:
    """One agent, put together; `start` once the event loop runs, and `close` before its outbox."""

    node: Node
    polled: dict[str, PolledDevice]
    commands: Commands
    requests: Requests
    plan: DayPlan
    journal: FileJournal

    def start(self) -> None:
        """Go on where the process before ended: what was cut off, open interlocks, the day's plan."""
        self.requests.start(self.commands.start())
        self.plan.start()

    def add(self, device: DeviceSection) -> PolledDevice:
        """Declare a device to the node, in the place of one of the same id; it is ready to run."""
        kind = _kinds()[device.kind]
        self.node.declare(
            DeviceDescription.of(
                kind, device.id, room=device.room, name=device.name, room_type=device.room_type
            )
        )
        made = PolledDevice(
            self.node,
            device.id,
            driver_of(device),
            kind,
            poll_s=device.poll_s,
            timeout_s=device.timeout_s,
            commands=self.commands,
        )
        self.polled[device.id] = made
        self.commands.add(device.id, kind, device.room, made)
        return made

    async def close(self) -> None:
        """End what runs and close the journal."""
        self.plan.close()
        await self.requests.close()
        await self.journal.close()


def build(settings: AgentSettings, file: OutboxFile) -> tuple[Node, dict[str, PolledDevice]]:
    """The node and its devices, ready to run."""
    agent = assemble(settings, file)
    agent.start()
    return agent.node, agent.polled


def assemble(settings: AgentSettings, file: OutboxFile) -> Agent:
    """The agent with all its devices, as the settings say."""
    section, agent = settings.outbox, settings.agent
    outbox = file.outbox(
        agent.node,
        most=section.max_payloads,
        most_bytes=section.max_mib * 2**20,
        largest_bytes=section.largest_payload_kib * 2**10,
    )
    node = Node(
        agent.group,
        agent.node,
        outbox,
        settings.mqtt_settings(),
        host_id=agent.host_id,
        simulated=agent.simulated,
        software=f"smart-classroom-agent {_version()}",
        timing=settings.timing(),
        steady_ms=steady_ms,
    )
    journal = FileJournal(journal_beside(section.path))
    commands = Commands(node, journal)
    requests = Requests(node, commands, version=_version())
    if journal.set_aside:
        node.tell("Agent/Problem", DataType.String, "commands_set_aside")
    node.say_damage()
    made = Agent(node, {}, commands, requests, DayPlan(node, commands, requests), journal)
    for device in settings.devices:
        made.add(device)
    return made


_kinds = cache(kinds)


def journal_beside(outbox: Path) -> Path:
    """The file of commands and requests that belongs to an outbox."""
    return outbox.with_name("commands.db" if outbox.name == "outbox.db" else f"{outbox.stem}.commands.db")


def _version() -> str:
    try:
        return version("smart-classroom-hub")
    except PackageNotFoundError:
        return "from source"


if __name__ == "__main__":
    raise SystemExit(command(sys.argv[1:]))
