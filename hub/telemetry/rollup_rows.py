"""Packed roll-ups: all metrics of one device and window in few bytes.

A row is a form byte (1: places and lengths in one byte each, 2: in two), the number of metrics, their places,
the lengths of their parts, the parts. A part is two bytes of flags and then only what the flags do not say:
a window covered from end to end needs no cover, one sample needs no least, greatest and sum.
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterator, Sequence

import msgspec

from hub.telemetry.port import Value
from hub.telemetry.rollup import Rollup

_FORMATS = "bhiqfd"
_EXACT = 1 << 53
"""Integers beyond it are no floats: they are packed as what else there is."""
_BOUNDS = (("b", 1 << 7), ("h", 1 << 15), ("i", 1 << 31))
_NUMBERS = {(code, n): struct.Struct(f"<{n}{code}") for code in _FORMATS for n in (1, 3)}
_U16, _U32, _F64 = struct.Struct("<H"), struct.Struct("<I"), struct.Struct("<d")
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder().decode

# where each flag begins in the two bytes, and what its values say
_HELD = 0  # 1 bit
_COUNT = 1  # 2 bits: none, one, in a byte, in four
_RANGE = 3  # 2 bits: no least and greatest, both are the last, apart
_SUM = 5  # 1 bit: last · count, or apart
_WEIGHTED = 6  # 2 bits: zero, last · covered, apart
_COVERED = 8  # 2 bits: nothing, all, apart
_STATES = 10  # 1 bit
_LAST = 11  # 2 bits: none, a number, something else (or nothing, with a time)
_FORMAT = 13  # 3 bits: of least, greatest and last
_NONE, _DERIVED, _APART = 0, 1, 2


def pack_part(row: Rollup, width_ms: int) -> bytes:
    """Pack one metric's window of `width_ms`."""
    last = row.last
    is_number = last is not None and not isinstance(last, bool | str) and abs(last) <= _EXACT
    numbers: list[float | int] = [last] if is_number else []  # type: ignore[list-item]
    range_flag = _NONE
    if row.min is not None and row.max is not None:
        range_flag = _DERIVED if is_number and row.min == row.max == last else _APART
        if range_flag == _APART:
            numbers = [row.min, row.max, last if is_number else 0]  # type: ignore[list-item]
    code = _format(numbers)
    base = float(last) if is_number else 0.0  # type: ignore[arg-type]
    flags = row.held << _HELD | range_flag << _RANGE | bool(row.states) << _STATES
    last_flag = 1 if is_number else 2 if last is not None or row.last_ms != row.start_ms else _NONE
    flags |= last_flag << _LAST | _FORMATS.index(code) << _FORMAT
    if code not in "fd":
        numbers = [int(number) for number in numbers]
    parts = [_NUMBERS[code, len(numbers)].pack(*numbers)] if numbers else []
    if last_flag:
        parts.append(_U32.pack(row.last_ms - row.start_ms))
    if row.count < 2:
        flags |= row.count << _COUNT
    elif row.count < 256:
        flags |= 2 << _COUNT
        parts.append(bytes([row.count]))
    else:
        flags |= 3 << _COUNT
        parts.append(_U32.pack(row.count))
    if row.sum != base * row.count:
        flags |= 1 << _SUM
        parts.append(_F64.pack(row.sum))
    covered = _NONE if not row.covered_ms else _DERIVED if row.covered_ms == width_ms else _APART
    if covered == _APART:
        parts.append(_U32.pack(row.covered_ms))
    weighted = _DERIVED if row.weighted_sum == base * row.covered_ms else _APART
    if weighted == _APART:
        parts.append(_F64.pack(row.weighted_sum))
    flags |= covered << _COVERED | weighted << _WEIGHTED
    if row.states or last_flag == 2:
        rest = _encode([row.states, None if is_number else last])
        parts += [_U16.pack(len(rest)), rest]
    return _U16.pack(flags) + b"".join(parts)


