"""The event stream through a real HTTP server."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
import uvicorn
from fastapi import FastAPI
from starlette.requests import HTTPConnection

from hub.live.fanout import DROPPED
from hub.live.picture import Picture
from hub.settings import Settings
from hub.telemetry.sqlite import SqliteReader
from hub.wall import api
from hub.wall.service import Walls
from hub.web import problems
from hub.web.principal import Principal
from tests.hub.wall.documents import DISTRICTS, SCHOOLS, T0, device, node, put

A = SCHOOLS[0].code


@dataclass
class Hub:
    """A web role with nothing but walls, on a loopback port."""

    picture: Picture
    walls: Walls
    port: int = 0
    who: Principal | None = field(default_factory=lambda: Principal("w", "W", "wall", {"wall.read": None}))
    stop: asyncio.Event = field(default_factory=asyncio.Event)


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[Hub]:
    picture = Picture()
    walls = Walls(picture, "build-1", lambda: time.time_ns() // 1_000_000)
    walls.organise(SCHOOLS, DISTRICTS)
    hub = Hub(picture, walls)
    app = FastAPI()
    problems.install(app)
    app.include_router(api.router)

    async def authenticate(_connection: HTTPConnection) -> tuple[Principal, bool] | None:
        return (hub.who, True) if hub.who else None

    app.state.authenticate, app.state.walls = authenticate, walls
    app.state.telemetry = SqliteReader(tmp_path / "telemetry.db")
    app.state.settings = Settings(data_dir=tmp_path)
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    hub.port = listener.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    serving = asyncio.create_task(server.serve([listener]))
    running = asyncio.create_task(walls.run(hub.stop))
    while not server.started:
        await asyncio.sleep(0.01)
    yield hub
    hub.stop.set()
    await running
    server.should_exit = True
    await asyncio.wait_for(serving, 5)


async def events(hub: Hub) -> AsyncGenerator[tuple[str, dict[str, Any]], None]:
    """Reads the stream as a browser does; every event has an id, and ids rise."""
    last = 0
    async with (
        httpx.AsyncClient(timeout=10) as client,
        client.stream("GET", f"http://127.0.0.1:{hub.port}/api/v1/wall/main/stream") as answer,
    ):
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert (answer.headers["cache-control"], answer.headers["x-accel-buffering"]) == ("no-store", "no")
        block: dict[str, str] = {}
        async for line in answer.aiter_lines():
            if line and not line.startswith(":"):
                name, _, value = line.partition(": ")
                block[name] = value
            elif not line and block:
                assert int(block["id"]) >= last
                last = int(block["id"])
                yield block["event"], orjson.loads(block["data"])
                block = {}


async def take(stream: AsyncIterator[tuple[str, dict[str, Any]]], wanted: str) -> dict[str, Any]:
    async with asyncio.timeout(5):
        async for event, data in stream:
            if event == wanted:
                return data
    raise AssertionError("the stream ended")


async def test_snapshot_beats_and_a_delta_within_fifty_milliseconds(hub: Hub) -> None:
    put(hub.picture, {**node(A), "simulated": False})
    async with contextlib.aclosing(events(hub)) as stream:
        snapshot = await take(stream, "snapshot")
        assert [school["code"] for school in snapshot["schools"]] == [school.code for school in SCHOOLS]
        beat = await take(stream, "beat")
        assert (beat["version"], beat["data_ms"]) == ("build-1", T0)
        await asyncio.sleep(0.3)
        waits_ms = []
        for i in range(5):
            asked_s = time.perf_counter()
            put(hub.picture, device(A, f"d{i}"))
            while A not in (await take(stream, "delta")).get("schools", {}):
                pass  # one with a heartbeat only
            waits_ms.append((time.perf_counter() - asked_s) * 1000)
            await asyncio.sleep(0.25)
        print(f"first change after quiet: {sorted(round(wait, 1) for wait in waits_ms)} ms")
        assert sorted(waits_ms)[2] < 50


async def test_a_screen_that_does_not_read_stops_nobody(hub: Hub) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", hub.port, limit=1024)
    writer.write(b"GET /api/v1/wall/main/stream HTTP/1.1\r\nHost: hub\r\n\r\n")  # and never reads
    before = DROPPED._value.get()
    deltas = 0

    async def watch() -> None:
        nonlocal deltas
        async with contextlib.aclosing(events(hub)) as stream:
            async for event, _ in stream:
                deltas += event == "delta"

    watching = asyncio.create_task(watch())
    filler = b": " + b"x" * 100_000 + b"\n\n"
    for i in range(200):  # 20 MB: more than any socket holds
        hub.walls.feed(None).readers.publish(filler)
        put(hub.picture, device(A, f"d{i}"))
        await asyncio.sleep(0.01)
    assert DROPPED._value.get() > before
    assert deltas >= 5
    watching.cancel()
    await asyncio.wait({watching})
    writer.transport.abort()
    del reader


async def test_revoked_screen_is_cut_off(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "RECHECK_S", 0.2)
    async with contextlib.aclosing(events(hub)) as stream:
        await take(stream, "snapshot")
        hub.who = None
        async with asyncio.timeout(4):
            async for _ in stream:
                pass


async def test_stopping_ends_the_streams(hub: Hub) -> None:
    async with contextlib.aclosing(events(hub)) as stream:
        await take(stream, "snapshot")
        hub.stop.set()
        async with asyncio.timeout(2):
            async for _ in stream:
                pass


async def test_who_may_not_look_and_what_is_not_there(hub: Hub) -> None:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{hub.port}/api/v1/wall") as client:
        assert (await client.get("/other/stream")).status_code == 404
        assert (await client.get("/main")).json()["figures"]["schools_total"] == 2
        hub.who = Principal("x", "X", "api", {})
        assert (await client.get("/main/stream")).status_code == 403
        hub.who = None
        assert (await client.get("/main/stream")).status_code == 401
