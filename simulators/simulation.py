"""One run of the simulated province: outboxes, nodes and schools together, from first birth to farewell."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from devices.kind import DeviceKind
from devices.province import School
from edge_agents.connection import MqttSettings
from edge_agents.generation import OutboxBusyError
from edge_agents.node import Timing
from edge_agents.outbox import OutboxFile
from simulators.burst import Burst
from simulators.clock import SchoolClock
from simulators.links import Line, SchoolLink
from simulators.plan import offices, plan_province
from simulators.province import Member, Province, epoch_ms
from simulators.recording import Recorder
from simulators.scenario import Scenario
from simulators.school import LivingSchool

log = logging.getLogger(__name__)

TIMING = Timing(backlog_jitter_s=1, reconnect_longest_s=10)


class SimulationError(RuntimeError):
    """The simulation cannot run; the text says why and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Everything one run needs to know. Times in seconds of real time; `duration_s` 0 means until stopped."""

    schools: Sequence[School]
    kinds: Mapping[str, DeviceKind]
    mqtt: MqttSettings
    seed: int
    clock: SchoolClock
    scenario: Scenario
    data_dir: Path
    duration_s: float = 0.0
    poll_s: float = 2.0
    rooms_per_school: int | None = None
    changes_per_s: float = 0.0
    alarm_every: int = 20
    connect_per_s: float = 60.0
    drain_s: float = 5.0
    commit_interval_ms: int = 20
    offices: bool = False
    devices_per_school: int | None = None
    record: Path | None = None
    record_samples: bool = False


@dataclass(frozen=True, slots=True)
class Report:
    """What a run produced, to be compared with what the hub counted.

    `payloads` and `values` are device data given a position; `positions` counts those and the nodes' own
    heartbeats; `stored` of them the hub has acknowledged, `held` still wait in the outboxes (also from
    earlier runs). `payloads_per_s` leaves out what came before a burst.
    """

    schools: int
    offices: int
    rooms: int
    devices: int
    metrics: int
    payloads: int
    values: int
    refused: int
    positions: int
    stored: int
    held: int
    sent: int
    sent_again: int
    sessions: int
    births: int
    device_deaths: int
    device_returns: int
    faults: Mapping[str, int]
    late_polls: int
    seconds: float
    payloads_per_s: float
    cpu_share: float
    connected_once: bool

    def as_json(self) -> str:
        """One line of JSON."""
        return json.dumps(asdict(self), ensure_ascii=False)

    def as_text(self) -> str:
        """Some lines for people."""
        struck = ", ".join(f"{name} {count}" for name, count in self.faults.items()) or "none"
        return "\n".join(
            (
                f"{self.schools} schools, {self.offices} offices, {self.rooms} rooms, {self.seconds:.0f} s",
                f"{self.devices} devices with {self.metrics} metrics",
                f"{self.payloads} payloads with {self.values} values ({self.payloads_per_s:.1f} payloads/s)",
                f"{self.stored} positions stored by the hub, {self.held} still held, {self.refused} refused",
                f"{self.sessions} sessions, {self.births} node births, {self.sent_again} payloads sent again",
                f"schools struck by faults: {struck}",
                f"{100 * self.cpu_share:.0f} % of one core",
            )
        )


class Simulation:
    """Runs once: `await run(stop)`, then `report()`."""

    def __init__(self, options: Options) -> None:
        """Build the schools. Raises SimulationError if the data directory is in use or cannot be written."""
        self._options = options
        try:
            self._outboxes = OutboxFile(
                options.data_dir / "outbox.db", commit_interval_ms=options.commit_interval_ms
            )
        except OutboxBusyError as error:
            raise SimulationError(
                f"--data-dir {options.data_dir}: another simulation uses it; name another directory"
            ) from error
        except OSError as error:
            raise SimulationError(
                f"--data-dir {options.data_dir}: {error.strerror}; name a directory that can be written"
            ) from error
        self._links: list[SchoolLink] = []
        members = []
        places = [*options.schools, *(offices() if options.offices else ())]
        self._recorder = self._record()
        for plan in plan_province(
            places, options.seed, options.rooms_per_school, options.kinds, options.devices_per_school
        ):
            school = LivingSchool(plan, options.kinds, options.seed, ageing=options.scenario.ageing)
            line = Line(**{name: getattr(options.mqtt, name) for name in MqttSettings.__slots__})
            link = SchoolLink(school, self._outboxes, line, options.clock, TIMING)
            if self._recorder is not None:
                link.record(self._recorder)
            self._links.append(link)
            members.append(Member(school, link))
        self.province = Province(
            members, options.clock, options.scenario, options.seed, poll_s=options.poll_s
        )
        self._payloads_before = 0
        self._began_ms = self._ended_ms = epoch_ms()

    async def run(self, stop: asyncio.Event) -> None:
        """Let the schools live until `stop` or the end of the duration, then say farewell."""
        options = self._options
        leave = asyncio.Event()
        try:
            async with asyncio.TaskGroup() as tasks:
                opening = tasks.create_task(self._open(leave))
                if options.changes_per_s:
                    await nodes_open(opening, self._links, stop)
                self._began_ms = epoch_ms()
                self._payloads_before = self.province.totals.payloads
                with _after(options.duration_s, stop):
                    if options.changes_per_s:
                        await self._burst(stop)
                    else:
                        await self.province.live(stop)
                self._ended_ms = epoch_ms()
                await self._drain()
                leave.set()
        finally:
            await self._outboxes.close()
            if self._recorder is not None:
                self._recorder.close()

    def _record(self) -> Recorder | None:
        options = self._options
        if options.record is None:
            return None
        clock = options.clock
        run = {
            "seed": options.seed,
            "scenario": options.scenario.title,
            "schools": len(options.schools),
            "stamp": "school" if clock.is_stamped else "real",
            "factor": clock.factor,
            "started_ms": clock.started_ms,
            "school_started_ms": clock.school_started_ms,
        }
        try:
            return Recorder(options.record, run, with_samples=options.record_samples)
        except OSError as error:
            raise SimulationError(
                f"--record {options.record}: {error.strerror}; name a file that can be written"
            ) from error

    async def _burst(self, stop: asyncio.Event) -> None:
        options = self._options
        burst = Burst(self.province, options.changes_per_s, options.seed, alarm_every=options.alarm_every)
        await burst.run(stop)

    async def _open(self, leave: asyncio.Event) -> None:
        """Poll and connect one school after the other: their births already show what is there."""
        pause_s = 1 / self._options.connect_per_s
        async with asyncio.TaskGroup() as running:
            for member, link in zip(self.province.members, self._links, strict=True):
                if leave.is_set():
                    return
                self.province.join(member, epoch_ms())
                running.create_task(link.node.run(leave))
                await asyncio.sleep(pause_s)

    async def _drain(self) -> None:
        """Wait until the hub has stored everything, if there is a hub that answers."""
        if not any(link.node.counters.answers for link in self._links):
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._options.drain_s):
                while self._held():
                    await asyncio.sleep(0.05)

    def _held(self) -> int:
        return sum(link.node.outbox.position - link.node.outbox.stored for link in self._links)

    def report(self, *, cpu_s: float = 0.0) -> Report:
        """What the run produced; `cpu_s` is the processor time it took."""
        totals, nodes = self.province.totals, [link.node for link in self._links]
        seconds = max(0.001, (self._ended_ms - self._began_ms) / 1000)
        plans = [member.school.plan for member in self.province.members]
        kinds = self._options.kinds
        return Report(
            schools=len(self._options.schools),
            offices=len(plans) - len(self._options.schools),
            rooms=sum(len(plan.rooms) for plan in plans),
            devices=sum(len(plan.devices) for plan in plans),
            metrics=sum(len(kinds[device.kind].metrics) for plan in plans for device in plan.devices),
            payloads=totals.payloads,
            values=totals.values,
            refused=totals.refused,
            positions=sum(link.node.outbox.position - link.first_position for link in self._links),
            stored=sum(node.outbox.stored for node in nodes),
            held=self._held(),
            sent=sum(node.counters.sent for node in nodes),
            sent_again=sum(node.counters.sent_again for node in nodes),
            sessions=sum(node.counters.sessions for node in nodes),
            births=sum(node.counters.births for node in nodes),
            device_deaths=totals.device_deaths,
            device_returns=totals.device_returns,
            faults=dict(totals.faults),
            late_polls=totals.late_polls,
            seconds=round(seconds, 3),
            payloads_per_s=round((totals.payloads - self._payloads_before) / seconds, 1),
            cpu_share=round(cpu_s / seconds, 3),
            connected_once=any(node.counters.births for node in nodes),
        )


@contextlib.contextmanager
def _after(duration_s: float, stop: asyncio.Event) -> Iterator[None]:
    """Set `stop` after so many seconds; 0 means never."""
    timer = asyncio.get_running_loop().call_later(duration_s, stop.set) if duration_s else None
    try:
        yield
    finally:
        if timer is not None:
            timer.cancel()


async def nodes_open(opening: asyncio.Task[None], links: Sequence[SchoolLink], stop: asyncio.Event) -> None:
    """Return when every node is connected, `stop` is set or opening has failed."""
    while not (stop.is_set() or opening.done() or all(link.node.connected for link in links)):
        await asyncio.sleep(0.05)
