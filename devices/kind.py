"""What a kind of device is: metrics, limits, commands, wall tile, offline rule, simulation.

A kind is one file in `devices/kinds/` that sets `KIND`; it is found by being there. This module knows
no driver's library: a kind's `driver` imports its own when an agent calls it.
"""

from __future__ import annotations

import importlib
import importlib.util
import math
import pkgutil
import random
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any

from devices.simulation import (
    EVERY_ROOM,
    ROOM_TYPES,
    RoomConditions,
    Simulated,
    SimulatedDevice,
    UnreachableError,
)
from devices.wire.datatypes import FLOATS, NUMERIC, DataType
from devices.wire.structures import MetricValue

__all__ = [
    "Command", "DeviceKind", "KindError", "Limit", "Metric", "OfflineRule", "RoomConditions", "Severity",
    "Simulated", "SimulatedDevice", "Tile", "UnreachableError", "kind", "kinds",
]  # fmt: skip

KINDS_PACKAGE = "devices.kinds"


class KindError(ValueError):
    """A kind that contradicts itself or another one; names the kind and what is wrong."""


class Severity(StrEnum):
    """How much an alarm matters; `rank` 3 is worst."""

    CRITICAL = "critical"
    MAJOR = "major"
    MINOR = "minor"

    @property
    def rank(self) -> int:
        """3 critical, 2 major, 1 minor."""
        return _RANK[self.value]


