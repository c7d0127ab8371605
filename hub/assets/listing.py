"""The register searched, filtered, put in order and counted.

Indices hold every column that a filter looks at, so a search reads them and never the rows themselves.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

from sqlalchemy import ColumnElement, func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from hub.assets.rules import REQUIRED
from hub.assets.tables import Asset
from hub.organisation.tables import Unit

Sort: TypeAlias = Literal["place", "tag", "name", "type", "status", "changed"]
_Order: TypeAlias = tuple[tuple[InstrumentedAttribute[Any], ...], tuple[type, ...]]

_PLACE: tuple[InstrumentedAttribute[Any], ...] = (Asset.school_code, Asset.room_code, Asset.id)
ORDERS: dict[Sort, _Order] = {
    "place": (_PLACE, (str, str, int)),
    "tag": ((Asset.tag,), (str,)),
    "name": ((Asset.search, Asset.id), (str, int)),
    "type": ((Asset.type, *_PLACE), (str, str, str, int)),
    "status": ((Asset.status, *_PLACE), (str, str, str, int)),
    "changed": ((Asset.changed_ms, Asset.id), (int, int)),
}
"""Each order with the types of its key; `changed` shows the latest first."""

NONE = "-"
"""Chooses what has no room, type or status."""
CURRENT = "current"
FEW = 2_000


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a list is to show; None is everything. `schools` are codes of units."""

    schools: Collection[str] | None = None
    room: str | None = None
    type: str | None = None
    status: str | None = None
    words: tuple[str, ...] = ()
    complete: bool | None = None
    missing: str | None = None
    linked: bool | None = None
    ids: tuple[int, ...] | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        """Gives the conditions of a query; complete or missing is asked only of what is not disposed of.

        Status, gaps and link stand in expressions where no index can be looked up by them: engines that know
        nothing of how many rows pass would prefer such an index to the one that has the order.
        """
        status, gaps, node = Asset.status.concat(""), Asset.gaps + 0, Asset.node.concat("")
        found: list[ColumnElement[bool]] = [
            Asset.search.contains(word, autoescape=True) for word in self.words
        ]
        if self.schools is not None:
            found.append(Asset.school_code.in_(self.schools))
        for column, value in ((Asset.room_code, self.room), (Asset.type, self.type)):
            if value is not None:
                found.append(column == ("" if value == NONE else value))
        if self.status == CURRENT or self.complete is not None or self.missing is not None:
            found.append(status != "disposed")
        if self.status is not None and self.status != CURRENT:
            found.append(status == ("" if self.status == NONE else self.status))
        if self.complete is not None:
            found.append(gaps == 0 if self.complete else gaps != 0)
        if self.missing is not None:
            found.append(Asset.gaps.bitwise_and(1 << REQUIRED.index(self.missing)) != 0)
        if self.linked is not None:
            found.append(node.is_not(None) if self.linked else node.is_(None))
        if self.ids is not None:
            found.append(Asset.id.in_(self.ids))
        return found


async def page(
    session: AsyncSession, wanted: Wanted, sort: Sort, after: tuple[str | int, ...] | None, limit: int
) -> tuple[list[tuple[Asset, str]], int]:
    """Gives assets with their school's name after a key in this order, and how many there are in all.

    What is rare is looked up first and then put in order; what is common is met soon in any order. So
    neither a rare nor a common search walks through all rows.
    """
    conditions = wanted.conditions()
    first = select(Asset.id).where(*conditions).limit(FEW + 1)
    ids = list((await session.execute(first)).scalars())
    total = len(ids)
    if total <= FEW:
        conditions = [Asset.id.in_(ids)]
    else:
        total = (
            await session.execute(select(func.count()).select_from(Asset).where(*conditions))
        ).scalar_one()
    keys, _ = ORDERS[sort]
    query = select(Asset, Unit.name).join(Unit, Unit.code == Asset.school_code).where(*conditions)
    if after is not None:
        query = query.where(tuple_(*keys) < after if sort == "changed" else tuple_(*keys) > after)
    query = query.order_by(*((key.desc() for key in keys) if sort == "changed" else keys)).limit(limit)
    return [(asset, name) for asset, name in await session.execute(query)], total


