"""The register that a demo begins with."""

from datetime import date
from typing import Any

from sqlalchemy import select

from hub.assets import demo
from hub.assets.tables import Asset
from hub.database import Database
from tests.hub.assets.conftest import furnish

PLAN: dict[str, Any] = {
    "school": "AC", "node": "AC-a1", "age_years": 3.0,
    "rooms": [{"code": "TH1", "type": "computer_lab", "seats": 40, "age_years": 2.0}],
    "devices": [{"device": "th1-pc-01", "kind": "lab_pc", "room": "TH1", "name": "Máy", "age_years": 2}],
}  # fmt: skip


async def test_a_planned_school_gets_its_equipment_once(database: Database) -> None:
    await furnish(database)
    for _ in range(2):
        async with database.write() as session:
            await demo.seed(session, [PLAN], 1, 1, date(2026, 9, 1))
    async with database.read() as session:
        assets = list((await session.execute(select(Asset))).scalars())
    computers = [asset for asset in assets if asset.type == "lab_pc"]
    assert 35 <= len(computers) <= 40
    assert [(asset.node, asset.device) for asset in assets if asset.node] == [("AC-a1", "th1-pc-01")]
    assert len({asset.tag for asset in assets}) == len(assets) > len(computers)
