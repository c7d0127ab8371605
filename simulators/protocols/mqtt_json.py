"""Devices on a room's broker: what Zigbee2MQTT, Tasmota, Shelly and our own convention say and obey.

Each is a pure translation between the simulation of a kind and messages; `simulators/rooms/broker.py` carries
them over a real broker.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from devices.protocols.mqtt_json.dialects import CART, CHANNELS, HEADSET
from devices.simulation import SimulatedDevice

Fault = Literal["", "silent", "garbage", "half", "gone"]
Said = tuple[str, str]
"""Topic and payload."""

_ZIGBEE = {
    "Temperature": "temperature", "Humidity": "humidity", "CO2": "co2", "Light": "illuminance",
    "Water Leak": "water_leak", "Power": "power", "Energy": "energy",
}  # fmt: skip
_TASMOTA = {
    "Temperature": "Temperature", "Humidity": "Humidity", "CO2": "CarbonDioxide", "Light": "Illuminance",
}  # fmt: skip


class BrokerDevice:
    """One device; `present` is the retained message that it is there, `gone` the one that it is not."""

    topics: tuple[str, ...]
    present: Said
    gone: Said

    def __init__(self, device: SimulatedDevice) -> None:
        self.device = device

    def hear(self, topic: str, text: str) -> Iterable[Said]:
        """What it says to a message on one of its topics; a message that nobody understands gets nothing."""
        raise NotImplementedError


class ZigbeeDevice(BrokerDevice):
    """As Zigbee2MQTT shows it: `<name>` says its state, `<name>/get` asks, `<name>/set` switches."""

    def __init__(self, device: SimulatedDevice, name: str) -> None:
        super().__init__(device)
        self._topic = f"zigbee2mqtt/{name}"
        self.topics = (f"{self._topic}/get", f"{self._topic}/set")
        self.present = (f"{self._topic}/availability", '{"state":"online"}')
        self.gone = (f"{self._topic}/availability", '{"state":"offline"}')

    def hear(self, topic: str, text: str) -> Iterable[Said]:
        """Switch what `set` names, then say everything."""
        if topic.endswith("/set"):
            for key, state in json.loads(text).items():
                self.device.write(f"Relay {key.removeprefix('state_l')}", state == "ON")
        values = self.device.read()
        said = {key: values[metric] for metric, key in _ZIGBEE.items() if metric in values}
        for number, on in _channels(values):
            said[f"state_l{number}"] = "ON" if on else "OFF"
        yield self._topic, json.dumps(said)


class TasmotaDevice(BrokerDevice):
    """Tasmota with its topics in the default order."""

    def __init__(self, device: SimulatedDevice, topic: str) -> None:
        super().__init__(device)
        self._topic = topic
        commands = ("STATE", "STATUS", *(f"POWER{number}" for number in range(1, CHANNELS + 1)))
        self.topics = tuple(f"cmnd/{topic}/{command}" for command in commands)
        self.present, self.gone = (f"tele/{topic}/LWT", "Online"), (f"tele/{topic}/LWT", "Offline")

    def hear(self, topic: str, text: str) -> Iterable[Said]:
        """Answer STATE, STATUS 10 and POWERn."""
        command = topic.rpartition("/")[2]
        if command.startswith("POWER"):
            self.device.write(f"Relay {command.removeprefix('POWER')}", text == "ON")
        values = self.device.read()
        if command == "STATUS":
            sensors: dict[str, Any] = {}
            if "Power" in values:
                sensors["ENERGY"] = {"Power": values["Power"], "Total": values["Energy"]}
            if air := {key: values[metric] for metric, key in _TASMOTA.items() if metric in values}:
                sensors["SCD40"] = air
            yield f"stat/{self._topic}/STATUS10", json.dumps({"StatusSNS": sensors})
        else:
            said = {f"POWER{number}": "ON" if on else "OFF" for number, on in _channels(values)}
            yield f"stat/{self._topic}/RESULT", json.dumps(said or {"Uptime": "0T00:10:00"})


class ShellyDevice(BrokerDevice):
    """A Shelly of the second generation: JSON-RPC over `<prefix>/rpc`."""

    def __init__(self, device: SimulatedDevice, prefix: str) -> None:
        super().__init__(device)
        self.topics = (f"{prefix}/rpc",)
        self.present, self.gone = (f"{prefix}/online", "true"), (f"{prefix}/online", "false")

    def hear(self, topic: str, text: str) -> Iterable[Said]:
        """Answer Shelly.GetStatus and Switch.Set."""
        asked = json.loads(text)
        if asked["method"] == "Switch.Set":
            self.device.write(f"Relay {asked['params']['id'] + 1}", asked["params"]["on"])
        yield f"{asked['src']}/rpc", json.dumps({"id": asked["id"], "result": self._status()})

    def _status(self) -> dict[str, Any]:
        values = self.device.read()
        status: dict[str, Any] = {}
        on = dict(_channels(values))
        running = max(1, sum(on.values()))
        for number, switched in on.items():
            status[f"switch:{number - 1}"] = {
                "output": switched,
                "apower": values["Power"] / running if switched else 0.0,
                "aenergy": {"total": 1000 * values["Energy"] / len(on)},
            }
        for part, key, metric in (
            ("temperature:0", "tC", "Temperature"), ("humidity:0", "rh", "Humidity"),
            ("illuminance:0", "lux", "Light"), ("flood:0", "alarm", "Water Leak"),
        ):  # fmt: skip
            if metric in values:
                status[part] = {key: values[metric]}
        return status


class ClassroomDevice(BrokerDevice):
    """A headset's or cart's app that follows the convention `classroom/<id>/…`."""

    def __init__(self, device: SimulatedDevice, name: str) -> None:
        super().__init__(device)
        self._topic = f"classroom/{name}"
        self.topics = (f"{self._topic}/get", f"{self._topic}/set")
        self.present, self.gone = (f"{self._topic}/online", "true"), (f"{self._topic}/online", "false")

    def hear(self, topic: str, text: str) -> Iterable[Said]:
        """Obey `set`, then say the state."""
        values = self.device.read()
        keys = HEADSET if "Tracking" in values else CART
        if topic.endswith("/set"):
            for key, value in json.loads(text).items():
                self.device.write(keys[key][0], value)
            values = self.device.read()
        said = {key: values[metric] for key, (metric, _) in keys.items() if metric in values}
        yield f"{self._topic}/state", json.dumps(said)


def _channels(values: Mapping[str, Any]) -> list[tuple[int, bool]]:
    return [(n, values[f"Relay {n}"]) for n in range(1, CHANNELS + 1) if f"Relay {n}" in values]
