"""Problem documents, headers, limits, paging and health, as a client meets them."""

import asyncio

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text

from hub.clock import now_ms
from hub.database import Database
from hub.errors import Invalid, TooMany
from hub.registry import service as registry
from hub.registry.rules import NodeSeen, PresenceChange, Quarantined
from hub.web.headers import MEGABYTE
from tests.hub.web.conftest import DEMO_TOKEN, bearer

ADMIN = bearer(DEMO_TOKEN)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/v1/nothing", 404),
        ("GET", "/api/nothing", 404),
        ("GET", "/nothing", 404),
        ("DELETE", "/healthz", 405),
        ("GET", "/api/v1/organisation/units?limit=0", 422),
        ("GET", "/api/v1/organisation/units?limit=abc", 422),
        ("GET", "/api/v1/organisation/units?cursor=%00", 422),
        ("GET", "/api/v1/organisation/units?cursor=WzFd", 422),
        ("GET", "/api/v1/organisation/units?on=yesterday", 422),
        ("POST", "/api/v1/quarantine/0/replay", 422),
        ("POST", "/api/v1/quarantine/99999999999999999999/replay", 422),
        ("POST", "/api/v1/quarantine/7/replay", 404),
    ],
)
async def test_errors_are_problem_documents(
    client: httpx.AsyncClient, method: str, path: str, status: int
) -> None:
    answer = await client.request(method, path, headers=ADMIN)
    problem = answer.json()
    assert answer.status_code == problem["status"] == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["type"].startswith("/problems/")
    assert problem["title"]
    assert problem["detail"]
    assert problem["instance"] == path.partition("?")[0]
    assert problem["fix"]
    if status == 422:
        assert problem["errors"][0] == {name: problem[name] for name in ("field", "value", "fix")} | {
            "detail": problem["errors"][0]["detail"]
        }


