"""The log over HTTP: within one's units, filtered, streamed, and harmless in a spreadsheet."""

import csv
import io
import json
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.requests import HTTPConnection

from hub.audit import api
from hub.audit.rules import Proof, Sealed
from hub.audit.trail import Entry, record
from hub.database import Database
from hub.web import problems
from hub.web.principal import Principal, Schools

BELOW: dict[str, Schools] = {"D1": frozenset({"D1", "S1"}), "S1": frozenset({"S1"}), "ROOT": None}


@pytest.fixture
async def hub(database: Database) -> AsyncIterator[tuple[httpx.AsyncClient, FastAPI]]:
    app = FastAPI()
    problems.install(app)
    app.include_router(api.router)
    app.state.database, app.state.units = database, None

    async def authenticate(_connection: HTTPConnection) -> tuple[Principal, bool]:
        return Principal("lan", "Lan", "session", {"audit.read": app.state.units}), False

    async def subtree(_session: AsyncSession, unit: str) -> Schools:
        return BELOW.get(unit, frozenset())

    app.state.authenticate, app.state.subtree = authenticate, subtree
    async with database.write() as session:
        for number, unit in enumerate(["S1", "S2", None, "D1", "S1"]):
            text = "=HYPERLINK(1)" if number == 0 else "Đổi phòng"
            await record(session, Entry(f"@user{number}", "account", "asset.move", f"asset:{number}", unit,
                                        {"room": "A"}, {"room": "B"}, text, "10.0.0.9", number))  # fmt: skip
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://hub") as client:
        yield client, app


async def test_the_log_is_listed_within_ones_units(hub: tuple[httpx.AsyncClient, FastAPI]) -> None:
    client, app = hub

    async def found(query: str = "") -> list[int]:
        answer = await client.get(f"/api/v1/audit?{query}")
        assert answer.status_code == 200, answer.text
        return [item["at_ms"] for item in answer.json()["items"]]

    assert await found() == [4, 3, 2, 1, 0]
    assert await found("unit=D1") == [4, 3, 0]
    assert await found("unit=ROOT&q=doi+phong&since=1&until=4") == [3, 2, 1]
    assert await found("who=%40user3&action=asset&object=asset:3") == [3]
    app.state.units = frozenset({"S2", "S1"})
    assert await found() == [4, 1, 0]
    assert await found("unit=D1") == [4, 0]
    assert await found("unit=S9") == []
    page = (await client.get("/api/v1/audit?limit=2")).json()
    assert [item["before"] for item in page["items"]] == [{"room": "A"}] * 2
    assert await found(f"cursor={page['next_cursor']}") == [0]


async def test_an_export_has_the_same_scope_and_no_formulas(hub: tuple[httpx.AsyncClient, FastAPI]) -> None:
    client, app = hub
    lines = (await client.get("/api/v1/audit/export?format=jsonl")).text.splitlines()
    proof = Proof()
    for line in lines:  # enough to prove the chain without the hub
        proof.read(Sealed(**json.loads(line)))
    head = (await client.get("/api/v1/audit/head")).json()
    assert (proof.breaks, proof.last.id, proof.last.hash) == ([], head["id"], head["hash"])
    app.state.units = frozenset({"S1"})
    answer = await client.get("/api/v1/audit/export")
    assert answer.content.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"))))
    assert [row["at_ms"] for row in rows] == ["0", "4"]
    assert rows[0]["text"] == "'=HYPERLINK(1)"
    assert rows[0]["actor"] == "'@user0"
