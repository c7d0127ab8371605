"""Our messages of version 2c are those of pysnmp, byte for byte, and nothing else is taken for one."""

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyasn1.codec.ber import encoder
from pysnmp.proto import api, rfc1902, rfc1905

from devices.protocols.snmp.message import END, BadMessageError, answer, question

V2C: Any = api.PROTOCOL_MODULES[api.SNMP_VERSION_2C]
oids = st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=12).map(lambda rest: (1, 3, *rest))
whole = st.integers(0, 2**31 - 1)
values = st.one_of(
    st.integers(-(2**31), 2**31 - 1).map(lambda one: (rfc1902.Integer32(one), one)),
    st.integers(0, 2**32 - 1).map(lambda one: (rfc1902.Counter32(one), one)),
    st.integers(0, 2**64 - 1).map(lambda one: (rfc1902.Counter64(one), one)),
    st.binary(max_size=300).map(lambda one: (rfc1902.OctetString(one), one)),
    oids.map(lambda one: (rfc1902.ObjectName(one), one)),
    st.sampled_from([(rfc1905.noSuchInstance, None), (rfc1905.endOfMibView, END)]),
)


def encoded(pdu: Any, community: bytes = b"public") -> bytes:
    message = V2C.Message()
    V2C.apiMessage.set_defaults(message)
    V2C.apiMessage.set_community(message, community)
    V2C.apiMessage.set_pdu(message, pdu)
    data: bytes = encoder.encode(message)
    return data


def response(number: int, variables: list[tuple[Any, Any]], status: int = 0) -> bytes:
    pdu = V2C.ResponsePDU()
    V2C.apiPDU.set_defaults(pdu)
    V2C.apiPDU.set_request_id(pdu, number)
    V2C.apiPDU.set_error_status(pdu, status)
    V2C.apiPDU.set_varbinds(pdu, variables)
    return encoded(pdu)


@given(st.lists(oids, min_size=1, max_size=20), whole, st.one_of(st.none(), st.integers(1, 100)))
def test_questions_are_those_of_pysnmp(asked: Any, number: int, repetitions: int | None) -> None:
    pdu = V2C.GetRequestPDU() if repetitions is None else V2C.GetBulkRequestPDU()
    program = V2C.apiPDU if repetitions is None else V2C.apiBulkPDU
    program.set_defaults(pdu)
    program.set_request_id(pdu, number)
    if repetitions is not None:
        program.set_non_repeaters(pdu, 0)
        program.set_max_repetitions(pdu, repetitions)
    program.set_varbinds(pdu, [(oid, rfc1902.Null("")) for oid in asked])
    assert question(b"public", number, asked, repetitions=repetitions) == encoded(pdu)


@given(st.lists(st.tuples(oids, values), max_size=12), whole, st.integers(0, 18))
def test_answers_of_pysnmp_are_understood(variables: Any, number: int, status: int) -> None:
    said = answer(response(number, [(oid, value) for oid, (value, _) in variables], status))
    assert (said.request_id, said.status) == (number, status)
    assert said.variables == [(oid, plain) for oid, (_, plain) in variables]


@given(st.binary(max_size=80))
def test_garbage_is_no_message(data: bytes) -> None:
    with pytest.raises(BadMessageError):
        answer(data)


@given(st.data())
def test_a_message_that_was_hit_is_read_or_refused_and_never_breaks_anything(data: Any) -> None:
    good = bytearray(
        response(7, [((1, 3, 6, 1), rfc1902.Counter64(2**63)), ((1, 3, 7), rfc1905.endOfMibView)])
    )
    good[data.draw(st.integers(0, len(good) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(good[: data.draw(st.integers(0, len(good)))])
    for one in (bytes(good), cut):
        with contextlib.suppress(BadMessageError):
            answer(one)
