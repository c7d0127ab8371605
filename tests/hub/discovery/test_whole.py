"""A room whose devices nobody configured: searched by a real agent, claimed at the hub, alive."""

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from hub.app import run
from hub.settings import Settings
from tests.conftest import Broker

GROUP, NODE = "D703-THPT-02", "D703-THPT-02-a1"
AGENT = f"/api/v1/agents/{GROUP}/{NODE}"


async def until(seen: Callable[[], Awaitable[Any]], longest_s: float = 20) -> Any:
    async with asyncio.timeout(longest_s):
        while not (found := await seen()):
            await asyncio.sleep(0.1)
    return found


@pytest.fixture
async def hub(broker: Broker, tmp_path: Path, unused_port: int) -> AsyncIterator[httpx.AsyncClient]:
    settings = Settings(
        mqtt_url=broker.url, data_dir=tmp_path / "data", http_port=unused_port, demo=True,
        demo_token="a-demo-token",
    )  # fmt: skip
    stop = asyncio.Event()
    task = asyncio.create_task(run(settings, {"ingest", "control", "web"}, stop))
    headers = {"Authorization": "Bearer a-demo-token"}
    async with httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{unused_port}", headers=headers, timeout=20
    ) as client:

        async def ready() -> bool:
            with contextlib.suppress(httpx.TransportError):
                return (await client.get("/readyz")).status_code == 200
            return False

        try:
            await until(ready)
            yield client
        finally:
            stop.set()
            await asyncio.wait_for(task, 20)


@contextlib.contextmanager
def process(folder: Path, *command: str) -> Iterator[subprocess.Popen[bytes]]:
    with (folder / f"{command[1]}.log").open("wb") as log:
        running = subprocess.Popen([sys.executable, "-m", *command], cwd=folder, stdout=log, stderr=log)
        try:
            yield running
        finally:
            running.terminate()
            running.wait(20)


@pytest.fixture
async def agent(hub: httpx.AsyncClient, broker: Broker, tmp_path: Path) -> AsyncIterator[None]:
    """A room of a projector and a UPS, and an agent whose file names neither."""
    file = tmp_path / "agent.toml"
    room = ("--kinds", "projector,ups", "--leave-out", "projector,ups", "--mqtt-url", broker.url)
    own = ("--group", GROUP, "--node", NODE, "--write-config", str(file))
    with process(tmp_path, "hub.cli", "simulate", "room", *room, *own):

        async def written() -> bool:
            return file.exists()

        await until(written)
        with process(tmp_path, "edge_agents.main", "--config", str(file)):
            yield


@pytest.mark.mosquitto
@pytest.mark.usefixtures("agent")
async def test_what_nobody_configured_is_found_claimed_and_alive(hub: httpx.AsyncClient) -> None:
    await hub.post("/api/v1/organisation/rooms", json={"school": GROUP, "code": "P101"})

    async def asked() -> bool:
        return (await hub.post(f"{AGENT}/scan", json={"methods": ["mdns"]})).status_code == 202

    async def found() -> list[dict[str, Any]]:
        answer = await hub.get("/api/v1/proposals", params={"node": NODE, "state": "open"})
        kinds = {one["kind"]: one for one in answer.json()["items"]}
        return [kinds["projector"]] if {"projector", "ups"} <= kinds.keys() else []

    await until(asked)
    (projector,) = await until(found)
    claimed = await hub.post(
        f"/api/v1/proposals/{projector['id']}/claim", json={"room": "P101", "new_asset": True}
    )
    assert claimed.status_code == 200, claimed.text
    device = claimed.json()["device"]

    async def alive() -> bool:
        answer = await hub.get(f"/api/v1/devices/{GROUP}/{NODE}/{device}")
        return answer.status_code == 200 and answer.json()["presence"]["state"] == "born"

    await until(alive)

    async def in_step() -> bool:
        return bool((await hub.get(AGENT)).json()["config"]["state"] == "in_step")

    await until(in_step)
    left = (await hub.get("/api/v1/proposals", params={"node": NODE, "state": "open"})).json()["items"]
    assert [one["kind"] for one in left] == ["ups"]
    (asset,) = (await hub.get("/api/v1/assets", params={"school": GROUP, "type": "projector"})).json()[
        "items"
    ]
    assert asset["device"]["device"] == device
