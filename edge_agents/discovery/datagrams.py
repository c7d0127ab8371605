"""Asking many at once over UDP: one question to each, and whatever comes back until the time is over."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import NamedTuple

ANSWERS_MOST = 4096
QUESTIONS_PER_S = 100.0
_HOPS = 2


class Answer(NamedTuple):
    """A datagram and who sent it."""

    data: bytes
    host: str
    port: int


class Ears(asyncio.DatagramProtocol):
    """One socket. What `may_answer` does not know is not heard; beyond 4096 answers it counts only."""

    def __init__(self, may_answer: Callable[[str], bool]) -> None:
        self.answers: list[Answer] = []
        self.dropped = 0
        self._may_answer = may_answer

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Keep it."""
        if not self._may_answer(addr[0]) or len(self.answers) >= ANSWERS_MOST:
            self.dropped += 1
        else:
            self.answers.append(Answer(data, addr[0], addr[1]))

    def take(self) -> list[Answer]:
        """What came since the last time."""
        taken, self.answers = self.answers, []
        return taken


class Asking:
    """A socket that asks; `source` is the own address that groups are asked from, None for any."""

    def __init__(
        self, may_answer: Callable[[str], bool], source: str | None = None, local_port: int = 0
    ) -> None:
        self.ears = Ears(may_answer)
        self.asked = 0
        self._source = source
        self._local_port = local_port
        self._transport: asyncio.DatagramTransport | None = None

    async def __aenter__(self) -> Asking:
        made = _socket(self._source, self._local_port)
        try:
            self._transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
                lambda: self.ears, sock=made
            )
        except BaseException:
            made.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._transport is not None:
            self._transport.close()

    def ask(self, data: bytes, host: str, port: int) -> None:
        """Send one question; what the network does not take is as if nobody answered."""
        assert self._transport is not None
        self.asked += 1
        try:
            self._transport.sendto(data, (host, port))
        except OSError:
            self.ears.dropped += 1

    async def ask_all(
        self, questions: Iterable[tuple[bytes, str, int]], *, per_s: float = QUESTIONS_PER_S
    ) -> None:
        """Ask one after the other, evenly, so that no small network is flooded."""
        loop = asyncio.get_running_loop()
        due_s = loop.time()
        for question in questions:
            self.ask(*question)
            due_s = max(due_s, loop.time() - 1) + 1 / per_s
            await asyncio.sleep(max(0.0, due_s - loop.time()))


def _socket(source: str | None, local_port: int) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.setblocking(False)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        made.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, _HOPS)
        made.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 1)
        if source is not None:
            made.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(source))
        try:
            made.bind((source or "", local_port))
        except OSError:
            if not local_port:
                raise
            made.bind((source or "", 0))
    except BaseException:
        made.close()
        raise
    return made
