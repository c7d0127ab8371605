"""Tells the other roles what changed, through the broker: small JSON messages, sent after the commit.

`publish` never waits: messages stand in a bounded queue, the oldest is dropped and counted when it is full.
That is safe because every message only says "look again" at something the database holds.
"""

import asyncio
import contextlib
import json
import ssl
from collections import deque
from typing import Any
from urllib.parse import unquote, urlsplit

import aiomqtt
from prometheus_client import Counter
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncSession

DROPPED = Counter(
    "hub_events_dropped", "Messages to other roles dropped because the broker was away too long"
)

MAX_PENDING = 10_000
KEEPALIVE_S = 10


def mqtt_client(url: str, identifier: str, **options: Any) -> aiomqtt.Client:
    """Makes an aiomqtt client of `mqtt://[user:password@]host[:port]` or `mqtts://…`."""
    parts = urlsplit(url)
    secure = parts.scheme == "mqtts"
    return aiomqtt.Client(
        parts.hostname or "127.0.0.1",
        parts.port or (8883 if secure else 1883),
        username=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
        tls_context=ssl.create_default_context() if secure else None,
        identifier=identifier,
        keepalive=KEEPALIVE_S,
        **options,
    )


class Events:
    """The web role's line to the broker for telling the others."""

    def __init__(self, mqtt_url: str, identifier: str, *, max_pending: int = MAX_PENDING) -> None:
        self._url = mqtt_url
        self._identifier = identifier
        self._pending: deque[tuple[str, bytes]] = deque(maxlen=max_pending)
        self._wake = asyncio.Event()
        self.connected = False

    def publish(self, topic: str, content: dict[str, Any]) -> None:
        """Puts a message into the queue."""
        if len(self._pending) == self._pending.maxlen:
            DROPPED.inc()
        self._pending.append((topic, json.dumps(content, ensure_ascii=False).encode()))
        self._wake.set()

    def publish_after_commit(self, session: AsyncSession, topic: str, content: dict[str, Any]) -> None:
        """Publishes when the session's transaction has committed; never if it rolls back."""
        sync = session.sync_session

        def committed(_session: object) -> None:
            self.publish(topic, content)

        event.listen(sync, "after_commit", committed, once=True)

    async def run(self) -> None:
        """Connects and publishes until the connection is lost (`ConnectionError`); supervise it."""
        async with mqtt_client(self._url, self._identifier) as client:
            self.connected = True
            lost = asyncio.create_task(_until_lost(client))
            publishing = asyncio.create_task(self._publish(client))
            try:
                await asyncio.wait({lost, publishing}, return_when=asyncio.FIRST_COMPLETED)
                raise ConnectionError("lost the broker")
            finally:
                self.connected = False
                lost.cancel()
                publishing.cancel()
                await asyncio.wait({lost, publishing})

    async def _publish(self, client: aiomqtt.Client) -> None:
        while True:
            while self._pending:
                topic, payload = self._pending[0]
                await client.publish(topic, payload, qos=1)
                # a full queue may have dropped this very message while the broker answered
                if self._pending and self._pending[0][1] is payload:
                    self._pending.popleft()
            self._wake.clear()
            await self._wake.wait()


async def _until_lost(client: aiomqtt.Client) -> None:
    """Returns when the connection ends: nothing is subscribed, so the messages end only with it."""
    with contextlib.suppress(aiomqtt.MqttError):
        async for _ in client.messages:
            pass
