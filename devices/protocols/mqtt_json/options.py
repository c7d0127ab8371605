"""What a device on the room's broker is told."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr

from devices.protocols.options import Options


def _url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("mqtt", "mqtts") or not parts.hostname or parts.username:
        raise ValueError("not an address of a broker")
    _ = parts.port  # raises ValueError for one out of range
    return text


def _topic(text: str) -> str:
    if not text or any(letter in text for letter in "+#\0") or text.strip("/") != text:
        raise ValueError("not a topic")
    return text


Topic = Annotated[str, AfterValidator(_topic)]
_TOPIC_FIX = "text without + and #, and without / at its ends"


class RoomBrokerOptions(Options):
    """The broker, and how long a device may be silent before it counts as gone."""

    url: Annotated[str, AfterValidator(_url)] = Field(
        "mqtt://127.0.0.1:1883", description="mqtt://host:port, or mqtts://host:port with TLS"
    )
    username: str | None = Field(None, description="text, or leave it out")
    password: SecretStr | None = Field(None, description="text, or leave it out")
    silent_after_s: float = Field(
        7200, ge=1, le=7 * 86_400, description="seconds; battery sensors report every hour or so"
    )


class ZigbeeOptions(RoomBrokerOptions):
    """A device of Zigbee2MQTT."""

    name: Topic = Field(description=f"the friendly name, such as p101/lights: {_TOPIC_FIX}")
    base: Topic = Field("zigbee2mqtt", description=f"base topic of Zigbee2MQTT: {_TOPIC_FIX}")


class TasmotaOptions(RoomBrokerOptions):
    """A Tasmota device with its topics in the default order, prefix first."""

    topic: Topic = Field(description=f"the device's topic, such as tasmota_1A2B3C: {_TOPIC_FIX}")


class ShellyOptions(RoomBrokerOptions):
    """A Shelly of the second generation or later."""

    prefix: Topic = Field(description=f"the MQTT prefix, such as shellyplus1pm-a8032ab12345: {_TOPIC_FIX}")


class ClassroomOptions(RoomBrokerOptions):
    """A device that follows the convention `classroom/<id>/…`."""

    id: Topic = Field(description=f"what stands in its topics after classroom/: {_TOPIC_FIX}")