def unpack_part(packed: bytes, at: int, start_ms: int, width_ms: int) -> Rollup:
    """Read the part that begins at `at`."""
    (flags,) = _U16.unpack_from(packed, at)
    at += 2
    last: Value = None
    least: float | None = None
    greatest: float | None = None
    range_flag, last_flag = flags >> _RANGE & 3, flags >> _LAST & 3
    if range_flag == _APART or last_flag == 1:
        numbers = _NUMBERS[_FORMATS[flags >> _FORMAT], 3 if range_flag == _APART else 1]
        found = numbers.unpack_from(packed, at)
        at += numbers.size
        if last_flag == 1:
            last = found[-1]
        if range_flag:
            least, greatest = float(found[0]), float(found[-1] if len(found) == 1 else found[1])
    base = float(last) if last_flag == 1 else 0.0  # type: ignore[arg-type]
    last_ms = start_ms
    if last_flag:
        last_ms += _U32.unpack_from(packed, at)[0]
        at += 4
    count = flags >> _COUNT & 3
    if count == 2:
        count, at = packed[at], at + 1
    elif count == 3:
        count, at = _U32.unpack_from(packed, at)[0], at + 4
    total = base * count
    if flags >> _SUM & 1:
        total, at = _F64.unpack_from(packed, at)[0], at + 8
    covered = flags >> _COVERED & 3
    covered_ms = width_ms if covered == _DERIVED else 0
    if covered == _APART:
        covered_ms, at = _U32.unpack_from(packed, at)[0], at + 4
    weighted = base * covered_ms
    if flags >> _WEIGHTED & 3 == _APART:
        weighted, at = _F64.unpack_from(packed, at)[0], at + 8
    states: dict[str, int] = {}
    if flags >> _STATES & 1 or last_flag == 2:
        length = _U16.unpack_from(packed, at)[0]
        states, other = _decode(packed[at + 2 : at + 2 + length])
        if last_flag == 2:
            last = other
    held = bool(flags & 1)
    return Rollup(start_ms, count, least, greatest, total, last, last_ms, weighted, covered_ms, states, held)


def pack(parts: Sequence[tuple[int, bytes]]) -> bytes:
    """Pack (place, part) of one device and window."""
    small = len(parts) < 256 and all(place < 256 and len(part) < 256 for place, part in parts)
    n, code = len(parts), "B" if small else "H"
    head = struct.pack(
        f"<B{1 + 2 * n}{code}",
        1 if small else 2,
        n,
        *(place for place, _ in parts),
        *(len(part) for _, part in parts),
    )
    return head + b"".join(part for _, part in parts)


def unpack(
    packed: bytes, start_ms: int, width_ms: int, wanted: Collection[int] | None = None
) -> Iterator[tuple[int, Rollup]]:
    """Yield (place, window) of one packed row, of all metrics or of the places wanted."""
    if packed[0] == 1 and wanted is not None:  # the way of charts: a few metrics of many rows
        n = packed[1]
        places, at = packed[2 : 2 + n], 2 + 2 * n
        for place in wanted:
            nth = places.find(place) if place < 256 else -1
            if nth >= 0:
                begin = at + sum(packed[2 + n : 2 + n + nth])
                yield place, unpack_part(packed, begin, start_ms, width_ms)
        return
    code, size = ("B", 1) if packed[0] == 1 else ("H", 2)
    (n,) = struct.unpack_from(f"<{code}", packed, 1)
    head = struct.unpack_from(f"<{2 * n}{code}", packed, 1 + size)
    at = 1 + size * (1 + 2 * n)
    for place, length in zip(head[:n], head[n:], strict=True):
        if wanted is None or place in wanted:
            yield place, unpack_part(packed, at, start_ms, width_ms)
        at += length


def _format(numbers: Sequence[float | int]) -> str:
    """Return the shortest struct code that holds all the numbers exactly."""
    if all(isinstance(number, int) or number.is_integer() for number in numbers):
        for code, bound in _BOUNDS:
            if all(-bound <= number < bound for number in numbers):
                return code
        if all(isinstance(number, int) and -(1 << 63) <= number < 1 << 63 for number in numbers):
            return "q"
    single = _NUMBERS["f", 1]
    try:
        if all(single.unpack(single.pack(number))[0] == number for number in numbers):
            return "f"
    except OverflowError:
        pass  # beyond 32 bits of range
    return "d"
