"""The hub whole, a real broker, and an agent as a process: configured, rolled back, diagnosed, updated."""

import asyncio
import contextlib
import json
import subprocess
import sys
import zipfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from devices.packages import build, digest_of, new_key, sign
from hub.app import run
from hub.broker import unused_port as find_unused_port
from hub.settings import Settings
from tests.conftest import Broker

ADMIN = {"Authorization": "Bearer a-demo-token"}
GROUP, NODE = "D703-THPT-02", "D703-THPT-02-a1"
AGENT = f"/api/v1/agents/{GROUP}/{NODE}"
ROOT = Path(__file__).parents[3]
AIR = {"id": "p101-air", "kind": "room_air", "room": "P101", "driver": "simulated", "poll_s": 0.5}
RELAY = {"id": "p101-relay", "kind": "relay", "room": "P101", "driver": "simulated"}


class AgentProcess:
    """`hub agent` under something that starts it again, as systemd would."""

    def __init__(self, folder: Path, broker: Broker, public_key: str, probation_s: float) -> None:
        self.folder = folder
        folder.mkdir()
        (folder / "agent.toml").write_text(
            f"""
[agent]
group = "{GROUP}"
node = "{NODE}"
heartbeat_s = 5
[mqtt]
url = "{broker.url}"
[outbox]
path = "data/outbox.db"
[update]
public_keys = ["{public_key}"]
probation_s = {probation_s}
[[devices]]
id = "p101-air"
kind = "room_air"
room = "P101"
driver = "simulated"
"""
        )
        self.starts = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._keeping = asyncio.create_task(self._keep())

    async def _keep(self) -> None:
        while True:
            if self._process is None or self._process.poll() is not None:
                self.starts += 1
                with (self.folder / "log").open("ab") as log:
                    command = [sys.executable, "-m", "edge_agents.main", "--config", "agent.toml"]
                    self._process = subprocess.Popen(command, cwd=self.folder, stderr=log, stdout=log)
            await asyncio.sleep(0.1)

    async def end(self) -> None:
        self._keeping.cancel()
        if self._process is not None:
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                await asyncio.to_thread(self._process.wait, 10)
            self._process.kill()

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()


@pytest.fixture
def key() -> tuple[str, str]:
    return new_key()


@pytest.fixture
async def hub(
    broker: Broker, tmp_path: Path, unused_port: int, key: tuple[str, str]
) -> AsyncIterator[httpx.AsyncClient]:
    settings = Settings(
        mqtt_url=broker.url, data_dir=tmp_path / "data", http_port=unused_port, demo=True,
        demo_token="a-demo-token", fleet={"package_keys": key[1]},
    )  # fmt: skip
    stop = asyncio.Event()
    task = asyncio.create_task(run(settings, {"ingest", "control", "web"}, stop))
    url = f"http://127.0.0.1:{unused_port}"
    async with httpx.AsyncClient(base_url=url, headers=ADMIN, timeout=20) as client:
        try:
            await until(lambda: ready(client))
            yield client
        finally:
            stop.set()
            await asyncio.wait_for(task, 20)


async def ready(client: httpx.AsyncClient) -> bool:
    with contextlib.suppress(httpx.TransportError):
        return (await client.get("/readyz")).status_code == 200
    return False


@pytest.fixture
async def agent(broker: Broker, tmp_path: Path, key: tuple[str, str]) -> AsyncIterator[AgentProcess]:
    running = AgentProcess(tmp_path / "agent", broker, key[1], probation_s=3)
    yield running
    await running.end()


async def until(condition: Callable[[], Any], seconds: float = 40) -> Any:
    async with asyncio.timeout(seconds):
        while not (found := await condition()):
            await asyncio.sleep(0.1)
    return found


async def shown(hub: httpx.AsyncClient) -> dict[str, Any]:
    answer = await hub.get(AGENT)
    return dict(answer.json()) if answer.status_code == 200 else {}


async def config_state(hub: httpx.AsyncClient, version: int) -> dict[str, Any]:
    """The standing of a version, once it is decided."""

    async def decided() -> dict[str, Any] | None:
        config = (await shown(hub)).get("config", {})
        return config if config.get("wanted_version") == version and config["state"] != "pending" else None

    return dict(await until(decided))


async def put(hub: httpx.AsyncClient, base: int, **content: Any) -> None:
    answer = await hub.put(f"{AGENT}/configuration", json={"base_version": base, **content})
    assert answer.status_code == 201, answer.text


async def answered(hub: httpx.AsyncClient, **wanted: Any) -> dict[str, Any]:
    answer = await hub.post(f"{AGENT}/diagnose", json=wanted)
    assert answer.status_code == 202, answer.text

    async def ended() -> Any:
        found = (await hub.get(f"/api/v1/agent-requests/{answer.json()['id']}")).json()
        return found if found["ended_ms"] else None

    return dict(await until(ended))


