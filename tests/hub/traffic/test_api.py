"""The event stream of traffic through a real HTTP server and a real broker."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import aiomqtt
import httpx
import orjson
import pytest
import uvicorn
from fastapi import FastAPI
from starlette.requests import HTTPConnection

from devices.wire.payloads import MetricValue, Payload, encode_payload
from hub.accounts.rules import ROLES
from hub.live.picture import Picture
from hub.supervision import supervise
from hub.traffic import api
from hub.traffic.stream import Traffic
from hub.web import problems
from hub.web.principal import Principal, Schools
from tests.edge_agents.conftest import until
from tests.hub.wall.documents import node, put

pytestmark = pytest.mark.mosquitto
MINE, OTHER = "D703-THPT-01", "D706-TH-01"


@dataclass
class Hub:
    """A web role with nothing but traffic; `schools` is what the asker may see."""

    port: int
    traffic: Traffic
    client: aiomqtt.Client
    stop: asyncio.Event
    schools: Schools = None
    revoked: bool = False
    seen: list[tuple[str, Any]] = field(default_factory=list)

    async def look(self, **asked: str) -> asyncio.Task[None]:
        """Read the stream in the background; returns when it has begun."""
        begun = asyncio.Event()

        async def read() -> None:
            async with (
                httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.port}", timeout=20) as client,
                client.stream("GET", "/api/v1/traffic/stream", params=asked) as answer,
            ):
                assert answer.status_code == 200
                assert answer.headers["content-type"].startswith("text/event-stream")
                name = ""
                async for line in answer.aiter_lines():
                    if line.startswith("event: "):
                        name = line[7:]
                    elif line.startswith("data: "):
                        self.seen.append((name, orjson.loads(line[6:])))
                        begun.set()

        task = asyncio.create_task(read())
        await asyncio.wait({task, asyncio.create_task(begun.wait())}, return_when=asyncio.FIRST_COMPLETED)
        await until(lambda: self.traffic.connected)
        return task

    async def say(self, group: str, node_id: str, **values: Any) -> None:
        metrics = [MetricValue(name, value=value) for name, value in values.items()]
        payload = encode_payload(Payload(time.time_ns() // 1_000_000, 1, metrics))
        await self.client.publish(f"spBv1.0/{group}/NDATA/{node_id}", payload)

    @property
    def said(self) -> list[tuple[str, str]]:
        return [(d["group"], d["metrics"][0]["name"]) for name, d in self.seen if name == "message"]


@pytest.fixture
async def hub(broker: Any) -> AsyncIterator[Hub]:
    picture = Picture()
    for school in (MINE, OTHER):
        put(picture, node(school))
    put(picture, {**node(MINE), "group": "Plant", "node": "tahu"})
    put(picture, {**node("Lab"), "claimed": False})
    app = FastAPI()
    problems.install(app)
    app.include_router(api.router)
    traffic = Traffic(broker.url, "web", lambda: time.time_ns() // 1_000_000)
    traffic.school_of = lambda group, node_id: api.school_of(picture, group, node_id)
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    stop = asyncio.Event()
    tasks = [
        asyncio.create_task(server.serve([listener])),
        asyncio.create_task(supervise("traffic", traffic.run, stop, grace_s=0)),
    ]
    async with aiomqtt.Client("127.0.0.1", broker.port) as client:
        hub = Hub(listener.getsockname()[1], traffic, client, stop)

        async def authenticate(_connection: HTTPConnection) -> tuple[Principal, bool] | None:
            who = Principal("lan", "Lan", "api", {"traffic.read": hub.schools})
            return None if hub.revoked else (who, False)

        app.state.authenticate, app.state.traffic, app.state.picture = authenticate, traffic, picture
        await until(lambda: server.started)
        yield hub
        server.should_exit = server.force_exit = True
        stop.set()
        await asyncio.wait(tasks)


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_who_may_see_everything_sees_strangers_too(hub: Hub) -> None:
    looking = await hub.look(metric="Lo*")
    await hub.say("Lab", "Lab-a1", Noise=1)
    await hub.say("Lab", "Lab-a1", Noise=1, Load=2.5)
    await until(lambda: hub.said)
    name, message = hub.seen[-1]
    assert (name, message["type"], message["node"], message["problem"]) == (
        "message",
        "NDATA",
        "Lab-a1",
        None,
    )
    assert [(m["name"], m["value"], m["datatype"]) for m in message["metrics"]] == [("Load", 2.5, "Double")]
    assert hub.seen[0] == ("beat", {"dropped": 0}), "a page knows at once that it listens"
    await _end(looking)
    await until(lambda: len(hub.traffic) == 0)


async def test_a_school_sees_its_own_nodes_and_those_claimed_for_it(hub: Hub) -> None:
    hub.schools = frozenset({MINE})
    looking = await hub.look(school=MINE)
    await hub.say(OTHER, f"{OTHER}-a1", Theirs=1)
    await hub.say("Lab", "Lab-a1", Nobodys=1)
    await hub.say(MINE, "no-such-node", Unknown=1)
    await hub.say("Plant", "tahu", Claimed=1)
    await hub.say(MINE, f"{MINE}-a1", Mine=1)
    await until(lambda: len(hub.said) == 2)
    assert hub.said == [("Plant", "Claimed"), (MINE, "Mine")]
    await _end(looking)


async def test_a_wide_question_does_not_widen_what_one_may_see(hub: Hub) -> None:
    hub.schools = frozenset({MINE})
    looking = await hub.look(school="*")
    await hub.say(OTHER, f"{OTHER}-a1", Theirs=1)
    await hub.client.publish("spBv1.0/STATE/hub", b'{"online":true,"timestamp":1}')
    await hub.say(MINE, f"{MINE}-a1", Mine=1)
    await until(lambda: hub.said)
    assert hub.said == [(MINE, "Mine")]
    await _end(looking)


async def test_what_one_may_not_ask_is_refused(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.schools = frozenset({MINE})
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{hub.port}") as client:
        refused = await client.get("/api/v1/traffic/stream", params={"school": OTHER})
        assert (refused.status_code, refused.json()["type"]) == (403, "/problems/not-permitted")
        monkeypatch.setattr(api, "MOST_LISTENERS", 0)
        full = await client.get("/api/v1/traffic/stream")
        assert (full.status_code, full.json()["type"]) == (503, "/problems/unavailable")
        hub.revoked = True
        assert (await client.get("/api/v1/traffic/stream")).status_code == 401


async def test_beats_go_on_and_the_end_of_a_permission_ends_the_stream(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api, "BEAT_S", 0.1)
    looking = await hub.look()
    await until(lambda: len(hub.seen) > 3)
    assert {name for name, _ in hub.seen} == {"beat"}
    hub.revoked = True
    await asyncio.wait_for(looking, 5)
    await until(lambda: len(hub.traffic) == 0)


async def test_the_end_of_the_program_ends_every_stream(hub: Hub) -> None:
    looking = await hub.look()
    hub.stop.set()
    await asyncio.wait_for(looking, 2)


def test_technicians_operations_and_administrators_may_look() -> None:
    assert {role for role, names in ROLES.items() if "traffic.read" in names} == {
        "administrator",
        "operations",
        "technician",
    }


def test_numbers_that_a_browser_would_round_are_text() -> None:
    metrics = [{"name": "Outbox/Epoch", "value": 8564778422699190218}, {"name": "Rx", "value": 1 << 52}]
    message = {"topic": "t", "metrics": metrics}
    assert [each["value"] for each in api.exact(message)["metrics"]] == ["8564778422699190218", 1 << 52]
    assert api.exact({"topic": "t", "metrics": []}) == {"topic": "t", "metrics": []}
