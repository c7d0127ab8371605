"""Devices that announce services by multicast DNS.

The question goes out from a port of its own, so whoever answers does so to the agent alone and nothing has to
be joined. Source: RFC 6762 (§6.7 for such questions), RFC 6763.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import dns.exception
import dns.message
import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.wire

from edge_agents.discovery.asked import Report, Wish
from edge_agents.discovery.datagrams import Answer, Asking
from edge_agents.discovery.recognising import SERVICES, by_service
from edge_agents.discovery.rules import Found

GROUP = "224.0.0.251"
RECORDS_MOST = 512
INSTANCES_MOST = 2000
PTR, SRV, TXT = dns.rdatatype.PTR, dns.rdatatype.SRV, dns.rdatatype.TXT


class NotDnsError(ValueError):
    """Bytes that are no answer of DNS."""


@dataclass
class Heard:
    """What all answers say together: instances of services, and who said so last."""

    hosts: dict[dns.name.Name, str] = field(default_factory=dict)
    ports: dict[dns.name.Name, int] = field(default_factory=dict)
    texts: dict[dns.name.Name, dict[str, str]] = field(default_factory=dict)

    def take(self, answer: Answer) -> None:
        """Add one. The device is where the answer came from, whatever names it tells. Raises NotDnsError."""
        for name, rdtype, rdata in records(answer.data):
            if rdtype == PTR:
                name = rdata.target
            if len(self.hosts) >= INSTANCES_MOST and name not in self.hosts:
                continue
            if rdtype == PTR and _service_of(name) in SERVICES:
                self.hosts.setdefault(name, answer.host)
            elif rdtype == SRV and _service_of(name) in SERVICES:
                self.hosts[name] = answer.host
                self.ports[name] = rdata.port
            elif rdtype == TXT and _service_of(name) in SERVICES:
                self.texts[name] = dict(_pairs(rdata.strings))

    def bare(self) -> list[dns.name.Name]:
        """Instances of which no port is known yet."""
        return [name for name in self.hosts if name not in self.ports]

    def found(self) -> Iterator[Found]:
        """All instances, as proposals."""
        for name, host in self.hosts.items():
            instance = name.labels[0].decode("utf-8", "replace")
            service = _service_of(name)
            yield by_service(service, instance, self.texts.get(name, {}), host, self.ports.get(name, 0))


async def search(wish: Wish, report: Report) -> None:
    """Ask for all services twice, then for what the answers left out."""
    heard = Heard()
    packets = [
        query([(f"{one}.local.", PTR) for one in SERVICES[at : at + 8]]) for at in range(0, len(SERVICES), 8)
    ]
    sources: list[str | None] = list(wish.where.sources)
    async with contextlib.AsyncExitStack() as stack:
        lines = [await stack.enter_async_context(wish.asking(source)) for source in sources]
        alone = await stack.enter_async_context(wish.asking())
        unicast = [*wish.where.far]

        async def ask(packets: Iterable[bytes], listen_s: float) -> None:
            for packet in packets:
                for line in lines:
                    line.ask(packet, GROUP, wish.ports.mdns)
                await alone.ask_all((packet, host, wish.ports.mdns) for host in unicast)
            await asyncio.sleep(listen_s)
            _take([*lines, alone], heard, report)

        await ask(packets, wish.listen_s / 3)
        await ask(packets, wish.listen_s / 3)
        if bare := heard.bare()[:256]:
            asks = [query([(str(name), kind) for name in bare[at : at + 8] for kind in (SRV, TXT)])
                    for at in range(0, len(bare), 8)]  # fmt: skip
            await ask(asks, wish.listen_s / 3)
        report.asked = sum(line.asked for line in (*lines, alone))
        report.bad += sum(line.ears.dropped for line in (*lines, alone))
    report.answered = len(set(heard.hosts.values()))
    report.found += heard.found()


def _take(lines: Iterable[Asking], heard: Heard, report: Report) -> None:
    for line in lines:
        for answer in line.ears.take():
            try:
                heard.take(answer)
            except NotDnsError:
                report.bad += 1


def query(questions: Iterable[tuple[str, dns.rdatatype.RdataType]]) -> bytes:
    """One packet with several questions."""
    message = dns.message.Message(id=0)
    message.flags = dns.flags.Flag(0)
    for name, rdtype in questions:
        message.find_rrset(
            message.question,
            dns.name.from_text(name),
            dns.rdataclass.IN,
            rdtype,
            create=True,
            force_unique=True,
        )
    return message.to_wire(max_size=1400)


def records(data: bytes) -> list[tuple[dns.name.Name, int, Any]]:
    """PTR, SRV and TXT of an answer; the top bit of a class, which is mDNS's own, is taken off first.

    Raises NotDnsError.
    """
    found: list[tuple[dns.name.Name, int, Any]] = []
    try:
        parser = dns.wire.Parser(data)
        _, flags, questions, *counts = parser.get_struct("!HHHHHH")
        if not flags & 0x8000 or questions > 64 or sum(counts) > RECORDS_MOST:
            raise NotDnsError("no answer")
        for _ in range(questions):
            parser.get_name(decompress=True)
            parser.get_struct("!HH")
        for _ in range(sum(counts)):
            name = parser.get_name(decompress=True)
            rdtype, rdclass, _, length = parser.get_struct("!HHIH")
            with parser.restrict_to(length):
                if rdtype in (PTR, SRV, TXT) and rdclass & 0x7FFF == dns.rdataclass.IN:
                    found.append(
                        (name, rdtype, dns.rdata.from_wire_parser(dns.rdataclass.IN, rdtype, parser))
                    )
                else:
                    parser.get_remaining()
    except (dns.exception.DNSException, ValueError) as error:
        raise NotDnsError(str(error)) from error
    return found


def _service_of(name: dns.name.Name) -> str:
    """`_pjlink._tcp` of `Projector P101._pjlink._tcp.local.`; empty for what is no instance."""
    labels = name.labels
    if len(labels) != 5 or labels[3].lower() != b"local":
        return ""
    return b".".join(labels[1:3]).decode("ascii", "replace").lower()


def _pairs(strings: Iterable[bytes]) -> Iterator[tuple[str, str]]:
    for one in strings:
        key, _, value = one.decode("utf-8", "replace").partition("=")
        if key:
            yield key.lower()[:40], value[:200]
