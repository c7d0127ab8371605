"""Which messages are shown, and how: filters, aliases, lines for people and JSON for programs."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.wire.datatypes import DataType
from devices.wire.payloads import (
    DataSet,
    MetricValue,
    Parameter,
    Payload,
    Template,
    bd_seq_metric,
    encode_payload,
    state_payload,
)
from devices.wire.topics import MessageType
from hub.traffic.messages import MAX_DECLARED, Births, Message, read_message, topic_of
from hub.traffic.rules import Question, cover, text_of, topic_filters

T0 = 1_764_000_000_123  # 2025-11-24 23:00:00.123 in the province
NODE = "spBv1.0/S1/{}/S1-a1"


def _read(text: str, raw: bytes, births: Births | None = None) -> Message:
    return read_message(text, topic_of(text), raw, T0, births or Births())


def _data(*metrics: MetricValue, datatypes: bool = True, seq: int = 7) -> bytes:
    return encode_payload(Payload(T0 - 5, seq, list(metrics)), datatypes=datatypes)


# ---------------------------------------------------------------- what is shown


def test_a_message_says_all_that_it_is() -> None:
    raw = _data(MetricValue("CO2", None, DataType.Int32, 640, T0 - 9, is_historical=True))
    assert _read("spBv1.0/S1/DDATA/S1-a1/p101-air", raw) == {
        "ts_ms": T0, "topic": "spBv1.0/S1/DDATA/S1-a1/p101-air", "type": "DDATA", "group": "S1",
        "node": "S1-a1", "device": "p101-air", "seq": 7, "sent_ms": T0 - 5, "bytes": len(raw),
        "problem": None,
        "metrics": [{"name": "CO2", "alias": None, "datatype": "Int32", "value": 640, "ts_ms": T0 - 9,
                     "is_historical": True, "is_null": False}],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (math.nan, "NaN"),
        (-math.inf, "-Infinity"),
        (b"\x00\xff", "00ff"),
        (None, None),
        (DataSet(["a"], [DataType.Int8], [[1]]), {"columns": ["a"], "types": ["Int8"], "rows": [[1]]}),
        ("x" * 5_000, "x" * 4_000 + "…"),
    ],
)  # fmt: skip
def test_every_value_is_json(value: Any, shown: Any) -> None:
    message = _read(NODE.format("NDATA"), _data(MetricValue("m", value=value)))
    assert message["metrics"][0]["value"] == shown
    assert orjson.loads(orjson.dumps(message)) == message


def test_names_and_datatypes_come_from_the_birth_of_the_same_node() -> None:
    births = Births()
    birth = [MetricValue("Level", 7, DataType.Int8, 0), MetricValue("Load", None, DataType.Float, 0.0)]
    _read(NODE.format("NBIRTH"), _data(*birth), births)
    data = _data(
        MetricValue(None, 7, DataType.Int8, -3),
        MetricValue("Load", None, DataType.Float, 2.5),
        datatypes=False,
    )
    message = _read(NODE.format("NDATA"), data, births)
    assert [(m["name"], m["alias"], m["datatype"], m["value"]) for m in message["metrics"]] == [
        ("Level", 7, "Int8", -3),
        ("Load", None, "Float", 2.5),
    ]
    stranger = _read("spBv1.0/S1/NDATA/other", data, births)
    assert [(m["name"], m["alias"], m["datatype"]) for m in stranger["metrics"]] == [
        (None, 7, None),
        ("Load", None, None),
    ]
    assert "alias 7 = 4294967293" in text_of(stranger)
    _read(NODE.format("NBIRTH"), _data(MetricValue("Other", 8, DataType.Int8, 0)), births)
    assert _read(NODE.format("NDATA"), data, births)["metrics"][0]["name"] is None, "a new birth, new aliases"


def test_members_of_templates_have_the_hubs_names() -> None:
    value = Template([MetricValue("Speed", value=5)], [Parameter("Serial", DataType.String, "A7")], "Motor")
    message = _read(NODE.format("NDATA"), _data(MetricValue("Fan", value=value)))
    assert {m["name"]: m["value"] for m in message["metrics"]} == {
        "Fan/Speed": 5,
        "Fan/Parameters/Serial": "A7",
    }
    alone = _read(NODE.format("NDATA"), _data(MetricValue(None, alias=4, value=value)))
    assert alone["metrics"][0]["value"] == {
        "template": "Motor",
        "members": {"Speed": 5},
        "parameters": {"Serial": "A7"},
    }


def test_a_definition_is_shown_as_what_it_is() -> None:
    motor = Template([MetricValue("Speed", None, DataType.Int32)], is_definition=True, version="2")
    message = _read(NODE.format("NBIRTH"), _data(MetricValue("_types_/Motor", value=motor)))
    [shown] = message["metrics"]
    assert (shown["name"], shown["datatype"]) == ("_types_/Motor", "Template")
    assert shown["value"] == {"definition": "2", "members": {"Speed": None}, "parameters": {}}


def test_state_is_shown_and_what_cannot_be_read_says_why() -> None:
    state = _read("spBv1.0/STATE/hub", state_payload(True, T0))
    assert (state["type"], state["node"], state["metrics"][0]["value"]) == ("STATE", "hub", True)
    assert _read("spBv1.0/STATE/hub", b"ONLINE")["problem"].startswith("bad_state: ")
    broken = _read(NODE.format("NDATA"), b"\xff\xff")
    assert (broken["problem"].split(":")[0], broken["metrics"], broken["bytes"]) == ("malformed", [], 2)
    assert _read("spBv1.0/S1/NOTHING/x", b"")["problem"].startswith("bad_topic: unknown message type")
    births = Births()
    _read(NODE.format("NBIRTH"), _data(MetricValue("Load", None, DataType.Float, 0.0)), births)
    odd = _read(NODE.format("NDATA"), _data(MetricValue("Load", value="x"), datatypes=False), births)
    assert odd["problem"].startswith("wrong_datatype: Load")
    assert odd["metrics"][0]["value"] == "x"


def test_births_are_remembered_within_bounds() -> None:
    births = Births(max_nodes=3)
    for number in range(5):
        _read(f"spBv1.0/S1/NBIRTH/n{number}", _data(MetricValue("A", 1, DataType.Int8, 0)), births)
    found = [births.name(topic, 1) for n in range(5) if (topic := topic_of(f"spBv1.0/S1/NDATA/n{n}"))]
    assert found == [None, None, "A", "A", "A"]
    topic = topic_of("spBv1.0/S1/DBIRTH/n4/d")
    assert topic is not None
    births.learn(topic, (MetricValue(f"m{n}", n, DataType.Int8, 0) for n in range(MAX_DECLARED + 10)))
    assert births.name(topic, MAX_DECLARED + 5) is None


@given(st.binary(max_size=120), st.text(max_size=30))
def test_nothing_that_comes_is_too_much(raw: bytes, place: str) -> None:
    for text in (NODE.format("NDATA"), NODE.format("NBIRTH"), "spBv1.0/STATE/x", f"spBv1.0/{place}"):
        message = _read(text, raw)
        orjson.dumps(message)
        assert text_of(message, values=True).replace("\n", "").isprintable()


# ---------------------------------------------------------------- which are shown


def _wants(question: Question, text: str, school: str | None = None) -> bool:
    return question.wants(topic_of(text), school)


@pytest.mark.parametrize(
    ("question", "shown"),
    [
        (Question(), {"node", "device", "other", "state", "odd"}),
        (Question(school="S1"), {"node", "device"}),
        (Question(school="S*"), {"node", "device", "other"}),
        (Question(node="*-a1"), {"node", "device", "other"}),
        (Question(node="S2-a?"), {"other"}),
        (Question(device="p101-*"), {"device"}),
        (Question(school="S2", device="p101-air"), set()),
        (Question(types=frozenset({MessageType.STATE})), {"state"}),
        (Question(types=frozenset({MessageType.NDATA, MessageType.NCMD})), {"node", "other"}),
        (Question(group="S1", types=frozenset({MessageType.NCMD})), set()),
    ],
)  # fmt: skip
def test_what_a_question_wants(question: Question, shown: set[str]) -> None:
    places = {
        "node": "spBv1.0/S1/NDATA/S1-a1", "device": "spBv1.0/S1/DDATA/S1-a1/p101-air",
        "other": "spBv1.0/S2/NCMD/S2-a1", "state": "spBv1.0/STATE/hub", "odd": "spBv1.0/S1/what",
    }  # fmt: skip
    assert {name for name, text in places.items() if _wants(question, text)} == shown


def test_a_claimed_node_is_found_under_its_school() -> None:
    assert not _wants(Question(school="S1"), "spBv1.0/Plant/NDATA/x")
    assert _wants(Question(school="S1"), "spBv1.0/Plant/NDATA/x", school="S1")


def test_only_the_metrics_asked_for_are_left() -> None:
    message = _read(NODE.format("NDATA"), _data(MetricValue("CO2", value=1), MetricValue("Load", value=2)))
    narrowed = Question(metric="co*").narrowed(message)
    assert narrowed is not None
    assert [metric["name"] for metric in narrowed["metrics"]] == ["CO2"]
    assert Question(metric="Noise").narrowed(message) is None
    assert Question().narrowed(message) is message


@pytest.mark.parametrize(
    ("question", "groups", "filters"),
    [
        (Question(), (), {"spBv1.0/#"}),
        (Question(school="S*"), (), {"spBv1.0/#"}),
        (Question(school="S1"), (), {"spBv1.0/S1/#"}),
        (Question(school="S1"), ("Plant",), {"spBv1.0/S1/#", "spBv1.0/Plant/#"}),
        (Question(group="S1", node="S1-a1"), (), {"spBv1.0/S1/+/S1-a1/#"}),
        (Question(group="S1", node="S1-*"), (), {"spBv1.0/S1/#"}),
        (Question(group="a+b"), (), {"spBv1.0/#"}),
        (Question(node="S1-a1"), (), {"spBv1.0/#"}),
        (Question(types=frozenset({MessageType.STATE})), (), {"spBv1.0/STATE/+"}),
    ],
)
def test_the_narrowest_subscription(question: Question, groups: tuple[str, ...], filters: set[str]) -> None:
    assert topic_filters(question, groups) == filters


_names = st.sampled_from(["A", "B", "STATE"])
_filters = st.one_of(
    st.just("spBv1.0/#"),
    _names.map(lambda group: f"spBv1.0/{group}/#"),
    st.tuples(_names, _names).map(lambda both: f"spBv1.0/{both[0]}/+/{both[1]}/#"),
    st.just("spBv1.0/STATE/+"),
)


@given(st.sets(_filters))
def test_what_is_subscribed_brings_everything_and_nothing_twice(filters: set[str]) -> None:
    chosen = cover(filters)
    assert chosen <= filters
    for each in filters:
        parents = {"spBv1.0/#", "/".join(each.split("/")[:2]) + "/#"}
        assert each in chosen or parents & chosen
    for each in chosen:
        parents = {"spBv1.0/#", "/".join(each.split("/")[:2]) + "/#"} - {each}
        assert not parents & chosen


# ---------------------------------------------------------------- lines for people


def test_a_line_has_local_time_place_and_wrapped_metrics() -> None:
    metrics = [MetricValue(f"Metric {n}", value=n * 1.5) for n in range(12)]
    message = _read("spBv1.0/S1/DDATA/S1-a1/p101-air", _data(*metrics))
    first, *rest = text_of(message, width=60).splitlines()
    local = datetime.fromtimestamp(T0 / 1000, UTC).hour + 7
    assert first.startswith(f"{local % 24:02d}:")
    assert first.endswith(f"DDATA   S1/S1-a1/p101-air  seq 7  {message['bytes']} B")
    assert len(rest) > 3
    assert max(map(len, rest)) <= 60
    assert "Metric 1 = 1.5 · Metric 2 = 3" in rest[0]
    assert all(len(line.split(" = ")) > 1 for line in rest), "no metric is torn apart"


def test_values_one_a_line_null_late_and_historical() -> None:
    old = MetricValue("CO2", None, DataType.Int32, None, T0 - 3_600_000, is_historical=True)
    raw = encode_payload(Payload(T0 - 3_600_000, 7, [old, MetricValue("On", value=True)]))
    text = text_of(_read(NODE.format("NDATA"), raw), values=True)
    first, co2, on = text.splitlines()
    assert first.endswith("historical")
    assert "sent 2025-11-24 22:00:00" in first
    assert co2 == "    CO2 = –  Int32  2025-11-24 22:00:00  historical"
    assert on == "    On = true  Boolean"


def test_the_position_in_the_outbox_is_a_fact_about_the_message() -> None:
    raw = _data(
        MetricValue("Outbox/Epoch", value=9),
        MetricValue("Outbox/Position", value=85),
        MetricValue("m", value=1),
    )
    message = _read(NODE.format("NDATA"), raw)
    first, *rest = text_of(message).splitlines()
    assert first.endswith("position 85")
    assert rest == ["    m = 1"]
    assert "Outbox/Epoch = 9" in text_of(message, values=True)


def test_strangers_texts_cannot_steer_the_terminal() -> None:
    raw = _data(MetricValue("\x1b[2Jname", value="a\x07\u202eb\n"))
    text = text_of(_read(NODE.format("NDATA"), raw), colour=False)
    assert "\x1b" not in text
    assert r"\x1b[2Jname = a\x07\x202eb\x0a" in text


def test_colour_and_problem() -> None:
    text = text_of(_read(NODE.format("NDATA"), b"\xff"), colour=True)
    assert "\x1b[31m✗ malformed" in text
    assert "seq" not in text_of(_read("spBv1.0/STATE/hub", state_payload(True, T0)))


def test_a_death_is_its_number() -> None:
    raw = encode_payload(Payload(metrics=[bd_seq_metric(3)]))
    assert text_of(_read(NODE.format("NDEATH"), raw)).splitlines()[1] == "    bdSeq = 3"
