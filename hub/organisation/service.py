"""Imports the province and answers what belongs to what; never commits."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Text, and_, cast, or_, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession

from devices import province
from hub.database import insert_into
from hub.organisation.history import changed_codes
from hub.organisation.rules import (
    LONG_AGO,
    OFFICES_ABOLISHED,
    TEACHING_KINDS,
    UNIT_KINDS,
    PlacedFrom,
    RoomSeen,
    school_placements,
)
from hub.organisation.tables import FormerName, Placement, Room, Unit
from hub.organisation.trees import load, scope


async def seed_province(session: AsyncSession, today: date, schools: int | None = None) -> list[str]:
    """Imports the shipped province with `schools` schools of all kinds (None: all) and gives their codes.

    It may run again: names are brought up to date, schools of the list that are not wanted now end today,
    schools that somebody else added, and units that somebody changed, stay as they are.
    """
    everything = province.schools()
    wanted = everything if schools is None else province.schools(schools)
    root = root_of_list()
    units = [
        _unit(district.code, district.name, "district", district=district.code)
        for district in province.districts()
    ]
    placements = [PlacedFrom(district.code, root, LONG_AGO) for district in province.districts()]
    for office in province.org_units():
        if office.kind in UNIT_KINDS:
            kind = UNIT_KINDS[office.kind]
            ends = OFFICES_ABOLISHED if kind == "office" else None
            units.append(_unit(office.code, office.name, kind, ends=ends))
            if office.parent:
                placements.append(PlacedFrom(office.code, office.parent, LONG_AGO, ends))
    for school in wanted:
        district = school.district_code
        units.append(_unit(school.code, school.name, "school", levels=[school.level], district=district))
        placements += school_placements(school.code, school.level, district, f"PGD-{district}", root)
    changed = await changed_codes(session)
    await _record_units(session, [unit for unit in units if unit["code"] not in changed])
    await _record_placements(session, [each for each in placements if each.unit not in changed])
    kept = {school.code for school in wanted} | changed
    unwanted = [school.code for school in everything if school.code not in kept]
    for table, code in ((Unit, Unit.code), (Placement, Placement.unit_code)):
        ending = update(table).where(code.in_(unwanted), table.valid_to.is_(None))
        await session.execute(ending.values(valid_to=today))
    return [school.code for school in wanted]


def root_of_list() -> str:
    """Gives the code of the department in the shipped list."""
    return next(unit.code for unit in province.org_units() if unit.kind == "department")


async def record_rooms(session: AsyncSession, rooms: Iterable[RoomSeen]) -> None:
    """Stores rooms of known schools, once each; what is known about a room stays, what is new is added.

    A room without a type takes the one it is seen with.
    """
    ordered = sorted(rooms, key=lambda room: bool(room.type))
    by_code = {(room.school, room.code.lower()): room for room in ordered}
    there = select(Room.school_code, Room.code).where(Room.school_code.in_({room.school for room in ordered}))
    written = {
        (row.school_code, row.code.lower()): row.code
        for row in await session.execute(there.order_by(Room.twin.desc()))
    }
    seen = [by_code[key] for key in sorted(by_code)]
    known = set((await session.execute(select(Unit.code))).scalars())
    rows = [
        {
            "school_code": room.school,
            "code": written.get((room.school, room.code.lower()), room.code),
            "name": room.name,
            "type": room.type,
            "seats": room.seats,
        }
        for room in seen
        if room.school in known and 0 < len(room.code) <= 64
    ]
    if rows:
        insert = insert_into(session, Room)
        statement = insert.on_conflict_do_update(
            index_elements=[Room.school_code, Room.code],
            set_={"type": insert.excluded.type},
            where=(Room.type == "") & (insert.excluded.type != ""),
        )
        await (await session.connection()).execute(statement, rows)


async def school_codes(session: AsyncSession, today: date) -> frozenset[str]:
    """Gives the codes of all schools (and colleges) of a day: the groups our own nodes report under."""
    query = select(Unit.code).where(Unit.kind.in_(TEACHING_KINDS), valid_on(Unit, today))
    return frozenset((await session.execute(query)).scalars())


async def schools(session: AsyncSession, today: date) -> list[Unit]:
    """Gives all schools of a day, by code."""
    query = select(Unit).where(Unit.kind == "school", valid_on(Unit, today)).order_by(Unit.code)
    return list((await session.execute(query)).scalars())


async def names(session: AsyncSession, today: date) -> dict[str, str]:
    """Gives the names of all units by code, of ended ones the last: alarms and nodes outlive them."""
    former = select(FormerName.unit_code.label("code"), FormerName.name).where(FormerName.until > today)
    rows = [
        *await session.execute(select(Unit.code, Unit.name)),
        *await session.execute(former.order_by(FormerName.until.desc())),
    ]
    return {row.code: row.name for row in rows}


async def subtree(session: AsyncSession, code: str, today: date) -> frozenset[str] | None:
    """Gives the codes of a unit and everything below it on a day; None for the department, which is all."""
    return scope(await load(session), code, today)


def valid_on(table: type[Unit] | type[Placement] | type[Room], day: date) -> ColumnElement[bool]:
    """Makes the condition that a row holds on a day."""
    begun = or_(table.valid_from.is_(None), table.valid_from <= day)
    return and_(begun, or_(table.valid_to.is_(None), table.valid_to > day))


def _unit(
    code: str,
    name: str,
    kind: str,
    *,
    levels: list[str] | None = None,
    district: str | None = None,
    ends: date | None = None,
) -> dict[str, object]:
    return {
        "code": code,
        "name": name,
        "kind": kind,
        "levels": levels or [],
        "district_code": district,
        "valid_from": None,
        "valid_to": ends,
    }


async def _record_units(session: AsyncSession, rows: list[dict[str, object]]) -> None:
    insert = insert_into(session, Unit)
    new = insert.excluded
    columns = ("name", "kind", "levels", "district_code", "valid_to", "search")
    statement = insert.on_conflict_do_update(
        index_elements=[Unit.code], set_={name: new[name] for name in columns}
    )
    await (await session.connection()).execute(statement, rows)


async def _record_placements(session: AsyncSession, placements: list[PlacedFrom]) -> None:
    insert = insert_into(session, Placement)
    statement = insert.on_conflict_do_update(
        index_elements=[Placement.unit_code, Placement.valid_from],
        set_={"parent_code": insert.excluded.parent_code, "valid_to": insert.excluded.valid_to},
    )
    rows = [
        {"unit_code": p.unit, "parent_code": p.parent, "valid_from": p.valid_from, "valid_to": p.valid_to}
        for p in placements
    ]
    await (await session.connection()).execute(statement, rows)


async def list_units(
    session: AsyncSession,
    day: date,
    *,
    codes: frozenset[str] | None,
    kinds: tuple[str, ...],
    district: str | None,
    after: str | None,
    limit: int,
    parent: str | None = None,
    level: str | None = None,
    words: Sequence[str] = (),
) -> list[tuple[Unit, str | None]]:
    """Gives units of a day with their parents, by code; `codes` None is all, no `kinds` is all.

    `words` are folded; all of them have to be in the code or in a name the unit has or had.
    """
    placed = and_(Placement.unit_code == Unit.code, valid_on(Placement, day))
    query = select(Unit, Placement.parent_code).outerjoin(Placement, placed).where(valid_on(Unit, day))
    if codes is not None:
        query = query.where(Unit.code.in_(codes))
    if kinds:
        query = query.where(Unit.kind.in_(kinds))
    if district is not None:
        query = query.where(Unit.district_code == district)
    if parent is not None:
        query = query.where(Placement.parent_code == parent)
    if level is not None:
        query = query.where(cast(Unit.levels, Text).contains(f'"{level}"'))
    for word in words:
        query = query.where(Unit.search.contains(word, autoescape=True))
    if after is not None:
        query = query.where(Unit.code > after)
    return [(unit, code) for unit, code in await session.execute(query.order_by(Unit.code).limit(limit))]


async def list_rooms(
    session: AsyncSession,
    *,
    codes: frozenset[str] | None,
    school: str | None,
    after: tuple[str, str] | None,
    limit: int,
    day: date | None = None,
    types: Sequence[str] = (),
    words: Sequence[str] = (),
) -> list[Room]:
    """Gives rooms by school and code; `codes` None is all schools, `day` None is all that ever were."""
    query = select(Room)
    if day is not None:
        query = query.where(valid_on(Room, day))
    if types:
        query = query.where(Room.type.in_(types))
    for word in words:
        query = query.where(Room.search.contains(word, autoescape=True))
    if codes is not None:
        query = query.where(Room.school_code.in_(codes))
    if school is not None:
        query = query.where(Room.school_code == school)
    if after is not None:
        query = query.where(tuple_(Room.school_code, Room.code) > after)
    return list((await session.execute(query.order_by(Room.school_code, Room.code).limit(limit))).scalars())


async def get_units(session: AsyncSession, codes: Iterable[str]) -> dict[str, Unit]:
    """Gives units by code."""
    rows = await session.scalars(select(Unit).where(Unit.code.in_(list(codes))))
    return {unit.code: unit for unit in rows}


async def correct_unit(session: AsyncSession, unit: Unit, values: Mapping[str, Any]) -> None:
    """Corrects what of a unit has no history: levels, address, phone."""
    for name, value in values.items():
        setattr(unit, name, value)
    await session.flush()