@dataclass(slots=True)
class Counts:
    """How many assets each choice of each filter would show."""

    types: Counter[str]
    statuses: Counter[str]
    districts: Counter[str]
    complete: Counter[bool]
    missing: Counter[str]
    linked: Counter[bool]


async def facets(session: AsyncSession, wanted: Wanted, district: str | None) -> Counts:
    """Counts by type, status, district, completeness and link, each under all filters but its own.

    `wanted` has no district, so that the others can be counted too.
    """
    wanted = await _rare_by_id(session, wanted)
    codes = select(Unit.code, Unit.district_code)
    places = {code: place or "" for code, place in await session.execute(codes)}
    counts = Counts(Counter(), Counter(), Counter(), Counter(), Counter(), Counter())
    # by place and link: one walk for both
    anywhere = replace(wanted, linked=None, type=None).conditions()
    if wanted.type is not None:
        anywhere.append(Asset.type.concat("") == ("" if wanted.type == NONE else wanted.type))
    # an expression, or an index in this order would be preferred to the one that holds the searched text
    school_code = Asset.school_code.concat("") if wanted.words else Asset.school_code
    query = select(school_code, func.count(), func.count(Asset.node)).where(*anywhere)
    for school, number, linked in await session.execute(query.group_by(school_code)):
        place = places[school]
        shown = {None: number, True: linked, False: number - linked}[wanted.linked]
        counts.districts[place] += shown
        if district in (None, place):
            counts.linked[True] += linked
            counts.linked[False] += number - linked
    base = replace(wanted, type=None, status=None, complete=None, missing=None)
    if district is not None:
        here = frozenset(code for code, place in places.items() if place == district)
        base = replace(base, schools=here if base.schools is None else here & frozenset(base.schools))
    alike = (Asset.type, Asset.status, Asset.gaps)
    query_alike = select(*alike, func.count()).where(*base.conditions()).group_by(*alike)
    for kind, status, gaps, number in (await session.execute(query_alike)).all():
        _count(counts, wanted, kind, status, gaps, number)
    return counts


async def _rare_by_id(session: AsyncSession, wanted: Wanted) -> Wanted:
    """Turns words that few assets have into those assets, so that the words are looked for only once."""
    if not wanted.words:
        return wanted
    base = replace(wanted, type=None, status=None, complete=None, missing=None, linked=None)
    ids = (await session.execute(select(Asset.id).where(*base.conditions()).limit(FEW + 1))).scalars().all()
    return replace(wanted, words=(), ids=tuple(ids)) if len(ids) <= FEW else wanted


def _count(counts: Counts, wanted: Wanted, kind: str, status: str, gaps: int, number: int) -> None:
    """Counts assets that are alike where they pass all filters but the counted one."""
    fails = _fails(wanted, kind, status, gaps)
    if fails <= {"type"}:
        counts.types[kind] += number
    if fails <= {"status"}:
        counts.statuses[status] += number
    if status == "disposed":
        return
    if fails <= {"complete"}:
        counts.complete[gaps == 0] += number
    if fails <= {"missing"}:
        for bit, name in enumerate(REQUIRED):
            counts.missing[name] += number * (gaps >> bit & 1)


def _fails(wanted: Wanted, kind: str, status: str, gaps: int) -> set[str]:
    """Names the filters that these do not pass."""
    current = status != "disposed"
    passes = {
        "type": wanted.type in (None, kind or NONE),
        "status": wanted.status in (None, status or NONE) or (wanted.status == CURRENT and current),
        "complete": wanted.complete is None or (current and (gaps == 0) is wanted.complete),
        "missing": wanted.missing is None or (current and bool(gaps >> REQUIRED.index(wanted.missing) & 1)),
    }
    return {name for name, passed in passes.items() if not passed}
