"""The driver of all devices on the room's broker; what their messages mean is their dialect's."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from typing import Any

from devices.protocols.mqtt_json.dialects import (
    CART,
    HEADSET,
    TABLET,
    Classroom,
    Dialect,
    NotUnderstoodError,
    Shelly,
    Tasmota,
    Zigbee,
)
from devices.protocols.mqtt_json.line import Line
from devices.protocols.mqtt_json.options import (
    ClassroomOptions,
    RoomBrokerOptions,
    ShellyOptions,
    TasmotaOptions,
    ZigbeeOptions,
)
from devices.simulation import UnreachableError

log = logging.getLogger(__name__)
OBEYS_WITHIN_S = 0.5


class MqttDevice:
    """One device. What it says of its own accord is taken; at every poll it is asked, too."""

    def __init__(self, options: RoomBrokerOptions, dialect: Dialect) -> None:
        self._options = options
        self._dialect = dialect
        self._line: Line | None = None
        self._forget()

    async def connect(self) -> None:
        """Join the line, ask, and wait for a first word; the caller bounds the wait."""
        await self.close()
        self._forget()
        self._line = Line.to(self._options)
        await self._line.join(self._hear, self._dialect.topics)
        await self._ask()
        while self._heard_s is None and self._wrong is None and self._present is not False:
            await self._next()

    async def poll(self) -> Mapping[str, Any]:
        """What is known. Raises UnreachableError if the broker is gone, or says that the device is."""
        line = self._line
        assert line is not None, "poll follows connect"
        line.must_stand()
        if self._wrong is not None:
            raise UnreachableError("protocol_error", self._wrong)
        if self._present is False:
            raise UnreachableError("timeout", "the broker has lost it")
        if self._heard_s is None or time.monotonic() - self._heard_s > self._options.silent_after_s:
            raise UnreachableError("timeout", f"silent for more than {self._options.silent_after_s:g} s")
        values = dict(self._values)
        await self._ask()
        return values

    async def write(self, metric: str, value: Any) -> None:
        """Ask for the change and wait a moment for what the device then says of itself."""
        line = self._line
        assert line is not None, "write follows connect"
        topic, payload = self._dialect.tell(metric, value)
        self._news.clear()
        await line.say(topic, payload)
        try:
            async with asyncio.timeout(OBEYS_WITHIN_S):
                while self._values.get(metric) != value and line.failure is None:
                    await self._next()
        except TimeoutError:
            log.info("%s was asked of %s and is not observed yet", metric, topic)

    async def close(self) -> None:
        """Leave the line."""
        line, self._line = self._line, None
        if line is not None:
            await line.leave(self._hear)

    def _forget(self) -> None:
        self._values: dict[str, Any] = {}
        self._present: bool | None = None
        self._heard_s: float | None = None
        self._wrong: str | None = None
        self._news = asyncio.Event()

    async def _ask(self) -> None:
        assert self._line is not None
        for topic, payload in self._dialect.asks:
            await self._line.say(topic, payload)

    async def _next(self) -> None:
        await self._news.wait()
        self._news.clear()

    def _hear(self, topic: str, payload: bytes) -> None:
        try:
            heard = self._dialect.hear(topic, payload)
        except NotUnderstoodError as error:
            self._wrong = f"{topic}: {error}"
        else:
            self._wrong = None
            self._values.update(heard.values)
            if heard.present is not None:
                self._present = heard.present
            if heard.values:
                self._heard_s = time.monotonic()
        self._news.set()


def zigbee(options: ZigbeeOptions) -> MqttDevice:
    """A device of Zigbee2MQTT."""
    return MqttDevice(options, Zigbee(options))


def tasmota(options: TasmotaOptions) -> MqttDevice:
    """A Tasmota device."""
    return MqttDevice(options, Tasmota(options))


def shelly(options: ShellyOptions) -> MqttDevice:
    """A Shelly."""
    return MqttDevice(options, Shelly(options))


def headset(options: ClassroomOptions) -> MqttDevice:
    """A VR headset."""
    return MqttDevice(options, Classroom(options, HEADSET))


def tablet(options: ClassroomOptions) -> MqttDevice:
    """A tablet for augmented reality."""
    return MqttDevice(options, Classroom(options, TABLET))


def cart(options: ClassroomOptions) -> MqttDevice:
    """A cart of tablets."""
    return MqttDevice(options, Classroom(options, CART))
