"""Whatever arrives: counted, quarantined, shown; nobody else loses anything."""

import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.wire.datatypes import DataType
from devices.wire.payloads import MetricValue, Payload, encode_payload
from devices.wire.sparkplug_b_pb2 import Payload as RawPayload
from hub.ingest.decode import MAX_PAYLOAD_BYTES
from hub.ingest.mirror import Mirror
from hub.ingest.state import FollowerState, snapshot_of
from tests.hub.ingest.parts import START_MS, Parts, Sender, number

TYPES = ["NBIRTH", "NDEATH", "NDATA", "DBIRTH", "DDEATH", "DDATA"]


@pytest.fixture
def parts(tmp_path: Path) -> Parts:
    return Parts(tmp_path)


@pytest.fixture
def good(parts: Parts) -> Sender:
    """A well-behaved neighbour, in the same school."""
    return Sender(parts, node="good").born("air")


def _still_well(parts: Parts, good: Sender) -> None:
    before = len(parts.rows)
    good.data("air", number("Temperature", 22.25))
    assert parts.value("air", "Temperature", "S1/good") == 22.25
    assert len(parts.rows) == before + 1


@pytest.mark.parametrize("kind", TYPES)
def test_malformed_protobuf(parts: Parts, good: Sender, kind: str) -> None:
    bad = Sender(parts, node="bad").born("air")
    parts.send(bad.topic(kind, "air" if kind[0] == "D" else ""), b"\xff\xfe not protobuf \x00")
    assert parts.reasons == {"malformed": 1}
    (kept,) = parts.effects.quarantine
    assert (kept.group, kept.node, kept.payload) == ("S1", "bad", b"\xff\xfe not protobuf \x00")
    _still_well(parts, good)


@pytest.mark.parametrize(
    "topic",
    [
        "spBv1.0/S1/NDATA/n/extra/levels", "spBv1.0/S1/WHAT/n", "spBv1.0//NDATA/n", "spBv1.0/S1/DDATA/n",
        "spBv1.0/S1/NDATA/n/device", "spBv1.0/S1", "spBv1.0/S\x00/NDATA/n", "spBv1.0/S1/NDATA/\u202e\x07",
        "spBv1.0/" + "x" * 300 + "/NDATA/n", "spBv1.0/STATE/a/b",
    ],
)  # fmt: skip
def test_hostile_topics(parts: Parts, good: Sender, topic: str) -> None:
    parts.send(topic, encode_payload(Payload(ts_ms=START_MS, seq=0)))
    assert sum(parts.reasons.values()) == 1
    assert set(parts.directory.nodes) == {"S1/good"}, "no node is made of a topic that is none"
    _still_well(parts, good)


def test_a_topic_that_is_not_utf8(parts: Parts, good: Sender) -> None:
    parts.send(b"spBv1.0/S1/NDATA/\xff\xfe", b"")
    assert parts.reasons == {"bad_topic": 1}
    _still_well(parts, good)


def test_a_name_that_is_not_utf8(parts: Parts, good: Sender) -> None:
    bad = Sender(parts, node="bad").born("air")
    raw = encode_payload(Payload(ts_ms=START_MS, seq=2, metrics=[number("Temperature", 1.0)]))
    parts.send(bad.topic("DDATA", "air"), raw.replace(b"Temperature", b"Temp\xff\xferature"[:11]))
    assert parts.reasons == {"malformed": 1}
    _still_well(parts, good)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_not_a_number_is_kept_as_no_value(parts: Parts, good: Sender, value: float) -> None:
    bad = Sender(parts, node="bad").born("air")
    bad.data("air", number("Temperature", value), number("Humidity", 40.0))
    node = "S1/bad"
    assert parts.value("air", "Temperature", node) is None
    assert parts.value("air", "Humidity", node) == 40.0
    assert parts.reasons == {"not_finite": 1}
    _still_well(parts, good)


