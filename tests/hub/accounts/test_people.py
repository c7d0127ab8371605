"""Second factors, temporary passwords, sessions one can end, and what nobody may give or take."""

import asyncio
from typing import Any

import httpx
import pyotp
import pytest
from fastapi import FastAPI
from sqlalchemy import select

from hub.accounts.rules import ROLES, TOTP_STEP_S
from hub.accounts.tables import SecondFactor
from hub.audit.tables import AuditEntry
from hub.clock import now_ms
from hub.database import Database
from hub.organisation.service import root_of_list
from tests.hub.web.conftest import BASE, DEMO_TOKEN, application, bearer, client

__all__ = ["application", "client"]

API = "/api/v1"
OWN_PAGE = {"X-Requested-With": "hub", "Origin": BASE}
BOSS = bearer(DEMO_TOKEN)
NEW = "ba con trâu ăn cỏ"


class Person:
    """A browser of somebody's own."""

    def __init__(self, application: FastAPI, username: str, password: str) -> None:
        transport = httpx.ASGITransport(application, client=("10.0.0.9", 40_000))
        self.http = httpx.AsyncClient(transport=transport, base_url=BASE, headers=OWN_PAGE)
        self.username, self.password = username, password

    async def log_in(self, **more: str) -> httpx.Response:
        body = {"username": self.username, "password": self.password, **more}
        return await self.http.post(f"{API}/session", json=body)

    async def post(self, path: str, body: dict[str, Any] | None = None) -> httpx.Response:
        return await self.http.post(f"{API}{path}", json=body or {})


@pytest.fixture
async def schools(client: httpx.AsyncClient) -> list[str]:
    answer = await client.get(f"{API}/organisation/schools", headers=BOSS)
    return [each["code"] for each in answer.json()["items"] if each["kind"] == "school"]


async def hired(
    application: FastAPI, client: httpx.AsyncClient, username: str, role: str, unit: str, by: Any = BOSS
) -> tuple[Person, int]:
    """A new account that has changed its temporary password and is logged in."""
    body = {"username": username, "name": username, "grants": [{"role": role, "unit": unit}]}
    made = await client.post(f"{API}/accounts", json=body, headers=by)
    assert made.status_code == 201, made.text
    person = Person(application, username, made.json()["temporary_password"])
    assert (await person.log_in()).json()["must_change_password"]
    changed = await person.post("/account/password", {"current": person.password, "new": NEW})
    assert changed.status_code == 204, changed.text
    person.password = NEW
    return person, made.json()["account"]["id"]


async def test_a_temporary_password_permits_nothing_until_it_is_changed(
    application: FastAPI, client: httpx.AsyncClient, schools: list[str]
) -> None:
    person, number = await hired(application, client, "lan", "technician", schools[0])
    assert (await person.http.get(f"{API}/session")).json()["home"] == "/tech"
    assert (await person.http.get(f"{API}/tickets")).status_code == 200
    reset = await client.post(f"{API}/accounts/{number}/reset-password", headers=BOSS)
    assert (await person.http.get(f"{API}/session")).status_code == 401
    assert (await person.log_in()).status_code == 401
    person.password = reset.json()["temporary_password"]
    assert (await person.log_in()).status_code == 201
    for refused in (
        await person.http.get(f"{API}/tickets"),
        await person.http.get(f"{API}/account/sessions"),
        await person.post("/account/second-factor", {"password": person.password}),
    ):
        assert refused.json()["type"] == "/problems/password-change-required"
    weak = await person.post("/account/password", {"current": person.password, "new": "Matkhau123"})
    assert weak.json()["type"] == "/problems/weak-password"
    assert "Matkhau123" not in weak.text
    assert (await person.post("/account/password", {"current": "x", "new": NEW})).json()["field"] == "current"
    assert (
        await person.post("/account/password", {"current": person.password, "new": NEW})
    ).status_code == 204
    assert (await person.http.get(f"{API}/tickets")).status_code == 200


