"""The province's schools, districts and offices (a synthetic list that ships with the product)."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import zip_longest

LEVELS = ("THPT", "THCS", "TH", "MN")
"""Upper secondary, lower secondary, primary, kindergarten: the order in which a selection takes them."""

_SHORT_NAMES = {
    "703": "TP. Tây Ninh",
    "705": "Tân Biên",
    "706": "Tân Châu",
    "707": "Dương Minh Châu",
    "708": "Châu Thành",
    "709": "TX. Hòa Thành",
    "710": "Gò Dầu",
    "711": "Bến Cầu",
    "712": "TX. Trảng Bàng",
}


@dataclass(frozen=True, slots=True)
class School:
    """A school; `level` is one of LEVELS, `code` is also its Sparkplug group id."""

    code: str
    name: str
    level: str
    district_code: str
    district_name: str


@dataclass(frozen=True, slots=True)
class District:
    """A district with its full name and the short one for maps and tables."""

    code: str
    name: str
    short: str


@dataclass(frozen=True, slots=True)
class OrgUnit:
    """The department, an office, a college, or (kind `vc_school`) a school with a conference site."""

    code: str
    name: str
    kind: str
    parent: str | None
    vc_site: bool


def schools(n: int | None = None) -> list[School]:
    """The first `n` schools of an even selection, or all of them, in the order of the list.

    Every selection spreads over districts and levels alike (18 already have every district and level
    about equally often), is the same every time, and contains every smaller one. Raises ValueError
    if `n` is less than 1.
    """
    everything = _all_schools()
    if n is None or n >= len(everything):
        return list(everything)
    return select_schools(list(everything), n)


def select_schools(everything: list[School], n: int) -> list[School]:
    """Pick `n` of the schools given, evenly over districts and levels; keeps their order.

    Walks the grid of districts × levels along its diagonals, again and again, taking one school
    of each cell a round; schools with a conference site come first in their cell.
    """
    if n < 1:
        raise ValueError(f"wants at least 1 school, not {n}")
    sites = {unit.code for unit in org_units() if unit.kind == "vc_school"}
    codes = list(dict.fromkeys(school.district_code for school in everything))
    cells = []
    for shift in range(len(LEVELS)):
        for row, code in enumerate(codes):
            level = LEVELS[(row + shift) % len(LEVELS)]
            cell = [school for school in everything if (school.district_code, school.level) == (code, level)]
            cells.append(sorted(cell, key=lambda school: school.code not in sites))
    ordered = [school for layer in zip_longest(*cells) for school in layer if school is not None]
    chosen = {school.code for school in ordered[:n]}
    return [school for school in everything if school.code in chosen]


@cache
def districts() -> tuple[District, ...]:
    """The nine districts, by code."""
    names = {school.district_code: school.district_name for school in _all_schools()}
    return tuple(District(code, names[code], _SHORT_NAMES[code]) for code in sorted(names))


@cache
def org_units() -> tuple[OrgUnit, ...]:
    """The department, district offices, colleges and schools with a conference site."""
    return tuple(
        OrgUnit(row["code"], row["name"], row["kind"], row["parent"] or None, row["vc_site"] == "1")
        for row in _rows("org_units.csv")
    )


@cache
def _all_schools() -> tuple[School, ...]:
    return tuple(School(**row) for row in _rows("schools.csv"))


def _rows(name: str) -> list[dict[str, str]]:
    text = (files(__name__) / name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))
