"""A driver without a device: the kind's own simulation, in a room with an ordinary school day."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from math import cos, pi
from typing import Any

from devices.kind import DeviceKind, kinds
from devices.simulation import RoomConditions
from devices.wire.datatypes import NUMERIC
from edge_agents.driver import Driver
from edge_agents.settings import DeviceSection

LOCAL = timedelta(hours=7)  # Vietnam has no summer time
LONGEST_STEP_S = 600.0


def room_at(now: datetime, seats: int = 40) -> RoomConditions:
    """What an ordinary room is like at a UTC time: full on weekdays from 7:00 to 16:30 but for lunch."""
    local = now + LOCAL
    hour = local.hour + local.minute / 60
    lesson = local.weekday() < 6 and (7 <= hour < 11.25 or 13 <= hour < 16.5)
    daylight = max(0.0, cos((hour - 12) / 12 * pi))
    return RoomConditions(
        occupied_people=seats if lesson else 0,
        lesson=lesson,
        outdoor_c=27 + 6 * cos((hour - 14) / 12 * pi),
        outdoor_lux=60_000 * daylight,
        age_years=2,
        load_fraction=0.6 if lesson else 0.05,
    )


class SimulatedDriver:
    """Lets the kind's simulation live in real time. `clock` gives seconds and may be replaced.

    A `restless` one has something to report at every poll, however quiet the room is: for measuring.
    """

    def __init__(
        self,
        kind: DeviceKind,
        seed: int,
        clock: Callable[[], float] = time.time,
        *,
        restless: bool = False,
    ) -> None:
        self.device = kind.simulate(random.Random(seed))
        numbers = [metric for metric in kind.metrics if metric.datatype in NUMERIC]
        self._restless = numbers[0] if restless and numbers else None
        self._turn = 0
        self._clock = clock
        self._at_s = clock() - 60

    async def connect(self) -> None:
        """Nothing to connect to."""

    async def poll(self) -> Mapping[str, Any]:
        """Let the time since the last poll pass, then read."""
        now_s = self._clock()
        room = room_at(datetime.fromtimestamp(now_s, UTC))
        self.device.step(room, min(LONGEST_STEP_S, max(0.0, now_s - self._at_s)))
        self._at_s = now_s
        values = self.device.read()
        if (metric := self._restless) is not None:
            self._turn ^= 1
            values[metric.name] = (metric.low or 0) + self._turn * (2 * metric.deadband or 1)
        return values

    async def write(self, metric: str, value: Any) -> None:
        """Hand a command to the simulation."""
        self.device.write(metric, value)

    async def close(self) -> None:
        """Nothing to close."""


def driver_of(device: DeviceSection) -> Driver:
    """The driver of a device as it is configured, not connected yet."""
    kind = kinds()[device.kind]
    if device.driver == "simulated" or kind.driver is None:
        return SimulatedDriver(kind, device.seed, restless=device.options.get("restless") is True)
    driver: Driver = kind.driver(**device.options)
    return driver
