"""Values that are no single number or word: kept as text that a person and a program can read."""

from pathlib import Path
from typing import Any

import pytest

from devices.wire.datatypes import DataType
from devices.wire.payloads import DataSet, MetricValue, Template
from hub.ingest.mirror import Mirror
from tests.hub.ingest.parts import Parts, Sender

TABLE = DataSet(["pump", "hours"], [DataType.String, DataType.Int32], [["north", 12], ["south", None]])


@pytest.mark.parametrize(
    ("datatype", "value", "text"),
    [
        (
            DataType.DataSet,
            TABLE,
            '{"columns":["pump","hours"],"types":[12,3],"rows":[["north",12],["south",null]]}',
        ),
        (DataType.Bytes, b"\x00\xffab", "00ff6162"),
        (DataType.Int32Array, [1, -2, 3], "[1,-2,3]"),
    ],
)
def test_structures_are_kept_as_text(tmp_path: Path, datatype: DataType, value: Any, text: str) -> None:
    parts = Parts(tmp_path, schools=())
    node = Sender(parts, outbox=False)
    node.send("NBIRTH", "", [MetricValue("bdSeq", datatype=DataType.Int64, value=0)])
    node.send("DBIRTH", "panel", [MetricValue("Hours", datatype=datatype, value=value)])
    assert parts.value("panel", "Hours") == text
    assert parts.reasons == {}


@pytest.mark.parametrize(
    ("datatype", "value", "shown"),
    [
        (DataType.Float, 27.2, 27.2),
        (DataType.Double, 12345.678901, 12345.678901),
        (DataType.Float, None, None),
    ],
)
def test_the_mirror_shows_a_float_without_the_noise_of_widening(
    tmp_path: Path, datatype: DataType, value: float | None, shown: float | None
) -> None:
    parts = Parts(tmp_path, schools=())
    node = Sender(parts, outbox=False)
    node.send("NBIRTH", "", [MetricValue("bdSeq", datatype=DataType.Int64, value=0)])
    node.send("DBIRTH", "panel", [MetricValue("Level", datatype=datatype, value=value)])
    device = next(iter(parts.directory.nodes.values())).devices["panel"]
    document = Mirror(parts.directory, lambda topic, payload: None, 500).document(device, parts.now_ms)
    assert document["metrics"]["Level"]["value"] == shown


def test_a_template_and_a_long_text_stay_within_bounds(tmp_path: Path) -> None:
    parts = Parts(tmp_path, schools=())
    node = Sender(parts, outbox=False)
    node.send("NBIRTH", "", [MetricValue("bdSeq", datatype=DataType.Int64, value=0)])
    member = MetricValue("Speed", datatype=DataType.Float, value=1.5)
    long = DataSet(["name"], [DataType.String], [["x" * 100] for _ in range(100)])
    metrics = [
        MetricValue("Motor", datatype=DataType.Template, value=Template([member], ref="motor")),
        MetricValue("Long", datatype=DataType.DataSet, value=long),
    ]
    node.send("DBIRTH", "panel", metrics)
    assert parts.value("panel", "Motor/Speed") == 1.5
    assert len(parts.value("panel", "Long")) == 2001
