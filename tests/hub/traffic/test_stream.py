"""The line to the broker: there only while somebody looks, shared, bounded, silent."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import aiomqtt
import pytest

from devices.wire.datatypes import DataType
from devices.wire.payloads import MetricValue, Payload, encode_payload, state_payload
from hub.supervision import Backoff, supervise
from hub.traffic import stream
from hub.traffic.messages import Message
from hub.traffic.rules import Question
from hub.traffic.stream import Listener, Traffic
from tests.edge_agents.conftest import until
from tests.sparkplug.tap import CONNECT, DISCONNECT, PUBLISH, SUBSCRIBE, Tap

pytestmark = pytest.mark.mosquitto

UNSUBSCRIBE = 10


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _data(*metrics: MetricValue) -> bytes:
    return encode_payload(Payload(_now_ms(), 1, list(metrics)))


@pytest.fixture
async def tap(broker: Any) -> AsyncIterator[Tap]:
    async with Tap(broker.port) as tap:
        yield tap


@pytest.fixture
async def traffic(tap: Tap) -> AsyncIterator[Traffic]:
    made = Traffic(f"mqtt://127.0.0.1:{tap.port}", "looking", _now_ms)
    stop = asyncio.Event()
    backoff = Backoff(first_s=0.05, limit_s=0.1)
    running = asyncio.create_task(supervise("traffic", made.run, stop, backoff, grace_s=0))
    yield made
    stop.set()
    await running


@pytest.fixture
async def client(broker: Any) -> AsyncIterator[aiomqtt.Client]:
    async with aiomqtt.Client("127.0.0.1", broker.port) as client:
        yield client


async def _take(listener: Listener, count: int) -> list[Message]:
    found: list[Message] = []
    async with asyncio.timeout(10):
        while len(found) < count:
            found += [message for message, _ in await listener.next(1)]
    return found


async def test_it_connects_when_somebody_looks_and_leaves_when_nobody_does(
    traffic: Traffic, tap: Tap, client: aiomqtt.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "LINGER_S", 0.1)
    await asyncio.sleep(0.1)
    assert tap.packets == []
    with traffic.listen(Question(group="S1")) as one:
        await until(lambda: traffic.connected)
        await client.publish("spBv1.0/S1/NDATA/a", _data(MetricValue("Load", value=1)))
        await client.publish("spBv1.0/S2/NDATA/b", _data(MetricValue("Load", value=2)), qos=1)
        with traffic.listen(Question(group="S2", node="b")) as other:
            await until(lambda: len(tap.kinds(SUBSCRIBE)) == 2)
            await asyncio.sleep(0.05)
            await client.publish("spBv1.0/S2/NDATA/b", _data(MetricValue("Load", value=3)))
            assert [m["metrics"][0]["value"] for m in await _take(one, 1)] == [1]
            assert [m["metrics"][0]["value"] for m in await _take(other, 1)] == [3]
        await until(lambda: tap.kinds(UNSUBSCRIBE))
    await until(lambda: tap.kinds(DISCONNECT))
    assert [each.filters for each in tap.kinds(SUBSCRIBE)] == [
        [("spBv1.0/S1/#", 0)],
        [("spBv1.0/S2/+/b/#", 0)],
    ]
    with traffic.listen(Question()) as again:
        await until(lambda: len(tap.kinds(CONNECT)) == 2 and traffic.connected)
        await client.publish("spBv1.0/S9/NDATA/c", b"\xff")
        assert (await _take(again, 1))[0]["problem"].startswith("malformed")
    assert tap.kinds(PUBLISH) == [], "whoever looks says nothing"


async def test_everything_is_seen_commands_states_and_what_is_nothing(
    traffic: Traffic, client: aiomqtt.Client
) -> None:
    with traffic.listen(Question()) as listener:
        await until(lambda: traffic.connected)
        alias = MetricValue("Level", 7, DataType.Int8, 1)
        await client.publish("spBv1.0/S1/NBIRTH/a", _data(alias))
        await client.publish("spBv1.0/S1/NDATA/a", _data(MetricValue(None, 7, value=2)))
        await client.publish("spBv1.0/S1/NCMD/a", _data(MetricValue("Node Control/Rebirth", value=True)))
        await client.publish("spBv1.0/S1/DCMD/a/d", _data(MetricValue("Power", value=True)))
        await client.publish("spBv1.0/STATE/hub", state_payload(False, _now_ms()))
        await client.publish("spBv1.0/S1/nothing", b"")
        found = await _take(listener, 6)
    assert [m["type"] for m in found] == ["NBIRTH", "NDATA", "NCMD", "DCMD", "STATE", ""]
    assert found[1]["metrics"][0]["name"] == "Level"
    assert found[5]["problem"].startswith("bad_topic")


async def test_it_comes_back_after_the_line_was_cut(
    traffic: Traffic, tap: Tap, client: aiomqtt.Client
) -> None:
    with traffic.listen(Question(group="S1")) as listener:
        await until(lambda: traffic.connected)
        tap.cut()
        await until(lambda: len(tap.kinds(SUBSCRIBE)) == 2)
        await asyncio.sleep(0.05)
        await client.publish("spBv1.0/S1/NDATA/a", _data(MetricValue("Load", value=1)))
        assert len(await _take(listener, 1)) == 1


async def test_who_does_not_keep_up_loses_the_oldest_and_is_told() -> None:
    traffic = Traffic("mqtt://127.0.0.1:1", "nobody", _now_ms)
    with traffic.listen(Question(), max_waiting=10) as slow, traffic.listen(Question()) as quick:
        for value in range(25):
            traffic.take("spBv1.0/S1/NDATA/a", _data(MetricValue("Load", value=value)))
        assert [m["metrics"][0]["value"] for m, _ in await slow.next(0)] == list(range(15, 25))
        assert (slow.dropped, quick.dropped) == (15, 0)
        assert len(await quick.next(0, most=5)) == 5
        assert len(await quick.next(0)) == 20
        assert await quick.next(0.01) == []


async def test_nobody_sees_what_is_not_for_them() -> None:
    traffic = Traffic("mqtt://127.0.0.1:1", "nobody", _now_ms)
    with traffic.listen(Question(), may_see=lambda topic: topic is not None and topic.group == "S1") as one:
        for topic in ("spBv1.0/S1/NDATA/a", "spBv1.0/S2/NDATA/b", "spBv1.0/STATE/hub", "spBv1.0/S1/odd"):
            traffic.take(topic, b"")
        assert [m["topic"] for m, _ in await one.next(0)] == ["spBv1.0/S1/NDATA/a"]
