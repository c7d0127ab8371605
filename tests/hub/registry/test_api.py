"""Quarantine and presence over HTTP, on both engines."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
import pytest
from fastapi import FastAPI
from starlette.requests import HTTPConnection

from hub.database import Database
from hub.events import Events
from hub.registry import api, service
from hub.registry.reasons import code, said
from hub.registry.rules import NodeSeen, PresenceChange, Quarantined
from hub.web import problems
from hub.web.principal import PermissionName, Principal, Schools
from tests.hub.registry.test_decoding import WHOLE

A, B = "D703-THPT-01", "D706-TH-01"
POISON = Quarantined(
    0, A, f"{A}-a1", "air", f"spBv1.0/{A}/DDATA/{A}-a1/air", "malformed", "50 % of it", WHOLE, ""
)
NAMES: tuple[PermissionName, ...] = ("quarantine.read", "quarantine.replay", "presence.read")


def asker(schools: Schools) -> Principal:
    return Principal("lan", "Lan", "session", dict.fromkeys(NAMES, schools))


@pytest.fixture
async def hub(database: Database) -> AsyncIterator[tuple[httpx.AsyncClient, FastAPI]]:
    app = FastAPI()
    problems.install(app)
    app.include_router(api.router)
    app.state.database, app.state.who = database, asker(None)
    app.state.events = Events("mqtt://127.0.0.1:1", "test")

    async def authenticate(_connection: HTTPConnection) -> tuple[Principal, bool]:
        return app.state.who, False

    app.state.authenticate = authenticate
    async with database.write() as session:
        await service.record_nodes(
            session,
            [NodeSeen(A, f"{A}-a1", 1, claimed_school=A), NodeSeen("line", "plc", 1, claimed_school=B)],
        )
        payloads = [
            replace(POISON, received_ms=10),
            replace(POISON, received_ms=20, reason="unborn", topic="100%_odd", detail="waited 60 s"),
            replace(POISON, received_ms=30, group="line", node="plc", device=""),
            replace(POISON, received_ms=40, group="stranger", node="x", payload=b"\x00" * 5000),
        ]
        await service.record_quarantine(
            session, [replace(each, journal_key=f"k{i}") for i, each in enumerate(payloads)]
        )
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://hub") as client:
        yield client, app


async def test_quarantine_is_filtered(hub: tuple[httpx.AsyncClient, FastAPI]) -> None:
    client, app = hub

    async def times(query: str) -> list[int]:
        answer = await client.get(f"/api/v1/quarantine?{query}")
        assert answer.status_code == 200, answer.text
        return [item["received_ms"] for item in answer.json()["items"]]

    assert await times("") == [40, 30, 20, 10]
    assert await times(f"school={B}") == [30]  # a foreign node's, claimed into the school
    assert await times(f"group={A}&reason=malformed") == [10]
    assert await times("node=plc") == [30]
    assert await times("since=20&until=40") == [30, 20]
    assert await times("q=100%25_ODD") == [20]
    assert await times("q=malf") == []
    assert await times("q=of it 50 %25") == [40, 30, 10]
    app.state.who = asker(frozenset({B}))
    assert await times("") == [30]
    assert (await client.get("/api/v1/quarantine?q=%00")).status_code == 422


async def test_a_payload_is_shown_with_its_bytes(hub: tuple[httpx.AsyncClient, FastAPI]) -> None:
    client, app = hub
    items = (await client.get("/api/v1/quarantine")).json()["items"]
    large, foreign = items[0]["id"], items[1]["id"]
    found = (await client.get(f"/api/v1/quarantine/{foreign}")).json()
    assert (bytes.fromhex(found["payload_hex"]), found["truncated"], found["school"]) == (WHOLE, False, B)
    assert found["decoded"]["metrics"][0]["name"] == "Temperature"
    found = (await client.get(f"/api/v1/quarantine/{large}")).json()
    assert (len(found["payload_hex"]), found["truncated"], found["decoded"]) == (8192, True, None)
    app.state.who = asker(frozenset({A}))
    assert (await client.get(f"/api/v1/quarantine/{foreign}")).status_code == 404


async def test_several_are_read_again_at_once(
    hub: tuple[httpx.AsyncClient, FastAPI], database: Database
) -> None:
    client, app = hub
    ids = [item["id"] for item in (await client.get("/api/v1/quarantine")).json()["items"]]
    asked = await client.post("/api/v1/quarantine/replay", json={"ids": [*ids, ids[0], 999_999]})
    assert (asked.status_code, asked.json()) == (202, {"requested": ids, "missing": [999_999]})
    assert len(app.state.events._pending) == 1
    for wrong in ([], [0], list(range(1, 202)), ["x"]):
        assert (await client.post("/api/v1/quarantine/replay", json={"ids": wrong})).status_code == 422
    app.state.who = asker(frozenset({A}))
    assert (await client.post("/api/v1/quarantine/replay", json={"ids": ids})).status_code == 403
    app.state.who = asker(None)
    async with database.write() as session:
        await service.mark_replayed(session, ids[:1], 50)
        await service.mark_refused(session, {ids[1]: ("unborn", "no birth")}, 60)
    used, refused, *_ = (await client.get("/api/v1/quarantine")).json()["items"]
    assert [used[name] for name in ("replayed_ms", "tried_ms", "outcome")] == [50, 50, "stored"]
    assert [refused[name] for name in ("replayed_ms", "tried_ms", "outcome", "outcome_detail")] == [
        None, 60, "unborn", "no birth",
    ]  # fmt: skip


async def test_presence_has_words_and_ends(
    hub: tuple[httpx.AsyncClient, FastAPI], database: Database
) -> None:
    client, _ = hub
    node, air = PresenceChange(A, f"{A}-a1", "", "born", "birth", 1), "air"
    changes = [
        node,
        replace(node, device=air, since_ms=2),
        replace(node, state="dead", reason="will", since_ms=5),
        replace(node, device=air, state="dead", reason="Lamp is broken!", since_ms=9),
    ]
    async with database.write() as session:
        await service.record_presence(session, changes)
    params = {"group": A, "node": f"{A}-a1", "device": air}
    mine = (await client.get("/api/v1/presence", params=params)).json()["items"]
    assert [(e["state"], e["reason"], e["since_ms"], e["until_ms"]) for e in mine] == [
        ("dead", "other", 9, None), ("born", "birth", 2, 9),
    ]  # fmt: skip
    assert (mine[0]["reason_vi"], mine[1]["reason_en"]) == ("Lamp is broken!", "came up")
    both = (await client.get("/api/v1/presence", params={**params, "with_node": "true"})).json()["items"]
    assert [(e["device"], e["since_ms"], e["until_ms"]) for e in both] == [
        (air, 9, None), (None, 5, None), (air, 2, 9), (None, 1, 5),
    ]  # fmt: skip
    assert both[1]["reason_vi"]


@pytest.mark.parametrize(
    "reason",
    ["birth", "rebirth", "heard_again", "will", "goodbye", "silence", "node_lost", "not_reborn",
     "hub_restart", "device_death", "timeout", "powered_off", "no_route", "never_born"],
)  # fmt: skip
def test_every_reason_of_the_hub_has_words(reason: str) -> None:
    assert code(reason) == reason
    assert reason not in said(reason)
