"""Scenario files: which faults happen when, where and how often. Pure apart from reading the file.

A file is TOML: `title`, optional `title_vi`, and `[[fault]]` tables with `fault`, `at_s` or `at`, `for_s`,
optional `every_s` and `times`, and a `[fault.target]`. All times are seconds of school time since the start.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from simulators.school_day import DEPARTMENT, OFFICE


class FaultKind(StrEnum):
    """What can go wrong in a simulated school."""

    FIBRE_CUT = "fibre_cut"  # the node's connection vanishes without a goodbye: the broker sends its will
    UPLINK_DOWN = "uplink_down"  # the line is dead but the node still reports through a spare one
    UPLINK_DEGRADED = "uplink_degraded"  # the line is slow and loses packets
    UPLINK_SATURATION = "uplink_saturation"  # the school wants more than its line carries
    POWER_CUT = "power_cut"  # the rooms' devices go dark; the node itself has a battery
    FLOOD = "flood"  # water on the floor
    STUFFY_AIR = "stuffy_air"  # windows shut and twice the people
    BROKEN_SENSOR = "broken_sensor"  # a sensor that reads nonsense
    EQUIPMENT = "equipment"  # a device reports a fault of its own, named by `detail`
    UNPLUGGED = "unplugged"  # single devices stop answering


@dataclass(frozen=True, slots=True)
class Target:
    """Where a fault strikes: schools first, then rooms and kinds inside them. Empty means all of them."""

    schools: tuple[str, ...] = ()
    indexes: tuple[int, ...] = ()
    districts: tuple[str, ...] = ()
    level: str = ""
    share: float = 0.0
    count: int = 0
    rooms: tuple[str, ...] = ()
    rooms_per_school: int = 0
    kind: str = ""


@dataclass(frozen=True, slots=True)
class FaultSpec:
    """One fault: times in seconds of school time; `every_s` 0 means once, `times` 0 means for ever."""

    number: int
    fault: FaultKind
    target: Target
    for_s: float
    at_s: float | None = None
    at_second_of_day: int | None = None
    every_s: float = 0.0
    times: int = 0
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Scenario:
    """A title and its faults, in the order of the file, and what the province is made of.

    `devices_per_school` None: as many as the rooms hold.
    """

    title: str
    faults: tuple[FaultSpec, ...] = ()
    ageing: bool = True
    offices: bool = False
    devices_per_school: int | None = None


class ScenarioError(ValueError):
    """A scenario file is wrong; the text has one line per mistake with field, value and fix."""


@dataclass(slots=True)
class _Table:
    """One TOML table being read; collects mistakes instead of stopping at the first."""

    where: str
    values: Mapping[str, Any]
    mistakes: list[str]
    known: set[str] = field(default_factory=set)

    def wrong(self, name: str, fix: str) -> None:
        value = self.values.get(name)
        shown = "missing" if value is None else f"= {value!r}"
        self.mistakes.append(
            f"{self.where}.{name} {shown}: {fix}" if self.where else f"{name} {shown}: {fix}"
        )

    def number(self, name: str, low: float, high: float, default: float | None, unit: str) -> float | None:
        self.known.add(name)
        if name not in self.values:
            return default
        value = self.values[name]
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
            self.wrong(name, f"write a number of {unit} from {low:g} to {high:g}")
            return default
        return float(value)

    def text(self, name: str, default: str = "") -> str:
        self.known.add(name)
        value = self.values.get(name, default)
        if not isinstance(value, str):
            self.wrong(name, "write a text in quotes")
            return default
        return value

    def flag(self, name: str, default: bool) -> bool:
        self.known.add(name)
        value = self.values.get(name, default)
        if not isinstance(value, bool):
            self.wrong(name, "write true or false")
            return default
        return value

    def texts(self, one: str, many: str) -> tuple[str, ...]:
        """The texts under `one = "a"` or `many = ["a", "b"]`."""
        self.known |= {one, many}
        name = many if many in self.values else one
        value = self.values.get(name, [])
        values = value if isinstance(value, list) else [value]
        if not all(isinstance(each, str) and each for each in values):
            self.wrong(name, "write a text in quotes, or a list of them")
            return ()
        return tuple(values)

    def whole(self, one: str, many: str) -> tuple[int, ...]:
        """The whole numbers under `one = 1` or `many = [1, 2]`."""
        self.known |= {one, many}
        name = many if many in self.values else one
        value = self.values.get(name, [])
        values = value if isinstance(value, list) else [value]
        if not all(isinstance(each, int) and not isinstance(each, bool) and each >= 0 for each in values):
            self.wrong(name, "write a whole number from 0 up, or a list of them")
            return ()
        return tuple(values)

    def finish(self) -> None:
        for name in self.values.keys() - self.known:
            self.wrong(name, f"no such field here; known are {', '.join(sorted(self.known))}")


LEVELS = ("MN", "TH", "THCS", "THPT", OFFICE, DEPARTMENT)
FOREVER_S = 7 * 86_400.0


def _target(table: _Table) -> Target:
    share = table.number("share", 0, 1, 0.0, "schools as a share") or 0.0
    count = int(table.number("count", 0, 10_000, 0, "schools") or 0)
    rooms_per_school = int(table.number("rooms_per_school", 0, 1_000, 0, "rooms") or 0)
    level = table.text("level")
    if level and level not in LEVELS:
        table.wrong("level", f"write one of {', '.join(LEVELS)}")
    target = Target(
        schools=table.texts("school", "schools"),
        indexes=table.whole("index", "indexes"),
        districts=table.texts("district", "districts"),
        level=level,
        share=share,
        count=count,
        rooms=table.texts("room", "rooms"),
        rooms_per_school=rooms_per_school,
        kind=table.text("kind"),
    )
    table.finish()
    return target


def _fault(table: _Table, number: int) -> FaultSpec | None:
    before = len(table.mistakes)
    name = table.text("fault")
    if name not in list(FaultKind):
        table.wrong("fault", f"write one of {', '.join(FaultKind)}")
    at_s = table.number("at_s", 0, FOREVER_S, None, "seconds since the start")
    at = table.text("at")
    second: int | None = None
    if at:
        found = re.fullmatch(r"([01]?\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?", at)
        if found is None:
            table.wrong("at", 'write a time of day at school such as "09:10"')
        else:
            second = int(found[1]) * 3600 + int(found[2]) * 60 + int(found[3] or 0)
    if ("at" in table.values) == ("at_s" in table.values):
        table.mistakes.append(f'{table.where}: write either at_s (seconds since the start) or at ("09:10")')
    for_s = table.number("for_s", 1, FOREVER_S, FOREVER_S, "seconds")
    every_s = table.number("every_s", 1, FOREVER_S, 0.0, "seconds") or 0.0
    times = int(table.number("times", 1, 1_000_000, 0, "repeats") or 0)
    if times and not every_s:
        table.wrong("times", "a repeat needs every_s, the seconds from one start to the next")
    if every_s and for_s is not None and for_s > every_s:
        table.wrong("every_s", f"it must be at least for_s ({for_s:g}), or the fault would meet itself")
    inner = table.values.get("target", {})
    table.known.add("target")
    target = Target()
    if isinstance(inner, dict):
        target = _target(_Table(f"{table.where}.target", inner, table.mistakes))
    else:
        table.wrong("target", "write a table [fault.target]")
    detail = table.text("detail")
    table.finish()
    if len(table.mistakes) > before or for_s is None:
        return None
    return FaultSpec(number, FaultKind(name), target, for_s, at_s, second, every_s, times, detail)


def read_scenario(content: Mapping[str, Any]) -> Scenario:
    """Check a parsed file and give the scenario; raises `ScenarioError` with all mistakes at once."""
    mistakes: list[str] = []
    top = _Table("", content, mistakes)
    title = top.text("title")
    top.text("title_vi")
    top.text("description")
    ageing = top.flag("ageing", True)
    offices = top.flag("offices", False)
    devices = int(top.number("devices_per_school", 1, 1_000, 0, "devices") or 0)
    top.known.add("fault")
    tables = content.get("fault", [])
    faults: list[FaultSpec] = []
    if not isinstance(tables, list) or not all(isinstance(each, dict) for each in tables):
        mistakes.append("fault: write every fault as a table [[fault]]")
    else:
        for number, each in enumerate(tables, 1):
            fault = _fault(_Table(f"fault[{number}]", each, mistakes), number)
            faults += [] if fault is None else [fault]
    top.finish()
    if mistakes:
        raise ScenarioError("\n".join(mistakes))
    return Scenario(title or "untitled", tuple(faults), ageing, offices, devices or None)


def load_scenario(path: Path) -> Scenario:
    """Read a scenario file; raises `ScenarioError` naming the file and every mistake in it."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ScenarioError(f"{path}: cannot be read ({error.strerror}); name an existing file") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ScenarioError(f"{path}: is not TOML ({error}); correct that place") from error
    try:
        return read_scenario(content)
    except ScenarioError as error:
        raise ScenarioError("\n".join(f"{path}: {line}" for line in str(error).splitlines())) from error
