"""How many assets each choice of each filter would show: read from kept counts, with words from what fits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from sqlalchemy import Select, case, func, literal, select
from sqlalchemy.ext.asyncio import AsyncSession

from hub.assets.listing import CURRENT, MOST_COUNTED, NONE, Wanted
from hub.assets.rules import REQUIRED
from hub.assets.tables import Asset, AssetCount
from hub.organisation.tables import Unit

Alike: TypeAlias = tuple[str | None, str, str, int, int, int]
"""District, type, status, gaps, whether linked, and how many assets are alike in these."""


@dataclass(slots=True)
class Counts:
    """How many assets each choice of each filter would show; not `counted`: the choices that there may be."""

    types: Counter[str] = field(default_factory=Counter)
    statuses: Counter[str] = field(default_factory=Counter)
    districts: Counter[str] = field(default_factory=Counter)
    complete: Counter[bool] = field(default_factory=Counter)
    missing: Counter[str] = field(default_factory=Counter)
    linked: Counter[bool] = field(default_factory=Counter)
    counted: bool = True


async def facets(session: AsyncSession, wanted: Wanted, district: str | None) -> Counts:
    """Counts by type, status, district, completeness and link, each under all filters but its own.

    `wanted` has no district, so that the others can be counted too. Where words fit more than
    `MOST_COUNTED`, it gives the choices that there are without these words.
    """
    if wanted.words or wanted.room is not None:
        rows = await _rows(session, _counted_now(wanted))
        if not wanted.words or sum(row[-1] for row in rows) <= MOST_COUNTED:
            return count(rows, wanted, district)
    counts = count(await _rows(session, _kept(wanted)), wanted, district)
    counts.counted = not wanted.words
    return counts


async def _rows(session: AsyncSession, query: Select[Any]) -> list[Alike]:
    return [(*row[:5], int(row[5])) for row in await session.execute(query)]


def _counted_now(wanted: Wanted) -> Select[Any]:
    """Counts the assets that fit words and place, at most one more than are counted."""
    columns = (Asset.school_code, Asset.type, Asset.status, Asset.gaps)
    linked = case((Asset.node.is_(None), 0), else_=1).label("linked")
    place = Wanted(wanted.schools, wanted.room, words=wanted.words)
    query = select(*columns, linked, literal(1).label("number")).where(*place.conditions())
    return _alike((query.limit(MOST_COUNTED + 1) if wanted.words else query).subquery())


def _kept(wanted: Wanted) -> Select[Any]:
    query = select(AssetCount).where(AssetCount.number > 0)
    if wanted.schools is not None:
        query = query.where(AssetCount.school_code.in_(wanted.schools))
    return _alike(query.subquery())


def _alike(found: Any) -> Select[Any]:
    of = found.c
    alike = (Unit.district_code, of.type, of.status, of.gaps, of.linked)
    query = select(*alike, func.sum(of.number)).join_from(found, Unit, Unit.code == of.school_code)
    return query.group_by(*alike)


def count(rows: Iterable[Alike], wanted: Wanted, district: str | None) -> Counts:
    """Counts what is alike where it passes all filters but the counted one."""
    counts = Counts()
    for place, kind, status, gaps, linked, number in rows:
        fails = _fails(wanted, district, (place, kind, status, gaps, linked, number))
        if fails <= {"type"}:
            counts.types[kind] += number
        if fails <= {"status"}:
            counts.statuses[status] += number
        if fails <= {"district"}:
            counts.districts[place or ""] += number
        if fails <= {"linked"}:
            counts.linked[bool(linked)] += number
        if status == "disposed":
            continue
        if fails <= {"complete"}:
            counts.complete[gaps == 0] += number
        if fails <= {"missing"}:
            for bit, name in enumerate(REQUIRED):
                counts.missing[name] += number * (gaps >> bit & 1)
    return counts


def _fails(wanted: Wanted, district: str | None, row: Alike) -> set[str]:
    """Names the filters that these do not pass."""
    place, kind, status, gaps, linked, _ = row
    current = status != "disposed"
    passes = {
        "type": wanted.type in (None, kind or NONE),
        "status": wanted.status in (None, status or NONE) or (wanted.status == CURRENT and current),
        "district": district in (None, place),
        "linked": wanted.linked in (None, bool(linked)),
        "complete": wanted.complete is None or (current and (gaps == 0) is wanted.complete),
        "missing": wanted.missing is None or (current and bool(gaps >> REQUIRED.index(wanted.missing) & 1)),
    }
    return {name for name, passed in passes.items() if not passed}
