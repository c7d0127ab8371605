"""`/api/v1/stocktakes`: counting a school's or a room's equipment with a phone."""

from __future__ import annotations

from collections import Counter
from typing import Annotated

from fastapi import APIRouter, Query, Request

from hub.assets import service, stocktaking
from hub.assets.api import Reader, Writer
from hub.assets.rules import Line
from hub.assets.schemas import (
    LineOut,
    ScanOut,
    SeenIn,
    StockCounts,
    StocktakeDetail,
    StocktakeIn,
    StocktakeOut,
    TakeBackIn,
)
from hub.assets.shown import act_of, reaches, shown
from hub.assets.tables import Stocktake
from hub.audit.trail import Trailing
from hub.errors import Invalid, NotFound
from hub.organisation.tables import Unit
from hub.web.requests import Page, PageQuery, Reading, Transaction

router = APIRouter(prefix="/api/v1/stocktakes", tags=["assets"])


@router.post("", status_code=201)
async def begin_stocktake(
    wanted: StocktakeIn, who: Writer, session: Transaction, trail: Trailing, request: Request
) -> StocktakeOut:
    """Begins counting a school's equipment, or that of one room."""
    if not reaches(who.schools("assets.write"), wanted.school):
        raise service.no_school(wanted.school)
    found = await stocktaking.begin(session, wanted.school, wanted.room or "", act_of(request, who))
    await trail.note(
        "stocktake.begin", f"stocktake:{found.id}", unit=wanted.school, after={"room": wanted.room}
    )
    return await _out(session, found, (await stocktaking.counts(session, [found]))[found.id])


@router.get("")
async def list_stocktakes(
    who: Reader,
    session: Reading,
    paging: PageQuery,
    school: Annotated[str | None, Query(max_length=64)] = None,
) -> Page[StocktakeOut]:
    """Lists countings, the latest first."""
    last = paging.after(int)
    found = await stocktaking.listed(
        session, who.schools("assets.read"), school, int(last[0]) if last else None, paging.limit + 1
    )
    counts = await stocktaking.counts(session, found)
    made = [await _out(session, each, counts[each.id]) for each in found]
    return paging.page(made, lambda each: (each.id,), lambda each: each)


@router.get("/{stocktake_id:int}")
async def stocktake(stocktake_id: int, who: Reader, session: Reading) -> StocktakeDetail:
    """Gives a counting with all its lines: of one that runs, as it would end now."""
    return await _detail(session, await stocktaking.find(session, who.schools("assets.read"), stocktake_id))


@router.post("/{stocktake_id:int}/seen")
async def see(
    stocktake_id: int, seen: SeenIn, who: Writer, session: Transaction, trail: Trailing, request: Request
) -> ScanOut:
    """Notes a label that was read; sent again under its `client_id` it changes nothing."""
    _check_one(seen.tag, seen.asset_id)
    found = await stocktaking.find(session, who.schools("assets.write"), stocktake_id)
    scan, asset, again = await stocktaking.see(session, found, seen, act_of(request, who))
    if not again:
        await trail.note("stocktake.seen", f"stocktake:{stocktake_id}", unit=found.school_code,
                         after={"tag": scan.tag, "room": scan.room_code})  # fmt: skip
    if asset is None or asset.school_code != found.school_code:
        return ScanOut(outcome="unexpected", tag=scan.tag, asset=None, again=again)
    moved = scan.room_code not in ("", asset.room_code)
    unit = await session.get(Unit, asset.school_code)
    return ScanOut(
        outcome="moved" if moved else "seen",
        tag=scan.tag,
        asset=shown(asset, unit.name if unit else ""),
        again=again,
    )


@router.post("/{stocktake_id:int}/take-back")
async def take_back(
    stocktake_id: int,
    wanted: TakeBackIn,
    who: Writer,
    session: Transaction,
    trail: Trailing,
    request: Request,
) -> StocktakeDetail:
    """Takes a label that was read by mistake out of a counting that still runs, however often it was read."""
    found = await stocktaking.find(session, who.schools("assets.write"), stocktake_id, for_change=True)
    _check_one(wanted.tag, wanted.asset_id)
    now_ms = act_of(request, who).now_ms
    if not await stocktaking.take_back(session, found, wanted.tag, wanted.asset_id, now_ms):
        raise NotFound("this label was not read", field="tag", value=wanted.tag or f"#{wanted.asset_id}",
                       fix="use a tag or an asset of its lines")  # fmt: skip
    await trail.note("stocktake.take_back", f"stocktake:{stocktake_id}", unit=found.school_code,
                     after=wanted.model_dump(exclude_none=True))  # fmt: skip
    return await _detail(session, found)


@router.post("/{stocktake_id:int}/finish")
async def finish_stocktake(
    stocktake_id: int, who: Writer, session: Transaction, trail: Trailing, request: Request
) -> StocktakeDetail:
    """Ends a counting: what it found is kept, and what has moved is moved in the register."""
    found = await stocktaking.find(session, who.schools("assets.write"), stocktake_id, for_change=True)
    if found.finished_ms is None:
        lines = await stocktaking.finish(session, found, act_of(request, who))
        counts = Counter[str](line.outcome for line in lines)
        await trail.note(
            "stocktake.finish", f"stocktake:{stocktake_id}", unit=found.school_code, after=counts
        )
    return await _detail(session, found)


def _check_one(tag: str | None, asset_id: int | None) -> None:
    if (tag is None) is (asset_id is None):
        raise Invalid("a label is read by its tag or its asset", field="tag", value=tag,
                      fix="send either tag or asset_id")  # fmt: skip


async def _detail(session: Reading, found: Stocktake) -> StocktakeDetail:
    lines = await stocktaking.lines(session, found)
    names = await stocktaking.names(session, lines)
    shown_lines = [(line.outcome, _line(line, names)) for line in lines]
    by_outcome = {
        outcome: [each for of, each in shown_lines if of == outcome]
        for outcome in ("seen", "missing", "unexpected", "moved")
    }
    room = found.room_code
    expected = [each for of, each in shown_lines if of != "unexpected" and room in ("", each.room)]
    head = await _out(session, found, stocktaking.counts_of(found, lines))
    return StocktakeDetail(**head.model_dump(), expected=expected, **by_outcome)


async def _out(session: Reading, found: Stocktake, counts: StockCounts) -> StocktakeOut:
    unit = await session.get(Unit, found.school_code)
    return StocktakeOut(
        id=found.id,
        school=found.school_code,
        school_name=unit.name if unit else "",
        room=found.room_code or None,
        started_ms=found.started_ms,
        started_by=found.started_by,
        finished_ms=found.finished_ms,
        finished_by=found.finished_by or None,
        counts=counts,
    )


def _line(line: Line, names: dict[int, tuple[str, str]]) -> LineOut:
    name, kind = names.get(line.asset_id or 0, (None, None))
    return LineOut(
        tag=line.tag,
        asset_id=line.asset_id,
        name=name,
        type=kind or None,
        room=line.room or None,
        seen_room=line.seen_room or None,
    )
