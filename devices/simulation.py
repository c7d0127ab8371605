"""Simulated devices: what they feel, what they can do, faults that any can have, and soft physics."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

GENERAL_FAULTS = ("sensor_stuck", "sensor_broken", "sensor_nan", "unplugged")
"""Every kind's simulation can have these: values stand still, no answer, NaN instead of numbers, no cable."""

ROOM_TYPES = (
    "smart_classroom", "simulation_lab", "vr_room", "computer_lab", "library", "hall",
    "server_room", "conference_room", "operations_centre",
)  # fmt: skip
"""Types of room; a room's type says what stands in it and when people are there."""
TEACHING_ROOMS = ROOM_TYPES[:6]


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomConditions:
    """What a simulated device feels: people in the room, weather, its age, the wanted share of the uplink.

    `load_fraction` may exceed 1: more is wanted than the line can carry. `cooled_to_c` is where a running air
    conditioner pulls the room to; None without one.
    """

    occupied_people: int = 0
    lesson: bool = False
    outdoor_c: float = 30.0
    outdoor_lux: float = 0.0
    age_years: float = 0.0
    load_fraction: float = 0.0
    powered: bool = True
    cooled_to_c: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulated:
    """Where simulated schools have devices of a kind, what wears out, and what a scenario breaks in them.

    Without anything said there is one in every room. `rooms` says how many stand in a room of which type (see
    `ROOM_TYPES`), and in no other. `share` of new rooms have them, `share_per_year` more (or, negative, less)
    for each year of the room's age, and all rooms of the types in `always`; `per_school` means one a school
    instead, which stands in no room. `levels` are the school levels that have it (empty: all). `unless` names
    a kind that takes its place: it is only where the other one is not. `luck` names the die thrown for a room
    (by default the kind's id): kinds with one name fall alike.
    `suffix` ends the device's id (`p101-air`), `name` begins its name (`Tủ điện P101`); by default they are
    the kind's id and Vietnamese label. `wear` names faults that come with age; `breaks` says which fault of
    the kind a scenario's fault is (`{"flood": "flood"}`).
    """

    per_school: bool = False
    rooms: Mapping[str, int] = field(default_factory=dict)
    always: tuple[str, ...] = ()
    share: float = 1.0
    share_per_year: float = 0.0
    levels: tuple[str, ...] = ()
    unless: str = ""
    luck: str = ""
    suffix: str = ""
    name: str = ""
    wear: tuple[str, ...] = ()
    breaks: Mapping[str, str] = field(default_factory=dict)

    def share_at(self, age_years: float) -> float:
        """The share of rooms (or schools) of that age that have one."""
        return self.share + self.share_per_year * age_years


EVERY_ROOM = Simulated()


class UnreachableError(Exception):
    """A device does not answer; `reason` is a code such as `timeout`, `powered_off`, `no_route`."""

    def __init__(self, reason: str, text: str = "") -> None:
        super().__init__(text or reason)
        self.reason = reason


class SimulatedDevice(Protocol):
    """A device that lives in memory: time passes by `step`, a poll is `read`."""

    def step(self, room: RoomConditions, dt_s: float) -> None:
        """Let `dt_s` seconds pass; one long step ends where many short ones do."""

    def read(self) -> dict[str, Any]:
        """Values by metric name. Raises UnreachableError."""
        ...

    def write(self, metric: str, value: Any) -> None:
        """Obey a command. Raises KeyError for a metric that cannot be written, UnreachableError."""

    def fail(self, fault: str) -> None:
        """Break in a way the kind lists in `faults`. Raises KeyError for another."""

    def heal(self, fault: str) -> None:
        """Undo `fail`."""

    def place(self, room_type: str, number: int) -> None:
        """Say where it stands: the room's type, and which of several alike in it this one is (from 1)."""

    def affect(self, room: RoomConditions) -> RoomConditions:
        """What the room is like for all devices in it because of this one."""
        ...


class Simulation:
    """A device in memory; a kind's simulation says in `advance` what time does to `values`.

    `values` holds the current value of each metric, `faults` the names of what is broken now.
    """

    FAULTS: tuple[str, ...] = ()

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.values: dict[str, Any] = {}
        self.faults: set[str] = set()
        self.powered = True
        self._stuck: dict[str, Any] | None = None

    def advance(self, room: RoomConditions, dt_s: float) -> None:
        """Let `dt_s` seconds pass in `values`."""
        raise NotImplementedError

    def obey(self, metric: str, value: Any) -> None:
        """Carry a command out. Raises KeyError for a metric that cannot be written."""
        raise KeyError(metric)

    def place(self, room_type: str, number: int) -> None:
        """Say where it stands; most kinds are the same everywhere."""

    def affect(self, room: RoomConditions) -> RoomConditions:
        """What the room is like because of it; most devices change nothing."""
        return room

    def step(self, room: RoomConditions, dt_s: float) -> None:
        """Let `dt_s` seconds pass."""
        self.powered = room.powered
        self.advance(room, dt_s)

    def read(self) -> dict[str, Any]:
        """Values by metric name. Raises UnreachableError without power or with a fault that silences."""
        self._must_answer()
        if self._stuck is not None:
            return dict(self._stuck)
        if "sensor_nan" in self.faults:
            return {name: math.nan if type(value) is float else value for name, value in self.values.items()}
        return dict(self.values)

    def write(self, metric: str, value: Any) -> None:
        """Obey a command. Raises KeyError for a metric that cannot be written, UnreachableError."""
        self._must_answer()
        self.obey(metric, value)

    def fail(self, fault: str) -> None:
        """Break in a way that is listed. Raises KeyError for another."""
        if fault not in (*GENERAL_FAULTS, *self.FAULTS):
            raise KeyError(fault)
        self.faults.add(fault)
        if fault == "sensor_stuck":
            self._stuck = dict(self.values)

    def heal(self, fault: str) -> None:
        """Undo `fail`; healing what is not broken does nothing."""
        self.faults.discard(fault)
        if fault == "sensor_stuck":
            self._stuck = None

    def _must_answer(self) -> None:
        if not self.powered:
            raise UnreachableError("powered_off")
        if "unplugged" in self.faults:
            raise UnreachableError("unplugged")
        if "sensor_broken" in self.faults:
            raise UnreachableError("timeout")

    def noise(self, spread: float) -> float:
        """A small random error, normal around 0, never beyond three times `spread`."""
        return max(-3 * spread, min(3 * spread, self.rng.gauss(0.0, spread)))


def approach(value: float, goal: float, dt_s: float, time_constant_s: float) -> float:
    """Where an exponential lag stands after `dt_s`; exact for any step, so a compressed clock is no worse."""
    return goal + (value - goal) * math.exp(-dt_s / time_constant_s)


def drifted(rng: random.Random, value: float, spread: float, dt_s: float, time_constant_s: float) -> float:
    """A slow random wander around 0 with standard deviation `spread`; alike at any step."""
    kept = math.exp(-dt_s / time_constant_s)
    return value * kept + rng.gauss(0.0, spread * math.sqrt(1 - kept * kept))


def clamp(value: float, low: float, high: float) -> float:
    """`value`, kept between `low` and `high`."""
    return max(low, min(high, value))
