"""Applies changes of the tree, whole or not at all, and keeps the log of them; never commits."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import date, timedelta
from typing import Any, Protocol

from sqlalchemy import delete, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from hub.database import insert_into
from hub.organisation.changes import Outcome, RoomMove, Wanted, moves, outcome, plan
from hub.organisation.rules import LONG_AGO
from hub.organisation.tables import (
    Building,
    ChangedUnit,
    FormerName,
    Placement,
    Room,
    Site,
    Succession,
    TreeVersion,
    Unit,
    UnitChange,
    search_text,
)
from hub.organisation.tree import UnitFacts
from hub.organisation.trees import load


async def change(
    session: AsyncSession,
    wanted: Wanted,
    *,
    request: dict[str, Any],
    by: str,
    now_ms: int,
    dry_run: bool = False,
) -> tuple[int | None, list[dict[str, Any]], Outcome]:
    """Makes a change of the tree and gives its number, what it did and the units after it.

    A dry run only gives what it would do. Raises `Invalid` or `Conflict` before anything is written.
    """
    # two changes at once would each be right and wrong together
    await session.execute(select(TreeVersion).with_for_update())
    tree = await load(session)
    schools = [code for code in (wanted.unit, wanted.into, *wanted.units) if code]
    schools += [part.code for part in wanted.parts]
    made = outcome(tree, wanted, await _rooms(session, schools, wanted.on))
    steps = plan(tree, made, wanted.on)
    if dry_run:
        return None, steps, made
    new = [unit for code, unit in made.units.items() if code not in tree.units]
    await _create(session, new)
    for unit in made.units.values():
        await _store(session, unit)
    await _move_rooms(session, made.rooms, wanted.on)
    kind = wanted.kind
    session.add_all(
        Succession(predecessor=before, successor=after, since=wanted.on, kind=kind)
        for before, after in made.followed
    )
    moved = [[move.school, move.code, move.to_school, move.to_code] for move in moves(made, wanted.on)]
    row = UnitChange(
        at_ms=now_ms, by=by, kind=kind, effective=wanted.on, request=request, plan=steps, moves=moved,
        followed_ms=None if moved else now_ms,
    )  # fmt: skip
    session.add(row)
    await session.flush()
    session.add_all(ChangedUnit(change_id=row.id, unit_code=code) for code in made.units)
    await session.flush()
    return row.id, steps, made


class Follow(Protocol):
    """Moves what stands in rooms along with them, on the day of the change."""

    async def __call__(
        self, session: AsyncSession, moves: Sequence[RoomMove], on: date, *, by: str, now_ms: int
    ) -> None: ...


async def follow_due(session: AsyncSession, told: Sequence[Follow], today: date, now_ms: int) -> int:
    """Lets each of `told` follow the changes whose day has come; gives how many these were."""
    due = select(UnitChange).where(UnitChange.followed_ms.is_(None), UnitChange.effective <= today)
    rows = list(await session.scalars(due.order_by(UnitChange.effective, UnitChange.id).with_for_update()))
    for row in rows:
        rooms = [RoomMove(*each) for each in row.moves or ()]
        for follow in told:
            await follow(session, rooms, row.effective, by=row.by, now_ms=now_ms)
        row.followed_ms = now_ms
    await session.flush()
    return len(rows)


async def changed_codes(session: AsyncSession) -> frozenset[str]:
    """Gives the units that somebody changed: an import of the shipped list leaves them alone."""
    return frozenset(await session.scalars(select(ChangedUnit.unit_code).distinct()))


async def list_changes(
    session: AsyncSession, *, codes: Collection[str] | None, unit: str | None, before: int | None, limit: int
) -> list[tuple[UnitChange, list[str]]]:
    """Gives changes with the units they touched, the newest first; `codes` are those one may see."""
    query = select(UnitChange).order_by(UnitChange.id.desc()).limit(limit)
    if codes is not None:
        seen = select(ChangedUnit.change_id).where(ChangedUnit.unit_code.in_(codes))
        query = query.where(UnitChange.id.in_(seen))
    if unit is not None:
        of_unit = select(ChangedUnit.change_id).where(ChangedUnit.unit_code == unit)
        query = query.where(UnitChange.id.in_(of_unit))
    if before is not None:
        query = query.where(UnitChange.id < before)
    rows = list(await session.scalars(query))
    touched: dict[int, list[str]] = defaultdict(list)
    which = select(ChangedUnit.change_id, ChangedUnit.unit_code).order_by(ChangedUnit.unit_code)
    ids = [row.id for row in rows]
    for number, code in await session.execute(which.where(ChangedUnit.change_id.in_(ids))):
        touched[number].append(code)
    return [(row, touched[row.id]) for row in rows]


async def successions(session: AsyncSession, code: str) -> list[Succession]:
    """Gives whom a unit followed and who followed it."""
    related = or_(Succession.predecessor == code, Succession.successor == code)
    order = Succession.since, Succession.predecessor, Succession.successor
    return list(await session.scalars(select(Succession).where(related).order_by(*order)))


async def _rooms(session: AsyncSession, schools: Collection[str], on: date) -> dict[str, dict[str, bool]]:
    found: dict[str, dict[str, bool]] = defaultdict(dict)
    query = select(Room.school_code, Room.code, Room.valid_to).where(Room.school_code.in_(schools))
    for school, code, ends in await session.execute(query):
        found[school][code] = ends is None or ends > on
    return found


async def _create(session: AsyncSession, units: list[UnitFacts]) -> None:
    rows = [
        {
            "code": unit.code,
            "name": unit.name,
            "kind": unit.kind,
            "levels": list(unit.levels),
            "district_code": unit.district,
            "valid_from": unit.valid_from,
            "valid_to": unit.valid_to,
        }
        for unit in units
    ]
    if rows:
        await (await session.connection()).execute(insert_into(session, Unit), rows)


async def _store(session: AsyncSession, unit: UnitFacts) -> None:
    """Writes a unit through all its time as it is now known."""
    values = {
        "name": unit.name,
        "levels": list(unit.levels),
        "valid_to": unit.valid_to,
        "search": search_text(unit.code, unit.name, *(name for _, name in unit.former)),
    }
    await session.execute(update(Unit).where(Unit.code == unit.code).values(values))
    await session.execute(delete(FormerName).where(FormerName.unit_code == unit.code))
    await session.execute(delete(Placement).where(Placement.unit_code == unit.code))
    session.add_all(FormerName(unit_code=unit.code, until=until, name=name) for until, name in unit.former)
    session.add_all(
        Placement(
            unit_code=each.unit,
            parent_code=each.parent,
            valid_from=each.valid_from,
            valid_to=each.valid_to,
        )
        for each in unit.placed
    )
    await session.flush()


async def _move_rooms(session: AsyncSession, moves: list[RoomMove], on: date) -> None:
    """Ends rooms where they are, and begins them, with their buildings, where they go."""
    for move in moves:
        room = await session.get_one(Room, (move.school, move.code))
        room.valid_to = on
        if move.to_school is None:
            continue
        await _building_too(session, move.school, room.building_code, move.to_school)
        await _site_too(session, move.school, room.site_code, move.to_school)
        session.add(
            Room(
                school_code=move.to_school,
                code=move.to_code,
                name=room.name,
                type=room.type,
                seats=room.seats,
                site_code=room.site_code,
                building_code=room.building_code,
                floor=room.floor,
                opening=room.opening,
                valid_from=on,
            )
        )
    await session.flush()


async def _building_too(session: AsyncSession, school: str, code: str | None, to: str) -> None:
    here = await session.get(Building, (school, code)) if code else None
    if here is None or await session.get(Building, (to, here.code)) is not None:
        return
    await _site_too(session, school, here.site_code, to)
    copy = Building(school_code=to, code=here.code, name=here.name, site_code=here.site_code)
    copy.floors = here.floors
    session.add(copy)


async def _site_too(session: AsyncSession, school: str, code: str | None, to: str) -> None:
    here = await session.get(Site, (school, code)) if code else None
    if here is not None and await session.get(Site, (to, here.code)) is None:
        session.add(Site(school_code=to, code=here.code, name=here.name, address=here.address))


def names_over_time(unit: UnitFacts) -> list[tuple[str, date | None, date | None]]:
    """Gives a unit's names with the days from and until which each holds; None is open."""
    begun = None if unit.valid_from == LONG_AGO else unit.valid_from
    found = []
    for until, name in unit.former:
        found.append((name, begun, until))
        begun = until
    return [*found, (unit.name, begun, unit.valid_to)]


def day_shown(unit: UnitFacts, today: date) -> date:
    """Gives the day a unit is shown on if nobody says one: today, or the last on which it was there."""
    return (
        unit.valid_to - timedelta(days=1) if unit.valid_to is not None and unit.valid_to <= today else today
    )
