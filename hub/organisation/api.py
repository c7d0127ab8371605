"""`/api/v1/organisation`: units, schools and rooms, each within what the asker may see."""

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Depends, Query

from hub.clock import today
from hub.organisation import service
from hub.organisation.rules import TEACHING_KINDS
from hub.organisation.schemas import RoomOut, UnitOut
from hub.organisation.tables import Room, Unit
from hub.web.access import permission
from hub.web.principal import Principal
from hub.web.requests import Page, PageQuery, Reading

router = APIRouter(prefix="/api/v1/organisation", tags=["organisation"])

Reader = Annotated[Principal, Depends(permission("organisation.read"))]
On = Annotated[date | None, Query(description="the day to look at; today if left out")]
Code = Annotated[str | None, Query(max_length=64)]


@router.get("/units")
async def list_units(
    who: Reader, session: Reading, paging: PageQuery, kind: Code = None, district: Code = None, on: On = None
) -> Page[UnitOut]:
    """Lists units of all kinds by code."""
    return await _units(who, session, paging, (kind,) if kind else (), district, on)


@router.get("/schools")
async def list_schools(
    who: Reader, session: Reading, paging: PageQuery, district: Code = None, on: On = None
) -> Page[UnitOut]:
    """Lists schools and colleges by code."""
    return await _units(who, session, paging, TEACHING_KINDS, district, on)


@router.get("/rooms")
async def list_rooms(who: Reader, session: Reading, paging: PageQuery, school: Code = None) -> Page[RoomOut]:
    """Lists rooms by school and code."""
    last = paging.after(str, str)
    rooms = await service.list_rooms(
        session,
        codes=who.schools("organisation.read"),
        school=school,
        after=(str(last[0]), str(last[1])) if last else None,
        limit=paging.limit + 1,
    )
    return paging.page(rooms, lambda room: (room.school_code, room.code), _room)


async def _units(
    who: Principal,
    session: Reading,
    paging: PageQuery,
    kinds: tuple[str, ...],
    district: str | None,
    on: date | None,
) -> Page[UnitOut]:
    last = paging.after(str)
    found = await service.list_units(
        session,
        on or today(),
        codes=who.schools("organisation.read"),
        kinds=kinds,
        district=district,
        after=str(last[0]) if last else None,
        limit=paging.limit + 1,
    )
    return paging.page(found, lambda row: (row[0].code,), lambda row: _unit(*row))


def _unit(unit: Unit, parent: str | None) -> UnitOut:
    return UnitOut(
        code=unit.code,
        name=unit.name,
        kind=unit.kind,
        levels=unit.levels,
        district=unit.district_code,
        parent=parent,
        valid_from=unit.valid_from,
        valid_to=unit.valid_to,
    )


def _room(room: Room) -> RoomOut:
    return RoomOut(school=room.school_code, code=room.code, name=room.name, type=room.type, seats=room.seats)
