"""Asking a host whether it is there: ICMP by gufo-ping where the kernel allows it, else a TCP connection."""

from __future__ import annotations

import asyncio
import functools
import ipaddress
import socket
import time
from collections.abc import Mapping
from typing import Any

from gufo.ping import Ping
from gufo.ping.socket import SelectionPolicy

from devices.protocols.failures import unreachable
from devices.protocols.reachability.options import PingOptions
from devices.protocols.reachability.rules import Seen, remembered, seen
from devices.simulation import UnreachableError


@functools.cache
def icmp_allowed() -> bool:
    """True if this process may send ICMP: by the group range of the kernel, or by CAP_NET_RAW."""
    for kind in (socket.SOCK_DGRAM, socket.SOCK_RAW):
        try:
            socket.socket(socket.AF_INET, kind, socket.IPPROTO_ICMP).close()
        except OSError:
            continue
        return True
    return False


class Probe:
    """Asks one host a few times a poll and remembers how often it did not answer."""

    def __init__(self, options: PingOptions) -> None:
        self.options = options
        self._answered: tuple[bool, ...] = ()
        self._ping: Ping | None = None

    @property
    def by_icmp(self) -> bool:
        """Whether it asks with ICMP."""
        return self.options.by == "icmp" or (self.options.by == "auto" and icmp_allowed())

    async def measure(self) -> Seen:
        """Delay and loss; a host that does not answer has a loss of 100 % in the end, and no delay."""
        answers, _ = await self._ask()
        return seen(self._answered, answers)

    async def demand(self) -> Seen:
        """As `measure`, of a host that has to be there. Raises UnreachableError with the reason."""
        answers, failure = await self._ask()
        if all(answer is None for answer in answers):
            raise failure or UnreachableError("timeout", f"{self.options.host} does not answer")
        return seen(self._answered, answers)

    async def _ask(self) -> tuple[list[float | None], UnreachableError | None]:
        try:
            address = await _address(self.options.host)
        except OSError as error:
            answers: list[float | None] = [None] * self.options.probes
            failure: UnreachableError | None = unreachable(error)
        else:
            answers, failure = await (self._by_icmp(address) if self.by_icmp else self._by_tcp(address))
        self._answered = remembered(self._answered, answers)
        return answers, failure

    async def _by_icmp(self, address: str) -> tuple[list[float | None], UnreachableError | None]:
        options = self.options
        if not icmp_allowed():
            raise UnreachableError(
                "protocol_error", 'by = "icmp", which this process may not; use "auto" or "tcp"'
            )
        if self._ping is None:
            self._ping = Ping(policy=SelectionPolicy.DGRAM_RAW, timeout=options.answer_s)
        answers: list[float | None] = []
        for _ in range(options.probes):
            try:
                async with asyncio.timeout(2 * options.answer_s):
                    answers.append(await self._ping.ping(address))
            except TimeoutError:
                answers.append(None)
        return answers, None

    async def _by_tcp(self, address: str) -> tuple[list[float | None], UnreachableError | None]:
        answers: list[float | None] = []
        failure: UnreachableError | None = None
        for _ in range(self.options.probes):
            begun_s = time.perf_counter()
            try:
                async with asyncio.timeout(self.options.answer_s):
                    _, writer = await asyncio.open_connection(address, self.options.port)
                writer.transport.abort()
            except ConnectionRefusedError:
                pass  # somebody is there to refuse
            except OSError as error:
                answers.append(None)
                failure = unreachable(error)
                continue
            answers.append(time.perf_counter() - begun_s)
        return answers, failure


class PingedDevice:
    """Any device with an address, as the kind `network_device` shows it."""

    def __init__(self, options: PingOptions) -> None:
        self._probe = Probe(options)

    async def connect(self) -> None:
        """Nothing to connect to; the first poll tells."""

    async def poll(self) -> Mapping[str, Any]:
        """Delay and loss. Raises UnreachableError."""
        now = await self._probe.demand()
        return {"Latency": now.latency_ms, "Loss": now.loss_percent}

    async def write(self, metric: str, value: Any) -> None:
        """Nothing can be written."""
        raise KeyError(metric)

    async def close(self) -> None:
        """Nothing to let go of: what was lost stays remembered."""


class PingedLine(PingedDevice):
    """A line of which only a host beyond it is known, as the kind `uplink` shows it."""

    def __init__(self, options: Any) -> None:
        super().__init__(options)
        self._capacity_kbps = options.capacity_kbps

    async def poll(self) -> Mapping[str, Any]:
        """Delay, loss and whether anything comes back at all: a cut line is observed, not unreachable."""
        now = await self._probe.measure()
        up = now.latency_ms is not None
        return {
            "Latency": now.latency_ms,
            "Loss": now.loss_percent if up else None,
            "Link Up": up,
            "Capacity": self._capacity_kbps,
        }


async def _address(host: str) -> str:
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
        return str(found[0][4][0])
