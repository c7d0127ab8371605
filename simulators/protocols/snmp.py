"""A switch's SNMP v2c agent over UDP: interfaces whose counters, uptime and manners can be set."""

from __future__ import annotations

import asyncio
import bisect
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pyasn1.codec.ber import decoder, encoder
from pysnmp.proto import api, rfc1902, rfc1905

Fault = Literal["", "silent", "garbage", "half", "wrong_id", "endless"]
_IF, _IFX = (1, 3, 6, 1, 2, 1, 2, 2, 1), (1, 3, 6, 1, 2, 1, 31, 1, 1, 1)
_SYSTEM = (1, 3, 6, 1, 2, 1, 1)
_V2C: Any = api.PROTOCOL_MODULES[api.SNMP_VERSION_2C]


@dataclass
class Port:
    """One interface. `wide` says whether it has 64-bit counters."""

    name: str
    speed_mbps: int = 1000
    up: bool = True
    octets_in: int = 0
    octets_out: int = 0
    errors: int = 0
    type: int = 6
    wide: bool = True

    def rows(self, index: int) -> Mapping[tuple[int, ...], Any]:
        """What IF-MIB has of it."""
        rows: dict[tuple[int, ...], Any] = {
            (*_IF, 2, index): rfc1902.OctetString(self.name.encode()),
            (*_IF, 3, index): rfc1902.Integer32(self.type),
            (*_IF, 5, index): rfc1902.Gauge32(min(self.speed_mbps * 1_000_000, 2**32 - 1)),
            (*_IF, 8, index): rfc1902.Integer32(1 if self.up else 2),
            (*_IF, 10, index): rfc1902.Counter32(self.octets_in % 2**32),
            (*_IF, 14, index): rfc1902.Counter32(self.errors % 2**32),
            (*_IF, 16, index): rfc1902.Counter32(self.octets_out % 2**32),
            (*_IF, 20, index): rfc1902.Counter32(0),
        }
        if self.wide:
            rows |= {
                (*_IFX, 1, index): rfc1902.OctetString(self.name.encode()),
                (*_IFX, 6, index): rfc1902.Counter64(self.octets_in % 2**64),
                (*_IFX, 10, index): rfc1902.Counter64(self.octets_out % 2**64),
                (*_IFX, 15, index): rfc1902.Gauge32(self.speed_mbps),
            }
        return rows


@dataclass
class SnmpAgent:
    """The agent; `port` is its UDP port once it runs. `fault` says how it misbehaves."""

    ports: list[Port] = field(default_factory=list)
    uptime_ticks: int = 0
    community: str = "public"
    fault: Fault = ""
    most: int = 1000
    """Values that fit into an answer; to a GET of more it says tooBig."""
    descr: str = "Simulated switch"
    name: str = "switch"
    layers: int = 2
    object_id: tuple[int, ...] = (1, 3, 6, 1, 4, 1, 9, 1, 1)
    port: int = 0
    questions: int = 0
    _transport: asyncio.DatagramTransport | None = None

    async def start(self) -> None:
        """Listen on a free loopback port."""
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(
            lambda: _Ears(self), local_addr=("127.0.0.1", 0)
        )
        self.port = self._transport.get_extra_info("sockname")[1]

    def stop(self) -> None:
        """Fall silent."""
        if self._transport is not None:
            self._transport.close()

    def answer(self, question: bytes) -> bytes | None:
        """The answer to a message, None for silence."""
        self.questions += 1
        message, _ = decoder.decode(question, asn1Spec=_V2C.Message())
        community = bytes(_V2C.apiMessage.get_community(message)).decode()
        if self.fault == "silent" or community != self.community:
            return None
        if self.fault == "garbage":
            return b"\x30\x82\xff\xff" + b"?" * 40
        asked = _V2C.apiMessage.get_pdu(message)
        found = self._found(asked)
        reply = _V2C.ResponsePDU()
        _V2C.apiPDU.set_defaults(reply)
        number = int(_V2C.apiPDU.get_request_id(asked))
        _V2C.apiPDU.set_request_id(reply, number + 7 if self.fault == "wrong_id" else number)
        if len(found) > self.most and not asked.isSameTypeWith(_V2C.GetBulkRequestPDU()):
            _V2C.apiPDU.set_error_status(reply, 1)
            found = []
        _V2C.apiPDU.set_varbinds(reply, found)
        _V2C.apiMessage.set_pdu(message, reply)
        encoded: bytes = encoder.encode(message)
        return encoded[: len(encoded) // 2] if self.fault == "half" else encoded

    def _found(self, asked: Any) -> list[tuple[Any, Any]]:
        table: dict[tuple[int, ...], Any] = {
            (*_SYSTEM, 1, 0): rfc1902.OctetString(self.descr.encode()),
            (*_SYSTEM, 2, 0): rfc1902.ObjectIdentifier(self.object_id),
            (*_SYSTEM, 3, 0): rfc1902.TimeTicks(self.uptime_ticks % 2**32),
            (*_SYSTEM, 5, 0): rfc1902.OctetString(self.name.encode()),
            (*_SYSTEM, 7, 0): rfc1902.Integer32(self.layers),
        }
        for index, one in enumerate(self.ports, start=1):
            table.update(one.rows(index))
        names = sorted(table)
        oids = [tuple(name) for name, _ in _V2C.apiPDU.get_varbinds(asked)]
        if not asked.isSameTypeWith(_V2C.GetBulkRequestPDU()):
            return [(oid, table.get(oid, rfc1905.noSuchInstance)) for oid in oids]
        rows: list[tuple[Any, Any]] = []
        for _ in range(int(_V2C.apiBulkPDU.get_max_repetitions(asked))):
            for place, oid in enumerate(oids):
                at = bisect.bisect_right(names, oid)
                if self.fault == "endless":
                    rows.append((oid, rfc1902.Integer32(1)))
                elif at == len(names):
                    rows.append((oid, rfc1905.endOfMibView))
                else:
                    oids[place] = names[at]
                    rows.append((names[at], table[names[at]]))
        return rows


class _Ears(asyncio.DatagramProtocol):
    def __init__(self, agent: SnmpAgent) -> None:
        self._agent = agent

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        answer = self._agent.answer(data)
        if answer is not None:
            self._transport.sendto(answer, addr)
