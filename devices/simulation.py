"""What all simulated devices have in common: faults that any device can have, and soft physics."""

from __future__ import annotations

import math
import random
from typing import Any

from devices.kind import RoomConditions, UnreachableError

GENERAL_FAULTS = ("sensor_stuck", "sensor_broken", "sensor_nan", "unplugged")
"""Every kind's simulation can have these: values stand still, no answer, NaN instead of numbers, no cable."""


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


def clamp(value: float, low: float, high: float) -> float:
    """`value`, kept between `low` and `high`."""
    return max(low, min(high, value))
