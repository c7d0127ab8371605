"""What the messages of each maker mean: pure functions from JSON to metrics, and from commands back."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from devices.protocols.mqtt_json.options import ClassroomOptions, ShellyOptions, TasmotaOptions, ZigbeeOptions

CHANNELS = 4
Message = tuple[str, str]
"""Topic and payload."""


class NotUnderstoodError(ValueError):
    """A message that is not what its topic promises."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What a message said: values by metric, and whether the device is there (None: nothing about that)."""

    values: Mapping[str, Any] = field(default_factory=dict)
    present: bool | None = None


class Dialect(Protocol):
    """How one device is spoken to."""

    @property
    def topics(self) -> tuple[str, ...]:
        """What to listen to."""
        ...

    @property
    def asks(self) -> tuple[Message, ...]:
        """What to say so that it tells its state."""
        ...

    def hear(self, topic: str, payload: bytes) -> Heard:
        """What a message on one of `topics` means. Raises NotUnderstoodError."""
        ...

    def tell(self, metric: str, value: Any) -> Message:
        """The message that asks for a change. Raises KeyError for what cannot be written."""
        ...


def document(payload: bytes) -> dict[str, Any]:
    """A JSON object. Raises NotUnderstoodError."""
    try:
        found = json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise NotUnderstoodError(f"not JSON: {payload[:60]!r}") from error
    if not isinstance(found, dict):
        raise NotUnderstoodError(f"not an object: {payload[:60]!r}")
    return found


def channel_of(metric: str) -> int:
    """The number of a relay's channel, from 1. Raises KeyError."""
    word, _, number = metric.partition(" ")
    if word != "Relay" or not number.isdigit() or not 1 <= int(number) <= CHANNELS:
        raise KeyError(metric)
    return int(number)


class Zigbee:
    """Zigbee2MQTT: one topic a device, `…/set` and `…/get` beside it."""

    def __init__(self, options: ZigbeeOptions) -> None:
        self._topic = f"{options.base}/{options.name}"
        self._single = True  # a relay of one channel calls it `state`, others `state_l1`, `state_l2`, …
        self.topics = (self._topic, f"{self._topic}/availability")
        self.asks = ((f"{self._topic}/get", '{"state":""}'),)

    def hear(self, topic: str, payload: bytes) -> Heard:
        """State, or availability (as text or as an object)."""
        if topic.endswith("/availability"):
            text = payload.decode("utf-8", "replace")
            state = document(payload).get("state") if text.startswith("{") else text
            return Heard(present=_one_of(state, "online", "offline"))
        said = document(payload)
        values = dict(_air(said, _ZIGBEE_AIR))
        for number in range(1, CHANNELS + 1):
            for key in (f"state_l{number}", *(["state"] if number == 1 else [])):
                if key in said:
                    values[f"Relay {number}"] = _switch(said[key])
                    self._single = key == "state"
        values |= _number(said, "power", "Power") | _number(said, "energy", "Energy")
        return Heard(values, present=True)

    def tell(self, metric: str, value: Any) -> Message:
        """Switch a channel."""
        number = channel_of(metric)
        key = "state" if self._single else f"state_l{number}"
        return f"{self._topic}/set", json.dumps({key: "ON" if value else "OFF"})


