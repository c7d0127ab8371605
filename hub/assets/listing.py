"""The register searched, filtered, put in order and counted.

Indices hold every column that a filter looks at, so a search reads them and never the rows themselves.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

from sqlalchemy import ColumnElement, func, select, true, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from hub.assets.rules import REQUIRED
from hub.assets.tables import Asset, AssetCount
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
MOST_COUNTED = 5_000
"""Assets that fit words and are still counted; beyond them an answer says only that there are more."""


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
        if self.room is not None:
            room = "" if self.room == NONE else self.room.lower()
            found.append(func.lower(Asset.room_code) == room)
        if self.type is not None:
            found.append(Asset.type == ("" if self.type == NONE else self.type))
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

    def is_kept(self) -> bool:
        """Whether the counts that the database keeps tell how many these are."""
        return not self.words and self.room is None and self.ids is None

    def kept_conditions(self) -> list[ColumnElement[bool]]:
        """Gives the same conditions for the counts that the database keeps."""
        found: list[ColumnElement[bool]] = []
        if self.schools is not None:
            found.append(AssetCount.school_code.in_(self.schools))
        if self.type is not None:
            found.append(AssetCount.type == ("" if self.type == NONE else self.type))
        if self.status == CURRENT or self.complete is not None or self.missing is not None:
            found.append(AssetCount.status != "disposed")
        if self.status is not None and self.status != CURRENT:
            found.append(AssetCount.status == ("" if self.status == NONE else self.status))
        if self.complete is not None:
            found.append(AssetCount.gaps == 0 if self.complete else AssetCount.gaps != 0)
        if self.missing is not None:
            found.append(AssetCount.gaps.bitwise_and(1 << REQUIRED.index(self.missing)) != 0)
        if self.linked is not None:
            found.append(AssetCount.linked == int(self.linked))
        return found


@dataclass(frozen=True, slots=True)
class Found:
    """Assets with their schools' names, and how many there are in all; not `counted`: more than `total`."""

    rows: list[tuple[Asset, str]]
    total: int
    counted: bool


async def page(
    session: AsyncSession, wanted: Wanted, sort: Sort, after: tuple[str | int, ...] | None, limit: int
) -> Found:
    """Gives assets after a key in this order.

    What is rare is looked up and then put in order; what is common is met soon in any order. So neither
    a rare nor a common search walks through all rows, and none walks twice.
    """
    total = await _kept_total(session, wanted) if wanted.is_kept() else None
    if total is None or total <= MOST_COUNTED:
        ids, number = await _in_order(session, wanted, sort, after)
        if number <= MOST_COUNTED:
            shown = replace(Wanted(), ids=tuple(ids[:limit]))
            return Found(await _walk(session, shown, sort, None, limit), number, True)
        if not wanted.words:
            count = select(func.count()).select_from(Asset).where(*wanted.conditions())
            total = (await session.execute(count)).scalar_one()
    rows = await _walk(session, wanted, sort, after, limit)
    return Found(rows, MOST_COUNTED if total is None else total, total is not None)


async def _kept_total(session: AsyncSession, wanted: Wanted) -> int:
    query = select(func.coalesce(func.sum(AssetCount.number), 0)).where(*wanted.kept_conditions())
    return int((await session.execute(query)).scalar_one())


async def _in_order(
    session: AsyncSession, wanted: Wanted, sort: Sort, after: tuple[str | int, ...] | None
) -> tuple[list[int], int]:
    """Gives what comes after a key, and how many there are with those before; at most one too many."""
    keys, _ = ORDERS[sort]
    # only ids at first: an index holds all that filters look at, which the rows would be far to fetch for
    found = select(Asset.id).where(*wanted.conditions()).limit(MOST_COUNTED + 1).subquery()
    key = tuple_(*keys)
    later = true() if after is None else key < after if sort == "changed" else key > after
    query = select(Asset.id, later).join(found, found.c.id == Asset.id)
    query = query.order_by(*(each.desc() if sort == "changed" else each for each in keys))
    rows = (await session.execute(query)).all()
    return [row[0] for row in rows if row[1]], len(rows)


async def _walk(
    session: AsyncSession, wanted: Wanted, sort: Sort, after: tuple[str | int, ...] | None, limit: int
) -> list[tuple[Asset, str]]:
    keys, _ = ORDERS[sort]
    order = [key.desc() if sort == "changed" else key for key in keys]
    # only ids at first: the index that has the order also holds what most filters look at
    found = select(Asset.id).where(*wanted.conditions()).order_by(*order).limit(limit)
    if after is not None:
        found = found.where(tuple_(*keys) < after if sort == "changed" else tuple_(*keys) > after)
    ids = found.subquery()
    query = (
        select(Asset, Unit.name).join(ids, ids.c.id == Asset.id).join(Unit, Unit.code == Asset.school_code)
    )
    return [(asset, name) for asset, name in await session.execute(query.order_by(*order))]
