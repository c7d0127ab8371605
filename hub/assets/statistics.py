"""Completeness of records (T11) and computers per pupil (M01), unit by unit."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeAlias

from sqlalchemy import and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from hub.assets.places import Places
from hub.assets.rules import Completeness, Computer, ComputerCount, below, count_computers
from hub.assets.tables import Asset, AssetCount
from hub.assets.types import COMPUTER_TYPES
from hub.organisation.tables import Headcount, Room, Unit

IsOnline: TypeAlias = Callable[[tuple[str, str, str]], bool]
"""Tells whether the device of a (group, node, device) is there now."""

LAB = "computer_lab"
GONE = ("disposed", "lost")


async def completeness(
    session: AsyncSession, places: Places, unit: str | None, scope: Collection[str] | None
) -> tuple[Completeness, dict[str, Completeness]]:
    """Counts complete records of a unit (None: the whole scope) and of each unit right below it."""
    children = (
        {
            code
            for code, parent in places.parents.items()
            if parent == unit and (scope is None or code in scope)
        }
        if unit is not None
        else set(places.tops(scope))
    )
    schools = places.within(unit) if unit is not None else scope
    alike = (AssetCount.school_code, AssetCount.gaps)
    query = select(*alike, func.sum(AssetCount.number)).where(AssetCount.status != "disposed")
    if schools is not None:
        query = query.where(AssetCount.school_code.in_(schools))
    counted = (await session.execute(query.group_by(*alike))).all()
    nearest = below({row[0] for row in counted}, places.parents, children)
    whole = Completeness()
    parts = {code: Completeness() for code in children}
    for school, gaps, number in counted:
        whole.add(gaps, number)
        if school in nearest:
            parts[nearest[school]].add(gaps, number)
    return whole, parts


@dataclass(frozen=True, slots=True)
class SchoolComputers:
    """A school's computers, with the names of its labs."""

    school: str
    name: str
    count: ComputerCount
    labs: dict[str, str]


async def computers(
    session: AsyncSession, schools: Collection[str] | None, today: date, is_online: IsOnline,
    after: str | None, limit: int,
) -> list[SchoolComputers]:  # fmt: skip
    """Counts the computers of each school after a code."""
    query = select(Unit.code, Unit.name).where(
        Unit.kind.in_(("school", "college", "cec")), or_(Unit.valid_to.is_(None), Unit.valid_to > today)
    )
    if schools is not None:
        query = query.where(Unit.code.in_(schools))
    if after is not None:
        query = query.where(Unit.code > after)
    units = (await session.execute(query.order_by(Unit.code).limit(limit))).all()
    codes = [unit.code for unit in units]
    pupils = await _pupils(session, codes, today)
    labs: dict[str, dict[str, Any]] = defaultdict(dict)
    rooms = select(Room.school_code, Room.code, Room.name, Room.seats).where(
        Room.school_code.in_(codes), Room.type == LAB, or_(Room.valid_to.is_(None), Room.valid_to > today)
    )
    for room in await session.execute(rooms):
        labs[room.school_code][room.code] = room
    there = await _computers(session, codes, is_online)
    return [
        SchoolComputers(
            unit.code,
            unit.name,
            count_computers(
                pupils.get(unit.code),
                {code: room.seats for code, room in labs[unit.code].items()},
                there[unit.code],
            ),
            {code: room.name for code, room in labs[unit.code].items()},
        )
        for unit in units
    ]


async def _pupils(session: AsyncSession, codes: Sequence[str], today: date) -> dict[str, int]:
    """Gives each school's latest headcount."""
    latest = (
        select(Headcount.unit_code, func.max(Headcount.as_of).label("as_of"))
        .where(Headcount.unit_code.in_(codes), Headcount.as_of <= today)
        .group_by(Headcount.unit_code)
        .subquery()
    )
    same = and_(Headcount.unit_code == latest.c.unit_code, Headcount.as_of == latest.c.as_of)
    query = select(Headcount.unit_code, Headcount.pupils).join(latest, same)
    return {row.unit_code: row.pupils for row in await session.execute(query)}


async def _computers(
    session: AsyncSession, codes: Sequence[str], is_online: IsOnline
) -> dict[str, list[Computer]]:
    """Gives each school's computers: those without a device counted together, the others one by one.

    What stands in no lab counts under no room.
    """
    found: dict[str, list[Computer]] = defaultdict(list)
    alike = (AssetCount.school_code, AssetCount.status)
    unlinked = select(*alike, func.sum(AssetCount.number)).where(
        AssetCount.school_code.in_(codes), AssetCount.type.in_(COMPUTER_TYPES),
        AssetCount.status.not_in(GONE), AssetCount.linked == 0,
    )  # fmt: skip
    elsewhere = {(row[0], row[1]): int(row[2]) for row in await session.execute(unlinked.group_by(*alike))}
    ours = (
        Asset.school_code.in_(codes),
        Asset.type.in_(COMPUTER_TYPES),
        Asset.status.not_in(GONE),
    )
    lab = and_(Room.school_code == Asset.school_code, Room.code == Asset.room_code, Room.type == LAB)
    alike_in_labs = (Asset.school_code, Asset.status, Asset.room_code)
    in_labs = select(*alike_in_labs, func.count()).join(Room, lab).where(*ours, Asset.node.is_(None))
    for school, status, code, count in await session.execute(in_labs.group_by(*alike_in_labs)):
        found[school].append(Computer(code, status, None, count))
        elsewhere[school, status] -= count
    for (school, status), count in elsewhere.items():
        found[school].append(Computer("", status, None, count))
    key = (Asset.group_code, Asset.node, Asset.device)
    linked = select(Asset.school_code, Asset.room_code, Asset.status, *key).where(
        *ours, Asset.node.is_not(None)
    )
    for school, code, status, group, node, device in await session.execute(linked):
        online = is_online((group or "", node or "", device or ""))
        found[school].append(Computer(code, status, online))
    return found
