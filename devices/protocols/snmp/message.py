"""Messages of SNMP version 2c: what is asked as bytes, what was answered as values.

Only what a poll needs, at a small part of what a general decoder costs: a switch of 48 ports answers with
four hundred variables. Source: RFC 1901, RFC 3416, and the basic encoding rules of X.690.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

Oid = tuple[int, ...]
GET, GET_BULK, RESPONSE = 0xA0, 0xA5, 0xA2
END = object()
"""The value of a variable beyond the last one that the device has."""
_SEQUENCE, _INTEGER, _OCTETS, _NULL, _OID = 0x30, 0x02, 0x04, 0x05, 0x06
_UNSIGNED = {0x41, 0x42, 0x43, 0x46}  # Counter32, Gauge32, TimeTicks, Counter64
_ABSENT = {_NULL, 0x80, 0x81}  # null, noSuchObject, noSuchInstance
_END_OF_VIEW = 0x82
_VERSION_2C = 1


class BadMessageError(ValueError):
    """Bytes that are no message of version 2c."""


class Answer(NamedTuple):
    """A response: `status` is 0 or the error's number, values are int, bytes, an identifier, None or END."""

    request_id: int
    status: int
    variables: list[tuple[Oid, Any]]


def question(
    community: bytes, request_id: int, oids: Sequence[Oid], *, repetitions: int | None = None
) -> bytes:
    """A GET of these variables; with `repetitions` a GETBULK of so many rows after each."""
    second, third = (0, 0) if repetitions is None else (0, repetitions)
    numbers = b"".join(_number(one) for one in (request_id, second, third))
    pdu = _field(GET if repetitions is None else GET_BULK, numbers + _unknown(tuple(oids)))
    return _field(_SEQUENCE, _number(_VERSION_2C) + _field(_OCTETS, community) + pdu)


@functools.lru_cache(maxsize=256)  # the same is asked at every poll
def _unknown(oids: tuple[Oid, ...]) -> bytes:
    return _field(
        _SEQUENCE,
        b"".join(_field(_SEQUENCE, _field(_OID, _oid_bytes(oid)) + b"\x05\x00") for oid in oids),
    )


def answer(data: bytes) -> Answer:
    """What a response says. Raises BadMessageError."""
    try:
        return _answer(data)
    except IndexError as error:
        raise BadMessageError("the message ends in the middle") from error


def _answer(data: bytes) -> Answer:
    at, end = _enter(data, 0, len(data), _SEQUENCE)
    version, at = _integer(data, at, end)
    if version != _VERSION_2C:
        raise BadMessageError(f"version {version}")
    _, at = _enter(data, at, end, _OCTETS)  # the community: its sender is known by the socket
    at, end = _enter(data, at, end, RESPONSE)
    request_id, at = _integer(data, at, end)
    status, at = _integer(data, at, end)
    _, at = _integer(data, at, end)
    at, end = _enter(data, at, end, _SEQUENCE)
    variables: list[tuple[Oid, Any]] = []
    while at < end:
        variable, at = _variable(data, at, end)
        variables.append(variable)
    return Answer(request_id, status, variables)


def _variable(data: bytes, at: int, end: int) -> tuple[tuple[Oid, Any], int]:
    # a counter of a poll, in short lengths and whole: the same as below without five calls
    inner = at + 4
    name_end = inner + data[at + 3]
    value_at = name_end + 2
    size = data[at + 1]
    until = at + 2 + size
    if (
        size < 0x80
        and data[at] == _SEQUENCE
        and data[at + 2] == _OID
        and value_at <= until <= end
        and value_at + data[name_end + 1] == until
        and data[name_end] in _UNSIGNED
    ):
        return (_oid(data[inner:name_end]), int.from_bytes(data[value_at:until], "big")), until
    inner, until = _enter(data, at, end, _SEQUENCE)
    begin, after = _enter(data, inner, until, _OID)
    tag, value_at, at = _head(data, after, until)
    if at != until:
        raise BadMessageError("more than a name and a value")
    return (_oid(data[begin:after]), _value(tag, data[value_at:at])), until


def _head(data: bytes, at: int, end: int) -> tuple[int, int, int]:
    """Tag, begin and end of the field at `at`, which has to end within `end`."""
    tag, size = data[at], data[at + 1]
    at += 2
    if size & 0x80:
        count = size & 0x7F
        if not 1 <= count <= 4:
            raise BadMessageError(f"a length of {count} bytes")
        size = int.from_bytes(data[at : at + count], "big")
        at += count
    if at + size > end:
        raise BadMessageError("a field beyond its frame")
    return tag, at, at + size


def _enter(data: bytes, at: int, end: int, wanted: int) -> tuple[int, int]:
    tag, begin, after = _head(data, at, end)
    if tag != wanted:
        raise BadMessageError(f"{tag:#04x} instead of {wanted:#04x}")
    return begin, after


def _integer(data: bytes, at: int, end: int) -> tuple[int, int]:
    begin, after = _enter(data, at, end, _INTEGER)
    return int.from_bytes(data[begin:after], "big", signed=True), after


def _value(tag: int, raw: bytes) -> Any:
    if tag in _UNSIGNED:
        return int.from_bytes(raw, "big")
    if tag == _INTEGER:
        return int.from_bytes(raw, "big", signed=True)
    if tag in _ABSENT:
        return None
    if tag == _END_OF_VIEW:
        return END
    return _oid(raw) if tag == _OID else raw


@functools.lru_cache(maxsize=8192)  # a device says the same names at every poll
def _oid(raw: bytes) -> Oid:
    if not raw:
        return ()
    first = raw[0]
    parts, part = [min(first // 40, 2), first - 40 * min(first // 40, 2)], 0
    for byte in raw[1:]:
        part = part << 7 | byte & 0x7F
        if byte < 0x80:
            parts.append(part)
            part = 0
    return tuple(parts)


def _field(tag: int, raw: bytes) -> bytes:
    size = len(raw)
    if size < 0x80:
        return bytes((tag, size)) + raw
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + raw


def _number(value: int) -> bytes:
    return _field(_INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))


@functools.lru_cache(maxsize=1024)
def _oid_bytes(oid: Oid) -> bytes:
    first, second, *rest = oid
    raw = bytearray((40 * first + second,))
    for part in rest:
        septets = [part & 0x7F]
        while part := part >> 7:
            septets.append(part & 0x7F | 0x80)
        raw += bytes(reversed(septets))
    return bytes(raw)
