"""A wire tap: a proxy before the broker that keeps every MQTT packet a client sends, in order."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from devices.wire.payloads import Payload, decode_payload
from devices.wire.topics import Topic, parse_topic

CONNECT, PUBLISH, PUBACK, SUBSCRIBE, DISCONNECT = 1, 3, 4, 8, 14


@dataclass(frozen=True)
class Will:
    """What CONNECT says about the will."""

    topic: str
    payload: bytes
    qos: int
    retain: bool


@dataclass(frozen=True)
class Packet:
    """One control packet from the client; `line` counts its connections from 0."""

    kind: int
    flags: int
    body: bytes
    line: int

    # -- PUBLISH

    @property
    def qos(self) -> int:
        return self.flags >> 1 & 3

    @property
    def retain(self) -> bool:
        return bool(self.flags & 1)

    @property
    def topic(self) -> str:
        return _text(self.body, 0)[0].decode()

    @property
    def payload(self) -> bytes:
        _, end = _text(self.body, 0)
        return self.body[end + (2 if self.qos else 0) :]

    @cached_property
    def parsed(self) -> Topic:
        return parse_topic(self.topic)

    @property
    def type(self) -> str:
        """The Sparkplug message type of a PUBLISH, "" for everything else."""
        if self.kind != PUBLISH or not self.topic.startswith("spBv1.0/"):
            return ""
        return self.parsed.message_type.value

    @cached_property
    def said(self) -> Payload:
        return decode_payload(self.payload)

    @property
    def values(self) -> dict[str | None, Any]:
        return {metric.name: metric.value for metric in self.said.metrics}

    # -- SUBSCRIBE

    @property
    def filters(self) -> list[tuple[str, int]]:
        found, at = [], 2
        while at < len(self.body):
            text, at = _text(self.body, at)
            found.append((text.decode(), self.body[at]))
            at += 1
        return found

    # -- CONNECT

    @property
    def level(self) -> int:
        return self.body[6]

    @property
    def is_clean(self) -> bool:
        return bool(self.body[7] & 2)

    @property
    def client_id(self) -> str:
        return _text(self.body, 10)[0].decode()

    @property
    def will(self) -> Will:
        flags = self.body[7]
        assert flags & 4, "no will"
        _, at = _text(self.body, 10)
        topic, at = _text(self.body, at)
        payload, _ = _text(self.body, at)
        return Will(topic.decode(), payload, flags >> 3 & 3, bool(flags & 0x20))


class Tap:
    """Use as an async context manager; clients connect to `port`."""

    def __init__(self, broker_port: int) -> None:
        self.packets: list[Packet] = []
        self.port = 0
        self._broker_port = broker_port
        self._lines = 0
        self._open: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> Tap:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *error: object) -> None:
        self.cut()
        self._server.close()
        await self._server.wait_closed()

    def cut(self) -> None:
        """Breaks every connection, as a fibre cut would: nobody says goodbye."""
        for writer in self._open:
            writer.transport.abort()

    def of(self, *types: str) -> list[Packet]:
        """The Sparkplug messages published, of these types or of all."""
        return [each for each in self.packets if each.type and (not types or each.type in types)]

    def kinds(self, kind: int) -> list[Packet]:
        return [each for each in self.packets if each.kind == kind]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line, self._lines = self._lines, self._lines + 1
        to_reader, to_writer = await asyncio.open_connection("127.0.0.1", self._broker_port)
        self._open |= {writer, to_writer}
        back = asyncio.create_task(self._back(to_reader, writer))
        try:
            while True:
                head = await reader.readexactly(1)
                size, raw = 0, head
                for shift in (0, 7, 14, 21):
                    byte = await reader.readexactly(1)
                    raw += byte
                    size |= (byte[0] & 0x7F) << shift
                    if byte[0] < 0x80:
                        break
                body = await reader.readexactly(size)
                self.packets.append(Packet(head[0] >> 4, head[0] & 0x0F, body, line))
                to_writer.write(raw + body)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            back.cancel()
            for each in (writer, to_writer):
                self._open.discard(each)
                each.close()

    @staticmethod
    async def _back(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65_536):
                writer.write(data)
        except ConnectionError:
            pass
        finally:
            writer.close()


def _text(body: bytes, at: int) -> tuple[bytes, int]:
    end = at + 2 + int.from_bytes(body[at : at + 2], "big")
    return body[at + 2 : end], end
