"""The few MQTT 3.1.1 control packets the ingest connection writes, as bytes.

Source: OASIS MQTT Version 3.1.1, section 3. Reading is in `connection.py`, where it is hot.
"""

from __future__ import annotations

from dataclasses import dataclass

CONNACK, PUBLISH, PUBACK, SUBACK, PINGRESP = 2, 3, 4, 9, 13

PINGREQ = b"\xc0\x00"
DISCONNECT = b"\xe0\x00"

CONNACK_REASONS = {
    1: "unacceptable protocol version",
    2: "client identifier rejected",
    3: "server unavailable",
    4: "bad user name or password",
    5: "not authorised",
}


@dataclass(frozen=True, slots=True)
class Will:
    """The message the broker publishes when this connection is lost."""

    topic: str
    payload: bytes
    qos: int = 1
    retain: bool = True


def _text(value: str | bytes) -> bytes:
    raw = value.encode() if isinstance(value, str) else value
    return len(raw).to_bytes(2, "big") + raw


def _packet(first: int, body: bytes) -> bytes:
    size, remaining = bytearray(), len(body)
    while True:
        size.append((remaining & 0x7F) | (0x80 if remaining > 0x7F else 0))
        remaining >>= 7
        if not remaining:
            return bytes((first,)) + bytes(size) + body


def connect(
    client_id: str,
    *,
    keepalive_s: int,
    will: Will | None = None,
    username: str | None = None,
    password: str | None = None,
) -> bytes:
    """CONNECT with a clean session (section 3.1)."""
    flags = 0x02
    tail = _text(client_id)
    if will is not None:
        flags |= 0x04 | will.qos << 3 | (0x20 if will.retain else 0)
        tail += _text(will.topic) + _text(will.payload)
    if username is not None:
        flags |= 0x80
        tail += _text(username)
    if password is not None:
        flags |= 0x40
        tail += _text(password)
    return _packet(0x10, _text("MQTT") + bytes((4, flags)) + keepalive_s.to_bytes(2, "big") + tail)


def subscribe(packet_id: int, filters: list[tuple[str, int]]) -> bytes:
    """SUBSCRIBE to (topic filter, maximum QoS) pairs (section 3.8)."""
    body = packet_id.to_bytes(2, "big")
    return _packet(0x82, body + b"".join(_text(topic) + bytes((qos,)) for topic, qos in filters))


def unsubscribe(packet_id: int, filters: list[str]) -> bytes:
    """UNSUBSCRIBE (section 3.10)."""
    return _packet(0xA2, packet_id.to_bytes(2, "big") + b"".join(_text(topic) for topic in filters))


def publish(topic: str, payload: bytes, *, qos: int = 0, retain: bool = False, packet_id: int = 0) -> bytes:
    """PUBLISH; a packet id is needed above QoS 0 (section 3.3)."""
    first = 0x30 | qos << 1 | (1 if retain else 0)
    return _packet(first, _text(topic) + (packet_id.to_bytes(2, "big") if qos else b"") + payload)


def puback(packet_id: int) -> bytes:
    """PUBACK (section 3.4)."""
    return b"\x40\x02" + packet_id.to_bytes(2, "big")
