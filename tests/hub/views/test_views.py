"""Saved views: what may be kept, whose they are, how many."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import AsyncIterator
from urllib.parse import parse_qsl, urlencode

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, func, select
from starlette.requests import HTTPConnection

from hub.accounts.tables import Account
from hub.database import Database
from hub.views import api, service
from hub.views.rules import MAX_NAME_CHARACTERS, MAX_VIEWS, PAGES, ViewError, view_name, view_query
from hub.views.tables import SavedView
from hub.web import problems
from hub.web.principal import Principal

LAN = Principal("lan", "Lan", "session", {"account.self": None})

plain = st.text(st.characters(blacklist_categories=("Cc", "Cs")), min_size=1, max_size=20)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(sorted(PAGES["devices"])), plain, max_size=6))
def test_a_query_keeps_its_filters_and_has_one_form(filters: dict[str, str]) -> None:
    kept = view_query("devices", urlencode(filters))
    assert dict(parse_qsl(kept)) == filters
    assert view_query("devices", kept) == kept
    assert view_query("devices", "?" + urlencode(dict(reversed(filters.items())))) == kept


@settings(deadline=None)
@given(st.text(max_size=100))
def test_a_name_is_kept_in_one_form_or_refused(text: str) -> None:
    with contextlib.suppress(ViewError):
        name = view_name(text)
        assert 1 <= len(name) <= MAX_NAME_CHARACTERS
        assert view_name(name) == name == name.strip()
    assert view_name("  Tầng  1 ") == "Tầng 1"


@pytest.mark.parametrize(
    ("page", "query", "field"),
    [
        ("devices", "colour=red", "query"),
        ("devices", "kind=a&kind=b", "query"),
        ("devices", "kind", "query"),
        ("devices", "q=%00", "query"),
        ("devices", "q=" + "x" * 1000, "query"),
        ("nowhere", "", "page"),
    ],
)
def test_what_the_page_does_not_know_is_refused(page: str, query: str, field: str) -> None:
    with pytest.raises(ViewError) as wrong:
        view_query(page, query)
    assert wrong.value.field == field


@pytest.fixture
async def people(database: Database) -> list[Principal]:
    async with database.write() as session:
        made = [
            Account(username=name, name=name, password_hash="-", language="vi") for name in ("lan", "minh")
        ]
        session.add_all(made)
        await session.flush()
        return [dataclasses.replace(LAN, name=each.username, account_id=each.id) for each in made]


@pytest.fixture
async def client(database: Database) -> AsyncIterator[tuple[httpx.AsyncClient, FastAPI]]:
    app = FastAPI()
    problems.install(app)
    app.include_router(api.router)
    app.state.database, app.state.now_ms, app.state.who = database, lambda: 1234, LAN

    async def authenticate(_connection: HTTPConnection) -> tuple[Principal, bool]:
        return app.state.who, False

    app.state.authenticate = authenticate
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://hub") as client:
        yield client, app


async def test_views_are_each_persons_own(
    client: tuple[httpx.AsyncClient, FastAPI], people: list[Principal]
) -> None:
    web, app = client
    lan, minh = people
    app.state.who = lan
    broken = {"page": "devices", "query": "presence=dead&kind=projector"}
    saved = await web.put("/api/v1/views/Máy chiếu hỏng", json=broken)
    assert saved.json() == {
        "name": "Máy chiếu hỏng", "page": "devices", "query": "kind=projector&presence=dead",
        "changed_ms": 1234,
    }  # fmt: skip
    await web.put("/api/v1/views/A1%2FB", json={"page": "quarantine", "query": "reason=malformed"})
    again = await web.put("/api/v1/views/Máy chiếu hỏng", json={"page": "devices", "query": "kind=projector"})
    assert again.status_code == 200
    listed = (await web.get("/api/v1/views")).json()
    assert [(view["name"], view["query"]) for view in listed["items"]] == [
        ("A1/B", "reason=malformed"), ("Máy chiếu hỏng", "kind=projector"),
    ]  # fmt: skip
    app.state.who = minh
    assert (await web.get("/api/v1/views")).json() == {"items": [], "next_cursor": None}
    assert (await web.delete("/api/v1/views/A1%2FB")).status_code == 404
    app.state.who = lan
    assert (await web.delete("/api/v1/views/A1%2FB")).status_code == 204
    assert len((await web.get("/api/v1/views")).json()["items"]) == 1


async def test_there_are_not_too_many_and_a_full_list_can_still_be_changed(
    client: tuple[httpx.AsyncClient, FastAPI], people: list[Principal]
) -> None:
    web, app = client
    app.state.who = people[0]
    answers = [await web.put(f"/api/v1/views/v{i}", json={"page": "schools"}) for i in range(MAX_VIEWS + 1)]
    assert [answer.status_code for answer in answers] == [200] * MAX_VIEWS + [409]
    assert answers[-1].json()["field"] == "name"
    assert (await web.put("/api/v1/views/v0", json={"page": "devices"})).status_code == 200


async def test_refusals_are_clear(client: tuple[httpx.AsyncClient, FastAPI], people: list[Principal]) -> None:
    web, app = client
    nobody = await web.get("/api/v1/views")
    assert (nobody.status_code, nobody.json()["type"]) == (409, "/problems/conflict")
    assert "log in" in nobody.json()["fix"]
    app.state.who = people[0]
    for name, body, field in (
        ("x" * 61, {"page": "devices"}, "name"),
        ("x", {"page": "devices", "query": "colour=red"}, "query"),
        ("x", {"page": "elsewhere"}, "page"),
        ("x", {"page": "devices", "sql": 1}, "sql"),
    ):
        refused = await web.put(f"/api/v1/views/{name}", json=body)
        assert (refused.status_code, refused.json()["field"]) == (422, field)


async def test_views_go_with_their_person(database: Database, people: list[Principal]) -> None:
    async with database.write() as session:
        assert people[0].account_id is not None
        await service.save_view(session, people[0].account_id, "v", "devices", "", 1)
    async with database.write() as session:
        await session.execute(delete(Account).where(Account.username == "lan"))
        assert await session.scalar(select(func.count()).select_from(SavedView)) == 0
