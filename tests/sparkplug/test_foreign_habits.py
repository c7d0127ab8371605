"""What other people's edge nodes do beside the specification, and the hub takes all the same."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import aiomqtt
import pytest

from devices.wire.datatypes import DataType
from devices.wire.payloads import (
    MetricValue,
    Payload,
    bd_seq_metric,
    decode_payload,
    encode_payload,
    ndeath_payload,
)
from devices.wire.sparkplug_b_pb2 import Payload as Raw
from devices.wire.topics import MessageType, Topic
from hub.database import migrate
from hub.ingest.model import BORN, DEAD
from hub.ingest.service import IngestRole
from hub.settings import load_settings
from tests.edge_agents.conftest import until
from tests.hub.ingest.parts import START_MS, Parts, Sender, number

NODE = "Plant/x"


@pytest.fixture
def parts(tmp_path: Path) -> Parts:
    return Parts(tmp_path, schools=())


@pytest.fixture
def foreign(parts: Parts) -> Sender:
    return Sender(parts, *NODE.split("/"), outbox=False)


def _raw(parts: Parts, kind: str, device: str, message: Raw) -> None:
    parts.send(str(Topic("Plant", MessageType(kind), "x", device or None)), message.SerializeToString())


def _metric(**fields: Any) -> Raw.Metric:
    return Raw.Metric(**fields)


@pytest.mark.parametrize(
    ("datatype", "field", "sent", "read"),
    [
        (DataType.UInt32, "long_value", 4_000_000_000, 4_000_000_000),
        (DataType.UInt64, "int_value", 7, 7),
        (DataType.Int8, "int_value", 0xFFFFFFFB, -5),
        (DataType.Int8, "int_value", 0xFB, -5),
        (DataType.Int16, "long_value", (1 << 64) - 300, -300),
        (DataType.Int64, "int_value", 12, 12),
        (DataType.Boolean, "int_value", 1, True),
        (DataType.Float, "double_value", 2.5, 2.5),
        (DataType.Double, "float_value", 2.5, 2.5),
        (DataType.Int32, "double_value", 3.0, 3),
        (DataType.DateTime, "long_value", START_MS, START_MS),
    ],
)
def test_values_in_another_field_than_the_datatype_has(
    parts: Parts, datatype: DataType, field: str, sent: Any, read: Any
) -> None:
    birth = Raw(timestamp=START_MS, seq=0, metrics=[_metric(name="m", datatype=datatype, is_null=True)])
    _raw(parts, "NBIRTH", "", birth)
    _raw(parts, "NDATA", "", Raw(timestamp=START_MS, seq=1, metrics=[_metric(name="m", **{field: sent})]))
    assert parts.directory.nodes[NODE].itself.slots["m"].value == read
    assert parts.reasons == {}


@pytest.mark.parametrize(
    "bd_seq",
    [
        _metric(name="bdSeq", datatype=DataType.UInt64, long_value=3),
        _metric(name="bdSeq", datatype=DataType.Int64, int_value=3),
        _metric(name="bdSeq", datatype=DataType.UInt8, int_value=3),
        _metric(name="bdSeq", long_value=3),
    ],
)
def test_bd_seq_of_any_integer_type(parts: Parts, bd_seq: Raw.Metric) -> None:
    _raw(parts, "NBIRTH", "", Raw(timestamp=START_MS, seq=0, metrics=[bd_seq]))
    itself = parts.directory.nodes[NODE].itself
    _raw(parts, "NDEATH", "", Raw(metrics=[_metric(name="bdSeq", datatype=DataType.Int64, long_value=2)]))
    assert itself.presence.state == BORN, "the death of an earlier connection"
    _raw(parts, "NDEATH", "", Raw(metrics=[bd_seq]))
    assert itself.presence.state == DEAD


def test_a_node_whose_bd_seq_never_changes_is_back_as_soon_as_it_speaks(
    parts: Parts, foreign: Sender
) -> None:
    """Its late will cannot be told from a real one: it is believed until the node is heard again."""
    foreign.born("air", bd_seq=0)
    foreign.born("air", bd_seq=0)
    parts.send(foreign.topic("NDEATH"), ndeath_payload(0))
    node = parts.directory.nodes[NODE]
    assert node.itself.presence.state == DEAD
    foreign.data("air", number("Temperature", 20.5))
    assert (node.itself.presence.state, node.devices["air"].presence.state) == (BORN, BORN)
    assert parts.value("air", "Temperature", NODE) == 20.5
    assert parts.asked() == ["hub_restart"], "what it said meanwhile is not known"


def test_a_death_without_bd_seq_is_believed(parts: Parts, foreign: Sender) -> None:
    foreign.born()
    _raw(parts, "NDEATH", "", Raw(timestamp=START_MS))
    assert parts.directory.nodes[NODE].itself.presence.state == DEAD


def test_metrics_without_a_time_have_that_of_their_payload(parts: Parts, foreign: Sender) -> None:
    foreign.born("air")
    sent_ms = parts.now_ms - 700
    foreign.data("air", number("Temperature", 20.5, ts_ms=None), ts_ms=sent_ms)
    assert (parts.rows[-1].ts_ms, parts.rows[-1].values) == (sent_ms, [20.5])


def test_payloads_without_any_time_have_that_of_their_arrival(parts: Parts, foreign: Sender) -> None:
    foreign.born("air")
    _raw(parts, "DDATA", "air", Raw(seq=foreign.seq, metrics=[_metric(name="Temperature", float_value=19.5)]))
    assert (parts.rows[-1].ts_ms, parts.rows[-1].values) == (parts.now_ms, [19.5])


def test_a_node_that_never_counts_is_taken_in_the_order_of_arrival(parts: Parts) -> None:
    birth = Raw(timestamp=START_MS, metrics=[_metric(name="m", datatype=DataType.Int32, int_value=0)])
    _raw(parts, "NBIRTH", "", birth)
    for value in range(1, 600):
        _raw(
            parts, "NDATA", "", Raw(timestamp=START_MS + value, metrics=[_metric(name="m", int_value=value)])
        )
    assert parts.directory.nodes[NODE].itself.slots["m"].value == 599
    assert len(parts.rows) == 600
    parts.tick(10)
    assert (parts.asked(), parts.reasons) == ([], {})


def test_data_without_a_number_do_not_disturb_those_that_count(parts: Parts, foreign: Sender) -> None:
    foreign.born("air")
    for turn in range(300):
        foreign.data("air", number("Temperature", float(turn)))
        _raw(parts, "DDATA", "air", Raw(timestamp=START_MS, metrics=[_metric(name="CO2", int_value=turn)]))
    parts.tick(10)
    assert (parts.asked(), parts.reasons) == ([], {})
    assert parts.value("air", "CO2", NODE) == 299


def test_a_sequence_that_counts_on_beyond_255(parts: Parts, foreign: Sender) -> None:
    foreign.born("air")
    for seq in range(2, 700):
        foreign.data("air", number("Temperature", float(seq)), seq=seq)
    assert parts.value("air", "Temperature", NODE) == 699.0
    foreign.data("air", number("Temperature", 1.0, ts_ms=START_MS + 2), seq=701)
    foreign.data("air", number("Temperature", 0.0, ts_ms=START_MS + 1), seq=700)
    assert parts.value("air", "Temperature", NODE) == 1.0, "put right although both are beyond 255"
    parts.tick(10)
    assert (parts.asked(), parts.reasons) == ([], {})


def test_a_birth_that_does_not_begin_at_zero(parts: Parts, foreign: Sender) -> None:
    foreign.send("NBIRTH", "", [bd_seq_metric(0), number("m", 1.0)], seq=41)
    foreign.send("NDATA", "", [number("m", 2.0)], seq=42)
    parts.tick(10)
    assert (parts.asked(), parts.reasons) == ([], {})


@pytest.mark.parametrize("name", ["Node Control/Rebirth", "Node Control/rebirth", "node control/REBIRTH"])
def test_a_rebirth_is_asked_for_as_the_node_writes_it(parts: Parts, foreign: Sender, name: str) -> None:
    wish = MetricValue(name, datatype=DataType.Boolean, value=False)
    foreign.send("NBIRTH", "", [bd_seq_metric(0), wish, number("Load", 1.0)])
    node = parts.directory.nodes[NODE]
    assert node.rebirth_metric == name
    assert set(node.itself.slots) == {"Load"}, "it is no value of the room"
    foreign.send("NDATA", "", [MetricValue(name, datatype=DataType.Boolean, value=False)])
    assert parts.reasons == {}


def test_births_without_datatypes_for_what_is_null(parts: Parts) -> None:
    nothing = _metric(name="Nothing", is_null=True)
    one = _metric(name="One", datatype=DataType.Int32, int_value=1)
    _raw(parts, "NBIRTH", "", Raw(timestamp=START_MS, seq=0, metrics=[nothing, one]))
    slots = parts.directory.nodes[NODE].itself.slots
    assert (slots["Nothing"].value, slots["One"].value) == (None, 1)
    assert parts.reasons == {}


def test_a_device_reborn_with_other_aliases(parts: Parts, foreign: Sender) -> None:
    foreign.born()
    for aliases in ({"A": 1, "B": 2}, {"A": 2, "B": 1}):
        foreign.send(
            "DBIRTH", "d",
            [MetricValue(name, alias, DataType.Float, 0.0, START_MS) for name, alias in aliases.items()],
        )  # fmt: skip
    foreign.send("DDATA", "d", [MetricValue(None, 1, value=5.0, datatype=DataType.Float)])
    assert (parts.value("d", "A", NODE), parts.value("d", "B", NODE)) == (0.0, 5.0)
    assert parts.reasons == {}


def test_an_alias_of_two_metrics_gives_neither_a_value(parts: Parts, foreign: Sender) -> None:
    foreign.born()
    foreign.send(
        "DBIRTH", "d", [MetricValue("A", 1, DataType.Float, 0.0), MetricValue("B", 2, DataType.Float, 0.0)]
    )
    foreign.send("DBIRTH", "e", [MetricValue("C", 2, DataType.Float, 0.0)])
    assert parts.reasons == {"alias_collision": 1}
    parts.asked()
    foreign.send(
        "DDATA", "d", [MetricValue(None, 2, DataType.Float, 9.0), MetricValue(None, 1, DataType.Float, 3.0)]
    )
    assert parts.reasons == {"alias_collision": 1, "ambiguous_alias": 1}
    values = [parts.value("d", "A", NODE), parts.value("d", "B", NODE), parts.value("e", "C", NODE)]
    assert values == [3.0, 0.0, 0.0]
    assert parts.asked() == [], "another birth would say the same"


# ---------------------------------------------------------------- on the wire


@pytest.mark.mosquitto
async def test_a_will_at_qos_0_and_a_rebirth_by_its_own_name(broker: Any, tmp_path: Path) -> None:
    settings = load_settings(mqtt_url=broker.url, data_dir=tmp_path / "data")
    await migrate(settings.database_url)
    stop = asyncio.Event()
    role = IngestRole(settings)
    running = asyncio.create_task(role.run(stop))
    will = aiomqtt.Will("spBv1.0/Plant/NDEATH/x", ndeath_payload(0), qos=0)
    async with aiomqtt.Client("127.0.0.1", broker.port, will=will) as client:
        await client.subscribe("spBv1.0/STATE/hub", qos=1)
        await asyncio.wait_for(anext(aiter(client.messages)), 10)
        await client.subscribe("spBv1.0/Plant/NCMD/x", qos=0)

        wish = MetricValue("Node Control/rebirth", datatype=DataType.Boolean, value=False)
        birth = Payload(START_MS, 0, [bd_seq_metric(0), wish])
        await client.publish("spBv1.0/Plant/NBIRTH/x", encode_payload(birth))
        await client.publish("spBv1.0/Plant/DDATA/x/unborn", encode_payload(Payload(START_MS, 1)))
        command = await asyncio.wait_for(anext(aiter(client.messages)), 10)
        said = decode_payload(bytes(command.payload))
        assert [(m.name, m.value) for m in said.metrics] == [("Node Control/rebirth", True)]
        node = role._directory.nodes[NODE]
        assert node.itself.presence.state == BORN
        client._client.socket().shutdown(2)  # type: ignore[union-attr]
        await until(lambda: node.itself.presence.state == DEAD)
        assert node.itself.presence.reason == "will"
        stop.set()
        await asyncio.wait_for(running, 20)
        with pytest.raises(aiomqtt.MqttError):
            await client.publish("x", b"")
