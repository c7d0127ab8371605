"""A whole agent that searches, on real brokers and sockets: asked for, by itself, and listening."""

import asyncio
import contextlib
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiomqtt
import pytest

from edge_agents.discovery.searching import AGENT_DISCOVERED, Discovery
from edge_agents.main import assemble
from edge_agents.outbox import OutboxFile
from edge_agents.settings import AgentSettings
from hub.broker import find_mosquitto
from simulators.protocols.announcing import MdnsResponder, Service
from tests.conftest import Broker
from tests.edge_agents.conftest import GROUP, NODE, until
from tests.edge_agents.hub_double import HubDouble
from tests.edge_agents.test_commands_on_the_wire import request

pytestmark = pytest.mark.mosquitto

PROJECTOR = Service("may-chieu", "_pjlink._tcp", 4352)
LIGHTS = {"t": "lights", "dn": "Đèn", "md": "Sonoff", "mac": "AABBCC112233", "rl": [1]}
TOPIC = "tasmota/discovery/AABBCC112233/config"


class Searching:
    """An agent with its discovery, whose configuration the test can change; `room` is the room's broker."""

    def __init__(self, broker: Broker, folder: Path, **section: Any) -> None:
        document = {
            "agent": {"group": GROUP, "node": NODE, "simulated": True, "heartbeat_s": 5},
            "mqtt": {"url": broker.url},
            "outbox": {"path": folder / "outbox.db"},
            "discovery": {"every_h": 0, "networks": ["127.0.0.1/32"], "brokers": [], **section},
        }
        self.settings = AgentSettings.model_validate(document)
        self.file = OutboxFile(folder / "outbox.db", commit_interval_ms=5)
        self.agent = assemble(self.settings, self.file)
        self.discovery = Discovery(
            self.agent.node, lambda: self.settings, first_after_s=(0.0, 0.0), look_every_s=0.05
        )
        self.agent.requests.register("scan", self.discovery.scan)
        self.stop = asyncio.Event()

    def configure(self, *devices: dict[str, Any]) -> None:
        document = {**self.settings.model_dump(), "devices": devices}
        self.settings = AgentSettings.model_validate(document)

    async def __aenter__(self) -> "Searching":
        self.agent.start()
        running = (self.agent.node.run(self.stop), self.discovery.run(self.stop))
        self.tasks = [asyncio.create_task(one) for one in running]
        return self

    async def __aexit__(self, *error: object) -> None:
        self.stop.set()
        async with asyncio.timeout(20):
            await asyncio.gather(*self.tasks)
        await self.agent.close()
        await self.file.close()


def told(hub: HubDouble, name: str) -> list[dict[str, Any]]:
    """What the hub has heard of a fact, each time."""
    texts = (one.values.get(name) for one in hub.heard if one.kind in ("NDATA", "NBIRTH"))
    return [json.loads(one) for one in texts if one]


def answer(hub: HubDouble, id_: str) -> dict[str, Any] | None:
    """The end of a request."""
    said = [one for one in told(hub, "Agent/Result") if one["id"] == id_ and one["state"] != "taken"]
    return said[-1] if said else None


@contextlib.asynccontextmanager
async def announcing(*services: Service) -> AsyncIterator[MdnsResponder]:
    responder = MdnsResponder(services)
    await responder.start()
    try:
        yield responder
    finally:
        await responder.stop()


async def test_a_device_that_announces_itself_is_found_when_the_hub_asks(
    broker: Broker, hub: HubDouble, tmp_path: Path
) -> None:
    async with contextlib.AsyncExitStack() as stack:
        responder = await stack.enter_async_context(announcing(PROJECTOR))
        it = await stack.enter_async_context(Searching(broker, tmp_path, mdns_port=responder.port))
        await until(lambda: hub.of("NBIRTH"), 20)
        await request(hub, id="s1", kind="scan", methods=["mdns"])
        await request(hub, id="s2", kind="scan", methods=["mdns"])
        await until(lambda: answer(hub, "s1") and answer(hub, "s2"), 20)
        first, second = answer(hub, "s1") or {}, answer(hub, "s2") or {}
        assert (second["state"], second["detail"]) == ("refused", "busy"), "one at a time"
        assert first["state"] == "done"
        assert first["left_out"] == 0
        (one,) = first["found"]
        assert (one["method"], one["kind"], one["address"]) == ("mdns", "projector", "127.0.0.1")
        assert one["options"] == {"protocol": "pjlink", "host": "127.0.0.1"}
        assert first["searched"]["mdns"] == {"asked": 8, "answered": 1, "bad": 0, "problem": None}
        await until(lambda: told(hub, AGENT_DISCOVERED), 20)
        assert told(hub, AGENT_DISCOVERED)[-1]["found"] == [one]
        it.configure({"id": "p", "kind": "projector", "room": "P1", "options": {"host": "127.0.0.1"}})
        await until(lambda: told(hub, AGENT_DISCOVERED)[-1]["found"] == [], 20)


