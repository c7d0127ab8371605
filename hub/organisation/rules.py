"""How the province hangs together on a day; pure."""

from dataclasses import dataclass
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


def school_placements(school: str, level: str, district: str, office: str, root: str) -> list[PlacedFrom]:
    """Tells whose a school was and is: upper secondary the department's, others the district's."""
    if level == "THPT":
        return [PlacedFrom(school, root, LONG_AGO)]
    return [
        PlacedFrom(school, office, LONG_AGO, OFFICES_ABOLISHED),
        PlacedFrom(school, district, OFFICES_ABOLISHED),
    ]
