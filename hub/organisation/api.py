"""`/api/v1/organisation`: units on any day and their changes, each within what the asker may see."""

from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from sqlalchemy.ext.asyncio import AsyncSession

from hub.audit.trail import Trail, Trailing
from hub.clock import today
from hub.organisation import changes_api, counts_api, history, places_api, service
from hub.organisation.asking import Board, Kept, On, Reader, Statuses, Text, must_see, status_of, words
from hub.organisation.rules import LONG_AGO, TEACHING_KINDS, UnitKind
from hub.organisation.schemas import (
    Belonging,
    ChangeIn,
    ChildOut,
    Level,
    NameOut,
    Relative,
    Status,
    Step,
    UnitDetail,
    UnitIn,
    UnitOut,
    UnitPatch,
)
from hub.organisation.tables import Unit, search_text
from hub.organisation.tree import Tree
from hub.organisation.trees import load
from hub.web.access import permission
from hub.web.principal import Principal
from hub.web.requests import Page, PageQuery, Reading, Transaction

router = APIRouter(prefix="/api/v1/organisation", tags=["organisation"])
for part in (changes_api.router, places_api.router, counts_api.router):
    router.include_router(part)

Writer = Annotated[Principal, Depends(permission("organisation.write"))]
Kind = Annotated[UnitKind | None, Query()]


@router.get("/units")
async def list_units(
    who: Reader,
    session: Reading,
    kept: Kept,
    paging: PageQuery,
    kind: Kind = None,
    parent: Text = None,
    district: Text = None,
    level: Annotated[Level | None, Query()] = None,
    q: Text = None,
    on: On = None,
) -> Page[UnitOut]:
    """Lists units by code; `q` looks in codes and in names they have or had, without marks."""
    kinds: tuple[UnitKind, ...] = (kind,) if kind else ()
    tree = await kept.current(session)
    return await _units(who, session, tree, paging, kinds, district, on, parent, level, q)


@router.get("/schools")
async def list_schools(
    who: Reader, session: Reading, kept: Kept, paging: PageQuery, district: Text = None, on: On = None
) -> Page[UnitOut]:
    """Lists schools, colleges and centres by code."""
    tree = await kept.current(session)
    return await _units(who, session, tree, paging, TEACHING_KINDS, district, on)


@router.get("/units/{code}")
async def get_unit(
    who: Reader, session: Reading, kept: Kept, board: Board, code: str, on: On = None
) -> UnitDetail:
    """Gives a unit as it is on a day, and all its names, parents, forerunners and followers."""
    tree = await kept.current(session)
    must_see(who, "organisation.read", tree, code)
    return await _detail(session, tree, board, code, on)


@router.get("/units/{code}/children")
async def list_children(
    who: Reader,
    session: Reading,
    kept: Kept,
    board: Board,
    paging: PageQuery,
    code: str,
    on: On = None,
    q: Text = None,
) -> Page[ChildOut]:
    """Lists what belongs directly to a unit, by code, with what is below each and how it is."""
    tree, day = await kept.current(session), on or today()
    must_see(who, "organisation.read", tree, code)
    last = paging.after(str)
    wanted = words(q)
    codes = [
        each
        for each in tree.children(code, day)
        if (last is None or each > str(last[0]))
        and all(word in search_text(each, tree.units[each].name_on(day)) for word in wanted)
    ][: paging.limit + 1]
    units = await service.get_units(session, codes)
    status = await status_of(session, tree, board, codes) if day == today() else {}
    return paging.page(
        codes, lambda each: (each,), lambda each: _child(tree, units[each], day, status.get(each))
    )


@router.post("/units", status_code=201)
async def create_unit(
    who: Writer,
    session: Transaction,
    kept: Kept,
    board: Board,
    trail: Trailing,
    request: Request,
    wanted: UnitIn,
) -> UnitDetail:
    """Adds a unit that begins on a day; it is a change of the kind begin, and logged as one."""
    change = ChangeIn(
        kind="begin",
        on=wanted.valid_from or today(),
        unit=wanted.code,
        name=wanted.name,
        parent=wanted.parent,
        unit_kind=wanted.kind,
        levels=wanted.levels,
        district=wanted.district,
    )
    await changes_api.make(who, session, trail, request.app.state.now_ms(), change)
    unit = await session.get_one(Unit, wanted.code)
    await service.correct_unit(session, unit, {"address": wanted.address, "phone": wanted.phone})
    return await _detail(session, await load(session), board, wanted.code, change.on)


