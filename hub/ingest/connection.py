"""The ingest role's connection to the broker: PUBLISH packets out of the socket in bulk.

A general client spends more on one message than the hub spends on decoding, journalling and storing
it (figures in docs/benchmarks.md), so this one path reads MQTT 3.1.1 itself. It is narrow on purpose:
subscribe, receive at QoS 0 and 1, publish at QoS 0 and 1, keep alive. Everything else uses aiomqtt.

The socket is always read, never throttled: a subscriber that stops reading makes the broker drop for
it, blindly. What does not fit is shed by the inbox, which knows whose it is.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import TypeAlias, cast
from urllib.parse import unquote, urlsplit

from hub.ingest import packets

MAX_PACKET_BYTES = 2 * 1024 * 1024
_KEEPALIVE_S = 20

Deliver: TypeAlias = Callable[[list[tuple[bytes, bytes]]], None]
"""Takes a list of (topic, payload), in the order of arrival."""


class ConnectionRefused(ConnectionError):
    """The broker answered CONNECT with a refusal."""


class IngestConnection(asyncio.Protocol):
    """One MQTT 3.1.1 connection; `lost` is done when it is gone."""

    def __init__(self, deliver: Deliver, oversize: Callable[[bytes, int], None] | None = None) -> None:
        loop = asyncio.get_running_loop()
        self.lost: asyncio.Future[None] = loop.create_future()
        self._deliver = deliver
        self._oversize = oversize
        self._transport: asyncio.Transport | None = None
        self._rest = b""
        self._skip_bytes = 0
        self._packet_id = 0
        self._together: list[bytes] = []
        self._connected: asyncio.Future[None] = loop.create_future()
        self._awaited: dict[int, asyncio.Future[None]] = {}
        self._pinger: asyncio.Task[None] | None = None
        self._heard = loop.time()

    # -- asyncio.Protocol ---------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own class is not derived from it

    def connection_lost(self, exc: Exception | None) -> None:
        if self._pinger is not None:
            self._pinger.cancel()
        failure = exc or ConnectionResetError("the broker closed the connection")
        for waiting in (self._connected, *self._awaited.values()):
            if not waiting.done():
                waiting.set_exception(failure)
                waiting.exception()  # read here: nobody may be waiting for it any more
        self._awaited.clear()
        if not self.lost.done():
            self.lost.set_result(None)

    def data_received(self, data: bytes) -> None:
        self._heard = asyncio.get_running_loop().time()
        if self._skip_bytes:
            if len(data) <= self._skip_bytes:
                self._skip_bytes -= len(data)
                return
            data = data[self._skip_bytes :]
            self._skip_bytes = 0
        buffer = self._rest + data if self._rest else data
        length, start = len(buffer), 0
        received: list[tuple[bytes, bytes]] = []
        while length - start >= 2:
            first, size, body = buffer[start], buffer[start + 1], start + 2
            if size & 0x80:
                size &= 0x7F
                shift = 7
                while body < length:
                    byte = buffer[body]
                    body += 1
                    size |= (byte & 0x7F) << shift
                    if not byte & 0x80:
                        break
                    shift += 7
                else:
                    break
            end = body + size
            if end > length:
                if size > MAX_PACKET_BYTES and length - body > 256:
                    self._begin_skip(buffer, first, body, size, end - length)
                    start = length
                break
            if first & 0xF0 == 0x30:
                topic_end = body + 2 + (buffer[body] << 8 | buffer[body + 1])
                payload = topic_end
                if first & 0x06:
                    payload += 2
                    self._write(packets.puback(buffer[topic_end] << 8 | buffer[topic_end + 1]))
                received.append((buffer[body + 2 : topic_end], buffer[payload:end]))
            else:
                self._control(first >> 4, buffer[body:end])
            start = end
        self._rest = buffer[start:] if start < length else b""
        if received:
            self._deliver(received)

    def _begin_skip(self, buffer: bytes, first: int, body: int, size: int, missing: int) -> None:
        """An absurdly large packet is passed over while it streams in, never held in memory."""
        self._skip_bytes = missing
        if first & 0xF0 == 0x30 and self._oversize is not None:
            topic_end = body + 2 + (buffer[body] << 8 | buffer[body + 1])
            self._oversize(buffer[body + 2 : min(topic_end, len(buffer))], size)

    def _control(self, kind: int, body: bytes) -> None:
        if kind == packets.CONNACK:
            if body[1] == 0:
                self._connected.set_result(None)
            else:
                reason = packets.CONNACK_REASONS.get(body[1], f"code {body[1]}")
                self._connected.set_exception(ConnectionRefused(f"the broker refused the hub: {reason}"))
        elif kind in (packets.SUBACK, packets.PUBACK):
            waiting = self._awaited.pop(body[0] << 8 | body[1], None)
            if waiting is not None and not waiting.done():
                if kind == packets.SUBACK and 0x80 in body[2:]:
                    waiting.set_exception(ConnectionRefused("the broker refused a subscription"))
                else:
                    waiting.set_result(None)

    # -- what the role calls ------------------------------------------------------------------------

    async def open(
        self, client_id: str, will: packets.Will, username: str | None, password: str | None
    ) -> None:
        """Send CONNECT, wait for the broker's answer, then keep the connection alive."""
        self._write(
            packets.connect(
                client_id, keepalive_s=_KEEPALIVE_S, will=will, username=username, password=password
            )
        )
        await asyncio.wait_for(self._connected, 10)
        self._pinger = asyncio.create_task(self._keep_alive(), name="mqtt keep-alive")

    async def subscribe(self, filters: list[tuple[str, int]]) -> None:
        """Subscribe and wait until the broker has confirmed it."""
        packet_id, confirmed = self._await_packet()
        self._write(packets.subscribe(packet_id, filters))
        await asyncio.wait_for(confirmed, 10)

    def unsubscribe(self, filters: list[str]) -> None:
        """Unsubscribe; nobody waits for the broker's confirmation."""
        self._write(packets.unsubscribe(self._next_packet_id(), filters))

    def publish(self, topic: str, payload: bytes, *, qos: int = 0, retain: bool = False) -> None:
        """Publish and wait for nothing; silently lost when the connection is (the caller sends state again).

        What is published in one turn of the loop leaves together: a call into the kernel costs more.
        """
        if not self._together:
            asyncio.get_running_loop().call_soon(self._send_together)
        packet_id = self._next_packet_id() if qos else 0
        self._together.append(packets.publish(topic, payload, qos=qos, retain=retain, packet_id=packet_id))

    def _send_together(self) -> None:
        parts, self._together = self._together, []
        self._write(b"".join(parts))

    async def publish_confirmed(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Publish at QoS 1 and wait for PUBACK."""
        self._send_together()  # the order of publishing is kept
        packet_id, confirmed = self._await_packet()
        self._write(packets.publish(topic, payload, qos=1, retain=retain, packet_id=packet_id))
        await asyncio.wait_for(confirmed, 10)

    def send_raw(self, raw: bytes) -> None:
        """Write packets that were built beforehand."""
        self._write(raw)

    @property
    def unsent_bytes(self) -> int:
        """Bytes written but not yet taken by the kernel."""
        waiting = sum(map(len, self._together))
        return waiting + (0 if self._transport is None else self._transport.get_write_buffer_size())

    def close(self) -> None:
        """Disconnect in order: the broker then discards the will."""
        if self._transport is not None and not self._transport.is_closing():
            self._send_together()
            self._write(packets.DISCONNECT)
            self._transport.close()

    def _next_packet_id(self) -> int:
        self._packet_id = self._packet_id % 0xFFFF + 1
        return self._packet_id

    def _await_packet(self) -> tuple[int, asyncio.Future[None]]:
        packet_id = self._next_packet_id()
        confirmed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._awaited[packet_id] = confirmed
        return packet_id, confirmed

    def _write(self, raw: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(raw)

    async def _keep_alive(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(_KEEPALIVE_S / 2)
            if loop.time() - self._heard > 1.5 * _KEEPALIVE_S and self._transport is not None:
                self._transport.abort()
                return
            self._write(packets.PINGREQ)


async def dial(
    mqtt_url: str,
    deliver: Deliver,
    oversize: Callable[[bytes, int], None] | None = None,
    tls: ssl.SSLContext | None = None,
) -> tuple[IngestConnection, str | None, str | None]:
    """Open the socket to `mqtt://[user:password@]host:port`; return connection, user name, password."""
    url = urlsplit(mqtt_url)
    secure = url.scheme == "mqtts"
    loop = asyncio.get_running_loop()
    context = (tls or ssl.create_default_context()) if secure else None
    _, connection = await asyncio.wait_for(
        loop.create_connection(
            lambda: IngestConnection(deliver, oversize),
            url.hostname or "127.0.0.1",
            url.port or (8883 if secure else 1883),
            ssl=context,
        ),
        10,
    )
    user = unquote(url.username) if url.username else None
    return connection, user, unquote(url.password) if url.password else None
