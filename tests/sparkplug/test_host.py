"""The hub as the broker sees it: STATE, its will, subscriptions and commands; one life, one cut, one end."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiomqtt
import pytest

from devices.wire.datatypes import DataType
from devices.wire.payloads import (
    REBIRTH,
    MetricValue,
    Payload,
    bd_seq_metric,
    decode_payload,
    encode_payload,
    ndeath_payload,
)
from hub.database import migrate
from hub.ingest.mirror import Mirror
from hub.ingest.model import DEAD
from hub.ingest.service import IngestRole
from hub.settings import load_settings
from tests.conftest import Broker
from tests.edge_agents.conftest import until
from tests.hub.ingest.parts import Parts, Sender, number
from tests.sparkplug.tap import CONNECT, DISCONNECT, PUBACK, PUBLISH, SUBSCRIBE, Packet, Tap

STATE = "spBv1.0/STATE/hub"


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


@dataclass
class Life:
    """What the hub said on each of its connections, and what others saw of STATE (payload, QoS, retained)."""

    lines: list[list[Packet]] = field(default_factory=list)
    connected_ms: list[int] = field(default_factory=list)
    ended_ms: int = 0
    seen: list[tuple[dict[str, Any], int]] = field(default_factory=list)
    kept: dict[str, Any] = field(default_factory=dict)

    def states(self, line: int) -> list[Packet]:
        return [each for each in self.lines[line] if each.kind == PUBLISH and each.topic == STATE]


async def _live(port: int, folder: Path) -> Life:
    life = Life()
    async with Tap(port) as tap, aiomqtt.Client("127.0.0.1", port) as observer:
        settings = load_settings(mqtt_url=f"mqtt://127.0.0.1:{tap.port}", data_dir=folder)
        await migrate(settings.database_url)
        await observer.subscribe(STATE, qos=1)

        async def listen() -> None:
            async for message in observer.messages:
                life.seen.append((json.loads(bytes(message.payload)), message.qos))

        def online(times: int) -> bool:
            return [said["online"] for said, _ in life.seen].count(True) >= times

        listening = asyncio.create_task(listen())
        stop = asyncio.Event()
        life.connected_ms.append(_now_ms())
        role = asyncio.create_task(IngestRole(settings).run(stop))
        await until(lambda: online(1))
        await observer.publish(STATE, b'{"online":false,"timestamp":1}', qos=1, retain=True)
        await until(lambda: online(2))
        await observer.publish(
            "spBv1.0/Plant/NDATA/stranger", encode_payload(Payload(ts_ms=_now_ms(), seq=4)), qos=0
        )
        await until(lambda: tap.of("NCMD"))
        birth = [
            bd_seq_metric(0),
            MetricValue("Outbox/Epoch", datatype=DataType.UInt64, value=99),
            MetricValue("Outbox/Position", datatype=DataType.UInt64, value=0),
            MetricValue("Outbox/Stored", datatype=DataType.UInt64, value=0),
            MetricValue(REBIRTH, datatype=DataType.Boolean, value=False),
        ]
        await observer.publish("spBv1.0/S1/NBIRTH/own", encode_payload(Payload(_now_ms(), 0, birth)))
        await until(lambda: len(tap.of("NCMD")) > 1)
        await asyncio.sleep(0.02)
        life.connected_ms.append(_now_ms())
        tap.cut()
        await until(lambda: online(3))
        stop.set()
        await asyncio.wait_for(role, 20)
        life.ended_ms = _now_ms()
        await until(lambda: not life.seen[-1][0]["online"])
        listening.cancel()
        with suppress(asyncio.CancelledError):
            await listening
        said = [p for p in tap.packets if p.kind != PUBACK]
        life.lines = [[p for p in said if p.line == n] for n in sorted({p.line for p in said})]
        async with aiomqtt.Client("127.0.0.1", port) as late:
            await late.subscribe(STATE, qos=1)
            message = await asyncio.wait_for(anext(aiter(late.messages)), 5)
            life.kept = {"retain": message.retain, **json.loads(bytes(message.payload))}
    return life


@pytest.fixture(scope="module")
def life(module_broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Life:
    return asyncio.run(_live(module_broker.port, tmp_path_factory.mktemp("hub")))


# ---------------------------------------------------------------- CONNECT and its will


@pytest.mark.mosquitto
@pytest.mark.sparkplug(
    "tck-id-message-flow-phid-sparkplug-clean-session-311",
    "tck-id-host-topic-phid-death-required",
    "tck-id-host-topic-phid-death-topic",
    "tck-id-host-topic-phid-death-qos",
    "tck-id-host-topic-phid-death-retain",
    "tck-id-host-topic-phid-death-payload",
    "tck-id-host-topic-phid-death-payload-timestamp-connect",
    "tck-id-payloads-state-will-message",
    "tck-id-payloads-state-will-message-qos",
    "tck-id-payloads-state-will-message-retain",
    "tck-id-payloads-state-will-message-payload",
    "tck-id-operational-behavior-host-application-connect-will",
    "tck-id-operational-behavior-host-application-connect-will-topic",
    "tck-id-operational-behavior-host-application-connect-will-payload",
    "tck-id-operational-behavior-host-application-connect-will-qos",
    "tck-id-operational-behavior-host-application-connect-will-retained",
    "tck-id-operational-behavior-host-application-death-topic",
    "tck-id-operational-behavior-host-application-death-payload",
    "tck-id-operational-behavior-host-application-death-qos",
    "tck-id-operational-behavior-host-application-death-retained",
)
def test_connect_is_clean_and_its_will_says_offline_as_of_now(life: Life) -> None:
    assert len(life.lines) == 2
    times = []
    for line, began_ms in zip(life.lines, life.connected_ms, strict=True):
        connect = line[0]
        assert (connect.kind, connect.level, connect.is_clean) == (CONNECT, 4, True)
        will = connect.will
        assert (will.topic, will.qos, will.retain) == (STATE, 1, True)
        document = json.loads(will.payload.decode("utf-8"))
        assert document.keys() == {"online", "timestamp"}
        assert document["online"] is False
        assert type(document["timestamp"]) is int
        assert began_ms <= document["timestamp"] < began_ms + 8_000
        times.append(document["timestamp"])
    assert times[1] > times[0], "each connection has a time of its own"


@pytest.mark.mosquitto
@pytest.mark.sparkplug(
    "tck-id-host-topic-phid-birth-message", "tck-id-host-topic-phid-birth-sub-required",
    "tck-id-host-topic-phid-birth-required", "tck-id-message-flow-phid-sparkplug-subscription",
    "tck-id-message-flow-phid-sparkplug-state-publish", "tck-id-payloads-state-subscribe",
    "tck-id-payloads-state-birth", "tck-id-principles-birth-certificates-order",
    "tck-id-operational-behavior-host-application-connect-birth",
    "tck-id-operational-behavior-primary-application-state-with-multiple-servers-state",
    "tck-id-operational-behavior-primary-application-state-with-multiple-servers-state-subs",
)  # fmt: skip
def test_it_subscribes_then_says_it_is_there_then_everything_else(life: Life) -> None:
    for line in life.lines:
        assert [each.kind for each in line[:4]] == [CONNECT, SUBSCRIBE, SUBSCRIBE, PUBLISH]
        assert line[1].filters == [(STATE, 1)]
        assert ("spBv1.0/#", 1) in line[2].filters
        assert line[3].topic == STATE


@pytest.mark.mosquitto
@pytest.mark.sparkplug(
    "tck-id-host-topic-phid-birth-qos", "tck-id-host-topic-phid-birth-retain",
    "tck-id-host-topic-phid-birth-topic", "tck-id-host-topic-phid-birth-payload",
    "tck-id-host-topic-phid-birth-payload-timestamp", "tck-id-payloads-state-birth-payload",
    "tck-id-message-flow-phid-sparkplug-state-publish-payload",
    "tck-id-message-flow-phid-sparkplug-state-publish-payload-timestamp",
    "tck-id-operational-behavior-host-application-connect-birth-topic",
    "tck-id-operational-behavior-host-application-connect-birth-payload",
    "tck-id-operational-behavior-host-application-connect-birth-qos",
    "tck-id-operational-behavior-host-application-connect-birth-retained",
)  # fmt: skip
def test_the_birth_has_the_time_of_the_will(life: Life) -> None:
    for number_, line in enumerate(life.lines):
        birth = life.states(number_)[0]
        will = json.loads(line[0].will.payload)
        assert (birth.qos, birth.retain) == (1, True)
        assert json.loads(birth.payload.decode("utf-8")) == {**will, "online": True}


@pytest.mark.mosquitto
@pytest.mark.sparkplug("tck-id-message-flow-hid-sparkplug-state-message-delivered")
def test_told_that_it_is_gone_it_says_the_same_birth_again(life: Life) -> None:
    birth, again = life.states(0)[:2]
    assert (again.payload, again.qos, again.retain) == (birth.payload, 1, True)


@pytest.mark.mosquitto
@pytest.mark.sparkplug(
    "tck-id-intro-sparkplug-host-state", "tck-id-components-ph-state", "tck-id-conformance-primary-host",
    "tck-id-host-topic-phid-death-payload-timestamp-disconnect-clean",
    "tck-id-operational-behavior-host-application-termination",
    "tck-id-operational-behavior-host-application-disconnect-intentional",
    "tck-id-operational-behavior-host-application-death-topic",
    "tck-id-operational-behavior-host-application-death-qos",
    "tck-id-operational-behavior-host-application-death-retained",
    "tck-id-host-topic-phid-death-qos", "tck-id-host-topic-phid-death-retain",
)  # fmt: skip
def test_it_ends_with_a_death_of_now_and_a_disconnect(life: Life) -> None:
    death, last = life.states(1)[-1], life.lines[1][-1]
    assert last.kind == DISCONNECT
    assert life.lines[1][-2] is death
    document = json.loads(death.payload)
    assert (document["online"], death.qos, death.retain) == (False, 1, True)
    assert document["timestamp"] > json.loads(life.states(1)[0].payload)["timestamp"]
    assert document["timestamp"] <= life.ended_ms
    assert life.kept == {"retain": True, **document}
    said = [each["online"] for each, _ in life.seen]
    assert said == [True, False, True, False, True, False], "birth, a lie, birth, will, birth, death"


# ---------------------------------------------------------------- commands


@pytest.mark.mosquitto
@pytest.mark.sparkplug(
    "tck-id-topics-ncmd-topic", "tck-id-topics-ncmd-mqtt", "tck-id-topics-ncmd-timestamp",
    "tck-id-topics-ncmd-payload", "tck-id-payloads-ncmd-timestamp", "tck-id-payloads-ncmd-seq",
    "tck-id-payloads-ncmd-qos", "tck-id-payloads-ncmd-retain", "tck-id-payloads-name-cmd-requirement",
    "tck-id-operational-behavior-data-commands-ncmd-verb",
    "tck-id-operational-behavior-data-commands-ncmd-rebirth-verb",
    "tck-id-operational-behavior-data-commands-ncmd-rebirth-name",
    "tck-id-operational-behavior-data-commands-ncmd-rebirth-value",
    "tck-id-operational-behavior-data-commands-ncmd-metric-name",
    "tck-id-operational-behavior-data-commands-ncmd-metric-value",
    "tck-id-payloads-timestamp-in-UTC", "tck-id-payloads-metric-timestamp-in-UTC",
)  # fmt: skip
def test_commands_are_ncmd_at_qos_0_with_time_name_and_value(life: Life) -> None:
    commands = {each.topic: each for line in life.lines for each in line if each.type == "NCMD"}
    assert commands.keys() == {"spBv1.0/Plant/NCMD/stranger", "spBv1.0/S1/NCMD/own"}
    for each in commands.values():
        assert (each.qos, each.retain, each.said.seq) == (0, False, None)
        assert each.said.ts_ms is not None
        assert life.connected_ms[0] <= each.said.ts_ms <= life.ended_ms
    wish = commands["spBv1.0/Plant/NCMD/stranger"].said.metrics
    assert [(m.name, m.datatype, m.value) for m in wish] == [(REBIRTH, DataType.Boolean, True)]
    answer = commands["spBv1.0/S1/NCMD/own"].values
    assert answer == {"Outbox/Epoch": 99, "Outbox/Stored": 0}, "as the birth declared them"


@pytest.mark.mosquitto
@pytest.mark.sparkplug("tck-id-payloads-metric-datatype-not-req")
def test_commands_name_the_datatype_all_the_same(life: Life) -> None:
    """A deviation: see docs/sparkplug/verdicts.toml."""
    commands = [each for line in life.lines for each in line if each.type == "NCMD"]
    assert all(metric.datatype for each in commands for metric in each.said.metrics)


# ---------------------------------------------------------------- deaths of others


@pytest.fixture
def parts(tmp_path: Path) -> Parts:
    return Parts(tmp_path)


def _mirrored(parts: Parts, device: str = "") -> dict[str, Any]:
    node = parts.directory.nodes["S1/n1"]
    mirror = Mirror(parts.directory, lambda topic, payload: None, 0)
    return mirror.document(node.devices[device] if device else node.itself, parts.now_ms)


@pytest.mark.sparkplug(
    "tck-id-operational-behavior-edge-node-termination-host-action-ndeath-node-offline",
    "tck-id-operational-behavior-edge-node-termination-host-action-ndeath-node-tags-stale",
    "tck-id-operational-behavior-edge-node-termination-host-action-ndeath-devices-offline",
    "tck-id-operational-behavior-edge-node-termination-host-action-ndeath-devices-tags-stale",
)
def test_a_node_death_takes_the_node_its_devices_and_all_their_values(parts: Parts) -> None:
    sender = Sender(parts, outbox=False).born("air", "second")
    sender.send("NDATA", "", [])
    sender.data("air", number("Temperature", 21.0))
    parts.now_ms += 5_000
    parts.send(sender.topic("NDEATH"), ndeath_payload(0, ts_ms=77))
    node = parts.directory.nodes["S1/n1"]
    for device in (node.itself, *node.devices.values()):
        assert device.presence.state == DEAD
        assert device.presence.since_ms == parts.now_ms, "the host's own time, not the will's"
        document = _mirrored(parts, device.id)
        assert {metric["quality"] for metric in document["metrics"].values()} <= {"bad", "stale"}
    assert _mirrored(parts, "air")["metrics"]["Temperature"]["quality"] == "stale"


@pytest.mark.sparkplug(
    "tck-id-operational-behavior-edge-node-termination-host-action-ddeath-devices-offline",
    "tck-id-operational-behavior-edge-node-termination-host-action-ddeath-devices-tags-stale",
)
def test_a_device_death_counts_from_the_time_it_names(parts: Parts) -> None:
    sender = Sender(parts, outbox=False).born("air", "second")
    sender.data("air", number("Temperature", 21.0))
    sender.data("second", number("Temperature", 22.0))
    died_ms = parts.now_ms + 1_000
    parts.now_ms += 4_000
    sender.send("DDEATH", "air", [], ts_ms=died_ms)
    devices = parts.directory.nodes["S1/n1"].devices
    assert (devices["air"].presence.state, devices["air"].presence.since_ms) == (DEAD, died_ms)
    assert _mirrored(parts, "air")["metrics"]["Temperature"]["quality"] == "stale"
    assert _mirrored(parts, "second")["metrics"]["Temperature"]["quality"] == "good"


def test_a_payload_of_the_tests_is_what_it_says() -> None:
    assert decode_payload(ndeath_payload(0, ts_ms=77)).ts_ms == 77
