"""What the fuzzers begin with: messages that our own encoder makes, one of every kind."""

from __future__ import annotations

from pathlib import Path

from devices.kind import kinds
from devices.wire.datatypes import DataType
from devices.wire.payloads import (
    DataSet,
    MetaData,
    MetricValue,
    Parameter,
    Payload,
    Template,
    bd_seq_metric,
    encode_payload,
    ndeath_payload,
    rebirth_payload,
    state_payload,
)
from tests.fuzz.mutations import framed

START_MS = 1_760_000_000_000
EPOCH = 77
TOPICS = [
    *(f"spBv1.0/S1/{kind}/bad" for kind in ("NBIRTH", "NDEATH", "NDATA", "NCMD")),
    *(f"spBv1.0/S1/{kind}/bad/air" for kind in ("DBIRTH", "DDEATH", "DDATA", "DCMD")),
    "spBv1.0/S1/DDATA/bad/projector", "spBv1.0/S1/DBIRTH/bad/projector", "spBv1.0/Plant/NBIRTH/stranger",
    "spBv1.0/Plant/DBIRTH/stranger/pump", "spBv1.0/Plant/DDATA/stranger/pump", "spBv1.0/Plant/NDATA/stranger",
    "spBv1.0/Plant/NDEATH/stranger", "spBv1.0/STATE/hub", "spBv1.0/S1/WHAT/bad", "spBv1.0/S1", "hub/live/x",
]  # fmt: skip
"""Numbers below their count stand for these; above, the number itself becomes part of the topic."""


def topic_of(number: int) -> bytes:
    """The topic that a number in a fuzzer's input stands for."""
    if number < len(TOPICS):
        return TOPICS[number].encode()
    return b"spBv1.0/S1/DDATA/bad/" + bytes((number,))


def _outbox(position: int) -> list[MetricValue]:
    return [
        MetricValue("Outbox/Epoch", datatype=DataType.UInt64, value=EPOCH),
        MetricValue("Outbox/Position", datatype=DataType.UInt64, value=position),
    ]


def _payload(seq: int, *metrics: MetricValue) -> bytes:
    return encode_payload(Payload(ts_ms=START_MS, seq=seq, metrics=list(metrics)))


def births() -> list[tuple[int, bytes]]:
    """A node and two devices, as (number of the topic, payload)."""
    about = [
        MetricValue("Properties/Room", datatype=DataType.String, value="P101"),
        MetricValue("Properties/Heartbeat", datatype=DataType.UInt32, value=10),
    ]
    result = [(0, _payload(0, bd_seq_metric(0), *_outbox(0), *about))]
    for seq, (number, kind) in enumerate(((4, "room_air"), (9, "projector")), start=1):
        is_kind = MetricValue("Properties/Kind", datatype=DataType.String, value=kind)
        declared = kinds()[kind].declare({}, START_MS)
        result.append((number, _payload(seq, *_outbox(0), is_kind, *about[:1], *declared)))
    return result


def data() -> list[tuple[int, bytes]]:
    """What a node says after its births."""
    warm = MetricValue("Temperature", datatype=DataType.Float, value=27.5, ts_ms=START_MS)
    late = MetricValue("Temperature", datatype=DataType.Float, value=3.0, ts_ms=5, is_historical=True)
    none = MetricValue("Humidity", datatype=DataType.Float)
    first = MetricValue("Outbox/First", datatype=DataType.UInt64, value=9)
    return [
        (6, _payload(3, *_outbox(1), warm, none)),
        (6, _payload(4, *_outbox(3), late)),
        (6, _payload(5, *_outbox(10), first, warm)),
        (2, _payload(6, *_outbox(11), MetricValue("Outbox/Stored", datatype=DataType.UInt64, value=3))),
        (5, _payload(7, MetricValue("Properties/Reason", datatype=DataType.String, value="timeout"))),
        (1, ndeath_payload(0)),
        (3, rebirth_payload(START_MS)),
    ]


def stranger() -> list[tuple[int, bytes]]:
    """A node without an outbox, with aliases and structures."""
    level = MetricValue("Level", alias=7, datatype=DataType.Float, value=1.0)
    table = DataSet(["a", "b"], [DataType.Int32, DataType.String], [[1, "x"], [None, "y"]])
    shape = Template([level], [Parameter("size", DataType.Double, 1.5)], ref="tank")
    metrics = [
        level,
        MetricValue("Table", datatype=DataType.DataSet, value=table),
        MetricValue("Shape", datatype=DataType.Template, value=shape),
        MetricValue("Waves", datatype=DataType.FloatArray, value=[1.0, -2.5]),
        MetricValue("Flags", datatype=DataType.BooleanArray, value=[True, False, True]),
        MetricValue("Names", datatype=DataType.StringArray, value=["a", "", "ệ"]),
        MetricValue("File", datatype=DataType.File, value=b"\x00\xff", metadata=MetaData(size=2, md5="x")),
        MetricValue("Power", datatype=DataType.Int64, value=-7, properties={"engUnit": "kW", "Quality": 192}),
    ]
    return [
        (10, _payload(0, bd_seq_metric(3))),
        (11, _payload(1, *metrics)),
        (12, _payload(2, MetricValue(None, alias=7, value=2.5))),
        (12, _payload(3, *metrics)),
        (14, ndeath_payload(3, START_MS)),
    ]


def write_codec(folder: Path) -> None:
    """A corpus of single payloads."""
    for number, (_, raw) in enumerate([*births(), *data(), *stranger()]):
        (folder / f"payload-{number}").write_bytes(raw)


def write_ingest(folder: Path) -> None:
    """A corpus of conversations; the fuzzed node is born before each."""
    for name, messages in (("data", data()), ("born-again", [*births(), *data()]), ("stranger", stranger())):
        (folder / name).write_bytes(framed(messages))


def write_topics(folder: Path) -> None:
    """A corpus of topics, and of STATE documents."""
    for number, topic in enumerate(TOPICS):
        (folder / f"topic-{number}").write_bytes(topic.encode())
    (folder / "state").write_bytes(state_payload(True, START_MS))
