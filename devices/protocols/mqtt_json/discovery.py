"""What is on a room's broker: the announcements of devices, read as offers of what could be added."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from devices.protocols.mqtt_json.dialects import NotUnderstoodError, document

TOPICS = (
    "zigbee2mqtt/bridge/devices",
    "tasmota/discovery/+/config",
    "shellies/announce",
    "classroom/+/about",
)
"""What to subscribe to; all but the Shellies' are retained."""
ASKS = (("shellies/command", "announce"),)
"""What to say, so that the others announce themselves, too."""
_CLASSROOM_KINDS = ("vr_headset", "ar_tablet", "tablet_cart")


@dataclass(frozen=True, slots=True)
class Offer:
    """A device that could be added: its kind, the options of its driver, and what it says of itself."""

    kind: str
    options: Mapping[str, Any]
    name: str
    maker: str
    model: str
    mac: str = ""
    serial: str = ""

    @property
    def key(self) -> str:
        """The same for the same device, however often it is announced."""
        return json.dumps(self.options, sort_keys=True)


def offers(messages: Iterable[tuple[str, bytes]]) -> list[Offer]:
    """All devices that were announced, each once, by what it said last; nonsense announces none."""
    found: dict[str, Offer] = {}
    for topic, payload in messages:
        try:
            for offer in read(topic, payload):
                found[offer.key] = offer
        except NotUnderstoodError:
            continue
    return list(found.values())


def read(topic: str, payload: bytes) -> list[Offer]:
    """The devices that one message announces. Raises NotUnderstoodError."""
    readers: tuple[tuple[str, Callable[[str, bytes], list[Offer]]], ...] = (
        ("zigbee2mqtt/", _zigbee),
        ("tasmota/", _tasmota),
        ("shellies/", _shelly),
        ("classroom/", _classroom),
    )
    return next((read(topic, payload) for start, read in readers if topic.startswith(start)), [])


def _zigbee(_: str, payload: bytes) -> list[Offer]:
    try:
        rows = json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise NotUnderstoodError("not JSON") from error
    found = []
    for row in rows if isinstance(rows, list) else []:
        if not isinstance(row, dict) or row.get("type") == "Coordinator" or row.get("disabled"):
            continue
        definition = row.get("definition")
        name = _text(row, "friendly_name")
        if not name or not isinstance(definition, dict):
            continue  # not supported by Zigbee2MQTT either
        exposed = {_text(one, "property") or _text(one, "type") for one in _rows(definition.get("exposes"))}
        kind = "relay" if exposed & {"switch", "light"} else "room_air"
        if kind == "room_air" and not exposed & {
            "temperature",
            "humidity",
            "co2",
            "illuminance",
            "water_leak",
        }:
            continue
        options = {"protocol": "zigbee2mqtt", "name": name}
        maker, model, address = (
            _text(definition, "vendor"),
            _text(definition, "model"),
            _text(row, "ieee_address"),
        )
        found.append(Offer(kind, options, name, maker, model, serial=address))
    return found


def _tasmota(_: str, payload: bytes) -> list[Offer]:
    said = document(payload)
    topic = _text(said, "t")
    if not topic:
        return []
    relays = said.get("rl")
    is_relay = isinstance(relays, list) and any(relays)
    options = {"protocol": "tasmota", "topic": topic}
    return [
        Offer(
            "relay" if is_relay else "room_air",
            options,
            _text(said, "dn") or topic,
            "Tasmota",
            _text(said, "md"),
            _text(said, "mac"),
        )
    ]


def _shelly(_: str, payload: bytes) -> list[Offer]:
    said = document(payload)
    name, generation = _text(said, "id"), said.get("gen")
    if not name or not isinstance(generation, int) or generation < 2:
        return []
    app = _text(said, "app")
    is_sensor = any(word in (app + name).lower() for word in ("ht", "flood", "sensor"))
    options = {"protocol": "shelly", "prefix": name}
    kind = "room_air" if is_sensor else "relay"
    model, address = _text(said, "model"), _text(said, "mac")
    return [Offer(kind, options, _text(said, "name") or name, "Shelly", model, address)]


def _classroom(topic: str, payload: bytes) -> list[Offer]:
    said = document(payload)
    kind = _text(said, "kind")
    number = topic.removeprefix("classroom/").removesuffix("/about")
    if kind not in _CLASSROOM_KINDS or not number:
        return []
    options = {"protocol": "classroom", "id": number}
    maker, model, serial = _text(said, "maker"), _text(said, "model"), _text(said, "serial")
    return [Offer(kind, options, _text(said, "name") or number, maker, model, serial=serial)]


def _text(said: Mapping[str, Any], key: str) -> str:
    value = said.get(key)
    return value[:100] if isinstance(value, str) else ""


def _rows(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
