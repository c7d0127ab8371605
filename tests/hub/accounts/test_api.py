"""Logging in, cookies, tokens, walls and scopes, as a browser or a program meets them."""

import asyncio
import threading
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI

from hub.accounts import passwords, service
from hub.accounts.demo import DemoAccount, create_demo_accounts
from hub.accounts.throttle import PER_PAIR
from hub.clock import now_ms
from hub.database import Database
from hub.organisation.service import root_of_list
from hub.registry.rules import NodeSeen
from hub.registry.service import record_nodes
from tests.hub.web.conftest import BASE, DEMO_TOKEN, application, bearer, client

__all__ = ["application", "client"]

SESSION = "/api/v1/session"
OWN_PAGE = {"X-Requested-With": "hub", "Origin": BASE}


@pytest.fixture
async def school(client: httpx.AsyncClient) -> str:
    answer = await client.get("/api/v1/organisation/schools", headers=bearer(DEMO_TOKEN))
    code: str = answer.json()["items"][3]["code"]
    return code


@pytest.fixture
async def accounts(database: Database, school: str) -> dict[str, DemoAccount]:
    async with database.write() as session:
        made = await create_demo_accounts(session, 1, root_code=root_of_list(), school_code=school)
    return {demo.role: demo for demo in made}


async def log_in(client: httpx.AsyncClient, demo: DemoAccount) -> httpx.Response:
    return await client.post(SESSION, json={"username": demo.username, "password": demo.password})


async def test_log_in_look_and_log_out(client: httpx.AsyncClient, accounts: dict[str, DemoAccount]) -> None:
    answer = await log_in(client, accounts["operations"])
    assert answer.status_code == 201
    assert answer.json()["grants"] == [
        {"role": "operations", "unit": root_of_list(), "unit_name": "Sở Giáo dục và Đào tạo tỉnh Tây Ninh"}
    ]
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert "hub_session_" not in answer.text
    assert (await client.get(SESSION)).json()["username"] == "operations"
    secret = client.cookies["hub_session"]
    assert (await client.get(SESSION, headers=bearer(secret))).status_code == 401
    assert (await client.delete(SESSION, headers=OWN_PAGE)).status_code == 204
    client.cookies.set("hub_session", secret)
    assert (await client.get(SESSION)).status_code == 401


async def test_changes_by_cookie_come_from_our_own_pages_only(
    client: httpx.AsyncClient, accounts: dict[str, DemoAccount]
) -> None:
    await log_in(client, accounts["operations"])
    foreign: list[dict[str, str]] = [
        {},
        {"Origin": BASE},
        {"X-Requested-With": "hub", "Origin": "https://evil.test"},
        {"X-Requested-With": "hub", "Origin": "null"},
        {"X-Requested-With": "hub", "Sec-Fetch-Site": "cross-site"},
        {"X-Requested-With": "hub", "Sec-Fetch-Site": "same-site"},
    ]
    for headers in foreign:
        refused = await client.delete(SESSION, headers=headers)
        assert refused.status_code == 403
        assert refused.json()["type"] == "/problems/cross-site-request"
        assert refused.json()["field"] in {"Origin", "X-Requested-With"}
        assert (await client.get(SESSION, headers=headers)).status_code == 200


async def test_another_site_cannot_log_a_browser_in(
    client: httpx.AsyncClient, accounts: dict[str, DemoAccount]
) -> None:
    demo = accounts["operations"]
    content = {"username": demo.username, "password": demo.password}
    assert (
        await client.post(SESSION, json=content, headers={"Origin": "https://evil.test"})
    ).status_code == 403
    assert not client.cookies


async def test_wrong_passwords_and_unknown_names_look_alike_and_slow_down(
    client: httpx.AsyncClient, accounts: dict[str, DemoAccount]
) -> None:
    answers = []
    for username in ("operations", "nobody"):
        content = {"username": username, "password": "sai-mật-khẩu"}
        answers += [await client.post(SESSION, json=content) for _ in range(PER_PAIR.free)]
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.json()["detail"] for answer in answers}) == 1
    for _ in range(2):
        refused = await client.post(SESSION, json={"username": "operations", "password": "sai-mật-khẩu"})
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) >= 1
    assert (await log_in(client, accounts["operations"])).status_code == 429
    assert (await log_in(client, accounts["inspector"])).status_code == 201


async def test_many_tries_at_once_count_as_many(
    client: httpx.AsyncClient, accounts: dict[str, DemoAccount]
) -> None:
    content = {"username": "operations", "password": "sai-mật-khẩu"}
    answers = await asyncio.gather(*(client.post(SESSION, json=content) for _ in range(20)))
    assert sum(answer.status_code == 401 for answer in answers) <= PER_PAIR.free + 1


