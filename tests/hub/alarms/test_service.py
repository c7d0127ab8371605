"""Alarms in the database and over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from starlette.requests import HTTPConnection

from devices.kind import Severity
from hub.alarms import api, listing, service
from hub.alarms.alarm import Alarm, AlarmChange, ChangeKind
from hub.alarms.rules import AlarmBook, AlarmState
from hub.alarms.schemas import AlarmFilter
from hub.database import Database, migrate
from hub.errors import Conflict, NotFound
from hub.wall.rules import figures
from hub.web import problems
from hub.web.principal import PermissionName, Principal, Schools
from tests.hub.alarms.test_book import AIR, LEAK, SCHOOL, T0
from tests.hub.wall.documents import alarm


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    url = f"sqlite+aiosqlite:///{tmp_path}/hub.db"
    await migrate(url)
    database = Database(url)
    yield database
    await database.close()


def flooded() -> tuple[AlarmBook, str]:
    book = AlarmBook()
    watch = book.watch(AIR, LEAK)
    assert watch is not None
    book.observe(watch, True, T0, T0)
    [name] = book.open()
    return book, name


async def test_recording_twice_changes_nothing_and_people_win(database: Database) -> None:
    book, name = flooded()
    raised = book.due(T0)
    for _ in range(2):
        async with database.write() as session:
            await service.record_changes(session, raised)
    async with database.write() as session:
        alarm = await service.acknowledge(session, name, "Lê Lan", "đang tới", T0 + 5_000)
    assert alarm.state is AlarmState.ACKNOWLEDGED
    async with database.write() as session:
        await service.record_changes(session, raised)  # drained again after a crash
        [held] = await service.load_open(session)
    assert held == alarm
    assert book.acknowledge(name, "Lê Lan", "đang tới", T0 + 5_000)
    watch = book.watch(AIR, LEAK)
    assert watch is not None
    book.observe(watch, False, T0 + 9_000, T0 + 9_000)
    async with database.write() as session:
        await service.record_changes(session, book.due(T0 + 9_000))
        events = await listing.history(session, name)
        assert [(e.kind, e.ts_ms - T0, e.by) for e, _ in events] == [
            ("raised", 0, None), ("acknowledged", 5_000, "Lê Lan"), ("returned", 9_000, None),
        ]  # fmt: skip
        assert await service.load_open(session) == []


async def test_acknowledged_here_returned_there_is_closed(database: Database) -> None:
    book, name = flooded()
    async with database.write() as session:
        await service.record_changes(session, book.due(T0))
        await service.acknowledge(session, name, "Lan", None, T0 + 1)
    watch = book.watch(AIR, LEAK)
    assert watch is not None
    book.observe(watch, False, T0 + 2, T0 + 2)
    async with database.write() as session:
        await service.record_changes(session, book.due(T0 + 2))
        alarm = await service.get_alarm(session, name)
    assert alarm is not None
    assert alarm.state is AlarmState.NORMAL


async def test_acknowledging_what_cannot_be(database: Database) -> None:
    book, name = flooded()
    async with database.write() as session:
        await service.record_changes(session, book.due(T0))
        with pytest.raises(NotFound):
            await service.acknowledge(session, "nothing", "Lan", None, T0)
        await service.acknowledge(session, name, "Lan", None, T0)
        with pytest.raises(Conflict, match="Lan acknowledged"):
            await service.acknowledge(session, name, "Minh", None, T0)


class Said:
    """Takes what the API tells other roles."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, dict[str, Any]]] = []

    def publish_after_commit(self, _session: object, topic: str, content: dict[str, Any]) -> None:
        self.messages.append((topic, content))


def web(database: Database, schools: Schools) -> tuple[httpx.AsyncClient, Said]:
    app = FastAPI()
    problems.install(app)
    app.include_router(api.router)
    names: tuple[PermissionName, ...] = ("alarms.read", "alarms.acknowledge")
    who = Principal("lan", "Lê Lan", "api", dict.fromkeys(names, schools))

    async def authenticate(_connection: HTTPConnection) -> tuple[Principal, bool]:
        return who, False

    said = Said()
    app.state.now_ms = lambda: T0 + 60_000
    app.state.authenticate, app.state.database, app.state.events = authenticate, database, said
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://hub"), said


