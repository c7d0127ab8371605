"""Rooms, buildings and sites of schools, and headcounts; never commits."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date
from typing import Any, TypeVar

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from hub.database import insert_into
from hub.errors import Conflict, Fault, Invalid
from hub.organisation.rules import Heads
from hub.organisation.service import valid_on
from hub.organisation.tables import Building, Headcount, Room, Site, search_text
from hub.wording import joined, said

Place = TypeVar("Place", Site, Building)
_MANY = 500  # of codes: beyond it the database is asked for all


async def rooms_in(session: AsyncSession, codes: Collection[str], day: date) -> dict[str, int]:
    """Counts the rooms of a day by school."""
    query = select(Room.school_code, func.count()).where(valid_on(Room, day)).group_by(Room.school_code)
    if len(codes) <= _MANY:
        query = query.where(Room.school_code.in_(codes))
    return {row[0]: row[1] for row in await session.execute(query)}


async def add_room(session: AsyncSession, school: str, code: str, values: Mapping[str, Any]) -> Room:
    """Adds a room; raises `Conflict` if its school has, or had, one of that code."""
    there = select(Room.code).where(Room.school_code == school, Room.called(code)).limit(1)
    if (known := await session.scalar(there)) is not None:
        raise Conflict(
            said("{school} has, or had, a room {code}", school=school, code=known),
            field="code",
            value=code,
            fix="choose another code, or change that room",
        )
    room = Room(school_code=school, code=code, name="", type="", floor="", opening=[])
    session.add(room)
    await change_room(session, room, values)
    return room


async def change_room(session: AsyncSession, room: Room, values: Mapping[str, Any]) -> None:
    """Changes a room; raises `Invalid` for a building or a site that its school does not have."""
    for column, table in (("building_code", Building), ("site_code", Site)):
        code = values.get(column)
        if code is not None and await session.get(table, (room.school_code, code)) is None:
            name = column.removesuffix("_code")
            raise Invalid(
                said(
                    "{school_code} has no {name} {code}", school_code=room.school_code, name=name, code=code
                ),
                field=name,
                value=code,
                fix=said("use one of GET /api/v1/organisation/{name}s, or add it first", name=name),
            )
    for name, value in values.items():
        setattr(room, name, value)
    room.search = search_text(room.code, room.name)
    await session.flush()


async def list_places(
    session: AsyncSession,
    table: type[Place],
    *,
    codes: Collection[str] | None,
    school: str | None,
    after: tuple[str, str] | None,
    limit: int,
) -> Sequence[Place]:
    """Gives sites or buildings by school and code; `codes` None is all schools."""
    query = select(table).order_by(table.school_code, table.code).limit(limit)
    if codes is not None:
        query = query.where(table.school_code.in_(codes))
    if school is not None:
        query = query.where(table.school_code == school)
    if after is not None:
        later = (table.school_code == after[0]) & (table.code > after[1])
        query = query.where((table.school_code > after[0]) | later)
    return (await session.scalars(query)).all()


async def put_headcount(
    session: AsyncSession, unit: str, counted: Mapping[str, Any], today: date, now_ms: int
) -> None:
    """Stores what a school counted on a day, in place of what was stored for that day."""
    faults = [
        Fault(
            part,
            counted[part],
            said("more than there are {whole}", whole=whole),
            said("at most {counted}", counted=counted[whole]),
        )
        for part, whole in (("pupils_with_id", "pupils"), ("teachers_with_record", "teachers"))
        if counted[part] > counted[whole]
    ]
    if counted["as_of"] > today:
        fix = said("use {today} or a day before", today=today)
        faults.append(Fault("as_of", str(counted["as_of"]), "nobody has counted on that day yet", fix))
    if faults:
        raise Invalid(joined("; ", [fault.detail for fault in faults]), faults=tuple(faults))
    insert = insert_into(session, Headcount).values(unit_code=unit, changed_ms=now_ms, **counted)
    new = {name: insert.excluded[name] for name in (*counted, "changed_ms") if name != "as_of"}
    keys = [Headcount.unit_code, Headcount.as_of]
    await session.execute(insert.on_conflict_do_update(index_elements=keys, set_=new))


async def headcounts(session: AsyncSession, codes: Iterable[str], day: date) -> dict[str, Heads]:
    """Gives what each unit counted last until a day; units that never did are left out."""
    wanted = set(codes)
    last = select(Headcount.unit_code, func.max(Headcount.as_of).label("as_of"))
    newest = last.where(Headcount.as_of <= day).group_by(Headcount.unit_code).subquery()
    query = select(Headcount).join(
        newest, (newest.c.unit_code == Headcount.unit_code) & (newest.c.as_of == Headcount.as_of)
    )
    if len(wanted) <= _MANY:
        query = query.where(Headcount.unit_code.in_(wanted))
    return {
        row.unit_code: Heads(
            1,
            1,
            row.pupils,
            row.pupils_with_id,
            row.teachers,
            row.teachers_with_record,
            row.as_of,
            row.source,
        )
        for row in await session.scalars(query)
        if row.unit_code in wanted
    }
