"""Stock-taking: labels read with a phone, compared with the register, and what has moved moved there."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import cast

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from hub.assets import service
from hub.assets.rules import Line, Outcome, Registered, Scan, reconcile
from hub.assets.schemas import SeenIn, StockCounts
from hub.assets.service import Act
from hub.assets.tables import Asset, Stocktake, StocktakeLine, StocktakeScan
from hub.database import insert_into
from hub.errors import Conflict, NotFound


async def begin(session: AsyncSession, school: str, room: str, act: Act) -> Stocktake:
    """Begins a counting; raises `NotFound` or `Invalid` for a school or room that does not exist."""
    room = await service.check_room(session, school, room, act.today)
    stocktake = Stocktake(school_code=school, room_code=room, started_ms=act.now_ms, started_by=act.by)
    session.add(stocktake)
    await session.flush()
    return stocktake


async def find(
    session: AsyncSession, schools: Collection[str] | None, stocktake_id: int, *, for_change: bool = False
) -> Stocktake:
    """Gives a counting of these schools (None is all); raises `NotFound`."""
    query = select(Stocktake).where(Stocktake.id == stocktake_id)
    if schools is not None:
        query = query.where(Stocktake.school_code.in_(schools))
    found = (await session.execute(query.with_for_update() if for_change else query)).scalar_one_or_none()
    if found is None:
        raise NotFound("there is no such stock-taking", field="stocktake", value=str(stocktake_id),
                       fix="list them to see which there are")  # fmt: skip
    return found


async def listed(
    session: AsyncSession, schools: Collection[str] | None, school: str | None, before: int | None, limit: int
) -> list[Stocktake]:
    """Gives countings, the latest first."""
    query = select(Stocktake)
    if schools is not None:
        query = query.where(Stocktake.school_code.in_(schools))
    if school is not None:
        query = query.where(Stocktake.school_code == school)
    if before is not None:
        query = query.where(Stocktake.id < before)
    return list((await session.execute(query.order_by(Stocktake.id.desc()).limit(limit))).scalars())


async def see(
    session: AsyncSession, stocktake: Stocktake, seen: SeenIn, act: Act
) -> tuple[StocktakeScan, Asset | None, bool]:
    """Notes a label that was read; gives it, the school's asset it belongs to, and if it was sent before.

    Sent again under the same `client_id` it is what it was, also after the end. Raises `Conflict` for a new
    one after the end.
    """
    before = await _scan(session, stocktake, seen.client_id)
    if before is None:
        if stocktake.finished_ms is not None:
            raise Conflict("this stock-taking has ended", field="stocktake", value=str(stocktake.id),
                           fix="begin another")  # fmt: skip
        room = await service.check_room(session, stocktake.school_code, seen.room or "", act.today)
        asset = await _ours(session, stocktake, seen.tag, seen.asset_id)
        insert = insert_into(session, StocktakeScan).values(
            stocktake_id=stocktake.id, client_id=seen.client_id,
            tag=asset.tag if asset else seen.tag or f"#{seen.asset_id}", asset_id=asset.id if asset else None,
            room_code=room or stocktake.room_code, condition=seen.condition or "",
            at_ms=act.now_ms, by=act.by,
        )  # fmt: skip
        await session.execute(insert.on_conflict_do_nothing(index_elements=["stocktake_id", "client_id"]))
    scan = before or await _scan(session, stocktake, seen.client_id)
    assert scan is not None
    asset = None if scan.asset_id is None else await session.get(Asset, scan.asset_id)
    return scan, asset, before is not None


async def take_back(
    session: AsyncSession, stocktake: Stocktake, tag: str | None, asset_id: int | None, now_ms: int
) -> int:
    """Takes all readings of a label out of a counting that runs, and gives how many; raises `Conflict`."""
    if stocktake.finished_ms is not None:
        raise Conflict("this stock-taking has ended", field="stocktake", value=str(stocktake.id),
                       fix="begin another")  # fmt: skip
    asset = await _ours(session, stocktake, tag, asset_id)
    of = func.lower(StocktakeScan.tag) == (asset.tag if asset else tag or "").lower()
    if asset is not None:
        of |= StocktakeScan.asset_id == asset.id
    found = list((await session.execute(_there(stocktake).where(of).with_for_update())).scalars())
    for scan in found:
        scan.withdrawn_ms = now_ms
    await session.flush()
    return len(found)


async def lines(session: AsyncSession, stocktake: Stocktake) -> list[Line]:
    """Gives what a counting found: as it ended, or as it would end now."""
    if stocktake.finished_ms is not None:
        kept = (
            select(StocktakeLine).where(StocktakeLine.stocktake_id == stocktake.id).order_by(StocktakeLine.id)
        )
        return [
            Line(each.outcome, each.tag, each.asset_id, each.room_code, each.seen_room_code)  # type: ignore[arg-type]
            for each in (await session.execute(kept)).scalars()
        ]
    scans = await _scans(session, stocktake)
    expected = await _registered(session, stocktake, room=stocktake.room_code)
    known = {each.asset_id for each in expected}
    others = [each.asset_id for each in scans if each.asset_id is not None and each.asset_id not in known]
    elsewhere = await _registered(session, stocktake, ids=others) if others else []
    return reconcile(
        expected,
        {each.asset_id: each for each in elsewhere},
        (Scan(each.tag, each.asset_id, each.room_code) for each in scans),
    )


def counts_of(stocktake: Stocktake, found: Iterable[Line]) -> StockCounts:
    """Counts lines by what they say; expected are those of the place that is counted."""
    counts: StockCounts = dict.fromkeys(("expected", "seen", "missing", "unexpected", "moved"), 0)
    for line in found:
        counts[line.outcome] += 1
        counts["expected"] += line.outcome != "unexpected" and stocktake.room_code in ("", line.room)
    return counts


async def counts(session: AsyncSession, stocktakes: Iterable[Stocktake]) -> dict[int, StockCounts]:
    """Counts the lines of several countings."""
    found = {each.id: counts_of(each, ()) for each in stocktakes}
    rooms = {each.id: each.room_code for each in stocktakes}
    alike = (StocktakeLine.stocktake_id, StocktakeLine.outcome, StocktakeLine.room_code)
    query = select(*alike, func.count()).where(StocktakeLine.stocktake_id.in_(found)).group_by(*alike)
    for number, outcome, room, count in await session.execute(query):
        found[number][cast(Outcome, outcome)] += count
        if outcome != "unexpected" and rooms[number] in ("", room):
            found[number]["expected"] += count
    for each in stocktakes:
        if each.finished_ms is None:
            found[each.id] = counts_of(each, await lines(session, each))
    return found


async def finish(session: AsyncSession, stocktake: Stocktake, act: Act) -> list[Line]:
    """Ends a counting: keeps what it found, and moves what stands elsewhere in the school, with history.

    Ending it again changes nothing.
    """
    found = await lines(session, stocktake)
    if stocktake.finished_ms is not None:
        return found
    stocktake.finished_ms, stocktake.finished_by = act.now_ms, act.by
    by_id = {each.asset_id: each for each in await _scans(session, stocktake)}
    ids = [line.asset_id for line in found if line.asset_id is not None and line.outcome != "missing"]
    query = select(Asset).where(Asset.id.in_(ids)).with_for_update()
    assets = {asset.id: asset for asset in (await session.execute(query)).scalars()}
    words = f"stock-taking {stocktake.id}"
    for line in found:
        session.add(
            StocktakeLine(
                stocktake_id=stocktake.id,
                outcome=line.outcome,
                tag=line.tag,
                asset_id=line.asset_id,
                room_code=line.room,
                seen_room_code=line.seen_room,
            )
        )
        asset = assets.get(line.asset_id or 0)
        if asset is None:
            continue
        scan = by_id[asset.id]
        if line.outcome == "moved":
            await service.move(session, asset, asset.school_code, line.seen_room, act, text=words)
        service.counted(session, asset, scan.condition, act, scan.at_ms, words)
    await session.flush()
    return found


async def names(session: AsyncSession, found: Iterable[Line]) -> dict[int, tuple[str, str]]:
    """Gives name and type of the assets of lines, by id."""
    ids = [line.asset_id for line in found if line.asset_id is not None]
    query = select(Asset.id, Asset.name, Asset.type).where(Asset.id.in_(ids))
    return {row.id: (row.name, row.type) for row in await session.execute(query)}


async def _scan(session: AsyncSession, stocktake: Stocktake, client_id: str) -> StocktakeScan | None:
    query = select(StocktakeScan).where(
        StocktakeScan.stocktake_id == stocktake.id, StocktakeScan.client_id == client_id
    )
    return (await session.execute(query)).scalar_one_or_none()


async def _scans(session: AsyncSession, stocktake: Stocktake) -> list[StocktakeScan]:
    return list((await session.execute(_there(stocktake).order_by(StocktakeScan.id))).scalars())


def _there(stocktake: Stocktake) -> Select[StocktakeScan]:
    """Asks for the readings of a counting that were not taken back."""
    return select(StocktakeScan).where(
        StocktakeScan.stocktake_id == stocktake.id, StocktakeScan.withdrawn_ms.is_(None)
    )


async def _ours(
    session: AsyncSession, stocktake: Stocktake, tag: str | None, asset_id: int | None
) -> Asset | None:
    """Finds an asset of the school counted; another school's is as unknown as one that does not exist."""
    query = select(Asset).where(Asset.school_code == stocktake.school_code, Asset.status != "disposed")
    query = query.where(Asset.tagged(tag) if tag is not None else Asset.id == asset_id)
    return (await session.execute(query.order_by(Asset.tag != tag).limit(1))).scalar_one_or_none()


async def _registered(
    session: AsyncSession, stocktake: Stocktake, *, room: str = "", ids: Collection[int] | None = None
) -> list[Registered]:
    """Gives what the register has there; what is lost is not expected, but may be found."""
    query = select(Asset.id, Asset.tag, Asset.room_code).where(
        Asset.school_code == stocktake.school_code, Asset.status != "disposed"
    )
    if ids is not None:
        query = query.where(Asset.id.in_(ids))
    else:
        query = query.where(Asset.status != "lost")
        if room:
            query = query.where(Asset.room_code == room)
    query = query.order_by(Asset.room_code, Asset.id)
    return [Registered(row.id, row.tag, row.room_code) for row in await session.execute(query)]
