import contextlib
import math
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.wire import sparkplug_b_pb2 as pb
from devices.wire.datatypes import ARRAY_ITEM, ARRAYS, MASK, SIGN, DataType
from devices.wire.payloads import (
    DataSet,
    MetaData,
    MetricValue,
    Parameter,
    Payload,
    PayloadError,
    Template,
    decode_payload,
    encode_payload,
    ndeath_payload,
    parse_state,
    rebirth_payload,
    state_payload,
)

TS_MS = 1_764_000_000_000

# ---------------------------------------------------------------- bytes made by hand and by others


def test_a_payload_made_by_hand_byte_for_byte() -> None:
    data = bytes.fromhex(
        "08 80d0dfb4ab33"  # timestamp = 1764000000000
        "12 13"  # metrics, 19 bytes
        "  0a 03 434f32"  # name = "CO2"
        "  18 80d0dfb4ab33"  # timestamp
        "  20 03"  # datatype = Int32
        "  28 01"  # is_historical
        "  50 e707"  # int_value = 999
        "18 07"  # seq = 7
    )
    payload = Payload(TS_MS, 7, [MetricValue("CO2", None, DataType.Int32, 999, TS_MS, is_historical=True)])
    assert decode_payload(data) == payload
    assert encode_payload(payload) == data


@pytest.mark.sparkplug("tck-id-payloads-name-requirement")
def test_a_payload_of_the_javascript_client_is_read() -> None:
    """Recorded from sparkplug-payload 1.0.3 (npm), which writes every datatype its own way."""
    data = bytes.fromhex(
        "0880d0dfb4ab3312130a0269381880d0dfb4ab33200150fbffffff0f120d0a03693136200250d4fdffff0f120d0a03693332"
        "20035090ddfbff0f12120a03693634200458809ce8afedffffffff0112090a027538200550c801120d0a03753332200758ff"
        "ffffff0f12100a03753634200858ffffffffffffff0f120a0a01662009650000c03f120e0a0164200a69cdcccccccc4c3b40"
        "12070a0162200b700112130a0173200c7a0c5068c3b26e672068e1bb8d63120c0a0174200d5880d0dfb4ab3312070a016e20"
        "033801120b0a026279201182010200ff122f0a02647320108a012608021201611201621803180c22090a0208010a03320178"
        "220d0a0608feffffff0f0a03320179121d0a017020094a110a07656e67556e69741206080c42026b57650000204012280a02"
        "7470201392011f120a0a0372706d200350dc0b1a080a0269641003180722056d6f746f7228001803"
    )
    payload = decode_payload(data)
    assert (payload.ts_ms, payload.seq) == (TS_MS, 3)
    assert {metric.name: metric.value for metric in payload.metrics} == {
        "i8": -5,
        "i16": -300,
        "i32": -70_000,
        "i64": -5_000_000_000,
        "u8": 200,
        "u32": 4_294_967_295,  # travelled in long_value
        "u64": 9_007_199_254_740_991,
        "f": 1.5,
        "d": 27.3,
        "b": True,
        "s": "Phòng học",
        "t": TS_MS,
        "n": None,
        "by": b"\x00\xff",
        "ds": DataSet(["a", "b"], [DataType.Int32, DataType.String], [[1, "x"], [-2, "y"]]),
        "p": 2.5,
        "tp": Template(
            [MetricValue("rpm", None, DataType.Int32, 1500)], [Parameter("id", DataType.Int32, 7)], "motor"
        ),
    }
    assert payload.metric("p") == MetricValue("p", None, DataType.Float, 2.5, properties={"engUnit": "kW"})
    assert decode_payload(encode_payload(payload)) == payload


@pytest.mark.parametrize(
    ("field", "raw", "datatype", "value"),
    [
        ("long_value", 4_000_000_000, DataType.UInt32, 4_000_000_000),
        ("long_value", 2**64 - 1, DataType.Int16, -1),
        ("int_value", 5, DataType.UInt64, 5),
        ("int_value", 1, DataType.Boolean, True),
        ("double_value", 1.5, DataType.Float, 1.5),
        ("float_value", 2.0, DataType.Int32, 2),
        ("string_value", "x", DataType.UUID, "x"),
    ],
)
def test_whichever_value_field_is_set_is_read(field: str, raw: Any, datatype: int, value: Any) -> None:
    metric = pb.Payload.Metric(name="m", datatype=datatype)
    setattr(metric, field, raw)
    assert decode_payload(pb.Payload(metrics=[metric]).SerializeToString()).metrics[0].value == value


