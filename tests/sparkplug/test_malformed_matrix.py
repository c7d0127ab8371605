"""Every malformed case in every message type: nothing raises, each has its reason, neighbours are whole."""

from __future__ import annotations

import asyncio
import json
import math
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import aiomqtt
import pytest

from devices.wire.datatypes import DataType
from devices.wire.sparkplug_b_pb2 import Payload as Raw
from hub.database import migrate
from hub.ingest.decode import MAX_PAYLOAD_BYTES
from hub.ingest.model import BORN, DEAD, Node
from hub.ingest.service import IngestRole
from hub.registry.rules import Quarantined
from hub.settings import load_settings
from tests.edge_agents.conftest import GROUP, NODE, Running, running, until
from tests.hub.ingest.parts import START_MS, Parts, Sender, number

__all__ = ["running"]

D = DataType
BIRTHS, DATA, DEATHS = ("NBIRTH", "DBIRTH"), ("NDATA", "DDATA"), ("NDEATH", "DDEATH")
HEARD = (*BIRTHS, *DATA, *DEATHS)


def _payload(*metrics: Raw.Metric, **fields: Any) -> bytes:
    """A payload with a good metric at each end: what is between must not cost them anything."""
    first, last = (Raw.Metric(name=name, datatype=D.Int32, int_value=7) for name in ("first", "last"))
    fields = {"timestamp": START_MS, "seq": 9, **fields}
    known = {name: value for name, value in fields.items() if value is not None}
    return Raw(metrics=[first, *metrics, last], **known).SerializeToString()


def _metric(**fields: Any) -> Raw.Metric:
    return Raw.Metric(**{"name": "m", "datatype": D.Int32, **fields})


def _nested(levels: int) -> Raw.Metric:
    inner = Raw.Metric(name="end", datatype=D.Int32, int_value=1)
    for _ in range(levels):
        template = Raw.Template(metrics=[inner], template_ref="T", is_definition=False)
        inner = Raw.Metric(name="t", datatype=D.Template, template_value=template)
    return inner


def _too_deep(levels: int) -> bytes:
    """A metric of templates in templates, as bytes: the library itself refuses to build it."""
    metric = b""
    for _ in range(levels):
        template = b"\x12" + _varint(len(metric)) + metric
        metric = b"\x92\x01" + _varint(len(template)) + template
    return b"\x12" + _varint(len(metric)) + metric


def _varint(number_: int) -> bytes:
    out = b""
    while number_ > 127:
        out, number_ = out + bytes([number_ & 127 | 128]), number_ >> 7
    return out + bytes([number_])


def _table(**fields: Any) -> Raw.Metric:
    return Raw.Metric(name="m", datatype=D.DataSet, dataset_value=Raw.DataSet(**fields))


