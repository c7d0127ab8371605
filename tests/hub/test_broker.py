"""The brokers that demo and tests start: both carry retained messages, live ones and wills."""

import asyncio
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from hub.probes import mqtt_client, mqtt_problem
from hub.processes import Child, Crew
from tests.conftest import Broker


@pytest.fixture
async def embedded_url(unused_port: int, tmp_path: Path) -> AsyncIterator[str]:
    """The embedded broker in its own process."""
    url, crew = f"mqtt://127.0.0.1:{unused_port}", Crew()
    crew.start(
        Child("broker", [sys.executable, "-m", "hub.embedded_broker", str(unused_port)], tmp_path / "log")
    )
    try:
        for _ in range(100):
            if await mqtt_problem(url) is None:
                break
            await asyncio.sleep(0.1)
        yield url
    finally:
        await crew.stop()


async def _exchange(url: str) -> None:
    """A retained message, a live one and a will reach a subscriber; a broker may give a message twice."""
    async with mqtt_client(url, "one") as one, mqtt_client(url, "two") as two:
        await one.publish("seen/kept", b"retained", retain=True)
        await two.subscribe("seen/#", qos=1)
        await one.publish("seen/live", b"live", qos=1)
        mortal = paho.Client(CallbackAPIVersion.VERSION2)
        mortal.will_set("seen/will", b"gone")
        parts = urlsplit(url)
        mortal.connect(parts.hostname or "", parts.port or 0)
        mortal.loop()
        connection = mortal.socket()
        assert isinstance(connection, socket.socket)
        connection.shutdown(socket.SHUT_RDWR)  # no DISCONNECT: it died
        expected = {("seen/kept", b"retained"), ("seen/live", b"live"), ("seen/will", b"gone")}
        async for message in two.messages:
            expected.discard((str(message.topic), message.payload))
            if not expected:
                break


@pytest.mark.mosquitto
async def test_mosquitto_with_our_configuration(broker: Broker) -> None:
    await asyncio.wait_for(_exchange(broker.url), 10)
    broker.restart()
    await asyncio.wait_for(_exchange(broker.url), 10)


async def test_the_embedded_broker(embedded_url: str) -> None:
    await asyncio.wait_for(_exchange(embedded_url), 10)