# ---------------------------------------------------------------- round trip

floats = st.floats(allow_nan=False)
singles = st.floats(width=32, allow_nan=False)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
words = texts.filter(bool)


def integers(datatype: int) -> st.SearchStrategy[int]:
    bits = MASK[datatype].bit_length()
    if datatype in SIGN:
        return st.integers(-(1 << (bits - 1)), (1 << (bits - 1)) - 1)
    return st.integers(0, MASK[datatype])


def values(datatype: DataType) -> st.SearchStrategy[Any]:
    if datatype in MASK:
        return integers(datatype)
    if datatype in ARRAY_ITEM:
        code = ARRAY_ITEM[datatype]
        if code in "fd":
            return st.lists(singles if code == "f" else floats, max_size=5)
        size = struct.calcsize("<" + code) * 8
        low = -(1 << (size - 1)) if code.islower() else 0
        return st.lists(st.integers(low, low + (1 << size) - 1), max_size=5)
    return {
        DataType.Float: singles,
        DataType.Double: floats,
        DataType.Boolean: st.booleans(),
        DataType.String: texts,
        DataType.Text: texts,
        DataType.UUID: st.uuids().map(str),
        DataType.Bytes: st.binary(max_size=20),
        DataType.File: st.binary(max_size=20),
        DataType.BooleanArray: st.lists(st.booleans(), max_size=20),
        DataType.StringArray: st.lists(texts.map(lambda text: text.replace("\x00", "")), max_size=5),
    }[datatype]


CELLS = [DataType(number) for number in range(DataType.Int8, DataType.UUID)]
PLAIN = [*CELLS, DataType.UUID, DataType.Bytes, DataType.File, *sorted(DataType(number) for number in ARRAYS)]


@st.composite
def datasets(draw: st.DrawFn) -> DataSet:
    types = draw(st.lists(st.sampled_from(CELLS), min_size=1, max_size=4))
    row = st.tuples(*(st.none() | values(datatype) for datatype in types)).map(list)
    return DataSet([f"c{n}" for n in range(len(types))], types, draw(st.lists(row, max_size=4)))


properties = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | floats | texts,
    lambda inner: (
        st.dictionaries(words, inner, max_size=3)
        | st.lists(st.dictionaries(words, inner, max_size=2), max_size=2)
    ),
    max_leaves=6,
)


@st.composite
def metrics(draw: st.DrawFn, depth: int = 1) -> MetricValue:
    extra = [DataType.DataSet] + [DataType.Template] * (depth > 0)
    datatype = draw(st.sampled_from([*PLAIN, *extra]))
    value: Any = None
    if draw(st.integers(0, 7)):
        if datatype is DataType.DataSet:
            value = draw(datasets())
        elif datatype is DataType.Template:
            value = draw(templates())
        else:
            value = draw(values(datatype))
    return MetricValue(
        name=draw(st.none() | words),
        alias=draw(st.none() | st.integers(0, 2**64 - 1)),
        datatype=datatype,
        value=value,
        ts_ms=draw(st.none() | st.integers(0, 2**64 - 1)),
        is_historical=draw(st.booleans()),
        is_transient=draw(st.booleans()),
        properties=draw(st.none() | st.dictionaries(words, properties, max_size=3)),
        metadata=draw(
            st.none() | st.builds(MetaData, size=st.integers(0, 9), md5=texts, is_multi_part=st.booleans())
        ),
    )


@st.composite
def templates(draw: st.DrawFn) -> Template:
    is_definition = draw(st.booleans())
    parameters = [
        Parameter(draw(words), datatype, draw(st.none() | values(datatype)))
        for datatype in draw(st.lists(st.sampled_from(CELLS), max_size=2))
    ]
    members = draw(st.lists(metrics(depth=0), max_size=2))
    return Template(members, parameters, None if is_definition else draw(words), is_definition)


payloads = st.builds(
    Payload,
    ts_ms=st.none() | st.integers(0, 2**64 - 1),
    seq=st.none() | st.integers(0, 255),
    metrics=st.lists(metrics(), max_size=4),
    uuid=st.none() | texts,
    body=st.none() | st.binary(max_size=20),
)


