"""The tree of units on any day, in memory; pure."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date

from hub.errors import Fault
from hub.organisation.rules import LONG_AGO, TEACHING_KINDS, PlacedFrom
from hub.wording import said

OPEN = date.max
ROOT_KIND = "department"


@dataclass(frozen=True, slots=True)
class UnitFacts:
    """A unit through all its time; `former` are names with the day until which each held (not included)."""

    code: str
    kind: str
    name: str
    former: tuple[tuple[date, str], ...] = ()
    placed: tuple[PlacedFrom, ...] = ()
    levels: tuple[str, ...] = ()
    district: str | None = None
    valid_from: date = LONG_AGO
    valid_to: date | None = None

    @property
    def end(self) -> date:
        """The day it ends, or the last of all days."""
        return self.valid_to or OPEN

    def there_on(self, day: date) -> bool:
        """Tells whether the unit exists on a day."""
        return self.valid_from <= day < self.end

    def name_on(self, day: date) -> str:
        """Gives its name of a day; before its beginning the first one."""
        return next((name for until, name in self.former if day < until), self.name)

    def parent_on(self, day: date) -> str | None:
        """Gives its parent of a day."""
        return next((placed.parent for placed in self.placed if placed.holds_on(day)), None)


class Tree:
    """All units through all time; ask it about a day."""

    def __init__(self, units: Iterable[UnitFacts]) -> None:
        self.units = {unit.code: unit for unit in units}
        self._below: dict[str, list[PlacedFrom]] = defaultdict(list)
        for unit in self.units.values():
            for placed in unit.placed:
                self._below[placed.parent].append(placed)

    def changed(self, units: Iterable[UnitFacts]) -> "Tree":
        """Gives a tree in which these units are as given, and all others as they are here."""
        return Tree((self.units | {unit.code: unit for unit in units}).values())

    def children(self, code: str, day: date) -> list[str]:
        """Gives the units directly below a unit on a day, by code."""
        return sorted(placed.unit for placed in self._below.get(code, ()) if placed.holds_on(day))

    def ever_below(self, code: str) -> list[PlacedFrom]:
        """Gives who belonged directly to a unit at any time."""
        return list(self._below.get(code, ()))

    def path(self, code: str, day: date) -> list[str]:
        """Gives the way from the root to a unit on a day, both included; of an ended unit as at its end."""
        way: list[str] = []
        at: str | None = code
        while at is not None and at not in way:
            way.append(at)
            unit = self.units.get(at)
            at = (unit.parent_on(day) or self._last_parent(unit, day)) if unit is not None else None
        return way[::-1]

    def scope(self, code: str, day: date) -> frozenset[str]:
        """Gives a unit and everything below it on a day, and what ended there: its records stay in view."""
        found: set[str] = set()
        waiting = [code] if code in self.units else []
        while waiting:
            at = waiting.pop()
            if at in found:
                continue
            found.add(at)
            waiting += (
                placed.unit
                for placed in self._below.get(at, ())
                if placed.holds_on(day) or self._last_parent(self.units[placed.unit], day) == at
            )
        return frozenset(found)

    def below(self, code: str, day: date) -> list[UnitFacts]:
        """Gives a unit and everything below it that exists on a day."""
        return [self.units[each] for each in self.scope(code, day) if self.units[each].there_on(day)]

    def _last_parent(self, unit: UnitFacts, day: date) -> str | None:
        """The parent of a unit that has ended, as it was at its end."""
        return unit.placed[-1].parent if unit.placed and unit.end <= day else None


def faults(tree: Tree, codes: Collection[str]) -> list[Fault]:
    """Finds what is wrong with units and with what belongs to them; the first kind of fault is enough."""
    concerned = {placed.unit for code in codes for placed in tree.ever_below(code)} | set(codes)
    found: list[Fault] = []
    for code in sorted(concerned):
        unit = tree.units[code]
        found += _faults_of_life(unit)
        for placed in unit.placed:
            found += _faults_of_parent(tree, unit, placed)
    return found


def _faults_of_life(unit: UnitFacts) -> list[Fault]:
    found = []
    if unit.valid_from >= unit.end:
        found.append(
            Fault(
                "on",
                str(unit.end),
                said("{code} begins only on {valid_from}", code=unit.code, valid_from=unit.valid_from),
                "choose a later day",
            )
        )
    if unit.kind == ROOT_KIND and unit.placed:
        found.append(
            Fault(
                "parent",
                unit.placed[0].parent,
                said("{code} is the department: the root", code=unit.code),
                "leave the parent out",
            )
        )
    before = LONG_AGO
    for placed in unit.placed:
        end = placed.valid_to or OPEN
        if placed.valid_from < before or placed.valid_from >= end:
            found.append(
                Fault(
                    "on",
                    str(placed.valid_from),
                    said("{code} would belong to two units at once", code=unit.code),
                    said("choose a day from {before}", before=before),
                )
            )
        if placed.valid_from < unit.valid_from or end > unit.end:
            found.append(
                Fault(
                    "on",
                    str(placed.valid_from),
                    said(
                        "{code} exists from {valid_from} to {valid_to}"
                        " and would belong to {parent} from {placed_from} to {placed_to}",
                        code=unit.code,
                        valid_from=unit.valid_from,
                        valid_to=unit.valid_to or "now on",
                        parent=placed.parent,
                        placed_from=placed.valid_from,
                        placed_to=placed.valid_to or "now on",
                    ),
                    "choose a day within its time, or undo the later change first",
                )
            )
        before = end
    return found


def _faults_of_parent(tree: Tree, unit: UnitFacts, placed: PlacedFrom) -> list[Fault]:
    parent = tree.units.get(placed.parent)
    if parent is None:
        return [Fault("parent", placed.parent, "there is no such unit",
                      "use a code of GET /api/v1/organisation/units")]  # fmt: skip
    if parent.kind in TEACHING_KINDS:
        return [Fault("parent", parent.code, said('a {kind} has no units below it', kind=parent.kind),
                      "choose a department, district, office or commune")]  # fmt: skip
    end = placed.valid_to or OPEN
    if parent.valid_from > placed.valid_from:
        detail = said(
            "{code} begins on {valid_from}, {below} would belong to it before",
            code=parent.code,
            valid_from=parent.valid_from,
            below=unit.code,
        )
        return [
            Fault(
                "on",
                str(placed.valid_from),
                detail,
                said("choose {valid_from} or later", valid_from=parent.valid_from),
            )
        ]
    if parent.end < end:
        detail = said(
            "{code} ends on {end}, before {below} that belongs to it",
            code=parent.code,
            end=parent.end,
            below=unit.code,
        )
        return [
            Fault(
                "unit",
                unit.code,
                detail,
                said("move or end {code} on {end} at the latest", code=unit.code, end=parent.end),
            )
        ]
    if _reaches(tree, placed.parent, unit.code, placed.valid_from, end):
        return [
            Fault(
                "parent",
                placed.parent,
                said("{parent} belongs to {code} itself at that time", parent=placed.parent, code=unit.code),
                said("choose a parent that is not below {code}", code=unit.code),
            )
        ]
    return []


def _reaches(tree: Tree, code: str, wanted: str, start: date, end: date, depth: int = 0) -> bool:
    """Tells whether a unit belongs to another, by any number of steps, on a day of [start, end)."""
    if code == wanted or depth > len(tree.units):
        return True
    for placed in tree.units[code].placed if code in tree.units else ():
        both = max(start, placed.valid_from), min(end, placed.valid_to or OPEN)
        if both[0] < both[1] and _reaches(tree, placed.parent, wanted, *both, depth + 1):
            return True
    return False
