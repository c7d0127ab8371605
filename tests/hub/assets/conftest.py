"""A register of two schools, and clients that ask as whoever is named."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from starlette.requests import HTTPConnection

from hub.assets import api, documents_api, following, statistics_api, stocktaking_api
from hub.database import Database
from hub.organisation import changes_api
from hub.organisation.rules import LONG_AGO
from hub.organisation.tables import Headcount, Placement, Room, Unit
from hub.registry.tables import Device, Node
from hub.web import problems
from hub.web.principal import Principal

EVERYWHERE = Principal(
    "sở", "Sở", "session", {"assets.read": None, "assets.write": None, "organisation.write": None}
)
AN_CO = frozenset({"AC"})
AT_AN_CO = Principal("an cơ", "An Cơ", "session", {"assets.read": AN_CO, "assets.write": AN_CO})


@dataclass
class Register:
    """The routes of the register, asked as `who`; `online` are the devices that are there."""

    web: httpx.AsyncClient
    database: Database
    settings: SimpleNamespace
    who: Principal = EVERYWHERE
    online: set[tuple[str, str, str]] = field(default_factory=set)

    async def ask(self, method: str, path: str, status: int = 200, **request: Any) -> Any:
        answer = await self.web.request(method, f"/api/v1{path}", **request)
        assert answer.status_code == status, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json()

    async def get(self, path: str, status: int = 200) -> Any:
        return await self.ask("GET", path, status)

    async def post(self, path: str, status: int = 200, /, **body: Any) -> Any:
        return await self.ask("POST", path, status, json=body)

    async def enter(self, **facts: Any) -> Any:
        whole = {
            "name": "Máy chiếu", "type": "projector", "serial": "SN1", "school": "AC", "room": "P101",
            "acquired": "2024-09-01", "fund_source": "Ngân sách", "status": "in_use",
        }  # fmt: skip
        return await self.post("/assets", 201, **(whole | facts))


async def furnish(database: Database) -> None:
    """Enters a department, a district with two schools, rooms, a headcount and a node with devices."""
    units = (("S", "Sở", "department", None), ("D1", "Tân Châu", "district", "D1"),
             ("AC", "THCS An Cơ", "school", "D1"), ("SD", "THCS Suối Dây", "school", "D1"))  # fmt: skip
    async with database.write() as session:
        session.add_all(Unit(code=c, name=n, kind=k, levels=[], district_code=d) for c, n, k, d in units)
        await session.flush()
        parents = (("D1", "S"), ("AC", "D1"), ("SD", "D1"))
        session.add_all(Placement(unit_code=u, parent_code=p, valid_from=LONG_AGO) for u, p in parents)
        session.add_all(
            Room(school_code=school, code=code, name="", type=kind, seats=seats)
            for school in ("AC", "SD")
            for code, kind, seats in (
                ("P101", "classroom", None),
                ("P102", "classroom", None),
                ("TH1", "computer_lab", 40),
            )
        )
        session.add(Headcount(unit_code="AC", as_of=date(2026, 9, 5), pupils=350, pupils_with_id=350,
                              teachers=20, teachers_with_record=20, changed_ms=1))  # fmt: skip
        session.add(Node(group_code="AC", node="AC-a1", claimed_school="AC", first_seen_ms=1))
        await session.flush()
        session.add_all(
            Device(group_code="AC", node="AC-a1", device=f"pc-{number}", kind="lab_pc", room_code="TH1")
            for number in range(3)
        )


@pytest.fixture
async def register(database: Database, tmp_path: Path) -> AsyncIterator[Register]:
    """The register on each engine."""
    await furnish(database)
    app = FastAPI()
    problems.install(app)
    for module in (api, statistics_api, documents_api, stocktaking_api):
        app.include_router(module.router)
    app.include_router(changes_api.router, prefix="/api/v1/organisation")
    app.state.followers = [following.rooms_moved]
    app.state.database, app.state.now_ms = database, lambda: 1_790_000_000_000
    app.state.settings = SimpleNamespace(data_dir=tmp_path, public_url="")
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://hub") as web:
        asked = Register(web, database, app.state.settings)

        async def authenticate(_connection: HTTPConnection) -> tuple[Principal, bool]:
            return asked.who, False

        def seen(key: tuple[str, str, str]) -> dict[str, Any] | None:
            return {"presence": {"state": "born" if key in asked.online else "dead"}}

        app.state.authenticate, app.state.picture = authenticate, SimpleNamespace(get=seen)
        yield asked