@given(payloads)
def test_what_is_encoded_is_decoded_alike(payload: Payload) -> None:
    assert decode_payload(encode_payload(payload)) == payload


@given(st.sampled_from([DataType.Float, DataType.Double]), st.sampled_from([math.nan, math.inf, -math.inf]))
def test_nan_and_infinity_pass_and_are_flagged(datatype: DataType, value: float) -> None:
    data = encode_payload(Payload(metrics=[MetricValue("m", datatype=datatype, value=value)]))
    metric = decode_payload(data).metrics[0]
    assert repr(metric.value) == repr(value)
    assert not metric.is_finite


@pytest.mark.sparkplug("tck-id-payloads-metric-datatype-not-req")
def test_data_can_leave_the_datatype_out() -> None:
    payload = Payload(metrics=[MetricValue("m", datatype=DataType.Int8, value=-1)])
    bare = decode_payload(encode_payload(payload, datatypes=False)).metrics[0]
    assert (bare.datatype, bare.value) == (
        None,
        0xFFFFFFFF,
    )  # raw: `wrap` makes it -1 by the birth's datatype


@pytest.mark.sparkplug(
    "tck-id-payloads-dataset-column-size",
    "tck-id-payloads-dataset-column-num-headers",
    "tck-id-payloads-dataset-types-def",
    "tck-id-payloads-dataset-types-num",
    "tck-id-payloads-dataset-types-type",
    "tck-id-payloads-dataset-parameter-type-req",
    "tck-id-payloads-template-dataset-value",
)
def test_a_dataset_is_written_column_by_column() -> None:
    table = DataSet(["a", "b"], [DataType.Int16, DataType.String], [[-2, "x"], [None, ""]])
    data = encode_payload(Payload(metrics=[MetricValue("m", value=table)]))
    out = pb.Payload.FromString(data).metrics[0].dataset_value
    assert (out.num_of_columns, list(out.columns), list(out.types)) == (2, ["a", "b"], [2, 12])
    assert [[cell.WhichOneof("value") for cell in row.elements] for row in out.rows] == [
        ["int_value", "string_value"],
        [None, "string_value"],
    ]


@pytest.mark.sparkplug(
    "tck-id-payloads-template-is-definition",
    "tck-id-payloads-template-is-definition-definition",
    "tck-id-payloads-template-is-definition-instance",
    "tck-id-payloads-template-definition-is-definition",
    "tck-id-payloads-template-definition-ref",
    "tck-id-payloads-template-instance-is-definition",
    "tck-id-payloads-template-instance-ref",
    "tck-id-payloads-template-ref-definition",
    "tck-id-payloads-template-ref-instance",
    "tck-id-payloads-template-version",
    "tck-id-payloads-template-parameter-name-required",
    "tck-id-payloads-template-parameter-name-type",
    "tck-id-payloads-template-parameter-value-type",
    "tck-id-payloads-template-parameter-type-req",
    "tck-id-payloads-template-parameter-value",
)
def test_a_template_says_whether_it_defines_or_refers() -> None:
    members = [MetricValue("rpm", datatype=DataType.Int32, value=5)]
    parameters = [Parameter("size", DataType.Double, 1.5), Parameter("unset", DataType.Int8)]
    definition = Template(members, parameters, is_definition=True, version="1")
    metrics = [MetricValue("d", value=definition), MetricValue("i", value=Template(members, ref="motor"))]
    defines, refers = (
        metric.template_value
        for metric in pb.Payload.FromString(encode_payload(Payload(metrics=metrics))).metrics
    )
    assert (defines.is_definition, defines.HasField("template_ref"), defines.version) == (True, False, "1")
    assert [(cell.name, cell.type, cell.WhichOneof("value")) for cell in defines.parameters] == [
        ("size", 10, "double_value"),
        ("unset", 1, None),
    ]
    assert refers.HasField("is_definition")
    assert (refers.is_definition, refers.template_ref) == (False, "motor")


