"""Devices that let themselves be found: responders of mDNS, SSDP and the PJLink search, on real sockets.

Each answers on a loopback port of its own; with `group` also what is sent to the multicast group there.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal
from xml.sax.saxutils import escape

import dns.flags
import dns.message
import dns.name
import dns.rdataclass
import dns.rdatatype
import dns.rrset

Fault = Literal["", "silent", "garbage", "half"]
HERE = "127.0.0.1"


class Announcer(asyncio.DatagramProtocol):
    """Something that answers datagrams; `fault` says how it misbehaves, `questions` counts."""

    def __init__(self) -> None:
        self.fault: Fault = ""
        self.questions = 0
        self.port = 0
        self._transport: asyncio.DatagramTransport | None = None

    def answers(self, question: bytes) -> Iterable[bytes]:
        """What it says to a question."""
        raise NotImplementedError

    async def start(self, port: int = 0, *, group: str | None = None) -> int:
        """Listen; returns the port (any free one for 0)."""
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        made.setblocking(False)
        if group is None:
            made.bind((HERE, port))
        else:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            made.bind((group, port))
            membership = socket.inet_aton(group) + socket.inet_aton(HERE)
            made.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership)
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, sock=made)
        self.port = int(made.getsockname()[1])
        return self.port

    async def stop(self) -> None:
        """Fall silent."""
        if self._transport is not None:
            self._transport.close()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Answer whoever asked."""
        assert self._transport is not None
        self.questions += 1
        if self.fault == "silent":
            return
        for said in self.answers(data):
            spoilt = {"garbage": b"\xff\x00?" * 20, "half": said[: len(said) // 2]}.get(self.fault, said)
            self._reply(spoilt, addr)

    def _reply(self, data: bytes, addr: tuple[str, int]) -> None:
        assert self._transport is not None
        if self._transport.get_extra_info("sockname")[0] == HERE:
            self._transport.sendto(data, addr)
            return
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:  # a group is nobody's own address
            line.bind((HERE, 0))
            line.sendto(data, addr)


@dataclass(frozen=True, slots=True)
class Service:
    """One instance of a service, such as ("Projector P101", "_pjlink._tcp", 4352)."""

    instance: str
    service: str
    port: int
    txt: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> dns.name.Name:
        """Its full name."""
        return dns.name.Name((self.instance.encode(), *self.kind.labels))

    @property
    def kind(self) -> dns.name.Name:
        """The name of all instances of the service."""
        return dns.name.from_text(f"{self.service}.local.")


class MdnsResponder(Announcer):
    """Answers for all its services. `curt`: SRV and TXT only to who asks for them."""

    def __init__(self, services: Iterable[Service] = (), *, curt: bool = False) -> None:
        super().__init__()
        self.services = list(services)
        self.curt = curt

    def answers(self, question: bytes) -> Iterable[bytes]:
        """One packet to a question, with the class's top bit set as mDNS has it."""
        asked = dns.message.from_wire(question)
        said = dns.message.Message(id=asked.id)
        said.flags = dns.flags.QR | dns.flags.AA
        for one in asked.question:
            for service in self.services:
                if one.rdtype == dns.rdatatype.PTR and one.name == service.kind:
                    said.answer.append(_row(service.kind, "PTR", str(service.name)))
                    if not self.curt:
                        said.additional += _details(service)
                elif one.name == service.name:
                    rows = _details(service)
                    said.answer += [row for row in rows if row.rdtype == one.rdtype]
        if said.answer:
            yield said.to_wire(max_size=9000)


def _details(service: Service) -> list[dns.rrset.RRset]:
    texts = " ".join(f'"{key}={value}"' for key, value in service.txt.items()) or '""'
    return [
        _row(service.name, "SRV", f"0 0 {service.port} simulated.local."),
        _row(service.name, "TXT", texts),
    ]


def _row(name: dns.name.Name, rdtype: str, value: str) -> dns.rrset.RRset:
    return dns.rrset.from_text(name, 10, dns.rdataclass.IN, rdtype, value)


class PjlinkSearch(Announcer):
    """A projector of class 2 that answers the search; its questions by TCP are another's."""

    def __init__(self, mac: str) -> None:
        super().__init__()
        self.mac = mac

    def answers(self, question: bytes) -> Iterable[bytes]:
        """Its hardware address."""
        if question == b"%2SRCH\r":
            yield f"%2ACKN={self.mac}\r".encode()


class SsdpDevice(Announcer):
    """A device of UPnP with its description, which `about` has the texts of; `page` is sent in its place."""

    def __init__(self, about: Mapping[str, str], *, page: bytes | None = None) -> None:
        super().__init__()
        self.about = about
        self.page = page
        self.location = ""
        self._server: asyncio.Server | None = None

    async def start(self, port: int = 0, *, group: str | None = None) -> int:
        """Listen for searches, and for who fetches the description."""
        self._server = await asyncio.start_server(self._serve, HERE, 0)
        self.location = f"http://{HERE}:{self._server.sockets[0].getsockname()[1]}/about.xml"
        return await super().start(port, group=group)

    async def stop(self) -> None:
        """Fall silent."""
        await super().stop()
        if self._server is not None:
            self._server.close()

    def answers(self, question: bytes) -> Iterable[bytes]:
        """Where the description is."""
        if question.startswith(b"M-SEARCH * HTTP/1.1\r\n"):
            head = "HTTP/1.1 200 OK\r\nST: upnp:rootdevice\r\nUSN: uuid:1::upnp:rootdevice\r\n"
            yield f"{head}LOCATION: {self.location}\r\n\r\n".encode()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        texts = "".join(f"<{name}>{escape(text)}</{name}>" for name, text in self.about.items())
        page = f'<root xmlns="urn:schemas-upnp-org:device-1-0"><device>{texts}</device></root>'.encode()
        writer.write(b"HTTP/1.0 200 OK\r\n\r\n" + (self.page if self.page is not None else page))
        await writer.drain()
        writer.close()