@pytest.mark.parametrize(
    ("metric", "reason"),
    [
        (MetricValue("Temperature", datatype=DataType.String, value="hot"), "wrong_datatype"),
        (MetricValue("Occupancy", datatype=DataType.Double, value=1.5), "wrong_datatype"),
        (MetricValue("Nobody declared me", datatype=DataType.Float, value=1.0), "unknown_metric"),
        (MetricValue(None, alias=999, datatype=DataType.Float, value=1.0), "unknown_alias"),
        (MetricValue(None, datatype=DataType.Float, value=1.0), "no_name"),
    ],
)
def test_one_bad_metric_costs_only_itself(
    parts: Parts, good: Sender, metric: MetricValue, reason: str
) -> None:
    bad = Sender(parts, node="bad").born("air")
    bad.data("air", number("Humidity", 41.0), metric, number("Light", 300, DataType.Int32))
    assert parts.reasons == {reason: 1}
    assert parts.value("air", "Humidity", "S1/bad") == 41.0
    assert parts.value("air", "Light", "S1/bad") == 300
    assert parts.directory.nodes["S1/bad"].positions[77].through == 1, "nothing freezes the watermark"
    _still_well(parts, good)


def test_a_payload_of_a_megabyte(parts: Parts, good: Sender) -> None:
    bad = Sender(parts, node="bad").born("air")
    bad.data("air", number("Temperature", 1.0), number("Fault", "x" * (1 << 20), DataType.String))
    assert parts.reasons == {"oversize": 1}
    assert len(parts.effects.quarantine[0].payload) > MAX_PAYLOAD_BYTES
    assert parts.directory.nodes["S1/bad"].positions[77].through == 1
    _still_well(parts, good)


def test_a_birth_with_a_million_metrics_worth_of_names(parts: Parts, good: Sender) -> None:
    bad = Sender(parts, node="bad").born()
    bad.send("DBIRTH", "air", [number(f"m{i}", 1.0) for i in range(5_001)])
    assert parts.reasons == {"too_many_metrics": 1}
    _still_well(parts, good)


def test_a_birth_that_was_refused_does_not_stop_the_next_start(
    parts: Parts, good: Sender, tmp_path: Path
) -> None:
    bad = Sender(parts, node="bad").born("air")
    bad.send("DBIRTH", "air", [number(f"m{i}", 1.0) for i in range(5_001)])
    bad.send("NBIRTH", "", [number(f"m{i}", 1.0) for i in range(5_001)], seq=0)
    node = parts.directory.nodes["S1/bad"]
    state, fresh = FollowerState(tmp_path / "state.db"), Parts(tmp_path / "restarted")
    state.save(snapshot_of([node.itself, *node.devices.values()], 1))
    state.restore(fresh.directory)
    again = fresh.directory.nodes["S1/bad"].devices["air"]
    assert again.birth == node.devices["air"].birth, "the last one that could be taken"
    state.close()
    fresh.telemetry.close()
    _still_well(parts, good)


def test_a_node_with_endless_devices(parts: Parts, good: Sender) -> None:
    bad = Sender(parts, node="bad").born(*[f"d{i}" for i in range(1_003)])
    assert parts.reasons == {"too_many_devices": 3}
    assert len(parts.directory.nodes["S1/bad"].devices) == 1_000
    assert bad.position == 0
    _still_well(parts, good)


def test_rubbish_fills_its_senders_allowance_not_the_database(parts: Parts, good: Sender) -> None:
    bad = Sender(parts, node="bad").born("air")
    for _ in range(500):
        parts.send(bad.topic("DDATA", "air"), b"\xff")
    Sender(parts, node="other").born("air")
    parts.send("spBv1.0/S1/DDATA/other/air", b"\xff")
    assert parts.reasons == {"malformed": 501}
    assert len(parts.effects.quarantine) == 51
    assert parts.applier.quarantine.unkept == 450
    _still_well(parts, good)


def test_what_was_acknowledged_is_kept_beyond_the_allowance_of_rubbish(parts: Parts, good: Sender) -> None:
    bad = Sender(parts, node="bad").born("air")
    for _ in range(200):
        bad.data("air", number("Nobody declared me", 1.0))
    assert len(parts.effects.quarantine) == 200
    _still_well(parts, good)