_GOOD = _payload()
_NAMED = _payload(Raw.Metric(name="QQQQ", datatype=D.Int32, int_value=1))
FLAWS: dict[str, bytes] = {
    "empty": b"",
    "truncated": _GOOD[:-3],
    "garbage": b"\xff\xfe\xfd\x00\x01rubbish",
    "json": b'{"timestamp": 1, "metrics": []}',
    "wrong wire type": _GOOD + b"\x10\x05",
    "no seq": _payload(seq=None),
    "seq 265": _payload(seq=265),
    "seq 2^63": _payload(seq=(1 << 63) + 9),
    "no timestamp": _payload(timestamp=None),
    "timestamp 2^63": _payload(timestamp=1 << 63),
    "metric timestamp 2^63": _payload(_metric(int_value=1, timestamp=1 << 63)),
    "name not UTF-8": _NAMED.replace(b"QQQQ", b"\xff\xfe\xc3\x28"),
    "unknown datatype": _payload(_metric(datatype=99, int_value=1)),
    "text in a number": _payload(_metric(string_value="five")),
    "number in a text": _payload(_metric(name="text", datatype=D.String, int_value=5)),
    "fraction in an integer": _payload(_metric(double_value=1.5)),
    "NaN": _payload(_metric(name="float", datatype=D.Float, float_value=math.nan)),
    "infinity": _payload(_metric(name="float", datatype=D.Float, float_value=math.inf)),
    "NaN in an integer": _payload(_metric(double_value=math.nan)),
    "oversize": _payload(_metric(name="text", datatype=D.String, string_value="x" * MAX_PAYLOAD_BYTES)),
    "duplicate names": _payload(_metric(int_value=1), _metric(int_value=2)),
    "alias of two": _payload(_metric(alias=5, int_value=1), _metric(name="text", alias=5, datatype=D.String)),
    "unknown alias": _payload(Raw.Metric(alias=77, int_value=1)),
    "neither name nor alias": _payload(Raw.Metric(int_value=1)),
    "5001 metrics": _payload(*(_metric(name=f"x{n}", int_value=1) for n in range(5_001))),
    "nested 20 deep": _payload(_nested(20)),
    "nested 200 deep": _GOOD + _too_deep(200),
    "table of unequal width": _payload(_table(num_of_columns=3, columns=["a"], types=[3, 3])),
    "properties of unequal length": _payload(
        _metric(int_value=1, properties=Raw.PropertySet(keys=["engUnit", "b"]))
    ),
    "array of half an item": _payload(Raw.Metric(name="array", datatype=D.Int32Array, bytes_value=b"\x01")),
}

TOLERATED = ""
REASONS: dict[str, str | dict[str, str]] = {
    "empty": TOLERATED,
    "truncated": "malformed",
    "garbage": "malformed",
    "json": "malformed",
    "wrong wire type": TOLERATED,
    "no seq": TOLERATED,
    "seq 265": TOLERATED,
    "seq 2^63": TOLERATED,
    "no timestamp": TOLERATED,
    "timestamp 2^63": TOLERATED,
    "metric timestamp 2^63": TOLERATED,
    "name not UTF-8": "malformed",
    "unknown datatype": {"birth": "wrong_datatype"},  # of data the birth has said it
    "text in a number": {"birth": "wrong_datatype", "data": "wrong_datatype"},
    "number in a text": {"birth": "wrong_datatype", "data": "wrong_datatype"},
    "fraction in an integer": {"birth": "wrong_datatype", "data": "wrong_datatype"},
    "NaN": {"birth": "not_finite", "data": "not_finite"},
    "infinity": {"birth": "not_finite", "data": "not_finite"},
    "NaN in an integer": {"birth": "wrong_datatype", "data": "wrong_datatype"},
    "oversize": "oversize",
    "duplicate names": {"birth": "duplicate_name"},
    "alias of two": {"birth": "alias_collision"},
    "unknown alias": {"birth": "unknown_alias", "data": "unknown_alias"},
    "neither name nor alias": {"birth": "no_name", "data": "no_name"},
    "5001 metrics": {"birth": "too_many_metrics", "data": "unknown_metric"},
    "nested 20 deep": {"birth": "bad_template", "data": "unknown_metric"},
    "nested 200 deep": "malformed",
    "table of unequal width": {"birth": "bad_dataset", "data": "wrong_datatype"},
    "properties of unequal length": TOLERATED,
    "array of half an item": {"birth": "wrong_datatype", "data": "wrong_datatype"},
}
"""What each flaw is called in quarantine, by what the message is for; a death is read for its bdSeq only."""

WHOLE = frozenset({"too_many_metrics", "bad_template", "malformed", "oversize"})
"""Reasons of which nothing in the payload can be used."""


def _expected(flaw: str, kind: str) -> str:
    said = REASONS[flaw]
    if isinstance(said, str):
        return said
    return said.get("birth" if kind in BIRTHS else "data" if kind in DATA else "death", TOLERATED)


