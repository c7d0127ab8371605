"""`/api/v1/assets`: the equipment register, each asker's part of it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request

from hub.assets import listing, places, service
from hub.assets.listing import ORDERS, Sort, Wanted
from hub.assets.rules import REQUIRED, doubts_of
from hub.assets.schemas import (
    AssetIn,
    AssetOut,
    AssetPage,
    AssetPatch,
    DisposeIn,
    Doubt,
    EventOut,
    MoveIn,
    RemarkIn,
)
from hub.assets.service import place
from hub.assets.shown import act_of, reaches, shown
from hub.assets.tables import Asset, AssetEvent
from hub.audit.trail import Trailing
from hub.clock import today
from hub.errors import Invalid
from hub.folding import folded
from hub.organisation.tables import Unit
from hub.web.access import permission
from hub.web.principal import Principal
from hub.web.requests import Page, PageQuery, Reading, Transaction
from hub.wording import said

router = APIRouter(prefix="/api/v1/assets", tags=["assets"])

Reader = Annotated[Principal, Depends(permission("assets.read"))]
Writer = Annotated[Principal, Depends(permission("assets.write"))]
Code = Annotated[str | None, Query(max_length=64)]
StatusQuery = Annotated[
    Literal["in_use", "spare", "repair", "lost", "disposed", "current", "-"] | None,
    Query(description="`current` is all but what is disposed of, `-` what has no status"),
]
MAX_WORDS = 8


class Filters:
    """What a list of assets is to show: `?school=&district=&unit=&room=&type=&status=&q=&complete=&…`."""

    def __init__(
        self,
        school: Code = None,
        district: Code = None,
        unit: Code = None,
        room: Annotated[str | None, Query(max_length=64, description="`-`: in no room")] = None,
        type: Annotated[str | None, Query(max_length=32, description="`-`: without one")] = None,  # noqa: A002
        status: StatusQuery = None,
        q: Annotated[str, Query(max_length=200, description="words of name, tag, serial, maker …")] = "",
        complete: bool | None = None,
        missing: Annotated[str | None, Query(description=f"one of {', '.join(REQUIRED)}")] = None,
        linked: Annotated[bool | None, Query(description="whether it is linked to a device")] = None,
    ) -> None:
        if missing is not None and missing not in REQUIRED:
            raise Invalid("a complete record does not need this field", field="missing", value=missing,
                          fix=said('use one of {known}', known=', '.join(REQUIRED)))  # fmt: skip
        self.school, self.district, self.unit = school, district, unit
        self.room, self.type, self.status = room, type, status
        self.complete, self.missing, self.linked = complete, missing, linked
        self.words = tuple(dict.fromkeys(folded(q).split()))[:MAX_WORDS]

    async def wanted(self, session: Reading, who: Principal, *, by_district: bool = True) -> Wanted:
        """Gives what to look for within what the asker may see."""
        schools = who.schools("assets.read")
        chosen = [frozenset((self.school,))] if self.school is not None else []
        if self.unit is not None or self.district is not None:
            here = await places.load(session, today())
            if self.unit is not None and (within := here.within(self.unit)) is not None:
                chosen.append(within)
            if self.district is not None and by_district:
                chosen.append(here.of_district(self.district))
        for each in chosen:
            schools = each if schools is None else schools & each
        return Wanted(schools, self.room, self.type, self.status, self.words, self.complete, self.missing,
                      self.linked)  # fmt: skip


FiltersQuery = Annotated[Filters, Depends()]


@router.get("")
async def list_assets(
    who: Reader, session: Reading, paging: PageQuery, filters: FiltersQuery, sort: Sort = "place"
) -> AssetPage:
    """Lists equipment; words are looked for without regard to case and Vietnamese marks."""
    keys, types = ORDERS[sort]
    wanted = await filters.wanted(session, who)
    found = await listing.page(session, wanted, sort, paging.after(*types), paging.limit + 1)
    names = [key.key for key in keys]
    page = paging.page(
        found.rows, lambda row: tuple(getattr(row[0], name) for name in names), lambda row: shown(*row)
    )
    return AssetPage.model_construct(
        items=page.items, next_cursor=page.next_cursor, total=found.total, counted=found.counted
    )


@router.post("", status_code=201)
async def create_asset(
    wanted: AssetIn, who: Writer, session: Transaction, trail: Trailing, request: Request
) -> AssetOut:
    """Enters a piece of equipment; without a tag it gets one for its label."""
    if not reaches(who.schools("assets.write"), wanted.school):
        raise service.no_school(wanted.school)
    facts = wanted.model_dump(exclude={"tag", "school", "room", "device"})
    act = act_of(request, who)
    asset = await service.create(session, wanted.school, wanted.room or "", facts, wanted.tag, act)
    if wanted.device is not None:
        await service.link(session, asset, wanted.device, act)
    after = {"tag": asset.tag, "name": asset.name, "type": asset.type, **place(asset)}
    await trail.note("asset.create", f"asset:{asset.id}", unit=asset.school_code, after=after)
    return await _named(session, asset)


@router.get("/by-tag/{tag}")
async def asset_by_tag(tag: str, who: Reader, session: Reading) -> AssetOut:
    """Gives the asset whose label was read."""
    return await _named(session, await service.find(session, who.schools("assets.read"), tag=tag))


@router.get("/{asset_id:int}")
async def asset(asset_id: int, who: Reader, session: Reading) -> AssetOut:
    """Gives an asset."""
    return await _named(session, await service.find(session, who.schools("assets.read"), asset_id=asset_id))


@router.patch("/{asset_id:int}")
async def change_asset(
    asset_id: int, wanted: AssetPatch, who: Writer, session: Transaction, trail: Trailing, request: Request
) -> AssetOut:
    """Changes what is given; a device links it, null unlinks it."""
    found = await _mine(session, who, asset_id)
    act = act_of(request, who)
    facts = wanted.model_dump(exclude_unset=True, exclude={"device"})
    if "name" in facts and not facts["name"]:
        raise Invalid("an asset needs a name", field="name", value="", fix="leave it out to keep the name")
    before = await service.change(session, found, facts, act)
    after: dict[str, Any] = {name: service.plain(getattr(found, name)) for name in before}
    if "device" in wanted.model_fields_set:
        old = [found.group_code, found.node, found.device] if found.node else None
        await service.link(session, found, wanted.device, act)
        new = [found.group_code, found.node, found.device] if found.node else None
        if old != new:
            before, after = {**before, "device": old}, {**after, "device": new}
    if before:
        await trail.note(
            "asset.change", f"asset:{asset_id}", unit=found.school_code, before=before, after=after
        )
    return await _named(session, found)


@router.post("/{asset_id:int}/move")
async def move_asset(
    asset_id: int, wanted: MoveIn, who: Writer, session: Transaction, trail: Trailing, request: Request
) -> AssetOut:
    """Moves an asset to another room or school since a day; in another school it leaves its device."""
    found = await _mine(session, who, asset_id)
    school = wanted.school or found.school_code
    if not reaches(who.schools("assets.write"), school):
        raise service.no_school(school)
    before, room = place(found), wanted.room or ""
    if await service.move(session, found, school, room, act_of(request, who), wanted.on, wanted.text):
        await trail.note("asset.move", f"asset:{asset_id}", unit=school, before=before, after=place(found),
                         text=wanted.text)  # fmt: skip
    return await _named(session, found)


@router.post("/{asset_id:int}/repair")
async def repair_asset(
    asset_id: int, wanted: RemarkIn, who: Writer, session: Transaction, trail: Trailing, request: Request
) -> AssetOut:
    """Sends an asset to repair."""
    found = await _mine(session, who, asset_id)
    before = found.status
    await service.repair(session, found, wanted.text, act_of(request, who))
    return await _became(session, trail, "asset.repair", found, before, wanted.text)


@router.post("/{asset_id:int}/return")
async def return_asset(
    asset_id: int, wanted: RemarkIn, who: Writer, session: Transaction, trail: Trailing, request: Request
) -> AssetOut:
    """Brings an asset back into use."""
    found = await _mine(session, who, asset_id)
    before = found.status
    await service.return_(session, found, wanted.text, act_of(request, who))
    return await _became(session, trail, "asset.return", found, before, wanted.text)


@router.post("/{asset_id:int}/dispose")
async def dispose_asset(
    asset_id: int, wanted: DisposeIn, who: Writer, session: Transaction, trail: Trailing, request: Request
) -> AssetOut:
    """Takes an asset out of use for good; it stays in the register with its history."""
    found = await _mine(session, who, asset_id)
    before = found.status
    await service.dispose(session, found, wanted.reason, act_of(request, who), wanted.on)
    return await _became(session, trail, "asset.dispose", found, before, wanted.reason)


@router.get("/{asset_id:int}/history")
async def asset_history(asset_id: int, who: Reader, session: Reading, paging: PageQuery) -> Page[EventOut]:
    """Lists what happened to an asset, the latest first."""
    found = await service.find(session, who.schools("assets.read"), asset_id=asset_id)
    last = paging.after(int)
    events = await service.history(session, found, int(last[0]) if last else None, paging.limit + 1)
    return paging.page(events, lambda event: (event.id,), _event)


async def _mine(session: Transaction, who: Principal, asset_id: int) -> Asset:
    return await service.find(session, who.schools("assets.write"), asset_id=asset_id, for_change=True)


async def _named(session: Reading, asset: Asset) -> AssetOut:
    unit = await session.get(Unit, asset.school_code)
    alike = await service.of_serial(session, asset)
    told = shown(asset, unit.name if unit else "")
    told.doubts = [
        Doubt(field=each.field, code=each.code, tags=list(each.tags))
        for each in doubts_of(asset.acquired, alike, today())
    ]
    return told


async def _became(
    session: Transaction, trail: Trailing, action: str, asset: Asset, before: str, text: str
) -> AssetOut:
    await trail.note(action, f"asset:{asset.id}", unit=asset.school_code, before={"status": before},
                     after={"status": asset.status}, text=text)  # fmt: skip
    return await _named(session, asset)


def _event(event: AssetEvent) -> EventOut:
    return EventOut(
        id=event.id, kind=event.kind, on=event.on, at_ms=event.at_ms, by=event.by, school=event.school_code,
        room=event.room_code or None, before=event.before, after=event.after, text=event.text,
    )  # fmt: skip
