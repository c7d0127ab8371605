"""Devices on a room's broker: always listened to, and asked once more by a search.

Zigbee2MQTT and Tasmota keep their announcements retained; Shellies (second generation and later) announce
themselves when they are asked; our own convention has `classroom/<id>/about`, retained.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Sequence

import aiomqtt

from devices.cancelling import cancelled
from devices.protocols.mqtt_json.dialects import NotUnderstoodError
from devices.protocols.mqtt_json.discovery import ASKS, TOPICS, Offer, read
from devices.protocols.mqtt_json.line import client_of, failure_of
from devices.protocols.mqtt_json.options import RoomBrokerOptions
from edge_agents.discovery.asked import Report
from edge_agents.discovery.rules import DEFAULT_BROKER, Found, mac, text, topic_of
from edge_agents.rules import Backoff

log = logging.getLogger(__name__)

OFFERS_MOST = 1000
ASK_S = 2.0
_FIRST_S, _LONGEST_S = 1.0, 300.0


class Listening:
    """One broker, followed until `close`; what cannot be read is counted."""

    def __init__(self, url: str, options: RoomBrokerOptions) -> None:
        self.url = url
        self.options = options
        self.bad = 0
        self.problem: str | None = None
        self._offers: dict[str, dict[str, Offer]] = {}
        self._client: aiomqtt.Client | None = None
        self._tried = asyncio.Event()
        self._rng = random.Random()
        self._task = asyncio.create_task(self._run(), name=f"listening to {url}")

    def found(self) -> list[Found]:
        """Whatever has announced itself."""
        return [found_at(self.url, offer) for offers in self._offers.values() for offer in offers.values()]

    async def ask(self) -> bool:
        """Let those announce themselves that do so only when asked; False if the broker is away."""
        await self._tried.wait()
        if self._client is None:
            return False
        self._offers = {topic: offers for topic, offers in self._offers.items() if topic != _ANNOUNCED}
        try:
            for topic, payload in ASKS:
                await self._client.publish(topic, payload)
        except aiomqtt.MqttError as error:
            self.problem = failure_of(error).reason
            return False
        return True

    async def close(self) -> None:
        """Listen no more."""
        await cancelled(self._task)

    def hear(self, topic: str, payload: bytes) -> None:
        """Take one message; an empty one takes back what its topic said."""
        try:
            offers = {offer.key: offer for offer in read(topic, payload)} if payload else {}
        except NotUnderstoodError:
            self.bad += 1
            return
        if topic == _ANNOUNCED:  # one topic for all of them
            offers = {**self._offers.get(topic, {}), **offers}
        others = sum(len(each) for name, each in self._offers.items() if name != topic)
        if others + len(offers) > OFFERS_MOST:
            self.bad += 1
            return
        self._offers[topic] = offers
        if not offers:
            del self._offers[topic]

    async def _run(self) -> None:
        backoff = Backoff(_FIRST_S, _LONGEST_S)
        while True:
            try:
                async with client_of(self.options) as client:
                    await client.subscribe([(topic, 0) for topic in TOPICS])
                    self._client, self.problem = client, None
                    for topic, payload in ASKS:
                        await client.publish(topic, payload)
                    self._tried.set()
                    backoff.reset()
                    async for message in client.messages:
                        self.hear(str(message.topic), bytes(message.payload))
            except (aiomqtt.MqttError, OSError) as error:
                self.problem = failure_of(error).reason
                log.debug("%s: %s", self.url, error)
            finally:
                self._client = None
            self._tried.set()
            await asyncio.sleep(backoff.next_s(self._rng))


async def ask(brokers: Sequence[Listening], report: Report) -> None:
    """Ask on all brokers, and report what all know."""
    for one, there in zip(brokers, await asyncio.gather(*(one.ask() for one in brokers)), strict=True):
        report.asked += 1
        report.answered += there
        if not there:
            report.problem = f"{one.url}: {one.problem or 'no_answer'}"
    if report.answered:
        report.problem = None
        await asyncio.sleep(ASK_S)
    for one in brokers:
        report.found += one.found()
        report.bad += one.bad


def found_at(url: str, offer: Offer) -> Found:
    """What a broker's device is as a proposal; credentials are left to whoever claims it."""
    options = dict(offer.options)
    protocol = str(options.get("protocol"))
    address = f"{url}/{topic_of(protocol, options)}"
    if url != DEFAULT_BROKER:
        options["url"] = url
    return Found(
        method="mqtt", protocol=protocol, address=address, kind=offer.kind, options=options,
        name=text(offer.name), maker=text(offer.maker), model=text(offer.model),
        serial=text(offer.serial), mac=mac(offer.mac),
    )  # fmt: skip


_ANNOUNCED = "shellies/announce"
