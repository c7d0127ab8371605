"""One device of a room: the simulation of its kind behind the simulator of its protocol."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, get_args

from devices.kind import DeviceKind
from devices.protocols.modbus.options import registers_of
from devices.simulation import SimulatedDevice, UnreachableError
from devices.wire.datatypes import NUMERIC, DataType
from simulators.protocols import mqtt_json
from simulators.protocols.modbus import ModbusDevice
from simulators.protocols.nut import Upsd
from simulators.protocols.pjlink import PJLinkProjector
from simulators.protocols.samsung_mdc import MdcDisplay
from simulators.protocols.served import LineFault, Link, Served
from simulators.rooms.broker import Carrier, OnBroker

HERE = "127.0.0.1"
ACCOUNT = ("hub", "room-secret")
"""An account of all devices that want one; they listen on loopback only."""


class Stand:
    """One device: `options` is what an agent is told of it, once it has started."""

    line_faults: tuple[str, ...] = ()
    """What can go wrong between it and the agent, beside what the kind's simulation can break."""

    def __init__(self, kind: DeviceKind, device_id: str, device: SimulatedDevice) -> None:
        self.kind = kind
        self.id = device_id
        self.device = device
        self.options: dict[str, Any] = {}
        self.protocol = ""

    @property
    def faults(self) -> tuple[str, ...]:
        """All faults that it can have."""
        return (*self.kind.faults, *self.line_faults)

    async def start(self) -> None:
        """Listen, and fill `options`."""

    async def stop(self) -> None:
        """Listen no more."""

    async def follow(self, dt_s: float) -> None:
        """Show what the simulation has become after `dt_s`; most protocols read it when they are asked."""

    async def strike(self, fault: str) -> None:
        """Begin a fault. Raises KeyError for one that it cannot have."""
        if fault in self.line_faults:
            await self.spoil(fault)
        else:
            self.device.fail(fault)

    async def heal(self, fault: str) -> None:
        """End a fault."""
        if fault in self.line_faults:
            await self.spoil("")
        else:
            self.device.heal(fault)

    async def spoil(self, fault: str) -> None:
        """Let the line have this fault, or none for an empty name."""


class ServedStand(Stand):
    """A device on a TCP port of its own."""

    line_faults = tuple(fault.value for fault in LineFault)

    def __init__(
        self,
        kind: DeviceKind,
        device_id: str,
        device: SimulatedDevice,
        server: Served,
        options: Mapping[str, Any],
    ) -> None:
        super().__init__(kind, device_id, device)
        self.server = server
        self._given = dict(options)

    async def start(self) -> None:
        """Listen on a free port."""
        self.options = {"host": HERE, "port": await self.server.start(), **self._given}

    async def stop(self) -> None:
        """Hang up on everybody."""
        await self.server.stop()

    async def spoil(self, fault: str) -> None:
        """Let all answers have it."""
        self.server.fault = LineFault(fault) if fault else None


class BrokerStand(Stand):
    """A device on the room's broker."""

    line_faults = tuple(fault for fault in get_args(mqtt_json.Fault) if fault)

    def __init__(
        self,
        kind: DeviceKind,
        device_id: str,
        on_broker: mqtt_json.BrokerDevice,
        carrier: Carrier,
        options: Mapping[str, Any],
    ) -> None:
        super().__init__(kind, device_id, on_broker.device)
        self._carried = OnBroker(on_broker)
        self._carrier = carrier
        carrier.devices.append(self._carried)
        self.options = {"url": carrier.url, **options}

    async def spoil(self, fault: str) -> None:
        """Let all messages have it; one that is `gone` is said to be so by the broker."""
        self._carried.fault = fault  # type: ignore[assignment]
        await self._carrier.tell_presence(self._carried)

    async def follow(self, dt_s: float) -> None:
        """A device without power or cable is what its broker calls gone."""
        try:
            self.device.read()
        except UnreachableError:
            if not self._carried.fault:
                await self.spoil("gone")
        else:
            if self._carried.fault == "gone":
                await self.spoil("")


class Listener(Served):
    """Something with an address and a port, which says nothing."""

    async def converse(self, link: Link) -> None:
        """Wait until the caller goes."""
        await link.reader.read()


def modbus_map(kind: DeviceKind) -> list[dict[str, Any]]:
    """A map of registers that holds all metrics of a kind, one after the other."""
    written = {command.metric for command in kind.commands}
    registers: list[dict[str, Any]] = []
    for number, metric in enumerate(kind.metrics):
        one: dict[str, Any] = {"metric": metric.name, "address": 2 * number}
        if metric.datatype is DataType.Boolean:
            one["table"] = "coil"
        elif metric.datatype in NUMERIC:
            one |= {"type": "float32", "table": "holding" if metric.name in written else "input"}
        elif metric.states:
            one["values"] = {str(state): code for code, state in enumerate(metric.states)}
        else:
            continue  # a text without known words fits into no register
        registers.append(one)
    return registers


def pjlink(kind: DeviceKind, device_id: str, device: SimulatedDevice, number: int) -> Stand:
    """Projectors in turn with and without a password, of class 1 and 2, some of them curt in standby."""
    password = ACCOUNT[1] if number % 2 else ""
    server = PJLinkProjector(device, password=password, pjlink_class=1 + number % 2, seed=number)
    if number % 3 == 2:
        server.moods.add("standby_err3")
    return ServedStand(kind, device_id, device, server, {"password": password} if password else {})


def samsung_mdc(kind: DeviceKind, device_id: str, device: SimulatedDevice, number: int) -> Stand:
    """A display with a number of its own, as on a line of several."""
    display = 1 + number % 200
    return ServedStand(
        kind, device_id, device, MdcDisplay(device, display_id=display, seed=number), {"display_id": display}
    )


def nut(kind: DeviceKind, device_id: str, device: SimulatedDevice, number: int) -> Stand:
    """A UPS whose upsd wants an account for commands."""
    username, password = ACCOUNT
    server = Upsd(device, account=ACCOUNT, seed=number)
    return ServedStand(kind, device_id, device, server, {"username": username, "password": password})


def modbus(kind: DeviceKind, device_id: str, device: SimulatedDevice, number: int) -> Stand:
    """Anything with registers."""
    registers = modbus_map(kind)
    options = registers_of(kind.id).model_validate({"host": HERE, "registers": registers})
    server = ModbusDevice(device, options, seed=number)
    return ServedStand(kind, device_id, device, server, {"registers": registers})


def listener(kind: DeviceKind, device_id: str, device: SimulatedDevice, number: int) -> Stand:
    """Something that takes connections; asked with TCP, since ICMP would ask the machine itself."""
    stand = ServedStand(kind, device_id, device, Listener(most=64), {"by": "tcp"})
    stand.line_faults = ()
    return stand


ON_BROKER: Mapping[str, tuple[Callable[[SimulatedDevice, str], mqtt_json.BrokerDevice], str]] = {
    "zigbee2mqtt": (mqtt_json.ZigbeeDevice, "name"),
    "tasmota": (mqtt_json.TasmotaDevice, "topic"),
    "shelly": (mqtt_json.ShellyDevice, "prefix"),
    "classroom": (mqtt_json.ClassroomDevice, "id"),
}
"""Protocols of the room's broker: their devices, and the option that names one of them."""

ON_SOCKET: Mapping[str, Callable[[DeviceKind, str, SimulatedDevice, int], Stand]] = {
    "pjlink": pjlink, "samsung_mdc": samsung_mdc, "nut": nut, "modbus": modbus, "ping": listener,
}  # fmt: skip