async def test_a_second_factor_each_code_once_and_recovery(
    application: FastAPI, client: httpx.AsyncClient, database: Database, schools: list[str]
) -> None:
    clock_ms = now_ms()
    application.state.now_ms = lambda: clock_ms
    person, number = await hired(application, client, "lan", "technician", schools[0])
    assert (await person.post("/account/second-factor", {"password": "sai"})).status_code == 422
    begun = (await person.post("/account/second-factor", {"password": NEW})).json()
    assert begun["qr_svg"].startswith("<svg")
    assert begun["secret"] in begun["otpauth_url"]
    async with database.read() as session:
        stored = (await session.execute(select(SecondFactor))).scalar_one()
        assert begun["secret"] not in stored.sealed_secret
    app = pyotp.TOTP(begun["secret"])
    assert (await person.log_in()).status_code == 201, "it does not count before it is confirmed"
    wrong = await person.post("/account/second-factor/confirm", {"code": "000000"})
    assert wrong.json()["type"] == "/problems/wrong-code"
    code = app.at(clock_ms // 1000)
    codes = (await person.post("/account/second-factor/confirm", {"code": code})).json()["recovery_codes"]
    assert len(set(codes)) == 10
    assert (await person.post("/account/second-factor", {"password": NEW})).status_code == 409
    assert (await person.log_in()).json()["type"] == "/problems/second-factor-required"
    assert (await person.log_in(code=code)).json()["type"] == "/problems/wrong-code", "used to confirm it"
    clock_ms += TOTP_STEP_S * 1000
    code = app.at(clock_ms // 1000)
    both = await asyncio.gather(person.log_in(code=code), person.log_in(code=code))
    assert sorted(answer.status_code for answer in both) == [201, 401]
    assert (await person.log_in(code=codes[0].upper().replace("-", " "))).status_code == 201
    assert (await person.log_in(code=codes[0])).status_code == 401
    assert (await person.http.get(f"{API}/session")).json()["recovery_codes_left"] == 9
    assert (
        await client.post(f"{API}/accounts/{number}/reset-second-factor", headers=BOSS)
    ).status_code == 204
    assert (await person.http.get(f"{API}/session")).status_code == 401
    assert (await person.log_in()).json()["second_factor"] is False


async def test_codes_cannot_be_guessed_by_who_knows_the_password(
    application: FastAPI, client: httpx.AsyncClient, schools: list[str]
) -> None:
    person, _ = await hired(application, client, "lan", "technician", schools[0])
    begun = (await person.post("/account/second-factor", {"password": NEW})).json()
    code = pyotp.TOTP(begun["secret"]).now()
    assert (await person.post("/account/second-factor/confirm", {"code": code})).status_code == 200
    answers = [(await person.log_in(code="000000")).status_code for _ in range(8)]
    assert answers[0] == 401
    assert answers[-1] == 429


async def test_sessions_are_listed_and_ended_only_by_who_has_them(
    application: FastAPI, client: httpx.AsyncClient, schools: list[str]
) -> None:
    lan, _ = await hired(application, client, "lan", "technician", schools[0])
    an, _ = await hired(application, client, "an", "technician", schools[0])
    telephone = Person(application, "lan", NEW)
    await telephone.log_in()
    listed = (await lan.http.get(f"{API}/account/sessions")).json()["items"]
    assert [each["current"] for each in listed] == [False, True]
    number = listed[0]["id"]
    assert (await an.http.delete(f"{API}/account/sessions/{number}")).status_code == 404
    assert (await lan.http.delete(f"{API}/account/sessions/{number}")).status_code == 204
    assert (await telephone.http.get(f"{API}/session")).status_code == 401
    assert (await lan.http.get(f"{API}/session")).status_code == 200


async def test_sessions_end_unused_and_in_any_case(
    application: FastAPI, client: httpx.AsyncClient, schools: list[str]
) -> None:
    person, _ = await hired(application, client, "lan", "technician", schools[0])
    ends, clock_ms = application.state.session_ends, now_ms()
    begun_ms = clock_ms
    authenticate = application.state.authenticate
    authenticate._now_ms = application.state.now_ms = lambda: clock_ms
    while clock_ms + ends.idle_ms // 2 < begun_ms + ends.longest_ms:
        clock_ms += ends.idle_ms // 2
        assert (await person.http.get(f"{API}/session")).status_code == 200
    clock_ms = begun_ms + ends.longest_ms + 1000
    assert (await person.http.get(f"{API}/session")).status_code == 401
    await person.log_in()
    clock_ms += ends.idle_ms + 1000
    assert (await person.http.get(f"{API}/session")).status_code == 401


async def test_disabling_ends_everything_at_once_and_walls_stay(
    application: FastAPI, client: httpx.AsyncClient, schools: list[str]
) -> None:
    boss, number = await hired(application, client, "lan", "administrator", schools[0])
    body = {"kind": "api", "name": "p", "role": "inspector", "unit": schools[0]}
    program = bearer((await boss.post("/tokens", body)).json()["secret"])
    made = (await boss.post("/tokens", {"kind": "wall", "name": "w", "unit": schools[0]})).json()
    screen = bearer(made["secret"])
    assert made["url"].startswith(f"{BASE}/wall/main?token=")
    assert (await client.get(f"{API}/tickets", headers=program)).status_code == 200
    # a token never may more than who made it
    grants = {"grants": [{"role": "contributor", "unit": schools[0]}]}
    await client.put(f"{API}/accounts/{number}/grants", json=grants, headers=BOSS)
    assert (await client.get(f"{API}/tickets", headers=program)).status_code == 403
    gone = await client.patch(f"{API}/accounts/{number}", json={"disabled": True}, headers=BOSS)
    assert gone.json()["disabled"] is True
    assert (await boss.http.get(f"{API}/session")).status_code == 401
    assert (await boss.log_in()).status_code == 401
    assert (await client.get(f"{API}/session", headers=program)).status_code == 401
    assert (await client.get(f"{API}/wall/main", headers=screen)).status_code == 200
    assert (await client.delete(f"{API}/tokens/{made['token']['id']}", headers=BOSS)).status_code == 204
    assert (await client.get(f"{API}/wall/main", headers=screen)).status_code == 401


async def test_nobody_gives_or_takes_over_more_than_they_have(
    application: FastAPI, client: httpx.AsyncClient, schools: list[str]
) -> None:
    own, other, root = schools[0], schools[1], root_of_list()
    boss, _ = await hired(application, client, "school.boss", "administrator", own)
    body = {"username": "x1", "name": "x", "grants": [{"role": "technician", "unit": other}]}
    elsewhere = await boss.post("/accounts", body)
    body["grants"] = [{"role": "technician", "unit": "nowhere"}]
    nowhere = await boss.post("/accounts", body)
    assert (elsewhere.status_code, elsewhere.json()["detail"]) == (
        nowhere.status_code,
        nowhere.json()["detail"],
    )
    token = {"kind": "api", "name": "t", "role": "inspector", "unit": root}
    assert (await boss.post("/tokens", token)).status_code == 422
    # somebody with a role here and a greater one above cannot be taken over from here
    _, both = await hired(application, client, "both", "technician", own)
    grants = [{"role": "technician", "unit": own}, {"role": "operations", "unit": root}]
    await client.put(f"{API}/accounts/{both}/grants", json={"grants": grants}, headers=BOSS)
    seen = (await boss.http.get(f"{API}/accounts/{both}")).json()
    assert [grant["unit"] for grant in seen["grants"]] == [own], "what is elsewhere is not told"
    assert (await boss.post(f"/accounts/{both}/reset-password")).status_code == 403
    assert (await boss.post(f"/accounts/{both}/reset-second-factor")).status_code == 403
    # taking away what one sees leaves the rest
    assert (await boss.http.put(f"{API}/accounts/{both}/grants", json={"grants": []})).status_code == 200
    left = (await client.get(f"{API}/accounts/{both}", headers=BOSS)).json()["grants"]
    assert [grant["role"] for grant in left] == ["operations"]


async def test_the_last_administrator_stays(application: FastAPI, client: httpx.AsyncClient) -> None:
    _, one = await hired(application, client, "one", "administrator", root_of_list())
    _, two = await hired(application, client, "two", "administrator", root_of_list())

    async def leave(number: int) -> int:
        path = f"{API}/accounts/{number}"
        return (await client.patch(path, json={"disabled": True}, headers=BOSS)).status_code

    assert sorted(await asyncio.gather(leave(one), leave(two))) == [200, 409]
    items = (await client.get(f"{API}/accounts?disabled=false", headers=BOSS)).json()["items"]
    [left] = [each["id"] for each in items]
    demoted = await client.put(f"{API}/accounts/{left}/grants", json={"grants": []}, headers=BOSS)
    assert demoted.status_code == 409


async def test_accounts_are_found_without_marks_and_by_role_and_unit(
    client: httpx.AsyncClient, schools: list[str]
) -> None:
    for username, name, role in (("dao", "Lê Thị Đào", "technician"), ("an", "Nguyễn An", "inspector")):
        body = {"username": username, "name": name, "grants": [{"role": role, "unit": schools[0]}]}
        assert (await client.post(f"{API}/accounts", json=body, headers=BOSS)).status_code == 201
    taken = await client.post(f"{API}/accounts", json=body, headers=BOSS)
    assert (taken.status_code, taken.json()["field"]) == (409, "username")

    async def found(query: str) -> list[str]:
        answer = await client.get(f"{API}/accounts?{query}", headers=BOSS)
        return [each["username"] for each in answer.json()["items"]]

    assert await found("q=thi dao") == ["dao"]
    assert await found("role=inspector") == ["an"]
    assert await found(f"unit={schools[1]}") == []
    assert await found(f"unit={schools[0]}") == ["an", "dao"]
    roles = (await client.get(f"{API}/roles", headers=BOSS)).json()["items"]
    assert [each["role"] for each in roles] == list(ROLES)


async def test_m04_every_change_of_accounts_names_who_made_it(
    application: FastAPI, client: httpx.AsyncClient, database: Database, schools: list[str]
) -> None:
    boss, _ = await hired(application, client, "boss", "administrator", root_of_list())
    body = {"username": "lan", "name": "Lan", "grants": [{"role": "technician", "unit": schools[0]}]}
    made = (await boss.post("/accounts", body)).json()
    path = f"/accounts/{made['account']['id']}"
    await boss.http.put(f"{API}{path}/grants", json={"grants": [{"role": "inspector", "unit": schools[0]}]})
    reset = (await boss.post(f"{path}/reset-password")).json()
    await boss.http.patch(f"{API}{path}", json={"disabled": True})
    async with database.read() as session:
        of_object = AuditEntry.object == f"account:{made['account']['id']}"
        entries = (
            (await session.execute(select(AuditEntry).where(of_object).order_by(AuditEntry.id)))
            .scalars()
            .all()
        )
    actions = ["account.create", "account.grants", "account.reset-password", "account.change"]
    assert [each.action for each in entries] == actions
    assert {(each.actor, each.actor_kind, each.address, each.unit) for each in entries} == {
        ("boss", "account", "10.0.0.9", schools[0])
    }
    written = " ".join(f"{each.before}{each.after}{each.text}" for each in entries)
    assert made["temporary_password"] not in written
    assert reset["temporary_password"] not in written
