"""Every route, as anonymous and as every role granted in the province, the own or another school.

A new route needs nothing here while its path parameters are in `EXAMPLES` and its schema makes a body.
"""

import logging
import re
import shutil
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from hub.accounts import service
from hub.accounts.rules import ROLES, WALL_PERMISSIONS
from hub.clock import now_ms
from hub.database import Database
from hub.organisation.service import root_of_list
from hub.web.access import permission, public
from tests.hub.web.conftest import BASE, DEMO_TOKEN, application, bearer, client

__all__ = ["application", "client"]

API = "/api/v1"
CHANGES = {"X-Requested-With": "hub", "Origin": BASE}


@dataclass(frozen=True)
class Walked:
    """A route with its whole path."""

    method: str
    path: str
    route: APIRoute
    calls: frozenset[object]

    @property
    def permission(self) -> str | None:
        return next((call.name for call in self.calls if isinstance(call, permission)), None)

    @property
    def parameters(self) -> list[str]:
        return re.findall(r"{(\w+)", self.path)

    def at(self, examples: dict[str, str]) -> str:
        """The address with an example for each parameter: `room` in `/rooms/…/{code}` is `rooms/code`."""

        def example(found: re.Match[str]) -> str:
            name = found[1]
            folder = [part for part in self.path[: found.start()].split("/") if part and "{" not in part][-1]
            return examples.get(f"{folder}/{name}", examples.get(name, ""))

        return re.sub(r"{(\w+)[^}]*}", example, self.path)

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def walk(routes: list[Any], prefix: str = "", outer: tuple[object, ...] = ()) -> Iterator[Walked]:
    for route in routes:
        if isinstance(route, APIRoute):
            calls = frozenset({*outer, *declared(route.dependant)})
            for method in sorted(route.methods or ()):
                yield Walked(method, prefix + route.path, route, calls)
        else:
            context, router = route.include_context, route.original_router
            own = [each.dependency for each in (*context.dependencies, *router.dependencies)]
            calls_of = [call for call in own if isinstance(call, permission) or call is public]
            yield from walk(router.routes, prefix + context.prefix, (*outer, *calls_of))


def declared(dependant: Dependant) -> Iterator[object]:
    for each in dependant.dependencies:
        if isinstance(each.call, permission) or each.call is public:
            yield each.call
        yield from declared(each)


# What path parameters stand for in the school of `Place`. `folder/name` wins over `name`; "-" says that the
# parameter is no object of a school (a word, or something of one's own account): scopes do not matter.
EXAMPLES = {
    "account_id": "account",
    "alarm_id": "-none",
    "asset_id": "asset",
    "batch_id": "-none",
    "code_id": "enrolment_code",
    "command_id": "-none",
    "device": "-d",
    "document_id": "-1",
    "ending": "-xlsx",
    "group": "school",
    "id": "-1",
    "identity_id": "-1",
    "kind": "-rooms",
    "kinds/kind": "-rooms",
    "metric": "-Power",
    "name": "-x",
    "node": "-n",
    "number": "-1",
    "proposal_id": "-1",
    "provider": "-sso",
    "quarantine_id": "-1",
    "rooms/code": "room",
    "room": "room",
    "rooms/school": "school",
    "request_id": "-0",
    "rollout_id": "-999",
    "run_id": "-999",
    "scene": "-start_lesson",
    "schools/code": "school",
    "serial": "-0",
    "session_id": "-1",
    "source_id": "source",
    "stocktake_id": "stocktake",
    "tag": "tag",
    "ticket_id": "ticket",
    "token_id": "token",
    "units/code": "school",
    "version": "-1.0",
    "code": "-x",
    "school": "school",
    "wall": "-main",
}


@dataclass(frozen=True)
class Place:
    """A school with one object of each kind, and whom it gave accounts to."""

    school: str
    objects: dict[str, str]

    @property
    def examples(self) -> dict[str, str]:
        return {
            name: what[1:] if what.startswith("-") else self.objects[what] for name, what in EXAMPLES.items()
        }


@pytest.fixture
async def database(migrated_sqlite: Path, tmp_path: Path) -> AsyncIterator[Database]:
    """SQLite alone: who may do what does not depend on the engine."""
    shutil.copy(migrated_sqlite, tmp_path / "hub.db")
    database = Database(f"sqlite+aiosqlite:///{tmp_path}/hub.db")
    yield database
    await database.close()


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    """Thousands of requests: writing down each statement takes longer than the statements."""
    for name in ("aiosqlite", "httpx"):
        caplog.set_level(logging.WARNING, name)


@pytest.fixture
def walked(application: FastAPI) -> list[Walked]:
    return [each for each in walk(list(application.routes)) if each.path.startswith("/api/")]


@pytest.fixture
async def places(client: httpx.AsyncClient) -> tuple[Place, Place]:
    """Two schools of different districts that have one thing of each kind."""
    answer = await client.get(f"{API}/organisation/schools?limit=100", headers=bearer(DEMO_TOKEN))
    schools = answer.json()["items"]
    one = next(each for each in schools if each["kind"] == "school")
    other = next(each for each in reversed(schools) if each["district"] not in {None, one["district"]})
    return await furnished(client, one["code"]), await furnished(client, other["code"])


