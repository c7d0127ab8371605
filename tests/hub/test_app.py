"""The roles together in one process, on a real broker and a real socket."""

import asyncio
import contextlib
import json
import signal
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiomqtt
import httpx
import pytest

from hub.accounts import service as accounts
from hub.app import run, serve
from hub.clock import today
from hub.control import ControlRole
from hub.database import Database
from hub.organisation import service as organisation
from hub.registry import service as registry
from hub.registry.rules import DeviceSeen, NodeSeen
from hub.settings import Settings, SettingsError
from tests.conftest import Broker

ADMIN = {"Authorization": "Bearer a-demo-token"}


@pytest.fixture
def settings(broker: Broker, tmp_path: Path, unused_port: int) -> Settings:
    return Settings(
        mqtt_url=broker.url,
        data_dir=tmp_path / "data",
        http_port=unused_port,
        demo=True,
        demo_token="a-demo-token",
    )


@contextlib.asynccontextmanager
async def running(settings: Settings, roles: set[str]) -> AsyncIterator[httpx.AsyncClient]:
    stop = asyncio.Event()
    task = asyncio.create_task(run(settings, roles, stop))
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{settings.http_port}", headers=ADMIN) as client:
        await answers(client, "/healthz", 200)
        try:
            yield client
        finally:
            stop.set()
            await asyncio.wait_for(task, 15)


async def answers(client: httpx.AsyncClient, path: str, status: int, within_s: float = 45) -> None:
    async with asyncio.timeout(within_s):
        while True:
            with contextlib.suppress(httpx.TransportError):
                if (await client.get(path)).status_code == status:
                    return
            await asyncio.sleep(0.1)


@pytest.mark.mosquitto
async def test_all_roles_become_ready_and_survive_a_broker_restart(
    settings: Settings, broker: Broker
) -> None:
    async with running(settings, {"ingest", "control", "web"}) as client:
        await answers(client, "/readyz", 200)
        await asyncio.to_thread(broker.stop)
        await answers(client, "/readyz", 503)
        assert (await client.get("/api/v1/organisation/schools")).status_code == 200
        await asyncio.to_thread(broker.start)
        await answers(client, "/readyz", 200)


@pytest.mark.mosquitto
async def test_a_change_reaches_the_other_roles(settings: Settings, broker: Broker) -> None:
    async with running(settings, {"web"}) as client, aiomqtt.Client("127.0.0.1", broker.port) as listener:
        await listener.subscribe("hub/changed/#")
        database = Database(settings.database_url)
        async with database.write() as session:
            await registry.record_nodes(session, [NodeSeen("line", "plc", 1)])
        await database.close()
        school = (await client.get("/api/v1/organisation/schools")).json()["items"][0]["code"]
        wanted = {"school": school, "room": "P1"}
        assert (await client.post("/api/v1/nodes/line/plc/claim", json=wanted)).status_code == 200
        async with asyncio.timeout(10):
            message = await anext(aiter(listener.messages))
        assert str(message.topic) == "hub/changed/registry"
        assert json.loads(bytes(message.payload)) == {"group": "line", "node": "plc"}


@pytest.mark.mosquitto
async def test_a_signal_ends_the_process_in_order(settings: Settings) -> None:
    arguments = ["-m", "hub.cli", "serve", "--role", "control,web"]
    environment = {
        "HUB_HTTP_PORT": str(settings.http_port),
        "HUB_MQTT_URL": settings.mqtt_url,
        "HUB_DATA_DIR": str(settings.data_dir),
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, env=environment, stderr=asyncio.subprocess.PIPE
    )
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{settings.http_port}") as client:
            await answers(client, "/healthz", 200)
            process.send_signal(signal.SIGTERM)
            _, log = await asyncio.wait_for(process.communicate(), 15)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
    assert process.returncode == 0, log.decode()
    assert "Traceback" not in log.decode()


async def test_a_taken_port_is_said_with_its_setting(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings = Settings(data_dir=tmp_path, http_port=taken.getsockname()[1])
        with pytest.raises(SettingsError, match="HUB_HTTP_PORT"):
            await run(settings, {"web"}, asyncio.Event())


def test_an_unknown_role_is_said(tmp_path: Path) -> None:
    for roles in ({"web", "cook"}, set()):
        with pytest.raises(SettingsError, match="ingest"):
            serve(Settings(data_dir=tmp_path), roles)


async def test_one_process_leads_and_another_takes_over(database: Database) -> None:
    now_ms = 1_700_000_000_000
    first, second = (ControlRole(database, lambda: now_ms) for _ in range(2))
    stop_first, stop_second = asyncio.Event(), asyncio.Event()

    async def leads(role: ControlRole) -> None:
        async with asyncio.timeout(10):
            while not role.leading:
                await asyncio.sleep(0.01)

    one = asyncio.create_task(first.run(stop_first))
    await leads(first)
    await second._step()
    assert not second.leading
    stop_first.set()
    await one
    two = asyncio.create_task(second.run(stop_second))
    await leads(second)
    stop_second.set()
    await two


async def test_the_leader_learns_rooms_and_forgets_what_has_ended(database: Database) -> None:
    now_ms = 1_700_000_000_000
    async with database.write() as session:
        (school,) = await organisation.seed_province(session, today(), 1)
        await registry.record_nodes(session, [NodeSeen(school, "a1", 1, claimed_school=school)])
        await registry.record_devices(session, [DeviceSeen(school, "a1", "air", "room_air", "P101")])
        root = organisation.root_of_list()
        ended = await accounts.create_wall_token(session, "old", root, 1, expires_ms=now_ms)
        lasting = await accounts.create_wall_token(session, "new", root, 1, expires_ms=now_ms + 1)
    await ControlRole(database, lambda: now_ms)._step()
    async with database.read() as session:
        rooms = await organisation.list_rooms(session, codes=None, school=school, after=None, limit=9)
        assert [room.code for room in rooms] == ["P101"]
        assert await accounts.credential(session, ended, 0) is None
        assert await accounts.credential(session, lasting, 0) is not None
