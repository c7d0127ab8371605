"""New assets written the short way leave what the long way leaves."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

from sqlalchemy import delete, select

from hub.assets.sheet import EquipmentSheet
from hub.assets.tables import Asset, AssetEvent
from hub.database import Database
from hub.organisation.tables import Unit
from hub.sheets import By, Change, Values

BY = By("lan", None, None, {}, 1, date(2025, 1, 1))
NEW: tuple[Values, ...] = (
    {"tag": "A", "name": "Máy chiếu đ", "school": "S", "price_vnd": 3, "acquired": date(2024, 1, 2)},
    {"tag": "B", "type": "camera", "name": "x", "school": "S", "room": "P1", "note": "'q'",
     "warranty_until": date(2026, 1, 2), "status": "in_use", "serial": None},
)  # fmt: skip


async def test_both_ways_of_entering_leave_the_same(database: Database) -> None:
    sheet = EquipmentSheet()
    changes = [Change((values["tag"],), values, None) for values in NEW]
    columns = [each for each in Asset.__table__.c if each.name != "id"]
    written: list[tuple[Any, Any]] = []
    async with database.write() as session:
        session.add(Unit(code="S", name="Trường", kind="school", levels=[]))
    short = database.engine.dialect.name
    for engine in (short, "any"):
        async with database.write() as session:
            await sheet.apply(session, sheet.ready(changes, engine, BY), BY, lambda done: None)
            assets = (await session.execute(select(*columns).order_by(Asset.tag))).all()
            events = select(AssetEvent.kind, AssetEvent.on, AssetEvent.by, AssetEvent.after,
                            AssetEvent.before, Asset.tag).join(Asset).order_by(Asset.tag)  # fmt: skip
            written.append((assets, [tuple(row) for row in await session.execute(events)]))
            await session.execute(delete(AssetEvent))
            await session.execute(delete(Asset))
    assert written[0] == written[1]
    assert json.dumps(written[0][1][0][3], sort_keys=True).startswith('{"acquired": "2024-01-02"')