@pytest.mark.sparkplug(
    "tck-id-payloads-propertyset-keys-array-size",
    "tck-id-payloads-propertyset-values-array-size",
    "tck-id-payloads-metric-propertyvalue-type-type",
    "tck-id-payloads-metric-propertyvalue-type-value",
    "tck-id-payloads-metric-propertyvalue-type-req",
)
def test_every_property_has_its_datatype() -> None:
    given_ = {
        "s": "x",
        "f": 1.5,
        "b": True,
        "i": -1,
        "l": 2**40,
        "n": None,
        "set": {"a": 1},
        "sets": [{}, {}],
    }
    data = encode_payload(Payload(metrics=[MetricValue("m", value=1, properties=given_)]))
    out = pb.Payload.FromString(data).metrics[0].properties
    assert list(out.keys) == list(given_)
    assert [cell.type for cell in out.values] == [12, 10, 11, 3, 4, 12, 20, 21]
    assert out.values[5].is_null


@pytest.mark.sparkplug("tck-id-payloads-propertyset-quality-value-type")
def test_quality_is_an_int32() -> None:
    data = encode_payload(Payload(metrics=[MetricValue("m", value=1, properties={"Quality": 192})]))
    cell = pb.Payload.FromString(data).metrics[0].properties.values[0]
    assert (cell.type, cell.int_value) == (DataType.Int32, 192)


@pytest.mark.parametrize(
    "metric",
    [
        MetricValue("m", datatype=DataType.UInt8, value=300),
        MetricValue("m", datatype=DataType.UInt8, value=-1),
        MetricValue("m", datatype=DataType.Int64, value=2**63),
        MetricValue("m", datatype=DataType.Int32, value="5"),
        MetricValue("m", datatype=DataType.Int16Array, value=[70_000]),
        MetricValue("m", datatype=DataType.PropertySet, value={}),
        MetricValue("m", value=object()),
        MetricValue("m", value=1, properties={"p": object()}),
        MetricValue("m", value=DataSet(["a"], [DataType.Int8, DataType.Int8])),
        MetricValue("m", value=DataSet(["a"], [DataType.Int8], [[1, 2]])),
        MetricValue("m", value=DataSet(["a"], [DataType.Bytes], [[b"x"]])),
        MetricValue("m", value=1, properties={"p": b"x"}),
        MetricValue("m", value=1, properties={"p": ["x"]}),
        MetricValue("m", value=Template(ref="x", parameters=[Parameter("p", DataType.DataSet)])),
        MetricValue("m", value=Template(ref="x", parameters=[Parameter("", DataType.Int8)])),
        MetricValue("m", datatype=DataType.DataSet, value=5),
        MetricValue("m", value=Template(ref=None, is_definition=False)),
        MetricValue("m", value=Template(ref="x", is_definition=True)),
        MetricValue("\ud800", value=1),
        MetricValue("m", value=1, ts_ms=-1),
    ],
)
def test_a_writer_refuses_what_a_reader_would_misread(metric: MetricValue) -> None:
    with pytest.raises(PayloadError):
        encode_payload(Payload(metrics=[metric]))


# ---------------------------------------------------------------- bad input


def one(**fields: Any) -> bytes:
    return pb.Payload(metrics=[pb.Payload.Metric(name="m", **fields)]).SerializeToString()


def nested(levels: int) -> bytes:
    message = pb.Payload.Metric()
    for _ in range(levels):
        message = pb.Payload.Metric(template_value=pb.Payload.Template(metrics=[message]))
    return pb.Payload(metrics=[message]).SerializeToString()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\xff\xff", "malformed"),
        (b"\x12\x7fabc", "malformed"),
        (b'{"timestamp": 1}', "malformed"),
        (nested(45) + b"\x12", "malformed"),
        (b"\x12\x04\x0a\x02\xc3\x28", "bad_text"),  # a name that is not UTF-8
        (one(datatype=35, int_value=1), "unknown_datatype"),
        (one(datatype=3, string_value="1"), "wrong_datatype"),
        (one(datatype=3, double_value=math.nan), "wrong_datatype"),
        (one(datatype=23, bytes_value=b"123"), "wrong_datatype"),
        (one(datatype=16, int_value=1), "wrong_datatype"),
        (one(datatype=16, dataset_value={"columns": ["a"], "types": [1, 2]}), "bad_dataset"),
        (one(datatype=16, dataset_value={"num_of_columns": 9, "columns": [], "types": []}), "bad_dataset"),
        (one(datatype=16, dataset_value={"columns": ["a"], "types": [0]}), "bad_dataset"),
        (one(datatype=16, dataset_value={"columns": ["a"], "types": [1], "rows": [{}]}), "bad_dataset"),
        (one(datatype=3, int_value=1, properties={"keys": ["a", "b"]}), "bad_properties"),
        (one(datatype=19, template_value={"parameters": [{"name": "p"}]}), "bad_template"),
    ],
)  # fmt: skip
def test_bad_input_is_refused_with_its_reason(data: bytes, reason: str) -> None:
    with pytest.raises(PayloadError) as caught:
        decode_payload(data)
    assert caught.value.reason == reason


