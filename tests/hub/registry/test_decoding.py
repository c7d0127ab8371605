"""A quarantined payload is shown as far as it can be read, whatever its bytes are."""

from __future__ import annotations

import math

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.wire import sparkplug_b_pb2 as pb
from devices.wire.datatypes import DataType
from devices.wire.payloads import MetricValue, Payload, encode_payload, state_payload
from hub.registry.decoding import MAX_METRICS, decoded

WHOLE = encode_payload(
    Payload(
        ts_ms=5,
        seq=7,
        metrics=[
            MetricValue("Temperature", datatype=DataType.Double, value=27.5, ts_ms=5),
            MetricValue("Count", datatype=DataType.Int8, value=-3),
            MetricValue("Gone", datatype=DataType.String, value=None),
        ],
    )
)


def test_a_whole_payload_is_shown_whole() -> None:
    found = decoded(WHOLE)
    assert found is not None
    assert (found["problem"], found["complete"], found["seq"], found["metrics_total"]) == (None, True, 7, 3)
    assert [(metric["name"], metric["datatype"], metric["value"]) for metric in found["metrics"]] == [
        ("Temperature", "Double", 27.5),
        ("Count", "Int8", -3),
        ("Gone", "String", None),
    ]


def test_what_stands_before_the_break_is_read() -> None:
    found = decoded(WHOLE[:-4])
    assert found is not None
    assert not found["complete"]
    assert found["problem"].startswith("malformed")
    assert [metric["name"] for metric in found["metrics"]][:2] == ["Temperature", "Count"]


def test_one_wrong_metric_does_not_hide_the_others() -> None:
    message = pb.Payload(timestamp=1, seq=1)
    message.metrics.add(name="odd", datatype=99, int_value=4)
    message.metrics.add(name="text for a number", datatype=DataType.Int32, string_value="x")
    message.metrics.add(name="infinite", datatype=DataType.Double, double_value=math.inf)
    message.metrics.add(name="many", datatype=DataType.String, string_value="x" * 5000)
    found = decoded(message.SerializeToString())
    assert found is not None
    odd, text, infinite, many = found["metrics"]
    assert found["problem"].startswith("unknown_datatype")
    assert (odd["datatype"], odd["value"]) == (99, 4)
    assert "problem" in text
    assert infinite["value"] == "inf"
    assert len(many["value"]) < 400


def test_much_is_cut_and_nothing_is_nothing() -> None:
    message = pb.Payload(timestamp=1)
    for i in range(MAX_METRICS + 5):
        message.metrics.add(name=f"m{i}", datatype=DataType.Int32, int_value=i)
    found = decoded(message.SerializeToString())
    assert found is not None
    assert (len(found["metrics"]), found["metrics_total"]) == (MAX_METRICS, MAX_METRICS + 5)
    assert decoded(b"") is None
    assert decoded(b"\xff\xff\xff") is None
    state = decoded(state_payload(True, 5))
    assert state is not None
    assert state["json"] == '{"online":true,"timestamp":5}'


@settings(deadline=None)
@given(st.one_of(st.binary(max_size=200), st.tuples(st.integers(0, len(WHOLE)), st.binary(max_size=20)).map(
    lambda cut: WHOLE[: cut[0]] + cut[1] + WHOLE[cut[0] :]
)))  # fmt: skip
def test_any_bytes_give_an_answer_that_is_json(payload: bytes) -> None:
    assert len(msgspec.json.encode(decoded(payload))) < 100_000
