"""The line to a room's broker, one for all devices that are on it."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from urllib.parse import urlsplit

import aiomqtt

from devices.cancelling import cancelled
from devices.protocols.failures import unreachable
from devices.protocols.mqtt_json.options import RoomBrokerOptions
from devices.simulation import UnreachableError

Listener = Callable[[str, bytes], None]
_NOT_LET_IN = {4, 5, 134, 135}  # bad user name or password, not authorised: of MQTT 3.1.1, of MQTT 5

_lines: dict[object, Line] = {}


def client_of(options: RoomBrokerOptions, timeout_s: float = 5.0) -> aiomqtt.Client:
    """A client that is not connected yet."""
    parts = urlsplit(options.url)
    secure = parts.scheme == "mqtts"
    return aiomqtt.Client(
        parts.hostname or "",
        parts.port or (8883 if secure else 1883),
        username=options.username,
        password=options.password.get_secret_value() if options.password else None,
        tls_context=ssl.create_default_context() if secure else None,
        timeout=timeout_s,
    )


def failure_of(error: Exception) -> UnreachableError:
    """Why the broker cannot be used."""
    if isinstance(error, aiomqtt.MqttCodeError):
        code = error.rc
        if code is not None and (code if isinstance(code, int) else code.value) in _NOT_LET_IN:
            return UnreachableError("auth_failed", str(error))
    found = unreachable(error)
    if found.reason == "protocol_error" and isinstance(error, aiomqtt.MqttError):
        return UnreachableError("timeout", f"the broker ended the line: {error}")
    return found


class Line:
    """Connects when the first device asks, and goes when the last one leaves or the broker does."""

    def __init__(self, key: object, options: RoomBrokerOptions) -> None:
        self.failure: UnreachableError | None = None
        self._key = key
        self._client = client_of(options)
        self._listeners: dict[Listener, tuple[str, ...]] = {}
        self._ready = asyncio.Event()
        self._task = asyncio.create_task(self._run(), name=f"room broker {options.url}")

    @classmethod
    def to(cls, options: RoomBrokerOptions) -> Line:
        """The line to that broker as that user."""
        key = (id(asyncio.get_running_loop()), options.url, options.username, options.password)
        line = _lines.get(key)
        if line is None or line.failure is not None:
            line = _lines[key] = cls(key, options)
        return line

    async def join(self, listener: Listener, topics: tuple[str, ...]) -> None:
        """Hear what comes on these topics (without wildcards). Raises UnreachableError."""
        self._listeners[listener] = topics
        await self._ready.wait()
        self.must_stand()
        try:
            await self._client.subscribe([(topic, 0) for topic in topics])
        except aiomqtt.MqttError as error:
            raise failure_of(error) from error

    async def say(self, topic: str, payload: str) -> None:
        """Publish. Raises UnreachableError."""
        self.must_stand()
        try:
            await self._client.publish(topic, payload)
        except aiomqtt.MqttError as error:
            raise failure_of(error) from error

    async def leave(self, listener: Listener) -> None:
        """Hear no more; the last one closes the line."""
        self._listeners.pop(listener, None)
        if self._listeners:
            return  # what still comes on its topics is nobody's
        if _lines.get(self._key) is self:
            del _lines[self._key]
        await cancelled(self._task)

    def must_stand(self) -> None:
        """Raises UnreachableError if the line is broken."""
        if self.failure is not None:
            raise self.failure

    async def _run(self) -> None:
        try:
            async with self._client:
                self._ready.set()
                async for message in self._client.messages:
                    payload = bytes(message.payload)
                    topic = str(message.topic)
                    for listener, topics in list(self._listeners.items()):
                        if topic in topics:
                            listener(topic, payload)
        except (aiomqtt.MqttError, OSError) as error:
            self.failure = failure_of(error)
        finally:
            self.failure = self.failure or UnreachableError("timeout", "the line to the broker was closed")
            self._ready.set()