async def furnished(client: httpx.AsyncClient, school: str) -> Place:
    async def made(path: str, body: dict[str, Any]) -> Any:
        answer = await client.post(f"{API}{path}", json=body, headers=bearer(DEMO_TOKEN))
        assert answer.status_code in {200, 201}, f"{path}: {answer.text}"
        return answer.json()

    secret = f"Bí mật {school}"
    room = {"school": school, "code": f"P-{school}", "name": secret, "type": "computer_lab"}
    await made("/organisation/rooms", room)
    username = f"who.{school.lower()}"
    grants = [{"role": "technician", "unit": school}]
    account = await made("/accounts", {"username": username, "name": secret, "grants": grants})
    token = await made("/tokens", {"kind": "wall", "name": secret, "unit": school})
    ticket = await made("/tickets", {"title": secret, "text": secret, "unit": school})
    asset = await made("/assets", {"type": "projector", "name": secret, "school": school})
    asset = asset.get("asset", asset)
    stocktake = await made("/stocktakes", {"school": school})
    source = await made(
        "/sync/sources",
        {"kind": "rooms", "unit": school, "location": school.lower(), "every_s": 3600, "name": secret},
    )
    code = await made("/enrolment/codes", {"school": school, "node": f"{school}-a1"})
    return Place(
        school,
        {
            "school": school,
            "enrolment_code": str(code["id"]),
            "room": room["code"],
            "account": str(account["account"]["id"]),
            "token": str(token["token"]["id"]),
            "ticket": str(ticket["id"]),
            "asset": str(asset["id"]),
            "tag": asset["tag"],
            "stocktake": str(stocktake["id"]),
            "source": str(source["id"]),
        },
    )


@dataclass(frozen=True)
class Actor:
    """Somebody with one role in one unit, in a login session; or a wall's screen."""

    role: str
    unit: str
    headers: dict[str, str]

    def may(self, name: str) -> bool:
        return name in (WALL_PERMISSIONS if self.role == "wall_screen" else ROLES[self.role])


async def actors(database: Database, units: list[str]) -> list[Actor]:
    found = []
    async with database.write() as session:
        for number, unit in enumerate(units):
            for role in ROLES:
                username = f"{role}-{number}"
                await service.create_account(session, username, username, "", [(role, unit)])
                account = await service.find_account(session, username)
                assert account is not None
                secret = await service.log_in(session, account, now_ms())
                found.append(Actor(role, unit, {"Cookie": f"hub_session={secret}", **CHANGES}))
            secret = await service.create_wall_token(session, "w", unit, now_ms())
            found.append(Actor("wall_screen", unit, {"Cookie": f"hub_wall={secret}", **CHANGES}))
    return found


def test_every_route_declares_what_it_needs_and_its_parameters_are_known(walked: list[Walked]) -> None:
    assert len(walked) > 60
    for each in walked:
        assert len(each.calls) == 1, f"{each} declares {each.calls or 'nothing'}"
        unknown = [name for name in each.parameters if name not in EXAMPLES]
        assert not unknown, f"{each}: say in EXAMPLES what {unknown} stands for"


async def test_without_a_login_every_route_answers_401(
    walked: list[Walked], client: httpx.AsyncClient
) -> None:
    nothing = dict.fromkeys(EXAMPLES, "1")
    for each in walked:
        if each.permission is not None:
            refused = await client.request(each.method, each.at(nothing))
            assert refused.status_code == 401, f"{each}: {refused.status_code} {refused.text}"
            assert refused.json()["type"] == "/problems/not-authenticated"


async def test_a_role_without_the_permission_gets_403_wherever_it_is_granted(
    walked: list[Walked], client: httpx.AsyncClient, database: Database, places: tuple[Place, Place]
) -> None:
    own, other = places
    for actor in await actors(database, [root_of_list(), own.school, other.school]):
        for each in walked:
            if each.permission is not None and not actor.may(each.permission):
                refused = await client.request(each.method, each.at(own.examples), headers=actor.headers)
                assert refused.status_code == 403, f"{actor.role}@{actor.unit} {each}: {refused.text}"
                assert refused.json()["type"] == "/problems/not-permitted"


async def test_o7_a_role_sees_only_its_scope(
    walked: list[Walked], client: httpx.AsyncClient, database: Database, places: tuple[Place, Place]
) -> None:
    """With the permission in one's own school: another's things are as if they were not."""
    own, other = places
    seen = 0
    for actor in await actors(database, [own.school]):
        for each in walked:
            skip = each.method != "GET" or each.path.endswith("/stream") or each.permission is None
            if skip or not actor.may(each.permission or ""):
                continue
            answer = await client.get(each.at(other.examples), headers=actor.headers)
            told = f"{actor.role} {each}: {answer.status_code} {answer.text[:300]}"
            assert answer.status_code < 500 or answer.status_code == 503, told
            if of_a_school(each):
                assert answer.status_code == 404, told
                nothing = await client.get(each.at(absent(other)), headers=actor.headers)
                assert nothing.status_code == 404, told
                assert nothing.json()["type"] == answer.json()["type"], told
            elif answer.status_code == 200:
                assert f"Bí mật {other.school}" not in answer.text, told
                assert other.school not in answer.text, told
                seen += f"Bí mật {own.school}" in answer.text
    assert seen >= 5, "own things have to be in lists, or the walk shows nothing"


