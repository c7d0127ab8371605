"""The 34 datatypes of Sparkplug B 3.0, and how a raw protobuf value becomes a Python value.

Implementations disagree about the value field (UInt32 in `long_value`, Int8 sign-extended to 32 bits,
Boolean in `int_value`), so the reader takes whichever field is set and lets the datatype decide.
Source: Sparkplug 3.0, 6.4.16 "Data Types".
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Sequence
from enum import IntEnum
from typing import Any


class DatatypeError(ValueError):
    """A value that its declared datatype cannot hold."""


class DataType(IntEnum):
    """Numbers as they stand in the field `datatype`; `Unknown` is a placeholder, not a datatype."""

    Unknown = 0
    Int8 = 1
    Int16 = 2
    Int32 = 3
    Int64 = 4
    UInt8 = 5
    UInt16 = 6
    UInt32 = 7
    UInt64 = 8
    Float = 9
    Double = 10
    Boolean = 11
    String = 12
    DateTime = 13
    Text = 14
    UUID = 15
    DataSet = 16
    Bytes = 17
    File = 18
    Template = 19
    PropertySet = 20
    PropertySetList = 21
    Int8Array = 22
    Int16Array = 23
    Int32Array = 24
    Int64Array = 25
    UInt8Array = 26
    UInt16Array = 27
    UInt32Array = 28
    UInt64Array = 29
    FloatArray = 30
    DoubleArray = 31
    BooleanArray = 32
    StringArray = 33
    DateTimeArray = 34


D = DataType

MASK: dict[int, int] = {
    D.Int8: 0xFF, D.Int16: 0xFFFF, D.Int32: 0xFFFF_FFFF, D.Int64: 0xFFFF_FFFF_FFFF_FFFF,
    D.UInt8: 0xFF, D.UInt16: 0xFFFF, D.UInt32: 0xFFFF_FFFF, D.UInt64: 0xFFFF_FFFF_FFFF_FFFF,
    D.DateTime: 0xFFFF_FFFF_FFFF_FFFF,
}  # fmt: skip
"""Integer datatype -> mask of its bits."""

SIGN: dict[int, int] = {D.Int8: 1 << 7, D.Int16: 1 << 15, D.Int32: 1 << 31, D.Int64: 1 << 63}
"""Signed integer datatype -> its sign bit; unsigned ones are absent."""

INTEGERS = frozenset(MASK) - {D.DateTime}
FLOATS = frozenset({D.Float, D.Double})
NUMERIC = INTEGERS | FLOATS
"""What can be averaged, compared with a limit and drawn as a line."""

TEXTS = frozenset({D.String, D.Text, D.UUID})
BASIC = frozenset(DataType(number) for number in range(D.Int8, D.UUID))
"""What a DataSet's column, a template's parameter and a plain property may be."""

BYTES = frozenset({D.Bytes, D.File})

ARRAY_ITEM: dict[int, str] = {
    D.Int8Array: "b", D.Int16Array: "h", D.Int32Array: "i", D.Int64Array: "q",
    D.UInt8Array: "B", D.UInt16Array: "H", D.UInt32Array: "I", D.UInt64Array: "Q",
    D.FloatArray: "f", D.DoubleArray: "d", D.DateTimeArray: "Q",
}  # fmt: skip
"""Fixed-size array datatype -> struct code of one little-endian item."""

ARRAYS = frozenset(ARRAY_ITEM) | {D.BooleanArray, D.StringArray}

FIELD: dict[int, str] = {
    **dict.fromkeys((D.Int8, D.Int16, D.Int32, D.UInt8, D.UInt16, D.UInt32), "int_value"),
    **dict.fromkeys((D.Int64, D.UInt64, D.DateTime), "long_value"),
    **dict.fromkeys(TEXTS, "string_value"),
    **dict.fromkeys(BYTES | ARRAYS, "bytes_value"),
    D.Float: "float_value", D.Double: "double_value", D.Boolean: "boolean_value",
    D.DataSet: "dataset_value", D.Template: "template_value",
}  # fmt: skip
"""Datatype -> the protobuf field we write; when reading any field is taken."""


def known(datatype: int) -> DataType | None:
    """The datatype of a number, or None if the specification has no such number."""
    return DataType(datatype) if 1 <= datatype <= 34 else None


def wrap(value: Any, datatype: int) -> Any:
    """Turn a raw value of any protobuf field into the Python value of `datatype`.

    Integers are masked to their width and sign-extended; Float is rounded to 32 bits; arrays are
    unpacked from bytes into lists. None stays None. Raises DatatypeError if there is no sensible reading.
    """
    mask = MASK.get(datatype)
    if mask is not None:
        if type(value) is not int:
            if value is None:
                return None
            value = _whole(value, datatype)
        value &= mask
        sign = SIGN.get(datatype)
        return value if sign is None else (value ^ sign) - sign
    if value is None:
        return None
    convert = _CONVERT.get(datatype)
    if convert is None:
        raise DatatypeError(f"unknown datatype {datatype}")
    return convert(value, datatype)


def not_finite(value: Any) -> bool:
    """True for NaN and infinity, alone or inside an array: to be kept, flagged, never averaged."""
    if isinstance(value, float):
        return not math.isfinite(value)
    return isinstance(value, list) and any(map(not_finite, value))


def pack_array(items: Sequence[Any], datatype: int) -> bytes:
    """Pack a list as the bytes of an array datatype. Raises DatatypeError if an item does not fit.

    BooleanArray is a little-endian count and then bits, first item in the highest bit; StringArray is
    each string followed by a zero byte.
    """
    try:
        if datatype == D.BooleanArray:
            bits = bytearray((len(items) + 7) // 8)
            for index, item in enumerate(items):
                if item:
                    bits[index >> 3] |= 0x80 >> (index & 7)
            return struct.pack("<I", len(items)) + bytes(bits)
        if datatype == D.StringArray:
            if any("\x00" in item for item in items):
                raise DatatypeError("a string of a StringArray cannot contain a zero byte")
            return b"".join(item.encode() + b"\x00" for item in items)
        return struct.pack(f"<{len(items)}{ARRAY_ITEM[datatype]}", *items)
    except (struct.error, OverflowError, TypeError, UnicodeEncodeError) as error:
        raise DatatypeError(f"not a {name_of(datatype)}: {error}") from error


def unpack_array(data: bytes, datatype: int) -> list[Any]:
    """Unpack the bytes of an array datatype into a list. Raises DatatypeError if the length is wrong."""
    if datatype == D.BooleanArray:
        if len(data) < 4:
            raise DatatypeError("BooleanArray without its count")
        count = int.from_bytes(data[:4], "little")
        if len(data) - 4 != (count + 7) // 8:
            raise DatatypeError(f"BooleanArray of {count} items in {len(data) - 4} bytes")
        return [bool(data[4 + (index >> 3)] & (0x80 >> (index & 7))) for index in range(count)]
    if datatype == D.StringArray:
        if data and data[-1]:
            raise DatatypeError("StringArray does not end with a zero byte")
        try:
            return data.decode().split("\x00")[:-1]
        except UnicodeDecodeError as error:
            raise DatatypeError(f"StringArray is not UTF-8: {error}") from error
    code = ARRAY_ITEM[datatype]
    count, rest = divmod(len(data), struct.calcsize("<" + code))
    if rest:
        raise DatatypeError(f"{name_of(datatype)} of {len(data)} bytes")
    return list(struct.unpack(f"<{count}{code}", data))


def name_of(datatype: int) -> str:
    """The specification's name of a datatype, for messages."""
    return DataType(datatype).name if 0 <= datatype <= 34 else f"datatype {datatype}"


