"""Which requests read a map of registers, and what the registers mean. Pure."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from devices.protocols.modbus.options import Register, Table
from devices.wire.datatypes import FLOATS, NUMERIC, DataType

BITS_MOST = 2000
_FORMATS = {"int16": ">h", "uint16": ">H", "int32": ">i", "uint32": ">I", "float32": ">f"}


@dataclass(frozen=True, slots=True)
class Request:
    """One read: a table, where it begins, how many."""

    table: Table
    address: int
    count: int


def requests_for(registers: Iterable[Register], *, most: int, gap: int) -> list[Request]:
    """The fewest reads that give all registers; up to `gap` addresses that nobody asked for are read over."""
    made: list[Request] = []
    for one in sorted(registers, key=lambda register: (register.table, register.address)):
        end = one.address + one.words
        if made and made[-1].table == one.table:
            last = made[-1]
            limit = BITS_MOST if one.bits else most
            count = max(last.count, end - last.address)
            if one.address <= last.address + last.count + gap and count <= limit:
                made[-1] = Request(one.table, last.address, count)
                continue
        made.append(Request(one.table, one.address, one.words))
    return made


def value_of(register: Register, words: Sequence[int], datatype: DataType) -> Any:
    """What the words (or the bit) mean as the metric's datatype; None for `null`, NaN and unknown words."""
    number = words[0] if register.bits else _number(register, words)
    if number == register.null or not math.isfinite(number):
        return None
    if register.values is not None:
        word = next((word for word, raw in register.values.items() if raw == number), None)
        return _word(word, datatype)
    if datatype is DataType.Boolean:
        return bool(number)
    scaled = number * register.scale + register.offset
    return round(scaled, 6) if datatype in FLOATS else round(scaled)


def words_for(register: Register, value: Any) -> list[int]:
    """The words that say this value. Raises ValueError for one that the register cannot hold."""
    if register.values is not None:
        word = str(value).lower() if isinstance(value, bool) else str(value)
        if word not in register.values:
            raise ValueError(f"{value!r} has no number in values")
        number: float = register.values[word]
    elif isinstance(value, bool):
        number = int(value)
    else:
        number = (value - register.offset) / register.scale
    if register.bits:
        return [int(bool(number))]
    try:
        packed = struct.pack(_FORMATS[register.type], number if register.type == "float32" else round(number))
    except (struct.error, OverflowError) as error:
        raise ValueError(f"{value!r} does not fit into {register.type}") from error
    words = [int.from_bytes(packed[at : at + 2], "big") for at in range(0, len(packed), 2)]
    return words if register.word_order == "big" else words[::-1]


def _number(register: Register, words: Sequence[int]) -> float:
    ordered = words if register.word_order == "big" else words[::-1]
    packed = b"".join(word.to_bytes(2, "big") for word in ordered)
    number: float = struct.unpack(_FORMATS[register.type], packed)[0]
    return number


def _word(word: str | None, datatype: DataType) -> Any:
    if word is None or datatype not in NUMERIC | {DataType.Boolean}:
        return word
    return word == "true" if datatype is DataType.Boolean else None


def read_from(blocks: Mapping[Request, Sequence[int]], register: Register) -> Sequence[int]:
    """The register's words in what was read. Raises KeyError if no request covers it."""
    for request, words in blocks.items():
        at = register.address - request.address
        if request.table == register.table and at >= 0 and at + register.words <= len(words):
            return words[at : at + register.words]
    raise KeyError(register.address)
