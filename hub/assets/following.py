"""Equipment goes where its room goes when schools are merged or divided; never commits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, cast

from sqlalchemy import Table, insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from hub.assets.rules import search_text
from hub.assets.tables import Asset, AssetEvent
from hub.organisation.changes import RoomMove

TEXT = "rooms moved to another school"
_EVENT = cast(Table, AssetEvent.__table__)
_BATCH = 2_000


async def rooms_moved(
    session: AsyncSession, moves: Sequence[RoomMove], on: date, *, by: str, now_ms: int
) -> None:
    """Moves the equipment of rooms that moved, and that in no room (code "") of a school that did.

    It keeps its device: the node that the device belongs to goes on under its own address.
    """
    rooms = {(move.school, move.code): (move.to_school or "", move.to_code) for move in moves}
    note = {"kind": "moved", "on": on, "at_ms": now_ms, "by": by, "text": TEXT}
    for school in sorted({school for school, _ in rooms}):
        await _move(session, school, rooms, note)


async def _move(
    session: AsyncSession,
    school: str,
    rooms: Mapping[tuple[str, str], tuple[str, str]],
    note: Mapping[str, Any],
) -> None:
    query = select(Asset).where(Asset.school_code == school).order_by(Asset.id).with_for_update()
    assets = list((await session.execute(query)).scalars())
    events = []
    for asset in assets:
        to = rooms.get((school, asset.room_code))
        if to is None:
            continue
        before = {"school": school, "room": asset.room_code}
        asset.school_code, asset.room_code = to
        asset.changed_ms = note["at_ms"]
        names = ("name", "tag", "serial", "maker", "model", "type", "supplier", "fund_source")
        asset.search = search_text({**{name: getattr(asset, name) for name in names}, "room": to[1]})
        after = {"school": to[0], "room": to[1]}
        place = {"school_code": to[0], "room_code": to[1], "before": before, "after": after}
        events.append({"asset_id": asset.id, **place, **note})
    await session.flush()
    for start in range(0, len(events), _BATCH):
        await session.execute(insert(_EVENT), events[start : start + _BATCH])
