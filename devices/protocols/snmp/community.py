"""Asking an SNMP agent by version 2c, over a socket of its own."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from typing import Any

from devices.protocols.failures import unreachable
from devices.protocols.snmp.failures import failure
from devices.protocols.snmp.message import Answer, BadMessageError, Oid, answer, question
from devices.protocols.snmp.options import SnmpOptions
from devices.simulation import UnreachableError


class CommunityLine(asyncio.DatagramProtocol):
    """One agent. What cannot be read, or answers another question, is passed over as if it had not come."""

    def __init__(self, options: SnmpOptions) -> None:
        self._options = options
        self._community = options.community.get_secret_value().encode()
        self._transport: asyncio.DatagramTransport | None = None
        self._number = random.getrandbits(30)
        self._waiting: asyncio.Future[Answer] | None = None
        self._timer: asyncio.TimerHandle
        self._failures: list[UnreachableError] = []

    async def ask(self, oids: Sequence[Oid], repetitions: int | None = None) -> list[tuple[Oid, Any]]:
        """Names and values. Raises UnreachableError."""
        if self._transport is None:
            await self._open()
        assert self._transport is not None
        self._number = (self._number + 1) % 2**31
        packet = question(self._community, self._number, oids, repetitions=repetitions)
        loop = asyncio.get_running_loop()
        waiting: asyncio.Future[Answer] = loop.create_future()
        self._waiting, self._failures = waiting, []
        self._transport.sendto(packet)
        # one timer for all tries costs less than waiting for each
        self._timer = loop.call_later(self._options.answer_s, self._again, packet, self._options.retries)
        try:
            said = await waiting
        finally:
            self._timer.cancel()
            waiting.cancel()
        if said.status:
            raise failure(said.status)
        return said.variables

    def _again(self, packet: bytes, tries: int) -> None:
        waiting, transport = self._waiting, self._transport
        if waiting is None or waiting.done():
            return
        if tries <= 0 or transport is None:
            silence = UnreachableError("timeout", "no answer; a wrong community is answered by silence, too")
            waiting.set_exception(self._failures[0] if self._failures else silence)
            return
        transport.sendto(packet)
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self._options.answer_s, self._again, packet, tries - 1)

    def close(self) -> None:
        """Let go of the socket."""
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.close()

    def datagram_received(self, data: bytes, addr: Any) -> None:
        """Take an answer to the question that waits."""
        waiting = self._waiting
        try:
            said = answer(data)
        except BadMessageError:
            return
        if waiting is not None and not waiting.done() and said.request_id == self._number:
            waiting.set_result(said)

    def error_received(self, exc: Exception) -> None:
        """The host says that nobody listens, or the network knows no way; the next try may do better."""
        self._failures = [unreachable(exc)]

    async def _open(self) -> None:
        options, loop = self._options, asyncio.get_running_loop()
        try:
            self._transport, _ = await loop.create_datagram_endpoint(
                lambda: self, remote_addr=(options.host, options.port)
            )
        except OSError as error:
            raise unreachable(error) from error