@pytest.mark.parametrize(
    ("asked", "word"),
    [
        ({"methods": ["telepathy"]}, "telepathy"),
        ({"methods": 5}, "unknown"),
        ({"networks": ["8.8.8.0/24"]}, "not private"),
        ({"networks": "10.0.0.0/24"}, "write a list"),
    ],
)
async def test_a_request_that_cannot_be_is_refused(
    broker: Broker, tmp_path: Path, asked: dict[str, Any], word: str
) -> None:
    it = Searching(broker, tmp_path)
    said = await it.discovery.scan({"id": "1", **asked})
    assert said["state"] == "refused"
    assert word in said["detail"]
    await it.agent.close()
    await it.file.close()


async def test_what_comes_onto_the_rooms_broker_is_told_at_once_and_goes_again(
    broker: Broker, hub: HubDouble, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("room")
    folder.chmod(0o755)
    program = find_mosquitto()
    assert program is not None
    room = Broker(program, folder)
    try:
        async with (
            Searching(broker, tmp_path, brokers=[room.url, broker.url]) as it,
            aiomqtt.Client("127.0.0.1", room.port) as client,
        ):
            await client.publish(TOPIC, json.dumps(LIGHTS), retain=True)
            await until(lambda: told(hub, AGENT_DISCOVERED), 20)
            (one,) = told(hub, AGENT_DISCOVERED)[-1]["found"]
            assert (one["kind"], one["mac"], one["name"]) == ("relay", "aa:bb:cc:11:22:33", "Đèn")
            assert one["options"] == {"protocol": "tasmota", "topic": "lights", "url": room.url}
            await client.publish(TOPIC, "{", retain=True)
            report = (await it.discovery.search(["mqtt"]))["mqtt"]
            assert (report.asked, report.answered, report.bad) == (1, 1, 1), "the hub's broker is not asked"
            it.configure({"id": "r", "kind": "relay", "room": "P1", "options": one["options"]})
            await until(lambda: told(hub, AGENT_DISCOVERED)[-1]["found"] == [], 20)
            it.configure()
            await until(lambda: told(hub, AGENT_DISCOVERED)[-1]["found"] == [one], 20)
            await client.publish(TOPIC, b"", retain=True)
            await until(lambda: told(hub, AGENT_DISCOVERED)[-1]["found"] == [], 20)
    finally:
        room.kill()


async def test_it_searches_by_itself_and_a_stop_ends_a_search_at_once(
    broker: Broker, hub: HubDouble, tmp_path: Path
) -> None:
    async with announcing(PROJECTOR) as responder:
        section = {"every_h": 1, "mdns_port": responder.port, "methods": ["mdns", "snmp"]}
        many = {"networks": ["127.0.0.0/23"], "snmp_port": 9}
        async with Searching(broker, tmp_path, **section, **many):
            await until(lambda: responder.questions, 20)
            began = asyncio.get_running_loop().time()
        # the sweep of 510 addresses takes 10 s and more
        assert asyncio.get_running_loop().time() - began < 8


async def test_a_search_ends_in_time_and_says_so(broker: Broker, tmp_path: Path) -> None:
    it = Searching(broker, tmp_path, networks=["127.0.0.0/23"], snmp_port=9)
    it.discovery = Discovery(it.agent.node, lambda: it.settings, longest_s=0.2)
    report = (await it.discovery.search(["snmp"]))["snmp"]
    assert report.problem == "timeout"
    await it.agent.close()
    await it.file.close()


def test_an_agent_that_does_not_search_loads_no_method() -> None:
    code = (
        "import sys, edge_agents.main\n"
        "print(sorted(one for one in sys.modules if one.startswith(('psutil', 'edge_agents.discovery.'))))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    modules = [f"edge_agents.discovery.{name}" for name in ("rules", "searching", "section")]
    assert said.stdout.strip() == str(modules)
