"""Packed rows: many values of one device at one time in few bytes.

First byte 1: count, indices (one byte each), then fixed-size numbers by their datatypes.
First byte 2: count, indices, then the values as one MessagePack array (text, nulls, odd types).
First byte 3: MessagePack array [indices, values] (devices with more than 255 metrics).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

import msgspec

from hub.telemetry.port import Series, Value

_CODES = {1: "b", 2: "h", 3: "i", 4: "q", 5: "B", 6: "H", 7: "I", 8: "Q", 9: "f", 10: "d", 11: "?", 13: "Q"}
"""struct code by Sparkplug datatype (specification 6.4.16); datatypes without one go as MessagePack."""

_packers: dict[tuple[str, bytes], struct.Struct | None] = {}
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder().decode


def code(datatype: int) -> str:
    """Return the struct code of a datatype, `x` where it has none."""
    return _CODES.get(datatype, "x")


def _packer(codes: str, indices: bytes) -> struct.Struct | None:
    if len(_packers) > 20_000:
        _packers.clear()
    wanted = "".join(codes[index] for index in indices)
    packer = None if "x" in wanted else struct.Struct("<" + wanted)
    _packers[codes, indices] = packer
    return packer


def pack(series: Series, indices: bytes | tuple[int, ...], values: list[Value]) -> bytes:
    """Pack the values of one row."""
    if type(indices) is not bytes:
        return b"\x03" + _encode([list(indices), values])
    try:
        packer = _packers[series.codes, indices]
    except KeyError:
        packer = _packer(series.codes, indices)
    if packer is not None and None not in values:  # struct would take a null Boolean for false
        try:
            return b"\x01%c%b%b" % (len(indices), indices, packer.pack(*values))
        except struct.error:
            pass  # a number outside its datatype: kept as it came
    return b"\x02%c%b%b" % (len(indices), indices, _encode(values))


def unpack(codes: str, packed: bytes) -> Iterator[tuple[int, Value]]:
    """Yield (index, value) of one packed row."""
    form, count = packed[0], packed[1]
    if form == 3:
        indices, values = _decode(packed[1:])
        yield from zip(indices, values, strict=True)
        return
    places = packed[2 : 2 + count]
    if form == 2:
        yield from zip(places, _decode(packed[2 + count :]), strict=True)
        return
    packer = _packers.get((codes, places)) or _packer(codes, places)
    assert packer is not None
    yield from zip(places, packer.unpack_from(packed, 2 + count), strict=True)
