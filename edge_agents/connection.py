"""Where the broker is and how an agent talks to it."""

from __future__ import annotations

import socket
import ssl
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

import aiomqtt
from paho.mqtt.client import MQTT_ERR_SUCCESS

NO_CHECK_TIME = ssl.VerifyFlags(0x200000)
"""OpenSSL's X509_V_FLAG_NO_CHECK_TIME, which Python gives no name: who has no clock cannot judge times."""


@dataclass(frozen=True, slots=True)
class MqttSettings:
    """Address of the broker and what is shown to it; `client_id` is the node's id unless given."""

    host: str = "127.0.0.1"
    port: int = 1883
    username: str | None = None
    password: str | None = None
    tls: bool = False
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    client_id: str | None = None
    keepalive_s: int = 30
    timeout_s: float = 10.0
    earliest_ms: int = 0
    """A clock that shows less is wrong (UTC ms); then the times of the broker's certificate do not matter."""

    @classmethod
    def from_url(cls, url: str, **others: object) -> MqttSettings:
        """Read `mqtt://user:password@host:port` (or `mqtts://`). Raises ValueError naming what is wrong."""
        parts = urlsplit(url)
        if parts.scheme not in ("mqtt", "mqtts"):
            raise ValueError("must begin with mqtt:// or mqtts://")
        if not parts.hostname:
            raise ValueError("names no host")
        tls = parts.scheme == "mqtts"
        found: dict[str, object] = {
            "host": parts.hostname,
            "port": parts.port or (8883 if tls else 1883),
            "username": unquote(parts.username) if parts.username else None,
            "password": unquote(parts.password) if parts.password else None,
            "tls": tls,
        }
        return cls(**{**found, **{key: value for key, value in others.items() if value is not None}})  # type: ignore[arg-type]

    def client(self, node_id: str, will: aiomqtt.Will) -> aiomqtt.Client:
        """A client that is not connected yet: MQTT 3.1.1, clean session, the given will."""
        return aiomqtt.Client(
            self.host,
            self.port,
            username=self.username,
            password=self.password,
            identifier=self.client_id or node_id,
            clean_session=True,
            will=will,
            keepalive=self.keepalive_s,
            timeout=self.timeout_s,
            tls_context=self._tls() if self.tls else None,
            max_queued_incoming_messages=1000,
        )

    def _tls(self) -> ssl.SSLContext:
        # read anew for each connection: a certificate that was renewed is used by the next one
        context = ssl.create_default_context(cafile=self.ca_file)
        if self.cert_file is not None:
            context.load_cert_chain(self.cert_file, self.key_file)
        if time.time() * 1000 < self.earliest_ms:
            context.verify_flags |= NO_CHECK_TIME
        return context


def post(client: aiomqtt.Client, topic: str, payload: bytes) -> None:
    """Queue a QoS 0 payload for the socket without waiting until it is written.

    A burst goes out in one turn of the loop instead of one turn each; whoever posts waits for its last
    payload (`client.publish`), so that the queue stays bounded. Raises MqttError without a connection.
    """
    sent = client._client.publish(topic, payload, 0)  # noqa: SLF001 — aiomqtt only offers to wait for each
    if sent.rc != MQTT_ERR_SUCCESS:
        raise aiomqtt.MqttCodeError(sent.rc, "Could not publish message")


def hold_back(client: aiomqtt.Client, held: bool) -> None:
    """Let the kernel gather what is written until it is let go, instead of sending packet after packet.

    Every packet on its own costs the sender a quarter of a millisecond of CPU here. Without effect where the
    system has no TCP_CORK (tcp(7)); the kernel never holds back for longer than 200 ms.
    """
    held_by = getattr(socket, "TCP_CORK", None)
    line = client._client.socket()  # noqa: SLF001 — aiomqtt does not give it
    if held_by is not None and isinstance(line, socket.socket):  # TLS sockets are sockets too
        line.setsockopt(socket.IPPROTO_TCP, held_by, held)
