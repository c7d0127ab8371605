"""How the province hangs together on a day; pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import astuple, dataclass
from datetime import date
from typing import Literal, TypeAlias

# district offices were abolished on this day; their schools are placed by district since
OFFICES_ABOLISHED = date(2025, 7, 1)
LONG_AGO = date(1900, 1, 1)

UnitKind: TypeAlias = Literal["department", "district", "office", "commune", "school", "cec", "college"]
ChangeKind: TypeAlias = Literal["rename", "move", "merge", "split", "end", "begin"]
RoomType: TypeAlias = Literal[
    "smart_classroom",
    "simulation_lab",
    "computer_lab",
    "vr_ar_room",
    "subject_room",
    "conference_room",
    "library",
    "hall",
    "classroom",
    "server_room",
    "operations_centre",
    "other",
]
TEACHING_KINDS: tuple[UnitKind, ...] = ("school", "college", "cec")
"""Kinds that teach: they have rooms, pupils and nodes of their own, and nothing below them."""

UNIT_KINDS: dict[str, UnitKind] = {
    "department": "department",
    "district_office": "office",
    "college": "college",
    "cec": "cec",
}
"""Kinds of unit by the words of the shipped list."""


@dataclass(frozen=True, slots=True)
class RoomSeen:
    """A room that a device or a person named."""

    school: str
    code: str
    name: str = ""
    type: str = ""
    seats: int | None = None


@dataclass(frozen=True, slots=True)
class PlacedFrom:
    """A unit belongs to a parent from a day (included) to a day (not included; None is open)."""

    unit: str
    parent: str
    valid_from: date
    valid_to: date | None = None

    def holds_on(self, day: date) -> bool:
        """Tells whether the unit belongs there on a day."""
        return self.valid_from <= day and (self.valid_to is None or day < self.valid_to)


def school_placements(school: str, level: str, district: str, office: str, root: str) -> list[PlacedFrom]:
    """Tells whose a school was and is: upper secondary the department's, others the district's."""
    if level == "THPT":
        return [PlacedFrom(school, root, LONG_AGO)]
    return [
        PlacedFrom(school, office, LONG_AGO, OFFICES_ABOLISHED),
        PlacedFrom(school, district, OFFICES_ABOLISHED),
    ]


@dataclass(frozen=True, slots=True)
class Counted:
    """Devices of a room, a school or everything in a unit, and their open alarms by severity."""

    devices: int = 0
    online: int = 0
    critical: int = 0
    major: int = 0
    minor: int = 0

    @property
    def worst(self) -> str:
        """The severity of the worst open alarm, or none."""
        return "critical" if self.critical else "major" if self.major else "minor" if self.minor else "none"

    @staticmethod
    def total(parts: Iterable[Counted]) -> Counted:
        """Adds up what is counted in each part."""
        columns = zip(*map(astuple, parts), strict=True)
        return Counted(*map(sum, columns))


@dataclass(frozen=True, slots=True)
class Heads:
    """How many people schools counted: of `schools` of them `reported` did, the oldest on `as_of`."""

    schools: int = 0
    reported: int = 0
    pupils: int = 0
    pupils_with_id: int = 0
    teachers: int = 0
    teachers_with_record: int = 0
    as_of: date | None = None
    source: str = ""

    @property
    def percent_pupils(self) -> float | None:
        """Pupils with a nationally unified identity, of a hundred."""
        return percent(self.pupils_with_id, self.pupils)

    @property
    def percent_teachers(self) -> float | None:
        """Teachers with a digital record, of a hundred."""
        return percent(self.teachers_with_record, self.teachers)

    def met(self, share: float | None) -> bool | None:
        """Tells whether a share is the target, all of them in every school; None where nobody counted."""
        return None if share is None else share == 100 and self.reported == self.schools

    @staticmethod
    def total(parts: Iterable[Heads]) -> Heads:
        """Adds up what schools counted; sources that differ are not named."""
        known = list(parts)
        days = [each.as_of for each in known if each.as_of]
        sources = {each.source for each in known if each.reported}
        return Heads(
            schools=sum(each.schools for each in known),
            reported=sum(each.reported for each in known),
            pupils=sum(each.pupils for each in known),
            pupils_with_id=sum(each.pupils_with_id for each in known),
            teachers=sum(each.teachers for each in known),
            teachers_with_record=sum(each.teachers_with_record for each in known),
            as_of=min(days, default=None),
            source=sources.pop() if len(sources) == 1 else "",
        )


def percent(part: int, whole: int) -> float | None:
    """Gives a share of a hundred to one decimal, never rounded up: 9,999 of 10,000 is not all of them."""
    return None if whole == 0 else part * 1000 // whole / 10