_RANK = {"critical": 3, "major": 2, "minor": 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """One condition that raises an alarm: exactly one of above, below, equals, not_equals.

    The alarm is raised after the condition held for `on_delay_s`, and returns after the value was
    back by `hysteresis` (in the metric's unit) for `off_delay_s`.
    """

    severity: Severity
    title_vi: str
    title_en: str
    above: float | None = None
    below: float | None = None
    equals: Any | None = None
    not_equals: Any | None = None
    hysteresis: float = 0.0
    on_delay_s: float = 0.0
    off_delay_s: float = 0.0

    @property
    def condition(self) -> str:
        """A short stable text, unique within the metric, such as `above 1000`."""
        for name in ("above", "below", "equals", "not_equals"):
            value = getattr(self, name)
            if value is not None:
                return f"{name} {value:g}" if isinstance(value, float) else f"{name} {value!r}"
        raise KindError("a limit without a condition")

    def breached(self, value: Any) -> bool:
        """True if `value` is beyond the limit. Null, NaN and other types never are: unknown is not alarm."""
        if self.equals is not None:
            return bool(value == self.equals)
        if self.not_equals is not None:
            return bool(value is not None and value != self.not_equals)
        if not isinstance(value, (int, float)) or not math.isfinite(value):
            return False
        if self.above is not None:
            return bool(value > self.above)
        return bool(self.below is not None and value < self.below)

    def cleared(self, value: Any) -> bool:
        """True if `value` is back by at least the hysteresis; null and NaN clear nothing."""
        if self.equals is not None or self.not_equals is not None:
            return value is not None and not self.breached(value)
        if not isinstance(value, (int, float)) or not math.isfinite(value):
            return False
        if self.above is not None:
            return bool(value <= self.above - self.hysteresis)
        return bool(self.below is not None and value >= self.below + self.hysteresis)


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One measured thing: datatype, unit, plausible range, and the change worth reporting (`deadband`).

    `states` gives the words for the values of a text or boolean metric; `role` says what it means to
    features that do not know the kind (`rx`, `tx`, `capacity`, `utilisation`, `latency`, `loss`, `link`,
    `occupancy`, `temperature`, `co2`, `power`, `energy`, `battery`, `fault`, `interlock`: true keeps the
    other devices of the room off).
    """

    name: str
    datatype: DataType
    label_vi: str
    label_en: str
    unit: str | None = None
    low: float | None = None
    high: float | None = None
    deadband: float = 0.0
    limits: tuple[Limit, ...] = ()
    decimals: int = 0
    states: Mapping[str | int, tuple[str, str]] | None = None
    role: str | None = None
    stale_after_s: float | None = None

    def changed(self, before: Any, after: Any) -> bool:
        """True if going from `before` (last reported) to `after` is worth a report."""
        if before is None or after is None or self.datatype not in NUMERIC:
            return bool(before != after)
        if math.isnan(before) or math.isnan(after):
            return math.isnan(before) is not math.isnan(after)
        if self.deadband == 0 or math.isinf(before) or math.isinf(after):
            return bool(before != after)
        return bool(abs(after - before) >= self.deadband)

    def plausible(self, value: Any) -> bool:
        """False for what the sensor cannot mean: NaN, infinity, outside `low`…`high`."""
        if value is None or self.datatype not in NUMERIC:
            return True
        if not math.isfinite(value):
            return False
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """Something a device can be told: which metric is written, and with what.

    `disruptive` values take something from people at work: pages ask before they send one. `safe_value` is
    what switches it off: allowed, and written by the agent itself, while an interlock is open.
    """

    name: str
    metric: str
    datatype: DataType
    label_vi: str
    label_en: str
    values: tuple[Any, ...] | None = None
    low: float | None = None
    high: float | None = None
    disruptive: tuple[Any, ...] = ()
    safe_value: Any | None = None

    def accepts(self, value: Any) -> bool:
        """True if `value` may be sent."""
        if self.values is not None:
            return any(value == allowed and type(value) is type(allowed) for allowed in self.values)
        if self.datatype in NUMERIC:
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
                return False
            if self.datatype not in FLOATS and not isinstance(value, int):
                return False
            return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)
        return isinstance(value, bool if self.datatype is DataType.Boolean else str)


@dataclass(frozen=True, slots=True)
class Tile:
    """What a screen with little room shows of a device: metric names, the most important first."""

    metrics: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OfflineRule:
    """The alarm raised when a device of the kind cannot be reached for `on_delay_s`."""

    severity: Severity
    on_delay_s: float
    title_vi: str
    title_en: str
    off_delay_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceKind:
    """A kind of device, complete in one file. Raises KindError if it contradicts itself."""

    id: str
    label_vi: str
    label_en: str
    metrics: tuple[Metric, ...]
    tile: Tile
    offline: OfflineRule
    simulate: Callable[[random.Random], SimulatedDevice]
    simulated: Simulated = EVERY_ROOM
    commands: tuple[Command, ...] = ()
    faults: tuple[str, ...] = ()
    driver: Callable[..., Any] | None = None
    _by_name: Mapping[str, Metric] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        by_name = {metric.name: metric for metric in self.metrics}
        object.__setattr__(self, "_by_name", MappingProxyType(by_name))
        if len(by_name) != len(self.metrics):
            raise KindError(f"{self.id}: two metrics of one name")
        wanted = {*self.tile.metrics, *(command.metric for command in self.commands)}
        if missing := wanted - set(by_name):
            raise KindError(f"{self.id}: tile or command names unknown metrics {sorted(missing)}")
        if unknown := {*self.simulated.wear, *self.simulated.breaks.values()} - set(self.faults):
            raise KindError(f"{self.id}: simulated names {sorted(unknown)}, which are not among its faults")
        if strange := {*self.simulated.rooms, *self.simulated.always} - set(ROOM_TYPES):
            raise KindError(f"{self.id}: simulated names unknown types of room {sorted(strange)}")
        for metric in self.metrics:
            _check_limits(self.id, metric)
        for command in self.commands:
            if command.safe_value is not None and not command.accepts(command.safe_value):
                raise KindError(f"{self.id}: {command.name}: the safe value is none that may be sent")

    @property
    def interlock(self) -> Metric | None:
        """The metric that is true while the devices of the room have to stay off; None for most kinds."""
        return next((metric for metric in self.metrics if metric.role == "interlock"), None)

    def metric(self, name: str) -> Metric | None:
        """The metric of that name, or None."""
        return self._by_name.get(name)

    def declare(self, values: Mapping[str, Any], ts_ms: int) -> list[MetricValue]:
        """Every metric of the kind for a DBIRTH, null where `values` has none, with unit as a property."""
        return [
            MetricValue(
                name=metric.name,
                datatype=metric.datatype,
                value=values.get(metric.name),
                ts_ms=ts_ms,
                properties={"engUnit": metric.unit} if metric.unit else None,
            )
            for metric in self.metrics
        ]


def _check_limits(kind_id: str, metric: Metric) -> None:
    for limit in metric.limits:
        conditions = (limit.above, limit.below, limit.equals, limit.not_equals)
        if sum(condition is not None for condition in conditions) != 1:
            raise KindError(f"{kind_id}: {metric.name}: a limit needs exactly one condition")
        if (limit.above is not None or limit.below is not None) and metric.datatype not in NUMERIC:
            raise KindError(f"{kind_id}: {metric.name}: above and below need a number")
        if min(limit.hysteresis, limit.on_delay_s, limit.off_delay_s) < 0:
            raise KindError(f"{kind_id}: {metric.name}: hysteresis and delays cannot be negative")
    if len({limit.condition for limit in metric.limits}) != len(metric.limits):
        raise KindError(f"{kind_id}: {metric.name}: two limits of one condition")


# ---------------------------------------------------------------- finding kinds


def kinds(*folders: Path) -> Mapping[str, DeviceKind]:
    """Every kind by id: the files of `devices/kinds/` and of the given folders, as they are there now.

    Looks at the folders each time (about 0.1 ms): keep the result. Raises KindError for a file without
    `KIND` and for two kinds of one id.
    """
    found: dict[str, DeviceKind] = {}
    package = importlib.import_module(KINDS_PACKAGE)
    modules = [
        importlib.import_module(f"{KINDS_PACKAGE}.{name}")
        for _, name, _ in sorted(pkgutil.iter_modules(package.__path__), key=lambda entry: entry.name)
    ]
    for folder in folders:
        modules += [_load(path) for path in sorted(folder.glob("[!_]*.py"))]
    for module in modules:
        one = getattr(module, "KIND", None)
        if not isinstance(one, DeviceKind):
            raise KindError(f"{module.__file__}: no KIND of type DeviceKind")
        if one.id in found:
            raise KindError(f"{module.__file__}: kind {one.id!r} is there already")
        found[one.id] = one
    return MappingProxyType(found)


def kind(kind_id: str) -> DeviceKind:
    """The kind of that id. Raises KeyError."""
    return kinds()[kind_id]


def _load(path: Path) -> ModuleType:
    name = f"{KINDS_PACKAGE}_from_{path.parent.name}.{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise KindError(f"{path}: cannot be loaded")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up by name
    spec.loader.exec_module(module)
    return module