def test_deep_nesting_is_refused_and_a_moderate_one_read() -> None:
    assert decode_payload(nested(20)).metrics
    metric = pb.Payload.Metric.FromString(b"")
    data = metric.SerializeToString()
    for _ in range(200):
        inner = b"\x12" + _length(data) + data
        data = b"\x92\x01" + _length(inner) + inner
    with pytest.raises(PayloadError):
        decode_payload(b"\x12" + _length(data) + data)


def _length(data: bytes) -> bytes:
    rest, out = len(data), b""
    while rest > 127:
        out, rest = out + bytes([rest & 127 | 128]), rest >> 7
    return out + bytes([rest])


@given(st.binary(max_size=200))
def test_any_bytes_are_a_payload_or_refused(data: bytes) -> None:
    with contextlib.suppress(PayloadError):
        decode_payload(data)


@given(payloads, st.integers(0, 10_000), st.integers(0, 255))
def test_one_flipped_byte_is_a_payload_or_refused(payload: Payload, place: int, byte: int) -> None:
    data = bytearray(encode_payload(payload))
    if data:
        data[place % len(data)] = byte
    with contextlib.suppress(PayloadError):
        decode_payload(bytes(data))


def test_unknown_fields_and_extensions_are_passed_over() -> None:
    later = encode_payload(Payload(TS_MS, 1)) + b"\x9a\x3f\x03abc"  # field 1011, of somebody else
    assert decode_payload(later) == Payload(TS_MS, 1)


# ---------------------------------------------------------------- payloads of a fixed form


@pytest.mark.sparkplug(
    "tck-id-topics-ndeath-payload",
    "tck-id-topics-ndeath-seq",
    "tck-id-payloads-ndeath-seq",
    "tck-id-message-flow-edge-node-birth-publish-will-message-payload-bdSeq",
)
def test_a_node_death_is_its_bdseq_and_nothing_else() -> None:
    payload = decode_payload(ndeath_payload(300))
    assert payload == Payload(metrics=[MetricValue("bdSeq", None, DataType.Int64, 44)])


@pytest.mark.sparkplug(
    "tck-id-payloads-ncmd-timestamp",
    "tck-id-payloads-ncmd-seq",
    "tck-id-operational-behavior-data-commands-ncmd-rebirth-name",
    "tck-id-operational-behavior-data-commands-ncmd-rebirth-value",
)
def test_a_rebirth_command_has_a_time_and_no_sequence_number() -> None:
    payload = decode_payload(rebirth_payload(TS_MS))
    wish = MetricValue("Node Control/Rebirth", None, DataType.Boolean, True, TS_MS)
    assert payload == Payload(TS_MS, metrics=[wish])


@pytest.mark.sparkplug(
    "tck-id-host-topic-phid-birth-payload",
    "tck-id-host-topic-phid-death-payload",
    "tck-id-payloads-state-birth-payload",
    "tck-id-payloads-state-will-message-payload",
    "tck-id-message-flow-phid-sparkplug-state-publish-payload-timestamp",
)
def test_state_and_its_will_say_the_same_time() -> None:
    assert state_payload(True, TS_MS) == b'{"online":true,"timestamp":1764000000000}'
    assert parse_state(state_payload(False, TS_MS)).ts_ms == parse_state(state_payload(True, TS_MS)).ts_ms
    assert parse_state(b'{"timestamp": 5, "online": false, "more": 1}').online is False


@pytest.mark.parametrize(
    "data",
    [b"", b"ONLINE", b"[]", b"{}", b'{"online":1,"timestamp":5}', b'{"online":true,"timestamp":"5"}',
     b'{"online":true,"timestamp":-5}', b'{"online":true,"timestamp":true}', b"\xff", b"[" * 100_000],
)  # fmt: skip
def test_other_states_are_refused(data: bytes) -> None:
    with pytest.raises(PayloadError) as caught:
        parse_state(data)
    assert caught.value.reason == "bad_state"
