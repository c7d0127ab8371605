"""Tickets over HTTP on both engines: from a fault to its end, late ones upwards, in one's own units only."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.requests import HTTPConnection

from hub.accounts.tables import Account, Grant
from hub.assets.tables import Asset
from hub.audit import service as audit
from hub.audit.service import AuditFilter
from hub.clock import now_ms
from hub.database import Database
from hub.events import Events
from hub.organisation.tables import Placement, Room, Unit
from hub.registry.tables import Device, Node
from hub.tickets import api, service
from hub.tickets.rules import Priority, due_ms
from hub.web import problems
from hub.web.principal import Principal, Schools

A, B = "S-A", "S-B"
TREE: dict[str, Schools] = {"DEPT": None, "D1": frozenset({"D1", A}), A: frozenset({A}), B: frozenset({B})}
DAY_MS = 86_400_000


class Hub:
    """The routes of tickets, asked by somebody whose units can be set."""

    def __init__(self, app: FastAPI, client: httpx.AsyncClient) -> None:
        self.app, self.client = app, client
        self.now_ms = now_ms()

    def be(self, units: Schools, account_id: int | None = 1) -> None:
        may: Any = dict.fromkeys(("tickets.read", "tickets.write"), units)
        self.app.state.who = Principal("lan", "Lan", "session", may, account_id=account_id)

    async def get(self, path: str = "", status: int = 200) -> Any:
        answer = await self.client.get(f"/api/v1/tickets{path}")
        assert answer.status_code == status, answer.text
        return answer.json()

    async def post(self, path: str, body: dict[str, Any], status: int = 200) -> Any:
        answer = await self.client.post(f"/api/v1/tickets{path}", json=body)
        assert answer.status_code == status, answer.text
        return answer.json()


@pytest.fixture
async def hub(database: Database) -> AsyncIterator[Hub]:
    app = FastAPI()
    problems.install(app)
    app.include_router(api.router)
    app.state.database, app.state.events = database, Events("mqtt://127.0.0.1:1", "test")

    async def authenticate(_connection: HTTPConnection) -> tuple[Principal, bool]:
        return app.state.who, False

    async def subtree(_session: AsyncSession, unit: str) -> Schools:
        return TREE.get(unit, frozenset())

    app.state.authenticate, app.state.subtree = authenticate, subtree
    async with database.write() as session:
        kinds = {"DEPT": "department", "D1": "district", A: "school", B: "school"}
        session.add_all(
            Unit(code=code, name=f"Trường {code}", kind=kind, levels=[]) for code, kind in kinds.items()
        )
        await session.flush()
        parents = {"D1": "DEPT", A: "D1", B: "DEPT"}
        session.add_all(
            Placement(unit_code=unit, parent_code=parent, valid_from=date(2000, 1, 1))
            for unit, parent in parents.items()
        )
        session.add_all(
            [
                Room(school_code=A, code="P1", name="Phòng 1"),
                Node(group_code=A, node="n1", claimed_school=A, first_seen_ms=1),
            ]
        )
        session.add_all(
            Account(id=number, username=name, name=name.title(), password_hash="")
            for number, name in enumerate(["lan", "minh", "tam", "hoa"], 1)
        )
        await session.flush()
        session.add(Device(group_code=A, node="n1", device="projector", room_code="P1"))
        session.add(
            Asset(id=7, tag="TN-7", name="Máy chiếu", school_code=A, room_code="P1", gaps=0, search="",
                  created_ms=1, changed_ms=1, group_code=A, node="n1", device="projector")
        )  # fmt: skip
        grants = [(1, "school_admin", A), (2, "technician", "D1"), (3, "technician", B), (4, "inspector", A)]
        session.add_all(Grant(account_id=who, role=role, unit_code=unit) for who, role, unit in grants)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://hub") as client:
        made = Hub(app, client)
        app.state.now_ms = lambda: made.now_ms
        made.be(frozenset({A}))
        yield made


async def test_o8_a_fault_goes_from_school_to_department_to_province_and_each_sees_its_scope(
    hub: Hub, database: Database
) -> None:
    raised = await hub.post("", {"title": "Máy chiếu hỏng", "asset_id": 7, "priority": "urgent"}, 201)
    assert (raised["unit"], raised["room"], raised["device"]["device"]) == (A, "P1", "projector")
    assert (raised["state"], raised["level"], raised["overdue"]) == ("open", "school", False)
    assert raised["due_ms"] == due_ms(hub.now_ms, Priority.URGENT)
    number = raised["id"]
    by_hand = await hub.post(f"/{number}/escalate", {"text": "cần Sở hỗ trợ"})
    assert (by_hand["level"], by_hand["escalated_ms"]) == ("department", hub.now_ms)
    hub.now_ms = by_hand["due_ms"] + 1
    assert (await hub.get(f"/{number}"))["overdue"] is True
    assert [each["id"] for each in (await hub.get("?overdue=true"))["items"]] == [number]
    async with database.write() as session:  # what the control role does every minute
        assert await service.escalate_overdue(session, hub.now_ms) == [number]
    async with database.write() as session:
        assert await service.escalate_overdue(session, hub.now_ms) == []
    hub.be(None)
    ticket = await hub.get(f"/{number}")
    assert (ticket["level"], ticket["overdue"]) == ("province", False)
    assert [(each["event"], each["by"], each["level"]) for each in ticket["events"]] == [
        ("raised", "Lan", "school"), ("escalated", "Lan", "department"),
        ("escalated", "hub:control", "province"),
    ]  # fmt: skip
    hub.now_ms = ticket["due_ms"] + 1
    async with database.write() as session:
        assert await service.escalate_overdue(session, hub.now_ms) == []  # there is nobody above
    await hub.post(f"/{number}/escalate", {}, 409)
    report = (await hub.get(f"/summary?unit=DEPT&since=0&until={hub.now_ms + 1}"))["period"]
    assert (report["raised"], report["resolved"]) == (1, 0)
    assert report["escalated"] == {"department": 1, "province": 1}
    summary = await hub.get("/summary?unit=DEPT")
    assert {each["unit"]: each["overdue"] for each in summary["children"]} == {"D1": 1, B: 0}
    hub.be(frozenset({B}))  # a school that is not its own neither sees it nor learns that it is there
    unknown, foreign = await hub.get("/999999", 404), await hub.get(f"/{number}", 404)
    assert foreign["detail"] == unknown["detail"]
    assert (await hub.get())["items"] == []
    assert (await hub.get("/summary"))["total"] == 0
    for step in ("assign", "start", "resolve", "close", "reopen", "escalate", "comment"):
        body = {"assignee": 3} if step == "assign" else {"text": "x"}
        assert (await hub.post(f"/{number}/{step}", body, 404))["detail"] == unknown["detail"]
    answers = [await hub.post("", {"title": "x", **where}, 422)
               for where in ({"unit": A}, {"unit": "none"}, {"asset_id": 7}, {"asset_id": 8})]  # fmt: skip
    assert answers[0]["detail"] == answers[1]["detail"]
    assert answers[2]["detail"] == answers[3]["detail"]


async def test_a_ticket_goes_from_hand_to_hand(hub: Hub, database: Database) -> None:
    where = {"device": {"group": A, "node": "n1", "device": "projector"}}
    number = (await hub.post("", {"title": "Không lên hình", **where}, 201))["id"]
    people = (await hub.get(f"/assignable?unit={A}"))["items"]
    assert [(each["name"], each["roles"]) for each in people] == [
        ("Lan", ["school_admin"]), ("Minh", ["technician"]),
    ]  # fmt: skip
    assert (await hub.get(f"/assignable?unit={B}"))["items"] == []
    for stranger in (3, 4, 99):
        await hub.post(f"/{number}/assign", {"assignee": stranger}, 422)
    assert (await hub.post(f"/{number}/assign", {"assignee": 2}))["assignee"] == {"id": 2, "name": "Minh"}
    assert (await hub.post(f"/{number}/start", {}))["assignee"]["name"] == "Minh"
    await hub.post(f"/{number}/comment", {"text": "chờ bóng đèn"}, 201)
    await hub.post(f"/{number}/comment", {"text": " "}, 422)
    resolved = await hub.post(f"/{number}/resolve", {"text": "thay bóng"})
    assert (resolved["state"], resolved["resolved_ms"]) == ("resolved", hub.now_ms)
    await hub.post(f"/{number}/start", {}, 409)
    hub.now_ms += 40 * DAY_MS
    reopened = await hub.post(f"/{number}/reopen", {})
    assert (reopened["state"], reopened["resolved_ms"], reopened["overdue"]) == ("assigned", None, False)
    assert (await hub.post(f"/{number}/close", {}))["state"] == "closed"
    events = [each["event"] for each in (await hub.get(f"/{number}"))["events"]]
    assert events == ["raised", "assigned", "started", "commented", "resolved", "reopened", "closed"]
    async with database.read() as session:
        wanted = AuditFilter(object=f"ticket:{number}", units=frozenset({A}))
        noted = await audit.list_entries(session, wanted, before_id=None, limit=20)
    assert [each.action for each in noted][::-1] == [
        f"ticket.{step}" for step in ("raise", "assign", "start", "comment", "resolve", "reopen", "close")
    ]
    assert audit.facts(noted[0].before) == {"state": "assigned"}


async def test_tickets_are_found_and_changed(hub: Hub) -> None:
    first = await hub.post("", {"title": "Điều hoà kêu", "unit": A, "room": "P1", "priority": "low"}, 201)
    second = await hub.post("", {"title": "Mất mạng", "unit": A, "due_ms": hub.now_ms - 1}, 201)
    wrong = await hub.post("", {"title": "x", "unit": A, "room": "P9"}, 422)
    assert wrong["field"] == "room"
    await hub.post("", {"title": "x"}, 422)
    await hub.post(f"/{second['id']}/start", {})

    async def found(query: str) -> list[int]:
        return [item["id"] for item in (await hub.get(f"?{query}"))["items"]]

    one, two = first["id"], second["id"]
    for query, ids in {
        "": [two, one], "q=dieu+hoa": [one], "q=truong+mang": [two], "room=P1": [one], "state=open": [one],
        "state=active": [two, one], "assignee=me": [two], "assignee=2": [], "priority=low": [one],
        "overdue=true": [two], "overdue=false": [one], f"school={B}": [], "unit=D1": [two, one],
        "level=school": [two, one],
    }.items():  # fmt: skip
        assert await found(query) == ids, query
    assert (await hub.get("?limit=1"))["next_cursor"]
    answer = await hub.client.patch(
        f"/api/v1/tickets/{one}", json={"priority": "high", "title": "Điều hoà hỏng"}
    )
    assert answer.json()["due_ms"] == due_ms(first["created_ms"], Priority.HIGH)
    assert await found("q=hong") == [one]
    assert (await hub.get(f"/{one}"))["events"][-1]["text"] == "title, priority, due_ms"
    unchanged = await hub.client.patch(f"/api/v1/tickets/{one}", json={"priority": "high"})
    assert len(unchanged.json()["events"]) == 2
