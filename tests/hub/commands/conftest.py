"""A whole hub on a real broker, and a small edge node that obeys commands by id as real ones do."""

import asyncio
import contextlib
import json
import shutil
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiomqtt
import httpx
import pytest
import pytest_asyncio

from devices.cancelling import cancelled
from devices.kind import kinds
from devices.wire.datatypes import DataType
from devices.wire.decoding import decode_payload
from devices.wire.encoding import encode_payload
from devices.wire.structures import MetricValue, Payload
from hub.app import run
from hub.broker import find_mosquitto, unused_port
from hub.settings import Settings
from tests.conftest import Broker

TOKEN = "a-token-of-the-tests"
WITHIN_S = 20
SCHOOL = "D703-THPT-02"
DEVICES = {
    **{f"pr-{number}": ("projector", f"P10{number}") for number in range(1, 9)},
    "ac-1": ("air_conditioner", "P101"),
    "lab-pr": ("projector", "LAB1"),
    "lab-gas": ("lab_safety", "LAB1"),
}


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@dataclass
class AgentDouble:
    """One edge node with devices of our kinds; `effects` is what was really done.

    `deaf` drops commands, `obeys` decides what becomes of one: done, refused, failed, or taken (and no more).
    `proves=False` is a foreign node, which knows no ids.
    """

    port: int
    group: str = SCHOOL
    node: str = f"{SCHOOL}-a1"
    devices: dict[str, tuple[str, str]] = field(default_factory=lambda: {"pr-1": ("projector", "P101")})
    proves: bool = True
    deaf: bool = False
    obeys: Callable[[str, str, Any], str] = lambda device, metric, value: "done"
    values: dict[tuple[str, str], Any] = field(default_factory=dict)
    effects: list[tuple[str, str, Any]] = field(default_factory=list)
    heard: list[Payload] = field(default_factory=list)
    raw: list[tuple[str, bytes, int, bool]] = field(default_factory=list)
    known: dict[str, tuple[str, str]] = field(default_factory=dict)
    seq: int = 0

    async def run(self, born: asyncio.Event) -> None:
        self._seq = 0
        async with aiomqtt.Client("127.0.0.1", self.port) as client:
            self._client = client
            await client.subscribe(f"spBv1.0/{self.group}/DCMD/{self.node}/#", qos=1)
            await client.subscribe(f"spBv1.0/{self.group}/NCMD/{self.node}", qos=1)
            await self.birth()
            born.set()
            async for message in client.messages:
                payload = decode_payload(bytes(message.payload))
                if "/NCMD/" in str(message.topic):
                    if payload.metric("Node Control/Rebirth") is not None:
                        await self.birth()
                    continue
                self.heard.append(payload)
                self.raw.append((str(message.topic), bytes(message.payload), message.qos, message.retain))
                if not self.deaf:
                    await self._command(str(message.topic).rpartition("/")[2], payload)

    async def birth(self) -> None:
        self._seq = 0
        metrics = [
            _m("bdSeq", DataType.Int64, 0),
            _m("Node Control/Rebirth", DataType.Boolean, False),
            _m("Outbox/Epoch", DataType.Int64, 1),
            _m("Outbox/Position", DataType.Int64, 0),
            _m("Outbox/First", DataType.Int64, 1),
        ]
        await self._send("NBIRTH", "", metrics)
        for device, (kind_id, room) in self.devices.items():
            kind = kinds()[kind_id]
            values = {metric.name: self.values.get((device, metric.name)) for metric in kind.metrics}
            declared = kind.declare(values, now_ms())
            declared += [
                _m("Properties/Kind", DataType.String, kind_id),
                _m("Properties/Room", DataType.String, room),
                _m("Properties/Name", DataType.String, device),
            ]
            if self.proves:
                declared.append(_m("Command/Result", DataType.String, None))
            await self._send("DBIRTH", device, declared)

    async def report(self, device: str, metric: str, value: Any) -> None:
        """The device is seen to have this value now."""
        self.values[device, metric] = value
        known = kinds()[self.devices[device][0]].metric(metric)
        assert known is not None
        await self._send("DDATA", device, [_m(metric, known.datatype, value)])

    async def _command(self, device: str, payload: Payload) -> None:
        about = {metric.name: metric.value for metric in payload.metrics}
        command_id = about.pop("Command/Id", None)
        about.pop("Command/Expires", None)
        [(metric, value)] = about.items()
        if command_id is not None and command_id in self.known:
            await self.tell(device, command_id)
            return
        state = self.obeys(device, str(metric), value)
        if state in ("done", "taken"):
            self.effects.append((device, str(metric), value))
        if command_id is not None:
            self.known[str(command_id)] = (state, "device_refused" if state == "refused" else "")
            await self.tell(device, str(command_id))
        if state == "done":
            await self.report(device, str(metric), value)

    async def tell(self, device: str, command_id: str) -> None:
        """Says what became of a command."""
        state, detail = self.known[command_id]
        said = json.dumps({"id": command_id, "state": state, "detail": detail, "at_ms": now_ms()})
        await self._send("DDATA", device, [_m("Command/Result", DataType.String, said)])

    async def _send(self, kind: str, device: str, metrics: list[MetricValue]) -> None:
        payload = Payload(ts_ms=now_ms(), seq=self._seq, metrics=metrics)
        self._seq = (self._seq + 1) % 256
        for metric in metrics:
            metric.ts_ms = now_ms()
        topic = f"spBv1.0/{self.group}/{kind}/{self.node}" + (f"/{device}" if device else "")
        await self._client.publish(topic, encode_payload(payload))

    @contextlib.asynccontextmanager
    async def there(self) -> AsyncIterator["AgentDouble"]:
        """It is connected for as long as the block lasts, and says good-bye then."""
        born = asyncio.Event()
        task = asyncio.create_task(self.run(born))
        await asyncio.wait_for(born.wait(), WITHIN_S)
        try:
            yield self
        finally:
            death = Payload(ts_ms=now_ms(), metrics=[_m("bdSeq", DataType.Int64, 0)])
            await self._client.publish(f"spBv1.0/{self.group}/NDEATH/{self.node}", encode_payload(death))
            await cancelled(task)


