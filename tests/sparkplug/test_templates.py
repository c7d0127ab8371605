"""Templates of foreign nodes: members and parameters become metrics of their own, with history and type."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from devices.wire.datatypes import DataType
from devices.wire.payloads import (
    DataSet,
    MetricValue,
    Parameter,
    Payload,
    PayloadError,
    Template,
    bd_seq_metric,
    encode_payload,
)
from devices.wire.sparkplug_b_pb2 import Payload as Raw
from devices.wire.templates import MAX_DEPTH, MAX_MEMBERS, definitions_in, flatten
from hub.ingest.state import FollowerState, snapshot_of
from tests.hub.ingest.parts import START_MS, Parts, Sender, number

PLANT = "Plant/x"


@pytest.fixture
def parts(tmp_path: Path) -> Parts:
    return Parts(tmp_path, schools=())


def _type(name: str, *members: MetricValue, **parameters: Parameter) -> MetricValue:
    template = Template(list(members), list(parameters.values()), is_definition=True)
    return MetricValue(f"_types_/{name}", datatype=DataType.Template, value=template, ts_ms=START_MS)


def _instance(name: str, ref: str, *members: MetricValue, **fields: Any) -> MetricValue:
    parameters = fields.pop("parameters", [])
    value = Template(list(members), parameters, ref)
    return MetricValue(name, datatype=DataType.Template, value=value, ts_ms=START_MS, **fields)


MOTOR = _type(
    "Motor",
    number("Temperature", None),
    number("Speed", None, DataType.Int32),
    serial=Parameter("Serial", DataType.String, "none"),
)


def _born(parts: Parts, *definitions: MetricValue, device: list[MetricValue]) -> Sender:
    sender = Sender(parts, *PLANT.split("/"), outbox=False)
    sender.send("NBIRTH", "", [bd_seq_metric(0), *definitions])
    sender.send("DBIRTH", "line", device)
    return sender


def _shown(parts: Parts, device: str = "line") -> dict[str, Any]:
    return {slot.name: slot.value for slot in parts.directory.nodes[PLANT].devices[device].slots.values()}


@pytest.mark.sparkplug("tck-id-payloads-template-instance-parameters")
def test_members_and_parameters_are_metrics_of_the_device(parts: Parts) -> None:
    _born(
        parts,
        MOTOR,
        device=[
            number("Alone", 1.0),
            _instance("Fan", "Motor", number("Temperature", 41.5), number("Speed", -5, DataType.Int32),
                      parameters=[Parameter("Serial", DataType.String, "A7")]),
        ],
    )  # fmt: skip
    assert _shown(parts) == {
        "Alone": 1.0, "Fan/Temperature": 41.5, "Fan/Speed": -5, "Fan/Parameters/Serial": "A7",
    }  # fmt: skip
    assert parts.directory.nodes[PLANT].itself.slots == {}, "a definition is no value"
    assert parts.reasons == {}
    assert parts.rows[-1].values == [1.0, 41.5, -5, "A7"], "history too"


@pytest.mark.sparkplug("tck-id-payloads-template-definition-parameters-default")
def test_what_a_birth_left_out_comes_from_the_definition(parts: Parts) -> None:
    """An instance at birth must have all members; where one has not, the definition still says its type."""
    _born(parts, MOTOR, device=[_instance("Fan", "_types_/Motor", MetricValue("Speed", value=3))])
    assert _shown(parts) == {"Fan/Speed": 3, "Fan/Temperature": None, "Fan/Parameters/Serial": "none"}
    assert parts.directory.nodes[PLANT].devices["line"].slots["Fan/Temperature"].datatype == DataType.Float


@pytest.mark.sparkplug("tck-id-payloads-template-instance-members-data")
def test_data_hold_some_members_without_datatype(parts: Parts) -> None:
    sender = _born(parts, MOTOR, device=[_instance("Fan", "Motor", number("Temperature", 40.0), alias=9)])
    warmer = number("Temperature", 44.0, ts_ms=None)
    for metric in (
        _instance("Fan", "Motor", number("Speed", -7, DataType.Int32, START_MS + 5)),
        MetricValue(None, 9, DataType.Template, Template([warmer], ref="Motor"), START_MS + 9),
    ):
        payload = Payload(START_MS + 10, sender.seq, [metric])
        sender.seq += 1
        parts.send(sender.topic("DDATA", "line"), encode_payload(payload, datatypes=False))
    assert parts.reasons == {}
    assert _shown(parts)["Fan/Speed"] == -7, "read by the datatype of the definition"
    assert _shown(parts)["Fan/Temperature"] == 44.0
    assert [(row.ts_ms, row.values) for row in parts.rows[-2:]] == [
        (START_MS + 5, [-7]),
        (START_MS + 9, [44.0]),
    ]


@pytest.mark.sparkplug("tck-id-payloads-template-instance-members")
def test_a_member_the_definition_does_not_have_goes_to_quarantine(parts: Parts) -> None:
    sender = _born(parts, MOTOR, device=[_instance("Fan", "Motor", number("Temperature", 40.0))])
    sender.send(
        "DDATA", "line", [_instance("Fan", "Motor", number("Noise", 1.0), number("Temperature", 45.0))]
    )
    assert parts.reasons == {"unknown_metric": 1}
    assert "Fan/Noise" in parts.effects.quarantine[-1].detail
    assert _shown(parts)["Fan/Temperature"] == 45.0, "its neighbours are kept"


def test_templates_in_templates(parts: Parts) -> None:
    pump = _type("Pump", _instance("Drive", "Motor"), number("Flow", None))
    sender = _born(
        parts,
        pump,
        MOTOR,
        device=[_instance("P1", "Pump", _instance("Drive", "Motor", number("Speed", 9, DataType.Int32)))],
    )
    assert _shown(parts) == {
        "P1/Drive/Speed": 9, "P1/Drive/Temperature": None, "P1/Drive/Parameters/Serial": "none",
        "P1/Flow": None,
    }  # fmt: skip
    sender.send(
        "DDATA", "line", [_instance("P1", "Pump", _instance("Drive", "Motor", number("Temperature", 5)))]
    )
    assert _shown(parts)["P1/Drive/Temperature"] == 5.0
    assert parts.reasons == {}


def test_an_instance_without_value_has_no_value_in_any_member(parts: Parts) -> None:
    sender = _born(parts, MOTOR, device=[_instance("Fan", "Motor", number("Temperature", 40.0))])
    sender.send("DDATA", "line", [MetricValue("Fan", datatype=DataType.Template, ts_ms=START_MS + 1)])
    assert set(_shown(parts).values()) == {None}
    assert parts.reasons == {}


def test_an_instance_of_an_unknown_type_shows_what_it_has(parts: Parts) -> None:
    _born(parts, device=[_instance("Fan", "Nobody", number("Temperature", 40.0))])
    assert _shown(parts) == {"Fan/Temperature": 40.0}


def test_members_survive_a_restart(parts: Parts, tmp_path: Path) -> None:
    sender = _born(parts, MOTOR, device=[_instance("Fan", "Motor", number("Temperature", 40.0))])
    node = parts.directory.nodes[PLANT]
    state = FollowerState(tmp_path / "state.db")
    state.save(snapshot_of([node.itself, *node.devices.values()], parts.entry))
    (tmp_path / "again").mkdir()
    again = Parts(tmp_path / "again", schools=())
    state.restore(again.directory)
    assert _shown(again)["Fan/Temperature"] == 40.0
    sender.parts = again
    sender.send("DDATA", "line", [_instance("Fan", "Motor", number("Temperature", 41.0))])
    assert _shown(again)["Fan/Temperature"] == 41.0


# ---------------------------------------------------------------- bounds


def _raw(*metrics: MetricValue) -> list[Raw.Metric]:
    return list(Raw.FromString(encode_payload(Payload(metrics=list(metrics)))).metrics)


def test_nesting_without_end_is_refused(parts: Parts) -> None:
    deep = number("End", 1.0)
    for level in range(MAX_DEPTH + 1):
        deep = _instance(f"t{level}", "T", deep)
    _born(parts, device=[number("Good", 1.0), deep])
    assert parts.reasons == {"bad_template": 1}
    with pytest.raises(PayloadError) as caught:
        flatten(_raw(deep))
    assert caught.value.reason == "bad_template"


def test_a_type_that_contains_itself_ends() -> None:
    loop = _type("Loop", _instance("A", "Loop"), _instance("B", "Loop"), number("Value", None))
    definitions = definitions_in(_raw(loop))
    assert [m.name for m in flatten(_raw(_instance("X", "Loop")), definitions)] == [
        "X/A/Value",
        "X/B/Value",
        "X/Value",
    ]


def test_a_type_that_grows_without_end_is_refused() -> None:
    types = [
        _type(f"T{n}", *(_instance(f"m{i}", f"T{n + 1}") for i in range(8)), number("Value", None))
        for n in range(8)
    ]
    with pytest.raises(PayloadError, match=str(MAX_MEMBERS)):
        flatten(_raw(_instance("X", "T0")), definitions_in(_raw(*types)))


# ---------------------------------------------------------------- what our own codec refuses to write


@pytest.mark.sparkplug("tck-id-payloads-template-parameter-type-value")
@pytest.mark.parametrize("datatype", [DataType.Bytes, DataType.DataSet, DataType.Int8Array, DataType.UUID])
def test_a_parameter_is_of_a_basic_datatype(datatype: DataType) -> None:
    with pytest.raises(PayloadError):
        encode_payload(Payload(metrics=[_instance("X", "T", parameters=[Parameter("p", datatype)])]))


@pytest.mark.sparkplug("tck-id-payloads-dataset-types-value")
@pytest.mark.parametrize("datatype", [DataType.Bytes, DataType.DataSet, DataType.Int8Array, DataType.UUID])
def test_a_column_is_of_a_basic_datatype(datatype: DataType) -> None:
    with pytest.raises(PayloadError):
        encode_payload(Payload(metrics=[MetricValue("t", value=DataSet(["a"], [datatype]))]))


@pytest.mark.sparkplug("tck-id-payloads-propertyset-quality-value-value")
def test_a_quality_is_one_of_three() -> None:
    for quality in (0, 192, 500):
        encode_payload(
            Payload(metrics=[number("m", 1.0), MetricValue("q", value=1, properties={"Quality": quality})])
        )
    for wrong in (1, -1, "good", 192.5):
        with pytest.raises(PayloadError):
            encode_payload(Payload(metrics=[MetricValue("q", value=1, properties={"Quality": wrong})]))