class Ward:
    """One hub for all cases, each with a node of its own beside a healthy one."""

    def __init__(self, folder: Path) -> None:
        self.parts = Parts(folder)
        self.good = Sender(self.parts, node="good").born("air")
        self.number = 0

    def patient(self) -> Sender:
        """A foreign node and a device of it, born with what the payloads speak of."""
        self.number += 1
        sender = Sender(self.parts, node=f"bad{self.number}", outbox=False)
        declared = [
            *(number(name, 0, D.Int32) for name in ("first", "m", "last")),
            *(number("float", 0.0), number("text", "", D.String), number("array", [], D.Int32Array)),
        ]
        sender.send("NBIRTH", "", declared)
        sender.send("DBIRTH", "air", declared)
        self.node(sender).tracker.expected = 9
        return sender

    def node(self, sender: Sender) -> Node:
        return self.parts.directory.nodes[f"S1/{sender.node}"]

    def send(self, topic: str, payload: bytes) -> tuple[dict[str, int], list[Quarantined]]:
        """Send one message; returns what it added to quarantine: counts by reason, and what was kept."""
        before, kept = Counter(self.parts.reasons), len(self.parts.effects.quarantine)
        self.parts.send(topic, payload)
        self.parts.tick(0.1)
        return dict(Counter(self.parts.reasons) - before), self.parts.effects.quarantine[kept:]

    def the_good_one_is_well(self) -> None:
        before = len(self.parts.rows)
        self.good.data("air", number("Temperature", 20 + self.number, ts_ms=self.parts.now_ms))
        assert self.parts.value("air", "Temperature", "S1/good") == 20 + self.number
        assert len(self.parts.rows) == before + 1


@pytest.fixture(scope="module")
def ward(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ward]:
    ward = Ward(tmp_path_factory.mktemp("ward"))
    yield ward
    ward.parts.telemetry.write(ward.parts.rows)
    ward.parts.telemetry.close()


@pytest.mark.parametrize("kind", HEARD)
@pytest.mark.parametrize("flaw", FLAWS)
def test_what_a_node_sends(ward: Ward, flaw: str, kind: str) -> None:
    bad = ward.patient()
    topic, expected = bad.topic(kind, "air" if kind[0] == "D" else ""), _expected(flaw, kind)
    reasons, kept = ward.send(topic, FLAWS[flaw])
    assert reasons == ({expected: 1} if expected else {})
    if expected and expected != "not_finite":
        assert [(k.topic, k.reason, k.payload) for k in kept] == [(topic, expected, FLAWS[flaw])]
    node = ward.node(bad)
    device = node.devices["air"] if kind[0] == "D" else node.itself
    usable = expected not in WHOLE
    if kind in DEATHS:
        assert device.presence.state == (DEAD if usable else BORN)
    elif usable and flaw != "empty":
        assert (device.slots["first"].value, device.slots["last"].value) == (7, 7)
        assert device.presence.state == BORN
    ward.the_good_one_is_well()
    bad.born("air")
    assert node.devices["air"].presence.state == BORN, "a good birth puts everything right"


@pytest.mark.parametrize("flaw", FLAWS)
def test_what_others_say_is_not_for_the_hub(ward: Ward, flaw: str) -> None:
    rows, nodes = len(ward.parts.rows), len(ward.parts.directory.nodes)
    for topic in ("spBv1.0/S1/NCMD/new", "spBv1.0/S1/DCMD/new/air", "spBv1.0/STATE/new"):
        assert ward.send(topic, FLAWS[flaw]) == ({}, []), topic
        assert (len(ward.parts.rows), len(ward.parts.directory.nodes)) == (rows, nodes)


_PLACES: dict[str, Callable[[str, str], str]] = {
    "another namespace": lambda kind, device: f"spAv1.0/S1/{kind}/bad{device}",
    "no node": lambda kind, device: f"spBv1.0/S1/{kind}",
    "an empty group": lambda kind, device: f"spBv1.0//{kind}/bad{device}",
    "an empty node": lambda kind, device: f"spBv1.0/S1/{kind}/{device}",
    "a level too many": lambda kind, device: f"spBv1.0/S1/{kind}/bad{device or '/x'}/more",
    "lower case": lambda kind, device: f"spBv1.0/S1/{kind.lower()}/bad{device}",
    "a device too many or too few": lambda kind, device: f"spBv1.0/S1/{kind}/bad{'' if device else '/air'}",
    "a control character": lambda kind, device: f"spBv1.0/S1/{kind}/b\x01d{device}",
}


