"""The room's own broker: a Mosquitto on loopback, and the devices that are on it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import aiomqtt

from devices.cancelling import cancelled
from devices.simulation import UnreachableError
from simulators.protocols.mqtt_json import BrokerDevice, Fault

log = logging.getLogger(__name__)
READY_WITHIN_S = 10.0
SHELLIES, SHELLIES_ASKED = "shellies/announce", "shellies/command"
_SPOILT: Mapping[str, Callable[[str], str]] = {
    "garbage": lambda _: "\x00?",
    "half": lambda text: text[: len(text) // 2],
}


class NoBrokerError(Exception):
    """The room has no broker; the text says what to do."""


@contextlib.asynccontextmanager
async def own_broker() -> AsyncIterator[str]:
    """A Mosquitto of the room's own as long as the block lasts; gives its URL. Raises NoBrokerError."""
    folders = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
    program = shutil.which("mosquitto", path=folders)
    if program is None:
        raise NoBrokerError(
            "Mosquitto is not installed; name a broker with --room-broker, or choose --kinds without it"
        )
    with _configured() as (config, port):
        process = await asyncio.create_subprocess_exec(
            program, "-c", str(config), stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
        )
        try:
            await _listening(process, port)
            yield f"mqtt://127.0.0.1:{port}"
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            await process.wait()


@contextlib.contextmanager
def _configured() -> Iterator[tuple[Path, int]]:
    with tempfile.TemporaryDirectory(prefix="room-") as name:
        Path(name).chmod(0o755)  # Mosquitto gives up root before it opens files
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port: int = free.getsockname()[1]
        config = Path(name, "mosquitto.conf")
        config.write_text(
            f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\nset_tcp_nodelay true\n"
        )
        yield config, port


async def _listening(process: asyncio.subprocess.Process, port: int) -> None:
    loop = asyncio.get_running_loop()
    deadline_s = loop.time() + READY_WITHIN_S
    while process.returncode is None and loop.time() < deadline_s:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.02)
            continue
        writer.close()
        return
    raise NoBrokerError(f"Mosquitto did not start on port {port}; name a broker with --room-broker")


class OnBroker:
    """One device as the room's broker carries it; `fault` spoils what it says."""

    def __init__(self, device: BrokerDevice) -> None:
        self.device = device
        self.fault: Fault = ""

    def answers(self, topic: str, text: str) -> list[tuple[str, str]]:
        """What is published after a message."""
        if self.fault in ("silent", "gone"):
            return []
        try:
            said = list(self.device.hear(topic, text))
        except UnreachableError:
            return []
        except (ValueError, KeyError, TypeError, AttributeError):
            log.warning("%s: not understood: %.60r", topic, text)
            return []
        spoilt = _SPOILT.get(self.fault)
        return [(where, spoilt(what) if spoilt else what) for where, what in said]


class Carrier:
    """Carries all devices of one broker over one connection, and connects again when it breaks."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.devices: list[OnBroker] = []
        self.announced: list[tuple[str, str]] = []
        """Retained when it connects; those of Shellies are said when somebody asks."""
        self._client: aiomqtt.Client | None = None
        self._there = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Connect; returns when every device has said that it is there. Raises NoBrokerError."""
        self._task = asyncio.create_task(self._run())
        try:
            async with asyncio.timeout(READY_WITHIN_S):
                await self._there.wait()
        except TimeoutError as error:
            await self.stop()
            raise NoBrokerError(f"no broker answers at {self.url}; correct --room-broker") from error

    async def stop(self) -> None:
        """Say that all are gone, and hang up."""
        if self._client is not None and self._there.is_set():
            with contextlib.suppress(aiomqtt.MqttError):
                for one in self.devices:
                    await self._client.publish(*one.device.gone, retain=True)
        if self._task is not None:
            await cancelled(self._task)

    async def tell_presence(self, one: OnBroker) -> None:
        """Publish whether a device is there, after its fault has changed."""
        said = one.device.gone if one.fault == "gone" else one.device.present
        if self._client is not None:
            with contextlib.suppress(aiomqtt.MqttError):
                await self._client.publish(*said, retain=True)

    async def _run(self) -> None:
        parts = urlsplit(self.url)
        while True:
            try:
                async with aiomqtt.Client(parts.hostname or "", parts.port or 1883) as client:
                    self._client = client
                    await self._talk(client)
            except aiomqtt.MqttError as error:
                log.warning("the room's broker at %s: %s", self.url, error)
            self._client = None
            await asyncio.sleep(0.5)

    async def _talk(self, client: aiomqtt.Client) -> None:
        listeners = {topic: one for one in self.devices for topic in one.device.topics}
        for topic in listeners:
            await client.subscribe(topic)
        await client.subscribe(SHELLIES_ASKED)
        for one in self.devices:
            await self.tell_presence(one)
        for said in self.announced:
            if said[0] != SHELLIES:
                await client.publish(*said, retain=True)
        self._there.set()
        async for message in client.messages:
            topic = str(message.topic)
            if topic == SHELLIES_ASKED:
                for said in self.announced:
                    if said[0] == SHELLIES:
                        await client.publish(*said)
                continue
            heard = bytes(message.payload).decode("utf-8", "replace")
            for where, what in listeners[topic].answers(topic, heard):
                await client.publish(where, what)
