"""The sender: sends requests to agents and follows what becomes of them, in the leader of control alone.

Requests are written down as sent before they leave, and agents do nothing twice for the same id: a leader
that dies costs nothing but time, and two of them for a moment cost a message.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Awaitable, Callable
from urllib.parse import quote

import aiomqtt
from prometheus_client import Counter
from sqlalchemy.ext.asyncio import AsyncSession

from devices.wire.commands import AGENT_REQUEST
from devices.wire.datatypes import DataType
from devices.wire.encoding import encode_payload
from devices.wire.structures import MetricValue, Payload
from devices.wire.topics import MessageType, Topic
from hub.database import Database
from hub.events import mqtt_client
from hub.fleet.service import CHANGED, Key
from hub.fleet.steps import Look
from hub.live.documents import Mirrored
from hub.live.picture import Picture
from hub.live.picture import Plain as Document

log = logging.getLogger(__name__)

SENT = Counter("hub_fleet_requests_sent", "Requests sent to agents, those sent again included")
NODES = "hub/live/+/-/+"
LISTEN_FIRST_S = 0.5  # the retained documents tell which agents are there
BUSY_S, QUIET_S = 1.0, 5.0
FORGET_S = 15.0


Heard = Callable[[AsyncSession, Key, Mirrored | None, int], Awaitable[None]]
"""Takes what an agent said (its document, or None if it is gone) into the transaction of a look, and when."""


class Sender:
    """Works while `leads()`; `url` is the hub's own address as agents reach it.

    Whoever else wants to know what agents say is told by `heard`, in the transaction of each look.
    """

    def __init__(
        self,
        database: Database,
        mqtt_url: str,
        name: str,
        url: str,
        now_ms: Callable[[], int],
        leads: Callable[[], bool],
        heard: Heard | None = None,
    ) -> None:
        self._database, self._mqtt_url, self._name, self._url = database, mqtt_url, name, url
        self._now_ms, self._leads = now_ms, leads
        self._heard = heard
        self._news: set[Key] = set()
        self._wake = asyncio.Event()
        self._picture = Picture()

    async def run(self, stop: asyncio.Event) -> None:
        """Works whenever this process leads, until `stop`; ends with `ConnectionError` without the broker."""
        while not stop.is_set():
            if self._leads():
                await self._lead(stop)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), 0.5)

    async def _lead(self, stop: asyncio.Event) -> None:
        self._picture = Picture()
        self._picture.add_listener(self)
        identifier = f"{self._name}-fleet-{random.getrandbits(32):08x}"
        try:
            async with mqtt_client(self._mqtt_url, identifier, max_queued_incoming_messages=20_000) as client:
                await client.subscribe([(NODES, 0), (CHANGED, 1)])
                reading = asyncio.create_task(self._read(client))
                try:
                    await asyncio.sleep(LISTEN_FIRST_S)
                    while self._leads() and not stop.is_set() and not reading.done():
                        self._wake.clear()
                        busy = await self._turn(client)
                        wait_s = BUSY_S if busy else QUIET_S
                        with contextlib.suppress(TimeoutError):
                            await asyncio.wait_for(self._wake.wait(), wait_s)
                        await asyncio.sleep(0.05)  # what comes together is looked at together
                finally:
                    reading.cancel()
                    await asyncio.wait({reading})
                if not reading.cancelled() and (error := reading.exception()) is not None:
                    raise error
        except aiomqtt.MqttError as lost:
            raise ConnectionError(f"lost the broker: {lost}") from None

    async def _read(self, client: aiomqtt.Client) -> None:
        async for message in client.messages:
            topic = str(message.topic)
            if topic == CHANGED:
                self._wake.set()
            else:
                self._picture.message(topic, bytes(message.payload), retained=message.retain)

    async def _turn(self, client: aiomqtt.Client) -> bool:
        news, self._news = self._news, set()
        async with self._database.write() as session:
            if self._heard is not None:
                for key in sorted(news):
                    await self._heard(session, key, self._seen(key), self._now_ms())
            look = Look(session, self._seen, self._package_url, self._now_ms())
            outgoing = await look.run()
        for each in outgoing:
            now_ms = self._now_ms()
            metric = MetricValue(name=AGENT_REQUEST, datatype=DataType.String, value=each.text)
            payload = encode_payload(Payload(ts_ms=now_ms, seq=None, metrics=[metric]))
            await client.publish(str(Topic(each.key[0], MessageType.NCMD, each.key[1])), payload, qos=0)
            SENT.inc()
        return look.busy

    def _seen(self, key: Key) -> Mirrored | None:
        return self._picture.get((*key, ""))

    def _package_url(self, version: str) -> str:
        return f"{self._url}/api/v1/packages/{quote(version)}/download"

    # -- the picture's listener ----------------------------------------------------------------------

    def device_changed(self, old: Mirrored | None, new: Mirrored | None) -> None:
        """A node's document came: only what agents say of themselves is worth a look at once."""
        if old is None or new is None or _said(old) != _said(new):
            self._wake.set()
            if new is not None:
                self._news.add((new.group, new.node))

    def alarm_changed(self, old: Document | None, new: Document | None) -> None:
        """Alarms are of no interest here."""

    def status_changed(self) -> None:
        """Nor are heartbeats."""


def _said(document: Mirrored) -> list[object]:
    names = ("Agent/Result", "Agent/Discovered", "Agent/Config Version", "Agent/Config Hash", "Agent/Version")
    said = [reading.value for name in names if (reading := document.metrics.get(name)) is not None]
    return [document.presence.state, *said]
