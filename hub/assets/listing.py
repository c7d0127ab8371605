"""The register searched, filtered, put in order and counted.

Indices hold every column that a filter looks at, so a search reads them and never the rows themselves.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from sqlalchemy import ColumnElement, Select, func, select, tuple_
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
        """Gives the conditions of a query; complete or missing is asked only of what is not disposed of."""
        found: list[ColumnElement[bool]] = [
            Asset.search.contains(word, autoescape=True) for word in self.words
        ]
        if self.schools is not None:
            found.append(Asset.school_code.in_(self.schools))
        for column, value in ((Asset.room_code, self.room), (Asset.type, self.type)):
            if value is not None:
                found.append(column == ("" if value == NONE else value))
        if self.status == CURRENT or self.complete is not None or self.missing is not None:
            found.append(Asset.status != "disposed")
        if self.status is not None and self.status != CURRENT:
            found.append(Asset.status == ("" if self.status == NONE else self.status))
        if self.complete is not None:
            found.append(Asset.gaps == 0 if self.complete else Asset.gaps != 0)
        if self.missing is not None:
            found.append(Asset.gaps.bitwise_and(1 << REQUIRED.index(self.missing)) != 0)
        if self.linked is not None:
            found.append(Asset.node.is_not(None) if self.linked else Asset.node.is_(None))
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


def tally(conditions: list[ColumnElement[bool]]) -> Select[str, str, str, int, bool, int]:
    """Counts assets that are alike in all that statistics ask for, in the order of one index."""
    alike = (Asset.school_code, Asset.type, Asset.status, Asset.gaps, Asset.node.is_(None).label("unlinked"))
    return select(*alike, func.count().label("count")).where(*conditions).group_by(*alike)


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
    """Counts by type, status, district, completeness and link, each under all filters but its own."""
    base = Wanted(schools=wanted.schools, room=wanted.room, words=wanted.words)
    part = tally(base.conditions()).subquery()
    alike = (Unit.district_code, part.c.type, part.c.status, part.c.gaps, part.c.unlinked)
    query = (
        select(*alike, func.sum(part.c.count)).join(Unit, Unit.code == part.c.school_code).group_by(*alike)
    )
    counts = Counts(Counter(), Counter(), Counter(), Counter(), Counter(), Counter())
    for place, kind, status, gaps, unlinked, number in (await session.execute(query)).all():
        count = int(number)
        fails = _fails(wanted, district, place or "", kind, status, gaps, bool(unlinked))
        if len(fails) > 1:
            continue
        if fails <= {"type"}:
            counts.types[kind] += count
        if fails <= {"status"}:
            counts.statuses[status] += count
        if fails <= {"district"}:
            counts.districts[place or ""] += count
        if fails <= {"linked"}:
            counts.linked[not unlinked] += count
        if status == "disposed":
            continue
        if fails <= {"complete"}:
            counts.complete[gaps == 0] += count
        if fails <= {"missing"}:
            for bit, name in enumerate(REQUIRED):
                counts.missing[name] += count * (gaps >> bit & 1)
    return counts


def _fails(
    wanted: Wanted, district: str | None, place: str, kind: str, status: str, gaps: int, unlinked: bool
) -> set[str]:
    """Names the filters that these do not pass."""
    shown = status or NONE
    passes = {
        "type": wanted.type in (None, kind or NONE),
        "status": wanted.status in (None, shown) or (wanted.status == CURRENT and shown != "disposed"),
        "district": district in (None, place),
        "linked": wanted.linked in (None, not unlinked),
        "complete": wanted.complete is None or (status != "disposed" and (gaps == 0) is wanted.complete),
        "missing": wanted.missing is None
        or (status != "disposed" and bool(gaps >> REQUIRED.index(wanted.missing) & 1)),
    }
    return {name for name, passed in passes.items() if not passed}