async def test_hashing_does_not_hold_the_loop(
    client: httpx.AsyncClient, accounts: dict[str, DemoAccount], monkeypatch: pytest.MonkeyPatch
) -> None:
    hashing, go_on = threading.Event(), threading.Event()
    threads = []
    verify = passwords._verify

    def held(password: str, password_hash: str | None) -> bool:
        threads.append(threading.current_thread())
        hashing.set()
        assert go_on.wait(30)
        return verify(password, password_hash)

    monkeypatch.setattr(passwords, "_verify", held)
    logins = [asyncio.create_task(log_in(client, demo)) for demo in accounts.values()]
    try:
        assert await asyncio.to_thread(hashing.wait, 30)
        # while hashes are under way, and would stay so for ever, others are answered
        for _ in range(20):
            assert (await client.get("/healthz")).status_code == 200
        assert not any(task.done() for task in logins)
    finally:
        go_on.set()
    assert {(await task).status_code for task in logins} == {201}
    assert threading.main_thread() not in threads


async def test_a_school_admin_sees_and_does_things_in_the_own_school_only(
    client: httpx.AsyncClient, accounts: dict[str, DemoAccount], school: str
) -> None:
    answer = await log_in(client, accounts["school_admin"])
    assert answer.json()["everywhere"] == []
    assert "alarms.acknowledge" in answer.json()["permissions"]
    items = (await client.get("/api/v1/organisation/units")).json()["items"]
    assert [item["code"] for item in items] == [school]
    assert (await client.get("/api/v1/quarantine")).status_code == 403


async def test_a_technician_of_one_school_claims_into_that_school_only(
    client: httpx.AsyncClient, database: Database, school: str
) -> None:
    async with database.write() as session:
        await record_nodes(session, [NodeSeen("line", "plc", 1)])
        secret = await service.create_token(
            session, "api", "t", now_ms(), role="technician", unit_code=school
        )
    path = "/api/v1/nodes/line/plc/claim"
    other = await client.post(path, json={"school": "D703-MN-99", "room": "P1"}, headers=bearer(secret))
    assert other.status_code == 403
    own = await client.post(path, json={"school": school, "room": "P1"}, headers=bearer(secret))
    assert own.status_code == 200


async def test_revoking_a_token_works_at_once(client: httpx.AsyncClient, database: Database) -> None:
    async with database.write() as session:
        secret = await service.create_token(
            session, "api", "ci", now_ms(), role="inspector", unit_code=root_of_list()
        )
    assert (await client.get(SESSION, headers=bearer(secret))).status_code == 200
    assert (await client.delete(SESSION, headers=bearer(secret))).status_code == 204
    assert (await client.get(SESSION, headers=bearer(secret))).status_code == 401
    for header in ("Bearer", "Bearer ", "Bearer ü", "Basic abc", f"Bearer {DEMO_TOKEN}x", "bearer x y"):
        assert (await client.get(SESSION, headers=[(b"authorization", header.encode())])).status_code == 401
    assert (await client.get(SESSION, headers=bearer(DEMO_TOKEN))).status_code == 200


async def test_a_wall_token_becomes_a_cookie_that_can_only_look(
    application: FastAPI, client: httpx.AsyncClient, database: Database
) -> None:
    @application.get("/wall/{name}")
    async def page(name: str) -> str:
        return name

    async with database.write() as session:
        secret = await service.create_wall_token(session, "hall", root_of_list(), now_ms())
    assert (await client.get("/wall/main")).cookies.get("hub_wall") is None
    wrong = await client.get("/wall/main", params={"token": "wrong"})
    assert wrong.status_code == 303
    assert "set-cookie" not in wrong.headers
    right = await client.get("/wall/main", params={"lang": "en", "token": secret})
    assert right.headers["location"] == "/wall/main?lang=en"
    assert client.cookies["hub_wall"] == secret
    assert (await client.get("/api/v1/wall/main")).status_code == 200
    assert (await client.get("/api/v1/alarms")).status_code == 403
    assert (await client.get(SESSION)).status_code == 403
    tricky = await client.get("/wall//evil.test/..", params={"token": secret}, follow_redirects=False)
    assert not tricky.headers.get("location", "").startswith("//")


@pytest.fixture
async def local(application: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(application, client=("127.0.0.1", 40_000))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as client:
        yield client


async def test_in_the_demo_a_browser_on_the_same_machine_sees_the_wall_at_once(
    application: FastAPI, local: httpx.AsyncClient
) -> None:
    @application.get("/wall/{name}")
    async def page(name: str) -> str:
        return name

    elsewhere = await local.get("/wall/main", headers={"Host": "evil.test"})
    assert "set-cookie" not in elsewhere.headers
    first = await local.get("/wall/main")
    assert first.status_code == 200
    assert "hub_wall" in first.headers["set-cookie"]
    assert "set-cookie" not in (await local.get("/wall/main")).headers
    assert (await local.get("/api/v1/wall/main")).status_code == 200