async def configured_and_taken_back(hub: httpx.AsyncClient, agent: AgentProcess, dead_port: int) -> None:
    await put(hub, 0, devices=[AIR, RELAY])
    assert (await config_state(hub, 1))["state"] == "in_step"

    async def devices() -> bool:
        return (await shown(hub)).get("devices_online") == 2

    await until(devices)
    # nobody listens there: the agent loses the hub with this version
    await put(hub, 1, devices=[AIR], options={"mqtt_url": f"mqtt://127.0.0.1:{dead_port}"})
    after = await config_state(hub, 2)
    assert (after["state"], after["reported_version"]) == ("rolled_back", 1), after
    assert "not reached" in after["detail"]
    kept = json.loads((agent.folder / "data/configuration.json").read_text())
    assert kept["version"] == 1
    assert agent.starts == 1, "nothing of this needs another process"


async def diagnosed(hub: httpx.AsyncClient) -> None:
    told = await answered(hub, what="log", lines=100)
    assert any("is taken back" in line for line in told["result"]["log"])
    driver = (await answered(hub, what="driver", device="p101-relay"))["result"]
    assert driver["ok"]
    assert [step["step"] for step in driver["steps"]] == ["load", "connect", "poll"]
    network = (await answered(hub, what="network"))["result"]
    assert network["broker"]["tcp"]["ok"]
    entries = (await hub.get("/api/v1/audit?action=agent.diagnose")).json()
    assert len(entries["items"]) == 3


def wheel(folder: Path, version: str, main: str | None = None) -> Path:
    """The agent as a wheel: its own source, or with another main module."""
    path = folder / f"smart_classroom_agent-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for package in ("edge_agents", "devices"):
            for file in (ROOT / package).rglob("*"):
                if file.suffix in {".py", ".csv", ".toml"}:
                    archive.write(file, file.relative_to(ROOT))
        if main is not None:
            archive.writestr("edge_agents/main.py", main)
    return path


async def publish(hub: httpx.AsyncClient, package: Path, private_key: str) -> httpx.Response:
    signature = sign(private_key, digest_of(package))
    return await hub.post(
        "/api/v1/packages", files={"file": package.read_bytes()}, data={"signature": signature}
    )


async def rolled_out(hub: httpx.AsyncClient, version: str) -> dict[str, Any]:
    body = {
        "kind": "update", "package": version, "target": {"nodes": [f"{GROUP}/{NODE}"]},
        "stages_percent": [100], "abort_percent": 0, "patience_s": 1,
    }  # fmt: skip
    answer = await hub.post("/api/v1/rollouts", json=body)
    assert answer.status_code == 201, answer.text

    async def ended() -> Any:
        found = (await hub.get(f"/api/v1/rollouts/{answer.json()['id']}")).json()
        return found if found["state"] != "running" else None

    return dict(await until(ended, 60))


CRASHES = """
import sys
if "--check" not in sys.argv:
    sys.exit("this version does not work")
"""


async def updated_and_taken_back(
    hub: httpx.AsyncClient, agent: AgentProcess, private_key: str, tmp_path: Path
) -> None:
    good, bad = tmp_path / "good.tar.gz", tmp_path / "bad.tar.gz"
    build(good, "9.1.0", [wheel(tmp_path, "9.1.0")])
    build(bad, "9.2.0", [wheel(tmp_path, "9.2.0", CRASHES)])
    assert (await publish(hub, good, private_key)).status_code == 201
    assert (await publish(hub, bad, new_key()[0])).status_code == 422, "nobody whom the hub trusts"
    assert (await publish(hub, bad, private_key)).status_code == 201
    done = await rolled_out(hub, "9.1.0")
    assert done["state"] == "done", (done, agent.log)
    assert (await shown(hub))["version"] == "9.1.0"
    assert str((agent.folder / "data/versions/current").readlink()) == "9.1.0"
    aborted = await rolled_out(hub, "9.2.0")
    assert aborted["state"] == "aborted", (aborted, agent.log)
    assert "did not stay up" in aborted["agents"][0]["detail"]
    assert (await shown(hub))["version"] == "9.1.0"
    assert str((agent.folder / "data/versions/current").readlink()) == "9.1.0"


@pytest.mark.mosquitto
async def test_an_agent_is_configured_diagnosed_and_updated_from_afar_and_takes_back_what_cuts_it_off(
    hub: httpx.AsyncClient, agent: AgentProcess, key: tuple[str, str], tmp_path: Path
) -> None:
    async def here() -> bool:
        return bool((await shown(hub)).get("presence", {}).get("state") == "born")

    await until(here)
    await configured_and_taken_back(hub, agent, find_unused_port())
    await diagnosed(hub)
    await updated_and_taken_back(hub, agent, key[0], tmp_path)
