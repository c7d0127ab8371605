"""How the province hangs together on a day; pure."""

from dataclasses import dataclass
from datetime import date

# district offices were abolished on this day; their schools are placed by district since
OFFICES_ABOLISHED = date(2025, 7, 1)
LONG_AGO = date(1900, 1, 1)

UNIT_KINDS = {
    "department": "department",
    "district_office": "office",
    "college": "college",
    "cec": "college",
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