async def test_secrets_are_not_repeated_and_json_errors_are_explained(client: httpx.AsyncClient) -> None:
    answer = await client.post("/api/v1/session", json={"username": "a" * 99, "password": 12345678, "x": "y"})
    faults = {fault["field"]: fault for fault in answer.json()["errors"]}
    assert "12345678" not in answer.text
    assert faults["password"]["value"] == "(hidden)"
    assert faults["x"]["fix"] == "leave x out"
    answer = await client.post(
        "/api/v1/session", content=b'{"password": "hunter22', headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 422
    assert "hunter22" not in answer.text
    answer = await client.post("/api/v1/session", json=["hunter22"])
    assert answer.status_code == 422
    assert "hunter22" not in answer.text


@pytest.mark.parametrize(
    ("path", "field", "value", "fix"),
    [
        ("organisation/units?limit=0", "limit", "0", "send a number from 1 to 1000"),
        ("organisation/units?limit=abc", "limit", "abc", "send a whole number from 1 to 1000"),
        ("organisation/units?on=today", "on", "today", "send a date such as 2026-11-23"),
        ("alarms?severity=bad", "severity", "bad", "send 'critical', 'major' or 'minor'"),
        ("alarms?schol=D703", "schol", "D703", "write school"),
        ("alarms?LIMIT=3", "LIMIT", "3", "write limit"),
        ("nodes?zzz=1", "zzz", "1", "leave it out; known are claimed, cursor, limit, q"),
        ("session?zzz=1", "zzz", "1", "leave it out; there are none here"),
        ("openapi.json?zzz=1", "zzz", "1", "leave it out; there are none here"),
    ],
)
async def test_a_wrong_parameter_is_told_with_its_fix(
    client: httpx.AsyncClient, path: str, field: str, value: str, fix: str
) -> None:
    answer = await client.get(f"/api/v1/{path}", headers=ADMIN)
    problem = answer.json()
    assert (answer.status_code, problem["type"]) == (422, "/problems/invalid-request")
    assert (problem["field"], problem["value"], problem["fix"]) == (field, value, fix)


async def test_problems_speak_the_language_that_is_asked_for(client: httpx.AsyncClient) -> None:
    asked = "/api/v1/organisation/units?limit=0"
    english = await client.get(asked, headers=ADMIN)
    vietnamese = await client.get(asked, headers=ADMIN | {"Accept-Language": "vi"})
    assert (english.headers["content-language"], vietnamese.headers["content-language"]) == ("en", "vi")
    assert vietnamese.json()["detail"] == "Có 1 giá trị chưa đúng"
    assert vietnamese.json()["fix"] == "hãy nhập một số từ 1 đến 1000"
    assert {name for name, value in english.json().items() if vietnamese.json()[name] == value} == {
        "type", "status", "instance", "field", "value",
    }  # fmt: skip


async def test_two_unknown_parameters_are_both_named(client: httpx.AsyncClient) -> None:
    problem = (await client.get("/api/v1/alarms?schol=1&stat=2&limit=1&schol=3", headers=ADMIN)).json()
    assert [(each["field"], each["fix"]) for each in problem["errors"]] == [
        ("schol", "write school"),
        ("stat", "write state"),
    ]
    assert (await client.get("/healthz?anything=1")).status_code == 200, "probes may add what they like"


@pytest.mark.parametrize(
    ("content", "content_type", "field", "value", "fix"),
    [
        (b"{bad", "application/json", "body", "(4 characters)", "send a JSON object, such as"),
        (b'{"username": "a"}', None, "Content-Type", None, "send Content-Type: application/json"),
        (
            b'{"username": "a"}',
            "text/plain",
            "Content-Type",
            "text/plain",
            "send Content-Type: application/json",
        ),
        (b"", None, "body", None, "send a JSON object"),
        (b'"hunter22"', "application/json", "body", "(str)", "send a JSON object"),
        (b'{"username": "a"}', "application/json", "password", None, "send password in the body"),
    ],
)
async def test_a_wrong_body_is_told_with_its_fix(
    client: httpx.AsyncClient,
    content: bytes,
    content_type: str | None,
    field: str,
    value: str | None,
    fix: str,
) -> None:
    headers = {"Content-Type": content_type} if content_type else {}
    answer = await client.post("/api/v1/session", content=content, headers=headers)
    problem = answer.json()
    assert answer.status_code == 422
    assert (problem["field"], problem["value"]) == (field, value)
    assert problem["fix"].startswith(fix)
    assert "hunter22" not in answer.text


def test_one_second_is_singular() -> None:
    assert TooMany("x", retry_after_s=1).fix == "wait 1 second and try again"
    assert TooMany("x", retry_after_s=2).fix == "wait 2 seconds and try again"


async def test_every_answer_carries_the_policy(application: FastAPI, client: httpx.AsyncClient) -> None:
    @application.get("/broken")
    async def broken() -> None:
        raise LookupError("secret detail")

    for path in ("/healthz", "/api/v1/session", "/nothing", "/broken"):
        headers = (await client.get(path)).headers
        policy = headers["content-security-policy"]
        assert "unsafe" not in policy
        assert "script-src 'self'" in policy
        assert headers["x-content-type-options"] == "nosniff"
    answer = await client.get("/broken")
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert (await client.get("/api/v1/session")).headers["cache-control"] == "no-store"


@pytest.mark.parametrize("declared", [True, False])
async def test_a_large_body_is_refused(client: httpx.AsyncClient, declared: bool) -> None:
    async def stream() -> object:
        for _ in range(MEGABYTE // 65_536 + 1):
            yield b" " * 65_536

    content = b" " * (MEGABYTE + 1) if declared else stream()
    answer = await client.post(
        "/api/v1/session",
        content=content,  # type: ignore[arg-type]
        headers={"Content-Type": "application/json"},
    )
    assert answer.status_code == 413
    assert answer.json()["type"] == f"/problems/{answer.json()['title'].lower().replace(' ', '-')}"
    assert answer.json()["fix"] == "send at most 1 MB at a time"


async def test_routes_that_take_files_say_how_much_and_packages_are_files(client: httpx.AsyncClient) -> None:
    much = {"Content-Length": str(300 * MEGABYTE), "Accept-Language": "vi"}
    refused = await client.post("/api/v1/imports", headers=much)
    assert refused.status_code == 413
    assert "200 MB" in refused.json()["detail"]
    packages = await client.post("/api/v1/packages", headers=ADMIN, content=b" " * (2 * MEGABYTE))
    assert packages.status_code != 413


async def test_pages_follow_each_other_without_gap_or_repetition(client: httpx.AsyncClient) -> None:
    for path, least in (("/api/v1/organisation/schools", 24), ("/api/v1/organisation/units", 33)):
        whole = (await client.get(path, headers=ADMIN, params={"limit": 500})).json()
        assert whole["next_cursor"] is None
        assert len(whole["items"]) >= least
        parts, cursor = [], None
        while True:
            params = {"limit": 7} | ({"cursor": cursor} if cursor else {})
            page = (await client.get(path, headers=ADMIN, params=params)).json()
            parts += page["items"]
            cursor = page["next_cursor"]
            if cursor is None:
                break
        assert parts == whole["items"]


async def test_claiming_a_node_moves_it_and_tells_ingest(
    application: FastAPI, client: httpx.AsyncClient, database: Database
) -> None:
    school = (await client.get("/api/v1/organisation/schools", headers=ADMIN)).json()["items"][0]["code"]
    async with database.write() as session:
        await registry.record_nodes(session, [NodeSeen("line", "plc", 1)])
    path = "/api/v1/nodes/line/plc/claim"
    for wrong in ({"school": "nowhere", "room": "P1"}, {"school": school, "room": "a b"}, {"school": school}):
        answer = await client.post(path, headers=ADMIN, json=wrong)
        assert answer.status_code == 422
        assert answer.json()["field"] in wrong or answer.json()["field"] == "room"
    assert (
        await client.post(
            "/api/v1/nodes/line/none/claim", headers=ADMIN, json={"school": school, "room": "P1"}
        )
    ).status_code == 404
    assert not application.state.events._pending
    answer = await client.post(path, headers=ADMIN, json={"school": school, "room": "P1"})
    assert answer.json() == {"group": "line", "node": "plc", "school": school, "room": "P1"}
    assert list(application.state.events._pending) == [
        ("hub/changed/registry", b'{"group": "line", "node": "plc"}')
    ]
    rooms = (await client.get("/api/v1/organisation/rooms", headers=ADMIN, params={"school": school})).json()
    assert [room["code"] for room in rooms["items"]] == ["P1"]


async def test_quarantine_and_presence_are_listed_newest_first(
    application: FastAPI, client: httpx.AsyncClient, database: Database
) -> None:
    async with database.write() as session:
        await registry.record_nodes(session, [NodeSeen("line", "plc", 1)])
        await registry.record_quarantine(
            session, [Quarantined(n, "line", "plc", "", "t", "nan", "", b"x" * n, f"k{n}") for n in range(5)]
        )
        await registry.record_presence(
            session,
            [
                PresenceChange("line", "plc", device, "born", "birth", n)
                for n in range(3)
                for device in ("", "d")
            ],
        )
    page = (await client.get("/api/v1/quarantine?limit=3", headers=ADMIN)).json()
    assert [item["size"] for item in page["items"]] == [4, 3, 2]
    page2 = (
        await client.get("/api/v1/quarantine", headers=ADMIN, params={"cursor": page["next_cursor"]})
    ).json()
    assert [item["size"] for item in page2["items"]] == [1, 0]
    row = page["items"][0]["id"]
    assert (await client.post(f"/api/v1/quarantine/{row}/replay", headers=ADMIN)).status_code == 202
    assert application.state.events._pending[0][0] == "hub/request/quarantine-replay"
    params = {"group": "line", "node": "plc", "device": ""}
    events = (await client.get("/api/v1/presence", headers=ADMIN, params=params)).json()["items"]
    assert [(event["since_ms"], event["device"]) for event in events] == [(2, None), (1, None), (0, None)]
    first = (await client.get("/api/v1/presence?limit=4", headers=ADMIN)).json()
    rest = (
        await client.get("/api/v1/presence", headers=ADMIN, params={"cursor": first["next_cursor"]})
    ).json()
    assert len(first["items"]) + len(rest["items"]) == 6


async def test_nothing_is_told_about_a_change_that_was_rolled_back(
    application: FastAPI, database: Database
) -> None:
    events = application.state.events

    async def fail() -> None:
        async with database.write() as session:
            await session.execute(text("SELECT 1"))
            events.publish_after_commit(session, "hub/changed/alarms", {"id": "a"})
            raise Invalid("no")

    with pytest.raises(Invalid):
        await fail()
    assert not events._pending


async def test_ready_only_with_database_broker_ingest_and_telemetry(
    application: FastAPI, client: httpx.AsyncClient
) -> None:
    assert (await client.get("/healthz")).json() == {"status": "ok"}
    answer = await client.get("/readyz")
    assert answer.status_code == 503
    assert {check["name"]: check["ok"] for check in answer.json()["checks"]} == {
        "database": True,
        "broker": False,
        "ingest": False,
        "telemetry": True,
        "audit": True,
    }
    picture = application.state.picture
    application.state.events.connected = picture.connected = True
    picture.message("hub/status/ingest/0", b'{"online": true, "ts_ms": %d}' % now_ms())
    assert (await client.get("/readyz")).status_code == 200
    picture.message("hub/status/ingest/0", b'{"online": false}')
    assert (await client.get("/readyz")).status_code == 503


async def test_metrics_name_routes_and_never_addresses(client: httpx.AsyncClient) -> None:
    await client.get("/api/v1/nodes/secret-school/x/claim")
    await asyncio.gather(*(client.get(f"/scan/{n}") for n in range(3)))
    exposed = (await client.get("/metrics")).text
    assert "secret-school" not in exposed
    assert "/scan/" not in exposed
    assert 'hub_http_requests_total{method="GET",route="(none)",status="404"}' in exposed


async def test_the_description_of_the_api_is_complete(client: httpx.AsyncClient) -> None:
    described = (await client.get("/api/v1/openapi.json")).json()
    assert "/api/v1/alarms/{alarm_id}/acknowledge" in described["paths"]
    assert "/api/v1/devices" in described["paths"]