@pytest.mark.parametrize("place", _PLACES)
def test_what_is_said_at_a_wrong_place(ward: Ward, place: str) -> None:
    nodes = len(ward.parts.directory.nodes)
    for kind in (*HEARD, "NCMD", "DCMD"):
        topic = _PLACES[place](kind, "/air" if kind[0] == "D" else "")
        reasons, kept = ward.send(topic, _GOOD)
        assert reasons == {"bad_topic": 1}, topic
        # of what nobody answers for only so much is kept: the rest is counted
        assert [each.topic for each in kept] == [topic] or ward.parts.applier.quarantine.unkept
    assert len(ward.parts.directory.nodes) == nodes
    ward.the_good_one_is_well()


# ---------------------------------------------------------------- STATE and commands, on the wire

STATES = [
    *(FLAWS[flaw] for flaw in ("empty", "truncated", "garbage", "json", "oversize")),
    b"ONLINE", b"OFFLINE", b"[]", b"null", b'{"online":"false","timestamp":1}', b'{"online":false}',
    b'{"online":false,"timestamp":-1}', b'{"online":false,"timestamp":1e3}', b"[" * 5_000,
]  # fmt: skip


@pytest.mark.mosquitto
async def test_whatever_stands_at_its_own_state_the_hub_puts_right(broker: Any, tmp_path: Path) -> None:
    settings = load_settings(mqtt_url=broker.url, data_dir=tmp_path / "data")
    await migrate(settings.database_url)
    stop = asyncio.Event()
    running_role = asyncio.create_task(IngestRole(settings).run(stop))
    topic = "spBv1.0/STATE/hub"
    async with aiomqtt.Client("127.0.0.1", broker.port) as client:
        await client.subscribe(topic, qos=1)
        messages = aiter(client.messages)
        birth = bytes((await asyncio.wait_for(anext(messages), 10)).payload)
        for said in STATES:
            await client.publish(topic, said, qos=1, retain=True)
            assert bytes((await asyncio.wait_for(anext(messages), 10)).payload) == said
            assert bytes((await asyncio.wait_for(anext(messages), 10)).payload) == birth, said[:40]
        stop.set()
        await asyncio.wait_for(running_role, 20)
        assert json.loads(bytes((await asyncio.wait_for(anext(messages), 10)).payload))["online"] is False


@pytest.mark.mosquitto
async def test_an_agent_survives_every_command_and_state(
    broker: Any, running: Callable[..., Running]
) -> None:
    written: list[tuple[str, str, Any]] = []
    agent = running(on_write=lambda *what: written.append(what)).start()
    await until(lambda: agent.node.connected)
    sessions = agent.node.counters.sessions
    async with aiomqtt.Client("127.0.0.1", broker.port) as client:
        for said in FLAWS.values():
            await client.publish(f"spBv1.0/{GROUP}/NCMD/{NODE}", said)
            await client.publish(f"spBv1.0/{GROUP}/DCMD/{NODE}/nobody", said)
        for said in STATES:
            await client.publish("spBv1.0/STATE/hub", said)
        good = Raw(metrics=[Raw.Metric(name="Relay 1", datatype=D.Boolean, boolean_value=True)])
        await client.publish(f"spBv1.0/{GROUP}/DCMD/{NODE}/p101-air", good.SerializeToString())
        await until(lambda: written)
    assert written == [("p101-air", "Relay 1", True)]
    assert agent.node.connected
    assert agent.node.counters.sessions == sessions
    assert agent.node.host.online is None
    assert agent.node.counters.commands_rejected >= 2 * len(FLAWS)