async def test_nobody_changes_anything_of_another_school(
    walked: list[Walked],
    application: FastAPI,
    client: httpx.AsyncClient,
    database: Database,
    places: tuple[Place, Place],
) -> None:
    own, other = places
    bodies = application.openapi()
    changed = 0
    for actor in await actors(database, [own.school]):
        for each in walked:
            if each.method == "GET" or not of_a_school(each) or not actor.may(each.permission or ""):
                continue
            body = example_body(bodies, each)
            answer = await client.request(each.method, each.at(other.examples), headers=actor.headers, **body)
            told = f"{actor.role} {each}: {answer.status_code} {answer.text[:300]}"
            assert answer.status_code in {403, 404}, told + " (a body for it can be added to BODIES)"
            nothing = await client.request(each.method, each.at(absent(other)), headers=actor.headers, **body)
            assert (nothing.status_code, nothing.json()["type"]) == (
                answer.status_code,
                answer.json()["type"],
            ), f"{told}, but for what is not there: {nothing.text[:200]}"
            changed += 1
    assert changed >= 20


async def test_nothing_has_a_number_beyond_what_a_database_holds(
    walked: list[Walked], application: FastAPI, client: httpx.AsyncClient, places: tuple[Place, Place]
) -> None:
    bodies, asked = application.openapi(), 0
    for each in walked:
        numbers = {
            field.name for field in each.route.dependant.path_params if field.field_info.annotation is int
        }
        if not numbers:
            continue
        body = {} if each.method == "GET" else example_body(bodies, each)
        huge = {name: "9" * 22 if name.rpartition("/")[2] in numbers else value
                for name, value in places[0].examples.items()}  # fmt: skip
        answer = await client.request(each.method, each.at(huge), headers=bearer(DEMO_TOKEN), **body)
        told = f"{each}: {answer.status_code} {answer.text[:300]}"
        assert answer.status_code < 500, told
        assert answer.status_code in {404, 422} or each.method != "GET", told
        asked += 1
    assert asked > 30


def of_a_school(each: Walked) -> bool:
    """Whether the address names a thing of a school."""

    def what(name: str) -> str:
        folder = [part for part in each.path.split("{" + name)[0].split("/") if part and "{" not in part][-1]
        return EXAMPLES.get(f"{folder}/{name}", EXAMPLES[name])

    return any(not what(name).startswith("-") for name in each.parameters)


def absent(place: Place) -> dict[str, str]:
    """Examples of things that nobody has, made like those of a place."""
    nothing = {name: "987654" if value.isdigit() else "D799-TH-98" for name, value in place.objects.items()}
    return Place("", nothing).examples


BODIES: dict[str, dict[str, Any]] = {
    "POST /api/v1/stocktakes/{stocktake_id:int}/seen": {"json": {"tag": "x", "client_id": "x"}},
    "PUT /api/v1/accounts/{account_id}/grants": {"json": {"grants": []}},
    "POST /api/v1/assets/{asset_id:int}/documents": {
        "files": {"file": ("a.pdf", b"%PDF-1.4\n", "application/pdf")}
    },
}


def example_body(api: dict[str, Any], each: Walked) -> dict[str, Any]:
    """Makes the least body that the route's schema allows."""
    if str(each) in BODIES:
        return BODIES[str(each)]
    path = re.sub(r"{(\w+)[^}]*}", r"{\1}", each.path)
    wanted = api["paths"][path][each.method.lower()].get("requestBody", {}).get("content", {})
    if "application/json" not in wanted:
        return {}
    return {"json": example(api, wanted["application/json"]["schema"])}


def example(api: dict[str, Any], schema: dict[str, Any]) -> Any:
    if "$ref" in schema:
        return example(api, api["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
    for choice in ("anyOf", "oneOf", "allOf"):
        if choice in schema:
            return example(api, schema[choice][0])
    if "enum" in schema or "const" in schema:
        return schema.get("const", schema.get("enum", [None])[0])
    match schema.get("type"):
        case "object":
            needed = schema.get("required", [])
            return {name: example(api, schema["properties"][name]) for name in needed}
        case "array":
            return [example(api, schema["items"])] * schema.get("minItems", 0)
        case "integer" | "number":
            return max(schema.get("minimum", 1), 1)
        case "boolean":
            return True
        case "string" if schema.get("format") == "date":
            return "2026-11-23"
        case _:
            return "x" * max(1, schema.get("minLength", 1))