def _whole(value: Any, datatype: int) -> int:
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, float) and value.is_integer() and abs(value) < 2.0**64:
        return int(value)
    raise _mismatch(value, datatype)


def _double(value: Any, datatype: int) -> float:
    if type(value) is float:
        return value
    if isinstance(value, (bool, int)):
        return float(value)
    raise _mismatch(value, datatype)


def _float(value: Any, datatype: int) -> float:
    return _as_float32(_double(value, datatype))


def _boolean(value: Any, datatype: int) -> bool:
    if isinstance(value, (bool, int)):
        return bool(value)
    raise _mismatch(value, datatype)


def _text(value: Any, datatype: int) -> str:
    if isinstance(value, str):
        return value
    raise _mismatch(value, datatype)


def _bytes(value: Any, datatype: int) -> bytes:
    if isinstance(value, bytes):
        return value
    raise _mismatch(value, datatype)


def _array(value: Any, datatype: int) -> list[Any]:
    if isinstance(value, (list, tuple)):
        value = pack_array(value, datatype)
    return unpack_array(_bytes(value, datatype), datatype)


def _structure(value: Any, datatype: int) -> Any:
    if isinstance(value, (bool, int, float, str, bytes)):
        raise _mismatch(value, datatype)
    return value  # DataSet, Template, property sets: their own decoder has already checked them


def _as_float32(value: float) -> float:
    try:
        return float(struct.unpack("<f", struct.pack("<f", value))[0])
    except OverflowError:
        return math.copysign(math.inf, value)


def _mismatch(value: Any, datatype: int) -> DatatypeError:
    return DatatypeError(f"{type(value).__name__} where {name_of(datatype)} was declared")


_CONVERT: dict[int, Callable[[Any, int], Any]] = {
    D.Float: _float,
    D.Double: _double,
    D.Boolean: _boolean,
    **dict.fromkeys(TEXTS, _text),
    **dict.fromkeys(BYTES, _bytes),
    **dict.fromkeys(ARRAYS, _array),
    **dict.fromkeys((D.DataSet, D.Template, D.PropertySet, D.PropertySetList), _structure),
}
