"""The running province: schools live, faults strike, and what changed goes to the nodes' sessions."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from simulators.clock import SchoolClock
from simulators.scenario import FaultKind, Scenario
from simulators.school import LivingSchool, Observation
from simulators.school_day import local_time
from simulators.timeline import FaultEvent, Timeline, victims

log = logging.getLogger(__name__)

TICK_S = 0.05


def epoch_ms() -> int:
    """Real time, UTC epoch ms."""
    return time.time_ns() // 1_000_000


class Link(Protocol):
    """One node's way to the hub, as far as a school needs it."""

    def report(self, device: str, values: Mapping[str, Any], now_ms: int) -> bool:
        """Take changed values, perhaps none; a device that was gone is back. False if the outbox refuses."""

    def gone(self, device: str, reason: str) -> None:
        """Say that a device does not answer any more."""

    def cut(self) -> None:
        """Let the connection vanish without a goodbye and stay away."""

    def restore(self) -> None:
        """Let the node connect again."""

    def watch(self) -> None:
        """Look after the connection; called with every poll."""


@dataclass(slots=True)
class Totals:
    """What the province produced: payloads and values that went into an outbox, and what happened to it."""

    payloads: int = 0
    values: int = 0
    refused: int = 0
    device_deaths: int = 0
    device_returns: int = 0
    faults_begun: int = 0
    late_polls: int = 0
    faults: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class Member:
    """A school and its link; `cuts` counts the fibre cuts that hold it down now."""

    school: LivingSchool
    link: Link
    cuts: int = 0


class Province:
    """All schools of one simulation. `warn` is told about faults that hit nobody."""

    def __init__(
        self,
        members: Sequence[Member],
        clock: SchoolClock,
        scenario: Scenario,
        seed: int,
        *,
        poll_s: float,
        warn: Callable[[str], None] = log.warning,
    ) -> None:
        self.members = members
        self.totals = Totals()
        self._clock = clock
        self._seed = seed
        self._poll_s = poll_s
        self._warn = warn
        self._places = [member.school.plan.place for member in members]
        self._timeline = Timeline(scenario.faults, local_time(clock.school_started_ms).second)
        self._queue: deque[tuple[float, Member]] = deque()

    def join(self, member: Member, now_ms: int) -> None:
        """Poll a school for the first time; it is polled from now on."""
        self._queue.append((time.monotonic() + self._poll_s, member))
        self.poll(member, now_ms)

    async def live(self, stop: asyncio.Event) -> None:
        """Live until `stop` is set; only schools that joined are polled."""
        while not stop.is_set():
            self.tick(time.monotonic(), epoch_ms())
            await asyncio.sleep(TICK_S)

    def tick(self, monotonic_s: float, now_ms: int) -> None:
        """Do what is due now: faults first, then the polls of those schools whose turn it is."""
        for event in self._timeline.due(self._clock.elapsed_s(now_ms)):
            self._strike(event, now_ms)
        while self._queue and self._queue[0][0] <= monotonic_s:
            due_s, member = self._queue.popleft()
            self.poll(member, now_ms)
            late = monotonic_s - due_s > self._poll_s
            self.totals.late_polls += late
            self._queue.append(((monotonic_s if late else due_s) + self._poll_s, member))

    def poll(self, member: Member, now_ms: int) -> None:
        """Poll one school and pass on what changed; payloads carry real time."""
        member.link.watch()
        for seen in member.school.live(self._clock.school_ms(now_ms)):
            self._pass_on(member, seen, now_ms)

    def _pass_on(self, member: Member, seen: Observation, now_ms: int) -> None:
        if seen.values is None:
            self.totals.device_deaths += 1
            member.link.gone(seen.device, seen.reason)
            return
        if seen.returned:
            self.totals.device_returns += 1
        self.report(member, seen.device, seen.values, now_ms)

    def report(self, member: Member, device: str, values: Mapping[str, Any], now_ms: int) -> None:
        """Hand values of one device to its node and count them."""
        if not member.link.report(device, values, now_ms):
            self.totals.refused += 1
            member.school.devices[device].forget(values)
        elif values:
            self.totals.payloads += 1
            self.totals.values += len(values)

    def _strike(self, event: FaultEvent, now_ms: int) -> None:
        fault = event.fault
        struck = victims(fault.target, self._places, self._seed, fault.number, event.occurrence)
        if event.begins:
            self.totals.faults_begun += 1
            self.totals.faults[fault.fault] += len(struck)
            log.info("%s begins in %d schools for %g s", fault.fault, len(struck), fault.for_s)
            if not struck:
                self._warn(
                    f"fault[{fault.number}] {fault.fault} hits nobody among {len(self.members)} schools"
                )
        for victim in struck:
            member = self.members[victim.index]
            member.school.strike(
                fault.fault, victim.rooms, fault.target.kind, fault.detail, begins=event.begins
            )
            if fault.fault is FaultKind.FIBRE_CUT:
                member.cuts += 1 if event.begins else -1
                if event.begins and member.cuts == 1:
                    member.link.cut()
                elif not event.begins and member.cuts == 0:
                    member.link.restore()
            self.poll(member, now_ms)