class Tasmota:
    """Tasmota: `tele` reports, `stat` answers, `cmnd` asks; `LWT` says whether it is there."""

    def __init__(self, options: TasmotaOptions) -> None:
        self._topic = options.topic
        self.topics = (
            *(f"tele/{options.topic}/{suffix}" for suffix in ("LWT", "STATE", "SENSOR")),
            *(f"stat/{options.topic}/{suffix}" for suffix in ("RESULT", "STATUS10")),
        )
        self.asks = ((f"cmnd/{self._topic}/STATE", ""), (f"cmnd/{self._topic}/STATUS", "10"))

    def hear(self, topic: str, payload: bytes) -> Heard:
        """One report or answer."""
        if topic.endswith("/LWT"):
            return Heard(present=_one_of(payload.decode("utf-8", "replace"), "Online", "Offline"))
        said = document(payload)
        said = _object(said, "StatusSNS") if "StatusSNS" in said else said
        values: dict[str, Any] = {}
        for number in range(1, CHANNELS + 1):
            for key in (f"POWER{number}", *(["POWER"] if number == 1 else [])):
                if key in said:
                    values[f"Relay {number}"] = _switch(said[key])
        energy = _object(said, "ENERGY")
        values |= _number(energy, "Power", "Power") | _number(energy, "Total", "Energy")
        for part in said.values():
            if isinstance(part, dict):
                values |= dict(_air(part, _TASMOTA_AIR))
        return Heard(values, present=True)

    def tell(self, metric: str, value: Any) -> Message:
        """Switch a channel; Tasmota takes POWER1 for its only one, too."""
        return f"cmnd/{self._topic}/POWER{channel_of(metric)}", "ON" if value else "OFF"


class Shelly:
    """Shelly, second generation or later: JSON-RPC, notifications on `…/events/rpc`, a will on `…/online`."""

    def __init__(self, options: ShellyOptions) -> None:
        self._prefix = options.prefix
        self._answers = f"hub/{options.prefix}"
        self._energies_kwh: dict[str, float] = {}
        self._powers_w: dict[str, float] = {}
        self.topics = (f"{options.prefix}/online", f"{options.prefix}/events/rpc", f"{self._answers}/rpc")
        self.asks = (self._ask("Shelly.GetStatus", {}),)

    def hear(self, topic: str, payload: bytes) -> Heard:
        """A notification, or the answer to a question; a sum over channels is told when one of them is."""
        if topic.endswith("/online"):
            return Heard(present=_one_of(payload.decode("utf-8", "replace"), "true", "false"))
        said = document(payload)
        if "error" in said:
            raise NotUnderstoodError(str(said["error"])[:100])
        parts = _object(said, "result") or (
            _object(said, "params") if str(said.get("method", "")).endswith("Status") else {}
        )
        values: dict[str, Any] = {}
        for name, part in parts.items():
            if isinstance(part, dict):
                values |= self._component(name, part)
        return Heard(values, present=True)

    def tell(self, metric: str, value: Any) -> Message:
        """Switch a channel; Shelly counts them from 0."""
        return self._ask("Switch.Set", {"id": channel_of(metric) - 1, "on": bool(value)})

    def _component(self, name: str, part: Mapping[str, Any]) -> dict[str, Any]:
        word, _, number = name.partition(":")
        values: dict[str, Any] = {}
        if word == "switch" and number.isdigit() and int(number) < CHANNELS:
            if isinstance(part.get("output"), bool):
                values[f"Relay {int(number) + 1}"] = part["output"]
            self._powers_w.update(_number(part, "apower", name))
            energy_wh = _number(_object(part, "aenergy"), "total", name)
            self._energies_kwh.update({key: wh / 1000 for key, wh in energy_wh.items()})
            if self._powers_w:
                values["Power"] = sum(self._powers_w.values())
            if self._energies_kwh:
                values["Energy"] = sum(self._energies_kwh.values())
        elif word == "temperature":
            values |= _number(part, "tC", "Temperature")
        elif word == "humidity":
            values |= _number(part, "rh", "Humidity")
        elif word == "illuminance":
            values |= {key: round(lux) for key, lux in _number(part, "lux", "Light").items()}
        elif word == "flood" and isinstance(part.get("alarm"), bool):
            values["Water Leak"] = part["alarm"]
        return values

    def _ask(self, method: str, params: Mapping[str, Any]) -> Message:
        question = {"id": 1, "src": self._answers, "method": method, "params": params}
        return f"{self._prefix}/rpc", json.dumps(question)