@pytest.mark.parametrize("ts_ms", [2**64 - 1, 2**63, 2**53])
def test_a_time_at_the_end_of_the_world_is_no_time(
    parts: Parts, good: Sender, tmp_path: Path, ts_ms: int
) -> None:
    """Neither the mirror's JSON nor the follower's memory holds more than 64 bits."""
    bad = Sender(parts, node="bad")
    bad.send("NBIRTH", "", [number("Load", 1.0), *bad.about_outbox(0)], ts_ms=ts_ms)
    bad.data("", number("Load", 2.0, ts_ms=ts_ms), ts_ms=ts_ms)
    node = parts.directory.nodes["S1/bad"]
    assert node.skew_ms == 0
    Mirror(parts.directory, lambda topic, payload: None, 500).publish(node.itself, parts.now_ms)
    state = FollowerState(tmp_path / "state.db")
    state.save(snapshot_of([node.itself], 1))
    state.close()
    _still_well(parts, good)


def test_null_values_of_every_datatype(parts: Parts) -> None:
    sender = Sender(parts, "Plant", "x", outbox=False)
    basic = [DataType(n) for n in range(1, 16)]
    sender.send("NBIRTH", "", [number(f"m{kind}", None, kind) for kind in basic])
    assert parts.reasons == {}
    assert {slot.value for slot in parts.directory.nodes["Plant/x"].itself.slots.values()} == {None}


def test_unsigned_32_bit_in_the_long_field_is_read(parts: Parts) -> None:
    raw = RawPayload(timestamp=START_MS, seq=0)
    raw.metrics.add(name="Counter", datatype=DataType.UInt32, long_value=4_000_000_000)
    raw.metrics.add(name="Offset", datatype=DataType.Int32, int_value=(1 << 32) - 5)
    raw.metrics.add(name="Deep", datatype=DataType.Int64, long_value=(1 << 64) - 7)
    parts.send("spBv1.0/Plant/NBIRTH/x", raw.SerializeToString())
    slots = parts.directory.nodes["Plant/x"].itself.slots
    assert [slots[name].value for name in ("Counter", "Offset", "Deep")] == [4_000_000_000, -5, -7]


def test_aliases_are_understood(parts: Parts) -> None:
    sender = Sender(parts, "Plant", "x", outbox=False)
    sender.send("NBIRTH", "", [number("bdSeq", 0, DataType.Int64)])
    sender.send(
        "DBIRTH", "d", [MetricValue("Level", alias=7, datatype=DataType.Float, value=1.0, ts_ms=START_MS)]
    )
    sender.send(
        "DDATA", "d", [MetricValue(None, alias=7, value=2.5, datatype=DataType.Float, ts_ms=START_MS + 1)]
    )
    assert parts.value("d", "Level", "Plant/x") == 2.5
    assert parts.reasons == {}


_any_metric = st.builds(
    MetricValue,
    st.none()
    | st.sampled_from(["Temperature", "Outbox/Epoch", "Outbox/Position", "bdSeq", ""])
    | st.text(max_size=8),
    alias=st.none() | st.integers(0, 2**63),
    datatype=st.just(DataType.Double),
    value=st.none() | st.floats(),
    ts_ms=st.none() | st.integers(0, 2**63),
    is_historical=st.booleans(),
)


@settings(deadline=None, max_examples=40)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(
                [f"spBv1.0/S1/{kind}/bad" + ("/air" if kind[0] == "D" else "") for kind in TYPES]
            ),
            st.binary(max_size=40)
            | st.builds(
                lambda seq, metrics: encode_payload(Payload(ts_ms=START_MS, seq=seq, metrics=metrics)),
                st.none() | st.integers(0, 2**40),
                st.lists(_any_metric, max_size=5),
            ),
        ),
        max_size=12,
    )
)
def test_nothing_that_arrives_stops_the_loop(
    tmp_path_factory: Any, messages: list[tuple[str, bytes]]
) -> None:
    parts = Parts(tmp_path_factory.mktemp("fuzz"))
    good = Sender(parts, node="good").born("air")
    for topic, payload in messages:
        parts.send(topic, payload)
    parts.tick(70)
    _still_well(parts, good)
    parts.telemetry.write(parts.rows)
    parts.telemetry.close()
