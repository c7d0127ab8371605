"""Listening on a room's broker for what announces itself."""

from __future__ import annotations

import asyncio

import aiomqtt

from devices.protocols.mqtt_json.discovery import ASKS, TOPICS, Offer, offers
from devices.protocols.mqtt_json.line import client_of, failure_of
from devices.protocols.mqtt_json.options import RoomBrokerOptions

MESSAGES_MOST = 2000


async def offered(options: RoomBrokerOptions, *, listen_s: float = 3.0) -> list[Offer]:
    """The devices that a broker knows of within `listen_s`. Raises UnreachableError."""
    heard: list[tuple[str, bytes]] = []
    try:
        async with client_of(options) as client:
            await client.subscribe([(topic, 0) for topic in TOPICS])
            for topic, payload in ASKS:
                await client.publish(topic, payload)
            try:
                async with asyncio.timeout(listen_s):
                    async for message in client.messages:
                        heard.append((str(message.topic), bytes(message.payload)))
                        if len(heard) >= MESSAGES_MOST:
                            break
            except TimeoutError:
                pass
    except (aiomqtt.MqttError, OSError) as error:
        raise failure_of(error) from error
    return offers(heard)