HEADSET: Mapping[str, tuple[str, type]] = {
    "battery": ("Battery", float), "charging": ("Charging", bool), "docked": ("Docked", bool),
    "in_use": ("In Use", bool), "session_min": ("Session", int), "tracking": ("Tracking", str),
    "controllers": ("Controllers", float), "storage": ("Storage", float),
    "temperature_c": ("Temperature", float), "firmware": ("Firmware", str),
}  # fmt: skip
TABLET: Mapping[str, tuple[str, type]] = {key: told for key, told in HEADSET.items() if key != "controllers"}
CART: Mapping[str, tuple[str, type]] = {
    "tablets": ("Tablets", int), "docked": ("Docked", int), "charged": ("Charged", int),
    "missing": ("Missing", int), "charging": ("Charging", bool), "door_open": ("Door Open", bool),
    "temperature_c": ("Temperature", float), "power_w": ("Power", float), "fault": ("Fault", str),
}  # fmt: skip


class Classroom:
    """Our convention for what has an app of its own: `classroom/<id>/state`, `…/online`, `…/set`, `…/get`.

    `state` is an object of any of the keys that the kind knows; other keys (names of people, say) are dropped
    unread. `online` is `true` or `false`, retained, and the device's will.
    """

    def __init__(self, options: ClassroomOptions, keys: Mapping[str, tuple[str, type]]) -> None:
        self._topic = f"classroom/{options.id}"
        self._keys = keys
        self.topics = (f"{self._topic}/state", f"{self._topic}/online")
        self.asks = ((f"{self._topic}/get", ""),)

    def hear(self, topic: str, payload: bytes) -> Heard:
        """The state, or whether it is there."""
        if topic.endswith("/online"):
            return Heard(present=_one_of(payload.decode("utf-8", "replace"), "true", "false"))
        said = document(payload)
        values = {}
        for key, (metric, wanted) in self._keys.items():
            if key in said:
                values[metric] = _typed(key, said[key], wanted)
        return Heard(values, present=True)

    def tell(self, metric: str, value: Any) -> Message:
        """`…/set` with one key."""
        for key, (name, _) in self._keys.items():
            if name == metric:
                return f"{self._topic}/set", json.dumps({key: value})
        raise KeyError(metric)


_ZIGBEE_AIR = {
    "temperature": "Temperature", "humidity": "Humidity", "co2": "CO2", "illuminance": "Light",
    "illuminance_lux": "Light", "water_leak": "Water Leak",
}  # fmt: skip
_TASMOTA_AIR = {
    "Temperature": "Temperature", "Humidity": "Humidity", "CarbonDioxide": "CO2", "Illuminance": "Light",
}  # fmt: skip
_WHOLE = {"CO2", "Light"}


def _air(said: Mapping[str, Any], names: Mapping[str, str]) -> Iterator[tuple[str, Any]]:
    for key, metric in names.items():
        if metric == "Water Leak":
            if isinstance(said.get(key), bool):
                yield metric, said[key]
        else:
            for value in _number(said, key, metric).values():
                yield metric, round(value) if metric in _WHOLE else value


def _number(said: Mapping[str, Any], key: str, metric: str) -> dict[str, float]:
    value = said.get(key)
    return {} if isinstance(value, bool) or not isinstance(value, (int, float)) else {metric: float(value)}


def _object(said: Mapping[str, Any], key: str) -> dict[str, Any]:
    found = said.get(key)
    return found if isinstance(found, dict) else {}


def _switch(value: Any) -> bool:
    return _one_of(value, "ON", "OFF")


def _one_of(value: Any, yes: str, no: str) -> bool:
    if value not in (yes, no):
        raise NotUnderstoodError(f"{value!r} is neither {yes} nor {no}")
    return bool(value == yes)


def _typed(key: str, value: Any, wanted: type) -> Any:
    if value is None or (type(value) is wanted):
        return value
    if wanted is float and type(value) is int:
        return float(value)
    raise NotUnderstoodError(f"{key} = {value!r} is not of type {wanted.__name__}")
