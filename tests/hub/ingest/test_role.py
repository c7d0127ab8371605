"""The whole ingest role against a real Mosquitto: what a client of the broker sees of it."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiomqtt
import pytest
from sqlalchemy import select, update

from devices.kind import kinds
from devices.wire.datatypes import DataType
from devices.wire.payloads import (
    MetricValue,
    Payload,
    bd_seq_metric,
    decode_payload,
    encode_payload,
    ndeath_payload,
)
from hub.clock import today
from hub.database import Database, migrate
from hub.ingest.service import IngestRole
from hub.organisation.tables import Unit
from hub.registry import service as registry
from hub.registry.rules import Claim
from hub.registry.tables import PresenceEvent, Quarantine
from hub.settings import Settings, load_settings
from hub.telemetry.port import Aggregate
from hub.telemetry.sqlite import SqliteReader, path_of

pytestmark = pytest.mark.mosquitto


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


class Observer:
    """A client of the broker that remembers the newest payload of every topic, and all of them in order."""

    def __init__(self, client: aiomqtt.Client) -> None:
        self.client = client
        self.newest: dict[str, bytes] = {}
        self.all: list[tuple[str, bytes, int, bool]] = []

    async def listen(self) -> None:
        async for message in self.client.messages:
            payload = bytes(message.payload)
            self.newest[str(message.topic)] = payload
            self.all.append((str(message.topic), payload, message.qos, message.retain))

    def doc(self, topic: str) -> Any:
        raw = self.newest.get(topic)
        return json.loads(raw) if raw else None

    def commands(self, sender: str) -> list[dict[str | None, Any]]:
        topic = "spBv1.0/{}/NCMD/{}".format(*sender.split("/"))
        return [
            {metric.name: metric.value for metric in decode_payload(raw).metrics}
            for found, raw, _, _ in self.all
            if found == topic
        ]

    async def until(self, condition: Callable[[], Any], seconds: float = 30) -> Any:
        deadline = time.monotonic() + seconds
        while not (found := condition()):
            assert time.monotonic() < deadline, f"it did not come; topics seen: {sorted(self.newest)}"
            await asyncio.sleep(0.02)
        return found

    async def say(self, kind: str, sender: str, device: str, seq: int | None, *metrics: MetricValue) -> None:
        group, node = sender.split("/")
        topic = f"spBv1.0/{group}/{kind}/{node}" + (f"/{device}" if device else "")
        await self.client.publish(
            topic, encode_payload(Payload(ts_ms=_now_ms(), seq=seq, metrics=list(metrics)))
        )


@pytest.fixture
async def settings(broker: Any, tmp_path: Path) -> Settings:
    settings = load_settings(mqtt_url=broker.url, data_dir=tmp_path / "data")
    await migrate(settings.database_url)
    database = Database(settings.database_url)
    async with database.write() as session:
        session.add(Unit(code="S1", name="Trường Một", kind="school", levels=["TH"]))
    await database.close()
    return settings


@asynccontextmanager
async def _role(settings: Settings) -> AsyncIterator[None]:
    stop = asyncio.Event()
    task = asyncio.create_task(IngestRole(settings).run(stop))
    try:
        yield
    finally:
        stop.set()
        await asyncio.wait_for(task, 20)


@pytest.fixture
async def seen(broker: Any) -> AsyncIterator[Observer]:
    async with aiomqtt.Client("127.0.0.1", broker.port) as client:
        observer = Observer(client)
        for topic in ("hub/#", "spBv1.0/#"):
            await client.subscribe(topic, qos=1)
        task = asyncio.create_task(observer.listen())
        yield observer
        task.cancel()


def _outbox(position: int) -> list[MetricValue]:
    return [
        MetricValue("Outbox/Epoch", datatype=DataType.UInt64, value=99),
        MetricValue("Outbox/Position", datatype=DataType.UInt64, value=position),
    ]


async def _born(seen: Observer, sender: str = "S1/S1-a1") -> None:
    await seen.say("NBIRTH", sender, "", 0, bd_seq_metric(0), *_outbox(0))
    about = [
        MetricValue("Properties/Kind", datatype=DataType.String, value="room_air"),
        MetricValue("Properties/Room", datatype=DataType.String, value="P101"),
    ]
    await seen.say(
        "DBIRTH", sender, "air", 1, *_outbox(0), *about, *kinds()["room_air"].declare({}, _now_ms())
    )


def _value(name: str, value: Any, datatype: DataType = DataType.Float) -> MetricValue:
    return MetricValue(name, datatype=datatype, value=value, ts_ms=_now_ms())


async def test_a_rooms_report_is_acknowledged_mirrored_and_kept(settings: Settings, seen: Observer) -> None:
    async with _role(settings):
        await seen.until(lambda: seen.newest.get("spBv1.0/STATE/hub"))
        await _born(seen)
        await seen.say("DDATA", "S1/S1-a1", "air", 2, *_outbox(1), _value("Temperature", 27.5))
        doc = await seen.until(
            lambda: (d := seen.doc("hub/live/S1/P101/air")) and d["metrics"]["Temperature"]["value"] and d
        )
        assert doc["metrics"]["Temperature"]["value"] == 27.5
        assert doc["metrics"]["Temperature"]["unit"] == "°C"
        assert doc["presence"]["state"] == "born"
        await seen.until(lambda: {"Outbox/Epoch": 99, "Outbox/Stored": 1} in seen.commands("S1/S1-a1"))
        status = await seen.until(lambda: (s := seen.doc("hub/status/ingest/0")) and s["values"] and s)
        assert (status["quarantined"], status["rebirths_requested"]) == (0, 0)
    reader = SqliteReader(path_of(settings.telemetry_url))
    points = reader.query(("S1", "S1-a1", "air"), "Temperature", 0, 1 << 60, None, Aggregate.MEAN, 10)
    assert [point.value for point in points] == [27.5]
    reader.close()


@pytest.mark.sparkplug(
    "tck-id-payloads-state-will-message", "tck-id-payloads-state-will-message-qos",
    "tck-id-payloads-state-will-message-retain", "tck-id-payloads-state-will-message-payload",
    "tck-id-payloads-state-birth", "tck-id-payloads-state-birth-payload",
    "tck-id-host-topic-phid-birth-message", "tck-id-host-topic-phid-birth-qos",
    "tck-id-host-topic-phid-birth-retain", "tck-id-host-topic-phid-birth-topic",
    "tck-id-message-flow-hid-sparkplug-state-message-delivered", "tck-id-host-topic-phid-death-required",
    "tck-id-host-topic-phid-death-payload-timestamp-disconnect-clean",
    "tck-id-operational-behavior-host-application-termination",
)  # fmt: skip
async def test_the_host_says_when_it_is_there(settings: Settings, seen: Observer) -> None:
    state = "spBv1.0/STATE/hub"
    async with _role(settings):
        birth = await seen.until(lambda: seen.doc(state))
        assert birth["online"] is True
        first = next(entry for entry in seen.all if entry[0].startswith(("spBv1.0", "hub/")))
        assert (first[0], first[2]) == (state, 1), "the birth is the first message, at QoS 1"
        await seen.client.publish(state, b'{"online": false, "timestamp": 1}', qos=1, retain=True)
        await seen.until(lambda: seen.doc(state) == birth)
        assert [json.loads(raw)["online"] for topic, raw, _, _ in seen.all if topic == state] == [
            True,
            False,
            True,
        ]
    death = await seen.until(lambda: not (found := seen.doc(state))["online"] and found)
    assert death["timestamp"] >= birth["timestamp"]
    assert seen.doc("hub/status/ingest/0")["online"] is False


async def test_a_school_that_is_founded_takes_its_node_and_one_that_ends_next_week_keeps_it(
    settings: Settings, seen: Observer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.ingest.requests._LOOK_EVERY_S", 0.2)
    database = Database(settings.database_url)
    async with _role(settings):
        await seen.until(lambda: seen.newest.get("spBv1.0/STATE/hub"))
        about = [_value("Outbox/Epoch", 7, DataType.UInt64), _value("Outbox/Position", 0, DataType.UInt64)]
        await seen.say("NBIRTH", "S9/S9-a1", "", 0, bd_seq_metric(3), *about)
        topic = "hub/live/S9/-/S9-a1"
        assert (await seen.until(lambda: seen.doc(topic)))["claimed"] is False
        async with database.write() as session:
            ends = today() + timedelta(days=7)
            session.add(Unit(code="S9", name="Trường mới", kind="school", levels=["THCS"], valid_to=ends))
        await seen.until(lambda: seen.doc(topic)["claimed"] is True)
    await database.close()


async def test_a_stranger_is_shown_unclaimed_claimed_and_shown_dead(
    settings: Settings, seen: Observer
) -> None:
    database = Database(settings.database_url)
    async with _role(settings):
        await seen.until(lambda: seen.newest.get("spBv1.0/STATE/hub"))
        await seen.say("NBIRTH", "Plant/tahu", "", 0, bd_seq_metric(3), _value("Load", 0.5))
        await seen.say("DBIRTH", "Plant/tahu", "pump", 1, _value("Speed", 900, DataType.Int32))
        doc = await seen.until(lambda: seen.doc("hub/live/Plant/unclaimed/pump"))
        assert doc["claimed"] is False
        assert doc["metrics"]["Speed"]["value"] == 900
        await asyncio.sleep(0.6)
        async with database.write() as session:
            assert await registry.claim_node(session, "Plant", "tahu", Claim("S1", "P7"))
        await seen.client.publish("hub/changed/registry", b'{"group": "Plant", "node": "tahu"}', qos=1)
        claimed = await seen.until(lambda: seen.doc("hub/live/S1/P7/pump"))
        assert claimed["claimed"] is True
        await seen.until(lambda: seen.newest["hub/live/Plant/unclaimed/pump"] == b"")
        await seen.client.publish("spBv1.0/Plant/NDEATH/tahu", ndeath_payload(3), qos=1)
        dead = await seen.until(
            lambda: (d := seen.doc("hub/live/S1/P7/pump")) and d["presence"]["state"] == "dead" and d
        )
        assert dead["presence"]["reason"] == "node_lost"
        assert dead["metrics"]["Speed"] == {**claimed["metrics"]["Speed"], "quality": "stale"}
    async with database.read() as session:
        events = [
            (e.device, e.state)
            for e in await session.scalars(select(PresenceEvent).order_by(PresenceEvent.id))
        ]
    assert events == [("", "born"), ("pump", "born"), ("", "dead")]
    await database.close()


async def test_a_leak_is_an_alarm_on_the_broker_until_it_is_over_and_seen(
    settings: Settings, seen: Observer
) -> None:
    async with _role(settings):
        await seen.until(lambda: seen.newest.get("spBv1.0/STATE/hub"))
        await _born(seen)
        await seen.say(
            "DDATA", "S1/S1-a1", "air", 2, *_outbox(1), _value("Water Leak", True, DataType.Boolean)
        )
        topic = await seen.until(lambda: next((t for t in seen.newest if t.startswith("hub/alarms/")), None))
        alarm = seen.doc(topic)
        assert (alarm["severity"], alarm["state"], alarm["school"]) == ("critical", "unacknowledged", "S1")
        await seen.until(lambda: seen.doc("hub/live/S1/P101/air")["alarms"] == [alarm["id"]])
        await seen.say(
            "DDATA", "S1/S1-a1", "air", 3, *_outbox(2), _value("Water Leak", False, DataType.Boolean)
        )
        await seen.until(lambda: seen.doc(topic)["state"] == "returned_unacknowledged", 60)


async def test_rubbish_is_kept_and_can_be_read_again(settings: Settings, seen: Observer) -> None:
    database = Database(settings.database_url)
    async with _role(settings):
        await seen.until(lambda: seen.newest.get("spBv1.0/STATE/hub"))
        await _born(seen)
        await seen.client.publish("spBv1.0/S1/DDATA/S1-a1/air", b"\xff\xff rubbish")
        await seen.client.publish("spBv1.0/nonsense", b"")
        await seen.until(lambda: (s := seen.doc("hub/status/ingest/0")) and s["quarantined"] == 2)
        await asyncio.sleep(0.5)
        async with database.read() as session:
            rows = list(await session.scalars(select(Quarantine).order_by(Quarantine.id)))
            payloads = await registry.quarantined_payloads(session, [row.id for row in rows])
        assert [row.reason for row in rows] == ["malformed", "bad_topic"]
        assert payloads[rows[0].id] == ("spBv1.0/S1/DDATA/S1-a1/air", b"\xff\xff rubbish")
    await database.close()


async def test_after_a_restart_nothing_is_asked_and_everything_is_shown(
    settings: Settings, seen: Observer
) -> None:
    async with _role(settings):
        await seen.until(lambda: seen.newest.get("spBv1.0/STATE/hub"))
        await _born(seen)
        await seen.say("DDATA", "S1/S1-a1", "air", 2, *_outbox(1), _value("Temperature", 27.5))
        before = await seen.until(
            lambda: (d := seen.doc("hub/live/S1/P101/air")) and d["metrics"]["Temperature"]["value"] and d
        )
    asked = len(seen.commands("S1/S1-a1"))
    async with _role(settings):
        stale = await seen.until(
            lambda: (d := seen.doc("hub/live/S1/P101/air")) and d["presence"]["state"] == "stale" and d
        )
        assert stale["metrics"]["Temperature"]["value"] == before["metrics"]["Temperature"]["value"]
        assert stale["metrics"]["Temperature"]["quality"] == "stale"
        await seen.say("DDATA", "S1/S1-a1", "air", 7, *_outbox(2), _value("Temperature", 28.0))
        await seen.until(lambda: seen.doc("hub/live/S1/P101/air")["metrics"]["Temperature"]["value"] == 28.0)
        await seen.until(lambda: {"Outbox/Epoch": 99, "Outbox/Stored": 2} in seen.commands("S1/S1-a1"))
        assert all("Node Control/Rebirth" not in command for command in seen.commands("S1/S1-a1")[asked:])


async def test_what_is_no_more_is_taken_off_the_broker(settings: Settings, seen: Observer) -> None:
    for topic in ("hub/alarms/0123456789abcdef", "hub/live/S1/P101/removed", "hub/live/S1/-/gone"):
        await seen.client.publish(topic, b'{"school": "S1"}', qos=1, retain=True)
    async with _role(settings):
        await seen.until(lambda: seen.newest.get("spBv1.0/STATE/hub"))
        await _born(seen)
        await seen.until(lambda: seen.newest.get("hub/live/S1/P101/air"))
        for topic in ("hub/alarms/0123456789abcdef", "hub/live/S1/P101/removed", "hub/live/S1/-/gone"):
            await seen.until(lambda topic=topic: seen.newest[topic] == b"")  # type: ignore[misc]
        assert seen.newest["hub/live/S1/P101/air"] != b""


async def test_reading_quarantine_again_tells_what_came_of_it(settings: Settings, seen: Observer) -> None:
    database = Database(settings.database_url)

    async def rows() -> dict[str, Quarantine]:
        async with database.read() as session:
            return {row.topic.split("/")[-1]: row for row in await session.scalars(select(Quarantine))}

    async def until(found: Callable[[dict[str, Quarantine]], bool]) -> dict[str, Quarantine]:
        async with asyncio.timeout(10):
            while not found(known := await rows()):
                await asyncio.sleep(0.1)
        return known

    data = encode_payload(Payload(ts_ms=_now_ms(), seq=3, metrics=[_value("Temperature", 21.5)]))
    async with _role(settings):
        await seen.until(lambda: seen.newest.get("spBv1.0/STATE/hub"))
        await _born(seen)
        await seen.client.publish("spBv1.0/S1/DDATA/S1-a1/air", b"\xff\xff")
        await seen.client.publish("spBv1.0/S1/DBIRTH/S1-a1/lamp", b"\x08\x01\xff")
        await until(lambda known: len(known) == 2)
        async with database.write() as session:  # as it would be if a mended hub could read it now
            mended = update(Quarantine).where(Quarantine.topic.like("%air"))
            await session.execute(mended.values(payload=data))
        ids = [row.id for row in (await rows()).values()]
        await seen.client.publish("hub/request/quarantine-replay", json.dumps({"ids": ids}))
        known = await until(lambda known: all(row.tried_ms for row in known.values()))
    await database.close()
    assert (known["air"].outcome, known["air"].replayed_ms) == ("stored", known["air"].tried_ms)
    assert (known["lamp"].outcome, known["lamp"].replayed_ms) == ("malformed", None)
    reader = SqliteReader(path_of(settings.telemetry_url))
    points = reader.query(("S1", "S1-a1", "air"), "Temperature", 0, 1 << 60, None, Aggregate.MEAN, 10)
    assert [point.value for point in points] == [21.5]
    reader.close()