async def test_api_lists_shows_and_acknowledges(database: Database) -> None:
    book, name = flooded()
    async with database.write() as session:
        await service.record_changes(session, book.due(T0))
    client, said = web(database, None)
    async with client:
        listed = (await client.get("/api/v1/alarms?severity=critical&limit=1")).json()
        assert [item["id"] for item in listed["items"]] == [name]
        assert listed["items"][0]["title_vi"] == "Ngập nước"
        assert (await client.get("/api/v1/alarms?school=D999-MN-01")).json()["items"] == []
        long = await client.post(f"/api/v1/alarms/{name}/acknowledge", json={"comment": "x" * 501})
        assert long.status_code == 422
        done = await client.post(f"/api/v1/alarms/{name}/acknowledge", json={"comment": " đang tới "})
        assert (done.status_code, done.json()["acknowledged_by"], done.json()["comment"]) == (
            200, "Lê Lan", "đang tới",
        )  # fmt: skip
        assert said.messages == [("hub/changed/alarms", {"ids": [name]})]
        again = await client.post(f"/api/v1/alarms/{name}/acknowledge", json={"comment": ""})
        assert again.status_code == 409
        assert (await client.post("/api/v1/alarms/none/acknowledge", json={})).status_code == 404
        detail = (await client.get(f"/api/v1/alarms/{name}")).json()
        assert [step["event"] for step in detail["events"]] == ["raised", "acknowledged"]
        assert (await client.get("/api/v1/alarms?cursor=nonsense")).status_code == 422


async def test_api_stays_within_the_schools_of_the_asker(database: Database) -> None:
    book, name = flooded()
    async with database.write() as session:
        await service.record_changes(session, book.due(T0))
    client, _ = web(database, frozenset({"D703-MN-01"}))
    async with client:
        assert (await client.get(f"/api/v1/alarms?school={SCHOOL}")).json()["items"] == []
        assert (await client.get(f"/api/v1/alarms/{name}")).status_code == 404
        assert (await client.post(f"/api/v1/alarms/{name}/acknowledge", json={})).status_code == 403


async def test_a_wrong_state_is_one_error_that_names_what_is_allowed(database: Database) -> None:
    client, _ = web(database, None)
    async with client:
        answer = await client.get("/api/v1/alarms?state=foo")
        assert answer.status_code == 422
        [error] = answer.json()["errors"]
        assert (error["field"], error["value"]) == ("state", "foo")
        assert all(repr(allowed.value) in error["fix"] for allowed in AlarmFilter)


async def test_open_is_what_the_wall_counts_and_suppressed_the_rest(database: Database) -> None:
    base, states = Alarm(**alarm("0", SCHOOL)), dict(zip("123456", AlarmState, strict=True))
    changes = [
        AlarmChange(ChangeKind.RAISED, T0, replace(base, id=name, state=state, severity=Severity.MAJOR))
        for name, state in states.items()
    ]
    async with database.write() as session:
        await service.record_changes(session, changes)
    counted = figures([], [asdict(c.alarm) for c in changes if c.alarm.state != AlarmState.NORMAL], [])
    client, _ = web(database, None)
    async with client:

        async def listed(state: str) -> set[str]:
            items = (await client.get(f"/api/v1/alarms?state={state}")).json()["items"]
            return {states[item["id"]].value for item in items}

        found = await listed("open")
        assert found == {"unacknowledged", "acknowledged", "returned_unacknowledged"}
        assert len(found) == counted["alarms_open"] == counted["alarms_by_severity"]["major"]
        assert await listed("suppressed") == {"suppressed"}
        assert counted["alarms_suppressed"] == 1
        assert await listed("shelved") == {"shelved"}
        assert counted["alarms_shelved"] == 1
        assert len(await listed("all")) == 6