def _m(name: str, datatype: DataType, value: Any) -> MetricValue:
    return MetricValue(name=name, datatype=datatype, value=value)


class Hub:
    """A hub that runs, and what one asks it."""

    def __init__(
        self, client: httpx.AsyncClient, agent: AgentDouble, control: "Control", settings: Settings
    ) -> None:
        self.client, self.agent, self.control, self.settings = client, agent, control, settings

    async def get(self, path: str) -> Any:
        try:
            answer = await self.client.get(f"/api/v1{path}")
        except httpx.TransportError:
            return {}
        return answer.json() if answer.is_success else {}

    async def give(self, device: str = "pr-1", *, status: int = 202, **wanted: Any) -> Any:
        body = {"command": "power", "value": "on", **wanted}
        path = f"/api/v1/devices/{self.agent.group}/{self.agent.node}/{device}/commands"
        answer = await self.client.post(path, json=body)
        assert answer.status_code == status, answer.text
        return answer.json()

    async def ends(self, command: dict[str, Any], within_s: float = WITHIN_S) -> Any:
        """The command once it is ended."""
        return await self.when(
            lambda: self.get(f"/commands/{command['id']}"), lambda said: said["ended_ms"], within_s
        )

    async def when(
        self, ask: Callable[[], Awaitable[Any]], holds: Callable[[Any], Any], within_s: float = WITHIN_S
    ) -> Any:
        """What is said once it holds."""
        deadline_s = time.monotonic() + within_s
        while True:
            said = await ask()
            with contextlib.suppress(KeyError, IndexError):
                if holds(said):
                    return said
            assert time.monotonic() < deadline_s, f"last said: {said}"
            await asyncio.sleep(0.02)

    async def shows(
        self, device: str, metric: str | None = None, value: Any = None, within_s: float = WITHIN_S
    ) -> None:
        """Waits until the device is shown, with this value."""
        path = f"/devices/{self.agent.group}/{self.agent.node}/{device}"
        await self.when(
            lambda: self.get(path),
            lambda said: (
                said["presence"]["state"] == "born"
                and (
                    metric is None or {one["name"]: one["value"] for one in said["metrics"]}[metric] == value
                )
            ),
            within_s,
        )


class Control:
    """The control role alone, which can die and come back."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(run(self._settings, {"control"}, asyncio.Event()))

    async def die(self) -> None:
        assert self._task is not None
        await cancelled(self._task)


@pytest.fixture(scope="module")
def module_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    found = find_mosquitto()
    if found is None:
        pytest.skip("mosquitto is not installed")
    folder = tmp_path_factory.mktemp("broker")
    folder.chmod(0o755)
    for parent in folder.parents[:2]:
        parent.chmod(0o755)
    broker = Broker(found, folder)
    yield broker
    broker.kill()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hub(
    module_broker: Broker, migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Hub]:
    """A hub with one edge node of many devices; the control role can be killed alone."""
    folder = tmp_path_factory.mktemp("data")
    shutil.copy(migrated_sqlite, folder / "hub.db")
    settings = Settings(
        mqtt_url=module_broker.url, data_dir=folder, http_port=unused_port(), demo=True, demo_token=TOKEN
    )
    stop, control = asyncio.Event(), Control(settings)
    roles = asyncio.create_task(run(settings, {"ingest", "web"}, stop))
    control.start()
    agent = AgentDouble(module_broker.port, devices=DEVICES)
    for device, (kind, _) in DEVICES.items():
        if kind == "projector":
            agent.values[device, "Power"] = "off"
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    address = f"http://127.0.0.1:{settings.http_port}"
    try:
        async with httpx.AsyncClient(base_url=address, headers=bearer) as client:
            await ready(client)
            async with agent.there():
                hub = Hub(client, agent, control, settings)
                await hub.shows("pr-1")
                yield hub
    finally:
        await control.die()
        stop.set()
        await asyncio.wait_for(roles, 20)


async def ready(client: httpx.AsyncClient) -> None:
    async with asyncio.timeout(45):
        while True:
            with contextlib.suppress(httpx.TransportError):
                if (await client.get("/readyz")).is_success:
                    return
            await asyncio.sleep(0.05)