@router.patch("/units/{code}")
async def correct_unit(
    who: Writer, session: Transaction, trail: Trailing, kept: Kept, board: Board, code: str, wanted: UnitPatch
) -> UnitDetail:
    """Corrects levels, address or telephone number; name, parent and end are changes with a day."""
    tree = await kept.current(session)
    must_see(who, "organisation.write", tree, code)
    unit = await session.get_one(Unit, code)
    values: dict[str, Any] = wanted.model_dump(exclude_none=True)
    before = {name: getattr(unit, name) for name in values}
    if before != values:
        await service.correct_unit(session, unit, values)
        await _note(trail, code, before, values)
    return await _detail(session, await load(session), board, code, None)


async def _note(trail: Trail, code: str, before: dict[str, Any], after: dict[str, Any]) -> None:
    await trail.note("unit.correct", f"unit:{code}", unit=code, before=before, after=after)


async def _units(
    who: Principal,
    session: Reading,
    tree: Tree,
    paging: PageQuery,
    kinds: tuple[UnitKind, ...],
    district: str | None,
    on: date | None,
    parent: str | None = None,
    level: str | None = None,
    q: str | None = None,
) -> Page[UnitOut]:
    last, day = paging.after(str), on or today()
    found = await service.list_units(
        session,
        day,
        codes=who.schools("organisation.read"),
        kinds=kinds,
        district=district,
        parent=parent,
        level=level,
        words=words(q),
        after=str(last[0]) if last else None,
        limit=paging.limit + 1,
    )
    return paging.page(
        found, lambda row: (row[0].code,), lambda row: UnitOut(**_shown(tree, row[0], day, row[1]))
    )


async def _detail(
    session: AsyncSession, tree: Tree, board: Statuses, code: str, on: date | None
) -> UnitDetail:
    facts = tree.units[code]
    day = on or history.day_shown(facts, today())
    row = await session.get_one(Unit, code)
    way = [tree.units[each] for each in tree.path(code, day)]
    related = await history.successions(session, code)

    def relative(other: str, kind: str, since: date) -> Relative:
        return Relative(code=other, name=tree.units[other].name_on(since), kind=kind, on=since)

    status = (await status_of(session, tree, board, [code]))[code] if on is None or on == today() else None
    return UnitDetail(
        **_shown(tree, row, day, facts.parent_on(day)),
        path=[Step(code=unit.code, name=unit.name_on(day), kind=unit.kind) for unit in way],
        parents=[
            Belonging(
                code=each.parent,
                name=tree.units[each.parent].name_on(each.valid_from),
                valid_from=None if each.valid_from == LONG_AGO else each.valid_from,
                valid_to=each.valid_to,
            )
            for each in facts.placed
        ],
        names=[
            NameOut(name=name, valid_from=begins, valid_to=ends)
            for name, begins, ends in history.names_over_time(facts)
        ],
        successors=[relative(s.successor, s.kind, s.since) for s in related if s.predecessor == code],
        predecessors=[relative(s.predecessor, s.kind, s.since) for s in related if s.successor == code],
        children=len(tree.children(code, day)),
        status=status,
    )


def _child(tree: Tree, unit: Unit, day: date, status: Status | None) -> ChildOut:
    parent = tree.units[unit.code].parent_on(day)
    children = len(tree.children(unit.code, day))
    return ChildOut(**_shown(tree, unit, day, parent), children=children, status=status)


def _shown(tree: Tree, unit: Unit, day: date, parent: str | None) -> dict[str, Any]:
    facts = tree.units[unit.code]
    return {
        "code": unit.code,
        "name": facts.name_on(day),
        "kind": unit.kind,
        "levels": unit.levels,
        "district": unit.district_code,
        "parent": parent,
        "valid_from": unit.valid_from,
        "valid_to": unit.valid_to,
        "address": unit.address,
        "phone": unit.phone,
    }
