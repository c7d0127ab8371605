"""Rooms with how they are now, buildings and sites."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from hub.audit.trail import Trailing
from hub.clock import today
from hub.errors import Conflict, Invalid, NotFound
from hub.organisation import places, service
from hub.organisation.asking import Board, Kept, On, Reader, Statuses, Text, alarm_counts, must_see, words
from hub.organisation.rules import Counted, RoomType
from hub.organisation.schemas import (
    BuildingIn,
    BuildingOut,
    RoomIn,
    RoomOut,
    RoomPatch,
    RoomStatus,
    SiteIn,
    SiteOut,
)
from hub.organisation.tables import Building, Room, Site
from hub.web.access import permission
from hub.web.principal import Principal
from hub.web.requests import Page, PageQuery, Reading, Transaction
from hub.wording import said

router = APIRouter()

Writer = Annotated[Principal, Depends(permission("rooms.write"))]
COLUMNS = {"site": "site_code", "building": "building_code"}
# devices say vr_room, the province's plan says VR/AR room: one type
LEARNED = {"vr_room": "vr_ar_room"}


@router.get("/rooms")
async def list_rooms(
    who: Reader,
    session: Reading,
    board: Board,
    paging: PageQuery,
    school: Text = None,
    type: Annotated[RoomType | None, Query()] = None,  # noqa: A002 - the word of the API
    q: Text = None,
    on: On = None,
) -> Page[RoomOut]:
    """Lists rooms by school and code; `q` looks in code and name, without marks."""
    last = paging.after(str, str)
    rooms = await service.list_rooms(
        session,
        codes=who.schools("organisation.read"),
        school=school,
        after=(str(last[0]), str(last[1])) if last else None,
        limit=paging.limit + 1,
        day=on or today(),
        types=[type, *(learned for learned, known in LEARNED.items() if known == type)] if type else (),
        words=words(q),
    )
    return paging.page(
        rooms, lambda room: (room.school_code, room.code), lambda room: shown(room, board)
    )  # fmt: skip


@router.get("/rooms/{school}/{code}")
async def get_room(who: Reader, session: Reading, board: Board, school: str, code: str) -> RoomOut:
    """Gives a room."""
    return shown(await _room(who, "organisation.read", session, school, code), board)


@router.post("/rooms", status_code=201)
async def add_room(
    who: Writer, session: Transaction, board: Board, kept: Kept, trail: Trailing, wanted: RoomIn
) -> RoomOut:
    """Adds a room to a school."""
    must_see(who, "rooms.write", await kept.current(session), wanted.school, "school")
    room = await places.add_room(session, wanted.school, wanted.code, _values(wanted))
    await trail.note("room.add", _named(room), unit=room.school_code, after=_said(wanted))
    return shown(room, board)


@router.patch("/rooms/{school}/{code}")
async def change_room(
    who: Writer,
    session: Transaction,
    board: Board,
    trail: Trailing,
    school: str,
    code: str,
    wanted: RoomPatch,
) -> RoomOut:
    """Changes a room."""
    room = await _room(who, "rooms.write", session, school, code)
    before = shown(room, board).model_dump(mode="json", include=wanted.model_fields_set)
    await places.change_room(session, room, _values(wanted))
    await trail.note("room.change", _named(room), unit=school, before=before, after=_said(wanted))
    return shown(room, board)


@router.delete("/rooms/{school}/{code}", status_code=204)
async def end_room(who: Writer, session: Transaction, trail: Trailing, school: str, code: str) -> None:
    """Ends a room today; what was reported and recorded in it stays."""
    room = await _room(who, "rooms.write", session, school, code)
    if room.valid_to is not None and room.valid_to <= today():
        raise Conflict(
            said("the room ended on {valid_to}", valid_to=room.valid_to),
            field="code",
            value=code,
            fix="leave it",
        )
    await places.change_room(session, room, {"valid_to": today()})
    await trail.note("room.end", _named(room), unit=school, after={"valid_to": str(today())})


@router.get("/sites")
async def list_sites(
    who: Reader, session: Reading, paging: PageQuery, school: Text = None
) -> Page[SiteOut]:  # fmt: skip
    """Lists sites by school and code."""
    found = await _places(who, session, paging, Site, school)
    return paging.page(found, lambda site: (site.school_code, site.code), _site)


@router.post("/sites", status_code=201)
async def add_site(
    who: Writer, session: Transaction, kept: Kept, trail: Trailing, wanted: SiteIn
) -> SiteOut:  # fmt: skip
    """Adds a site to a school."""
    must_see(who, "rooms.write", await kept.current(session), wanted.school, "school")
    site = Site(school_code=wanted.school, code=wanted.code, name="", address="")
    return _site(await _add(session, trail, site, wanted))


@router.patch("/sites")
async def change_site(who: Writer, session: Transaction, trail: Trailing, wanted: SiteIn) -> SiteOut:
    """Changes the site of that school and code."""
    return _site(await _change(who, session, trail, Site, wanted))


@router.get("/buildings")
async def list_buildings(
    who: Reader, session: Reading, paging: PageQuery, school: Text = None
) -> Page[BuildingOut]:
    """Lists buildings by school and code."""
    found = await _places(who, session, paging, Building, school)
    return paging.page(found, lambda each: (each.school_code, each.code), _building)


@router.post("/buildings", status_code=201)
async def add_building(
    who: Writer, session: Transaction, kept: Kept, trail: Trailing, wanted: BuildingIn
) -> BuildingOut:
    """Adds a building to a school."""
    must_see(who, "rooms.write", await kept.current(session), wanted.school, "school")
    building = Building(school_code=wanted.school, code=wanted.code, name="")
    return _building(await _add(session, trail, building, wanted))


@router.patch("/buildings")
async def change_building(
    who: Writer, session: Transaction, trail: Trailing, wanted: BuildingIn
) -> BuildingOut:
    """Changes the building of that school and code."""
    return _building(await _change(who, session, trail, Building, wanted))


def shown(room: Room, board: Statuses) -> RoomOut:
    """Gives a room as the API tells it."""
    counted = board.rooms_of(room.school_code).get(room.code, Counted())
    return RoomOut(
        school=room.school_code,
        code=room.code,
        name=room.name,
        type=LEARNED.get(room.type, room.type),
        seats=room.seats,
        site=room.site_code,
        building=room.building_code,
        floor=room.floor,
        opening=room.opening,
        valid_from=room.valid_from,
        valid_to=room.valid_to,
        status=RoomStatus(
            devices=counted.devices,
            online=counted.online,
            offline=counted.devices - counted.online,
            alarms=alarm_counts(counted),
            worst=counted.worst,
        ),
    )


async def _room(who: Principal, name: Any, session: AsyncSession, school: str, code: str) -> Room:
    allowed = who.schools(name)
    query = select(Room).where(Room.school_code == school, Room.called(code))
    query = query.order_by(Room.code != code).limit(1)
    room = await session.scalar(query) if allowed is None or school in allowed else None
    if room is None:
        raise NotFound("there is no such room", field="code", value=f"{school}/{code}",
                       fix="use school and code of GET /api/v1/organisation/rooms")  # fmt: skip
    return room


def _values(wanted: RoomPatch) -> dict[str, Any]:
    values = wanted.model_dump(exclude_unset=True, exclude={"school", "code", "opening"})
    required = [name for name in ("name", "type", "floor") if name in values and values[name] is None]
    if required:
        raise Invalid("this cannot be null", field=required[0], value=None, fix="leave it out")
    if wanted.opening is not None:
        for hours in wanted.opening:
            if hours.from_ >= hours.to:
                raise Invalid("a room closes after it opens", field="opening", value=str(hours.to),
                              fix=said('use a time after {start}', start=f'{hours.from_:%H:%M}'))  # fmt: skip
        values["opening"] = [
            {"days": sorted(set(o.days)), "from": f"{o.from_:%H:%M}", "to": f"{o.to:%H:%M}"}
            for o in wanted.opening
        ]
    return {COLUMNS.get(name, name): value for name, value in values.items()}


def _said(wanted: Any) -> dict[str, Any]:
    return dict(wanted.model_dump(mode="json", by_alias=True, exclude_unset=True))


def _named(place: Room | Site | Building) -> str:
    return f"{place.__tablename__}:{place.school_code}/{place.code}"


async def _places(
    who: Principal, session: AsyncSession, paging: PageQuery, table: Any, school: str | None
) -> Any:
    last = paging.after(str, str)
    return await places.list_places(
        session,
        table,
        codes=who.schools("organisation.read"),
        school=school,
        after=(str(last[0]), str(last[1])) if last else None,
        limit=paging.limit + 1,
    )


async def _add(session: AsyncSession, trail: Any, place: Any, wanted: SiteIn | BuildingIn) -> Any:
    if await session.get(type(place), (wanted.school, wanted.code)) is not None:
        raise Conflict("the school has one of this code", field="code", value=wanted.code,
                       fix="choose another code, or change it by PATCH")  # fmt: skip
    session.add(place)
    await _set(session, place, wanted)
    await trail.note(f"{place.__tablename__}.add", _named(place), unit=wanted.school, after=_said(wanted))
    return place


async def _change(
    who: Principal, session: AsyncSession, trail: Any, table: Any, wanted: SiteIn | BuildingIn
) -> Any:
    allowed = who.schools("rooms.write")
    in_reach = allowed is None or wanted.school in allowed
    place = await session.get(table, (wanted.school, wanted.code)) if in_reach else None
    if place is None:
        raise NotFound(
            said("there is no such {tablename}", tablename=table.__tablename__),
            field="code",
            value=wanted.code,
            fix="use a code of the list of the school",
        )
    await _set(session, place, wanted)
    await trail.note(f"{table.__tablename__}.change", _named(place), unit=wanted.school, after=_said(wanted))
    return place


async def _set(session: AsyncSession, place: Any, wanted: SiteIn | BuildingIn) -> None:
    values = wanted.model_dump(exclude_unset=True, exclude={"school", "code"})
    site = values.get("site")
    if site is not None and await session.get(Site, (wanted.school, site)) is None:
        raise Invalid(
            said("{school} has no site {site}", school=wanted.school, site=site),
            field="site",
            value=site,
            fix="add it first",
        )
    for name, value in values.items():
        setattr(place, COLUMNS.get(name, name), "" if value is None and name != "floors" else value)
    await session.flush()


def _site(site: Site) -> SiteOut:
    return SiteOut(school=site.school_code, code=site.code, name=site.name, address=site.address)


def _building(each: Building) -> BuildingOut:
    return BuildingOut(
        school=each.school_code, code=each.code, name=each.name, site=each.site_code, floors=each.floors
    )
