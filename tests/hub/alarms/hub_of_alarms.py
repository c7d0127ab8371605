"""A web role with alarms, status and wall over one database and one picture, and the book that feeds both."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import httpx
import orjson
from fastapi import FastAPI
from starlette.requests import HTTPConnection

from devices.kind import Severity
from hub.alarms import api, service
from hub.alarms.alarm import Alarm, AlarmChange, AlarmState, ChangeKind
from hub.alarms.rules import AlarmBook
from hub.database import Database
from hub.live import api as live_api
from hub.live.picture import Picture
from hub.wall import api as wall_api
from hub.wall.service import Walls
from hub.web import problems
from hub.web.principal import PermissionName, Principal, Schools
from tests.hub.wall.documents import DISTRICTS, SCHOOLS, T0, alarm

NAMES: tuple[PermissionName, ...] = ("alarms.read", "alarms.acknowledge", "status.read", "wall.read")


class HubOfAlarms:
    """`tell` stores and mirrors what the book changed, and lets the book follow what people decided."""

    def __init__(self, database: Database, schools: Schools = None) -> None:
        self.book, self.picture, self.database = AlarmBook(), Picture(), database
        self.now_ms = T0
        self.decided: list[str] = []
        walls = Walls(self.picture, "1", lambda: self.now_ms)
        walls.organise(SCHOOLS, DISTRICTS)
        app = FastAPI()
        problems.install(app)
        for router in (api.router, live_api.router, wall_api.router):
            app.include_router(router)
        who = Principal("lan", "Lê Lan", "api", dict.fromkeys(NAMES, schools))

        async def authenticate(_connection: HTTPConnection) -> tuple[Principal, bool]:
            return who, False

        app.state.authenticate, app.state.database, app.state.events = authenticate, database, self
        app.state.picture, app.state.walls, app.state.now_ms = self.picture, walls, lambda: self.now_ms
        self.walls = walls
        self.client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://hub/api/v1")

    def publish_after_commit(self, _session: object, topic: str, content: dict[str, Any]) -> None:
        assert topic == "hub/changed/alarms"
        self.decided += content["ids"]

    async def tell(self) -> None:
        """Does what ingest does between two moments."""
        decided, self.decided = self.decided, []
        async with self.database.read() as session:
            for one in await service.get_alarms(session, decided):
                self.book.follow(one, self.now_ms)
        changes = self.book.due(self.now_ms)
        async with self.database.write() as session:
            await service.record_changes(session, changes)
        for change in changes:
            payload = orjson.dumps(change.alarm) if change.alarm.is_open else b""
            self.picture.message(f"hub/alarms/{change.alarm.id}", payload)

    async def get(self, path: str, **wanted: Any) -> Any:
        """The answer of a route, which must be 200."""
        answer = await self.client.get(path, params=wanted)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def pages(self, **wanted: Any) -> list[dict[str, Any]]:
        """All alarms of a list, page by page."""
        items: list[dict[str, Any]] = []
        cursor: dict[str, str] = {}
        while True:
            page = await self.get("/alarms", limit=7, **wanted, **cursor)
            items += page["items"]
            if page["next_cursor"] is None:
                return items
            cursor = {"cursor": page["next_cursor"]}


async def store(database: Database, *alarms: Alarm) -> None:
    """Stores alarms as if they had just been raised."""
    async with database.write() as session:
        await service.record_changes(
            session, [AlarmChange(ChangeKind.RAISED, a.raised_ms, a) for a in alarms]
        )


def made(name: str, school: str = SCHOOLS[0].code, **changed: Any) -> Alarm:
    """An alarm with what is said of it changed."""
    base = {**alarm(name, school), "severity": Severity.MAJOR, "state": AlarmState.UNACKNOWLEDGED}
    return replace(Alarm(**base), **changed)
