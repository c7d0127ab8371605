"""A room with devices of every kind, each on a real socket, living through a lesson until it is stopped."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from devices.kind import DeviceKind
from devices.protocols.options import Drivers
from devices.simulation import RoomConditions
from simulators.protocols.announcing import HERE, MdnsResponder
from simulators.rooms.announced import announcements_of, services_of
from simulators.rooms.broker import Carrier, own_broker
from simulators.rooms.configuration import DeviceEntry
from simulators.rooms.stands import ON_BROKER, ON_SOCKET, BrokerStand, Stand
from simulators.rooms.stateful import STATEFUL

log = logging.getLogger(__name__)
STEP_S = 1.0
BEFORE_S = 600.0
"""What the devices have lived through when the room opens."""
LESSON = RoomConditions(
    occupied_people=36, lesson=True, outdoor_c=31, outdoor_lux=40_000, age_years=2, load_fraction=0.5
)
EMPTY = RoomConditions(outdoor_c=29, outdoor_lux=200, age_years=2, load_fraction=0.05)


class FaultError(ValueError):
    """A fault that no device of the room can have; the text names value and fix."""


@dataclass(frozen=True, slots=True)
class PlannedFault:
    """What happens to `target` (a device's id or a kind), from and until when (s after the start)."""

    target: str
    fault: str
    from_s: float = 0.0
    until_s: float | None = None


@dataclass(frozen=True, slots=True)
class RoomPlan:
    """What stands in the room, and what befalls it."""

    kinds: Mapping[str, DeviceKind]
    each: int = 1
    room: str = "P101"
    seed: int = 1
    lesson: bool = True
    broker_url: str | None = None
    faults: Sequence[PlannedFault] = ()
    unnamed: Collection[str] = ()
    """Kinds that the agent's file leaves out: a search finds them."""


@dataclass
class Room:
    """The room while it is open."""

    plan: RoomPlan
    stands: list[Stand] = field(default_factory=list)
    unspoken: list[DeviceEntry] = field(default_factory=list)
    """Kinds that no simulator speaks for yet: an agent simulates them itself."""
    struck: set[tuple[str, str]] = field(default_factory=set)
    discovery: dict[str, Any] = field(default_factory=dict)
    """Where the devices answer a search, as an agent's file says it."""

    def entries(self) -> list[DeviceEntry]:
        """Its devices, as an agent's file names them; without those to be found by a search."""
        spoken = [
            DeviceEntry(one.id, one.kind.id, self.plan.room, {"protocol": one.protocol, **one.options})
            for one in self.stands
            if one.kind.id not in self.plan.unnamed
        ]
        return [*spoken, *self.unspoken]

    def check_faults(self) -> None:
        """Raises FaultError for a planned fault that nobody can have."""
        for planned in self.plan.faults:
            meant = self._meant(planned.target)
            if not meant:
                known = ", ".join(sorted({one.kind.id for one in self.stands}))
                raise FaultError(f"--fault {planned.target}=…: no such device or kind here; there is {known}")
            for one in meant:
                if planned.fault not in one.faults:
                    can = ", ".join(one.faults)
                    raise FaultError(
                        f"--fault {planned.target}={planned.fault}: {one.kind.id} can have {can}"
                    )

    async def live(self, stop: asyncio.Event, seconds: float = 0.0) -> None:
        """Let time pass until `stop`, or for so many seconds."""
        began_s = before_s = time.monotonic()
        while not stop.is_set():
            now_s = time.monotonic()
            await self._step(now_s - before_s)
            await self._befall(now_s - began_s)
            before_s = now_s
            left_s = began_s + seconds - now_s if seconds else STEP_S
            if left_s <= 0:
                return
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(STEP_S, left_s)):
                    await stop.wait()

    async def _step(self, dt_s: float) -> None:
        conditions = LESSON if self.plan.lesson else EMPTY
        for one in self.stands:
            one.device.step(conditions, dt_s)
            await one.follow(dt_s)

    async def _befall(self, at_s: float) -> None:
        for planned in self.plan.faults:
            now = planned.from_s <= at_s and (planned.until_s is None or at_s < planned.until_s)
            for one in self._meant(planned.target):
                key = (one.id, planned.fault)
                if now and key not in self.struck:
                    self.struck.add(key)
                    log.info("%s: %s begins", *key)
                    await one.strike(planned.fault)
                elif not now and key in self.struck:
                    self.struck.remove(key)
                    log.info("%s: %s ends", *key)
                    await one.heal(planned.fault)

    def _meant(self, target: str) -> list[Stand]:
        return [one for one in self.stands if target in (one.id, one.kind.id)]


@contextlib.asynccontextmanager
async def opened(plan: RoomPlan) -> AsyncIterator[Room]:
    """The room with all devices listening. Raises FaultError, NoBrokerError."""
    room = Room(plan)
    async with contextlib.AsyncExitStack() as stack:
        carrier: Carrier | None = None
        if any(_needs_broker(kind, number) for kind in plan.kinds.values() for number in range(plan.each)):
            url = plan.broker_url
            if url is None:
                url = await stack.enter_async_context(own_broker())
            carrier = Carrier(url)
        for index, kind in enumerate(plan.kinds.values()):
            for number in range(plan.each):
                _furnish(room, kind, number, 1000 * index + number, carrier)
        room.check_faults()
        for stand in room.stands:
            stack.push_async_callback(stand.stop)
            await stand.start()
            await stand.follow(0)
        if carrier is not None:
            carrier.announced = announcements_of(room.stands)
            await carrier.start()
            stack.push_async_callback(carrier.stop)
        responder = MdnsResponder(services_of(room.stands))
        stack.push_async_callback(responder.stop)
        room.discovery = {"networks": [f"{HERE}/32"], "mdns_port": await responder.start()}
        room.discovery["brokers"] = [carrier.url] if carrier is not None else []
        yield room


def _furnish(room: Room, kind: DeviceKind, number: int, seed: int, carrier: Carrier | None) -> None:
    plan = room.plan
    device_id = f"{plan.room.lower()}-{kind.id.replace('_', '-')}-{number + 1}"
    protocol = _protocol(kind, number)
    device = kind.simulate(random.Random(f"{plan.seed}/{seed}"))
    device.place("smart_classroom", number + 1)
    device.step(LESSON if plan.lesson else EMPTY, BEFORE_S)
    stand: Stand
    if protocol in ON_BROKER and carrier is not None:
        make, name = ON_BROKER[protocol]
        stand = BrokerStand(kind, device_id, make(device, device_id), carrier, {name: device_id})
    elif protocol in STATEFUL:
        stand = STATEFUL[protocol](kind, device_id, device, number)
    elif protocol in ON_SOCKET:
        stand = ON_SOCKET[protocol](kind, device_id, device, number)
    else:
        room.unspoken.append(DeviceEntry(device_id, kind.id, plan.room, {}, seed))
        return
    stand.protocol = protocol
    room.stands.append(stand)


def _protocol(kind: DeviceKind, number: int) -> str:
    """Devices of a kind speak its protocols in turn."""
    choices = kind.driver.choices if isinstance(kind.driver, Drivers) else ()
    return choices[number % len(choices)].protocol if choices else ""


def _needs_broker(kind: DeviceKind, number: int) -> bool:
    return _protocol(kind, number) in ON_BROKER
