import math
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.wire.datatypes import (
    ARRAY_ITEM,
    ARRAYS,
    FIELD,
    INTEGERS,
    MASK,
    SIGN,
    DataType,
    DatatypeError,
    known,
    not_finite,
    pack_array,
    unpack_array,
    wrap,
)


@pytest.mark.sparkplug("tck-id-payloads-metric-datatype-value", "tck-id-payloads-metric-datatype-value-type")
def test_all_thirty_four_datatypes_have_the_numbers_of_the_specification() -> None:
    assert [known(number) is not None for number in (0, 1, 34, 35)] == [False, True, True, False]
    assert (DataType.Boolean, DataType.DateTime, DataType.Bytes, DataType.Template) == (11, 13, 17, 19)
    assert (DataType.Int8Array, DataType.FloatArray, DataType.DateTimeArray) == (22, 30, 34)
    values = set(DataType) - {DataType.Unknown, DataType.PropertySet, DataType.PropertySetList}
    assert set(FIELD) == values


@pytest.mark.parametrize(
    ("raw", "datatype", "value"),
    [
        (0xFF, DataType.Int8, -1),
        (0xFFFFFFFF, DataType.Int8, -1),  # sign-extended by the sender
        (0xFFFFFFFFFFFFFFFF, DataType.Int8, -1),  # and in long_value
        (0x80, DataType.Int8, -128),
        (0x7F, DataType.Int8, 127),
        (0xFFFB, DataType.Int16, -5),
        (0xFFFFFFFB, DataType.Int32, -5),
        (0xFFFFFFFFFFFFFFFB, DataType.Int32, -5),
        (0xFFFFFFFFFFFFFFFB, DataType.Int64, -5),
        (0x1FF, DataType.UInt8, 255),
        (0xFFFFFFFF, DataType.UInt32, 4294967295),
        (2**64 - 1, DataType.UInt64, 2**64 - 1),
        (1764000000000, DataType.DateTime, 1764000000000),
        (5.0, DataType.Int32, 5),
        (True, DataType.Int32, 1),
        (1, DataType.Boolean, True),
        (3, DataType.Double, 3.0),
        (0.1, DataType.Float, struct.unpack("<f", struct.pack("<f", 0.1))[0]),
        (1e300, DataType.Float, math.inf),
        (-1e300, DataType.Float, -math.inf),
        ("x", DataType.Text, "x"),
        (None, DataType.Int32, None),
        (None, DataType.String, None),
    ],
)
def test_wrap_reads_what_senders_really_send(raw: Any, datatype: DataType, value: Any) -> None:
    result = wrap(raw, datatype)
    assert result == value
    assert type(result) is type(value)


@pytest.mark.parametrize(
    ("raw", "datatype"),
    [
        ("5", DataType.Int32),
        ("5", DataType.Double),
        (5.5, DataType.Int32),
        (math.nan, DataType.Int32),
        (math.inf, DataType.UInt64),
        (1.0, DataType.Boolean),
        ("true", DataType.Boolean),
        (5, DataType.String),
        (b"x", DataType.String),
        ("x", DataType.Bytes),
        (5, DataType.DataSet),
        (b"123", DataType.Int16Array),
        ("abc", DataType.StringArray),
        (5, 35),
        (5.0, 0),
    ],
)
def test_wrap_refuses_what_makes_no_sense(raw: Any, datatype: int) -> None:
    with pytest.raises(DatatypeError):
        wrap(raw, datatype)


@given(st.sampled_from(sorted(INTEGERS)), st.integers(-(2**63), 2**64 - 1))
def test_integers_end_up_in_range_and_stay_congruent(datatype: int, raw: int) -> None:
    value = wrap(raw, datatype)
    bits = MASK[datatype].bit_length()
    low, high = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if datatype in SIGN else (0, MASK[datatype])
    assert low <= value <= high
    assert (value - raw) % (1 << bits) == 0
    assert wrap(value & MASK[datatype], datatype) == value


def test_nan_and_infinity_are_flagged_also_inside_arrays() -> None:
    assert [not_finite(value) for value in (math.nan, math.inf, [1.0, math.nan])] == [True, True, True]
    assert [not_finite(value) for value in (0.0, 5, "nan", None, [1.0], ["nan"])] == [False] * 6


@pytest.mark.parametrize(
    ("datatype", "items", "data"),
    [  # the examples of the specification's chapter on array datatypes
        (DataType.Int8Array, [-23, 123], "e97b"),
        (DataType.Int16Array, [-30000, 30000], "d08a3075"),
        (DataType.Int32Array, [-1, 315338746], "fffffffffaafcb12"),
        (DataType.Int64Array, [-4270929666821191986], "ce0672ac189cbac4"),
        (DataType.UInt8Array, [23, 250], "17fa"),
        (DataType.UInt16Array, [30, 52360], "1e0088cc"),
        (DataType.UInt32Array, [52, 3293969225], "3400000049fb55c4"),
        (DataType.FloatArray, [1.5], "0000c03f"),  # its own float example is big-endian, against its text
        (DataType.BooleanArray, [bit == "1" for bit in "001101001101"], "0c00000034d0"),
        (DataType.StringArray, ["ABC", "hello"], "4142430068656c6c6f00"),
        (DataType.StringArray, [], ""),
        (DataType.DateTimeArray, [1256102875335], "c7d0907524010000"),
    ],
)  # fmt: skip
def test_arrays_are_packed_as_the_specification_shows(
    datatype: DataType, items: list[Any], data: str
) -> None:
    assert pack_array(items, datatype).hex() == data
    assert unpack_array(bytes.fromhex(data), datatype) == items


@pytest.mark.parametrize(
    ("datatype", "data"),
    [
        (DataType.Int16Array, "00"),
        (DataType.DoubleArray, "0000000000000000ff"),
        (DataType.BooleanArray, "010000"),
        (DataType.BooleanArray, "ffffffff80"),  # four thousand million items in one byte
        (DataType.StringArray, "414243"),
        (DataType.StringArray, "ff00"),
    ],
)
def test_arrays_of_a_wrong_length_are_refused(datatype: DataType, data: str) -> None:
    with pytest.raises(DatatypeError):
        wrap(bytes.fromhex(data), datatype)


def test_items_that_do_not_fit_are_refused() -> None:
    for items, datatype in (([300], DataType.UInt8Array), (["a\x00b"], DataType.StringArray), (["x"], 24)):
        with pytest.raises(DatatypeError):
            pack_array(items, datatype)


@given(st.sampled_from(sorted(ARRAYS)), st.binary(max_size=64))
def test_any_bytes_are_an_array_or_refused(datatype: int, data: bytes) -> None:
    try:
        items = unpack_array(data, datatype)
    except DatatypeError:
        return
    packed = pack_array(items, datatype)
    if datatype == DataType.BooleanArray:
        assert unpack_array(packed, datatype) == items  # spare bits of the last byte are not kept
    elif datatype not in ARRAY_ITEM or ARRAY_ITEM[datatype] not in "fd":
        assert packed == data
