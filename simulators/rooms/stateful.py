"""Stands of protocols whose simulators keep a state of their own: it follows the kind's simulation.

What an agent commanded in between goes the other way first.
"""

from __future__ import annotations

import asyncio
from typing import Any, get_args

from devices.kind import DeviceKind
from devices.protocols.lab_pc.rules import SHUT_DOWN
from devices.simulation import SimulatedDevice, UnreachableError
from simulators.protocols import codec, lab_pc, onvif, snmp
from simulators.rooms.stands import ACCOUNT, HERE, Stand

_OCTETS_PER_KBIT = 125


class _Spoilt(Stand):
    """A stand whose simulator has one field `fault`; without power or cable it falls silent."""

    simulator: Any

    async def spoil(self, fault: str) -> None:
        """Let all answers have it."""
        self.simulator.fault = fault

    async def follow(self, dt_s: float) -> None:
        """Take the simulation's values, unless they cannot be had."""
        try:
            values = self.device.read()
        except UnreachableError:
            if not self.simulator.fault:
                self.simulator.fault = "silent"
            return
        await self.show(values, dt_s)

    async def show(self, values: dict[str, Any], dt_s: float) -> None:
        """Let the simulator say these values."""
        raise NotImplementedError


class CameraStand(_Spoilt):
    """A camera by ONVIF."""

    line_faults = tuple(fault for fault in get_args(onvif.Fault) if fault)

    def __init__(self, kind: DeviceKind, device_id: str, device: SimulatedDevice, number: int) -> None:
        super().__init__(kind, device_id, device)
        self.simulator = onvif.Camera(username=ACCOUNT[0])

    async def start(self) -> None:
        """Listen."""
        await self.simulator.start()
        username, password = ACCOUNT
        self.options = {
            "host": HERE, "port": self.simulator.port, "username": username, "password": password,
        }  # fmt: skip

    async def stop(self) -> None:
        """Go away."""
        self.simulator.stop()

    async def show(self, values: dict[str, Any], dt_s: float) -> None:
        """Firmware, how wrong its clock is, and whether its shutter is closed."""
        self.simulator.firmware = values["Firmware"]
        self.simulator.clock_off_s = values["Clock Offset"]
        self.simulator.shutter = values["Privacy"]


class CodecStand(_Spoilt):
    """A conference codec by xAPI."""

    line_faults = tuple(fault for fault in get_args(codec.Fault) if fault)

    def __init__(self, kind: DeviceKind, device_id: str, device: SimulatedDevice, number: int) -> None:
        super().__init__(kind, device_id, device)
        self.simulator = codec.Codec(username=ACCOUNT[0], password=ACCOUNT[1])
        self._shown: tuple[Any, ...] | None = None

    async def start(self) -> None:
        """Listen, without TLS: nobody has a certificate for a room that is not there."""
        await self.simulator.start()
        username, password = ACCOUNT
        self.options = {
            "host": HERE, "port": self.simulator.port, "username": username, "password": password,
            "tls": False,
        }  # fmt: skip

    async def stop(self) -> None:
        """Hang up on everybody."""
        await self.simulator.stop()

    async def show(self, values: dict[str, Any], dt_s: float) -> None:
        """The call with what runs over it, microphone, camera, standby, registration."""
        one = self.simulator
        now = (one.muted, one.dark, one.standby)
        if self._shown not in (None, now):
            self.device.write("Microphone Muted", one.muted)
            self.device.write("Camera On", not one.dark)
            self.device.write("Standby", one.standby != "Off")
        else:
            one.muted, one.dark = values["Microphone Muted"], not values["Camera On"]
            one.standby = "Standby" if values["Standby"] else "Off"
        self._shown = (one.muted, one.dark, one.standby)
        one.calls, one.registered = int(values["In Call"]), values["SIP Registered"]
        packets = round(values["Rx Rate"] * _OCTETS_PER_KBIT * dt_s / 1200)
        lost = round(packets * (values["Packet Loss"] or 0) / 100)
        one.packets, one.lost = one.packets + packets - lost, one.lost + lost


class PcStand(_Spoilt):
    """A PC by SSH, which a packet wakes and a command shuts down."""

    line_faults = tuple(fault for fault in get_args(lab_pc.Fault) if fault)

    def __init__(self, kind: DeviceKind, device_id: str, device: SimulatedDevice, number: int) -> None:
        super().__init__(kind, device_id, device)
        self.simulator = lab_pc.Pc(password=ACCOUNT[1])
        self._mac = bytes((0x3C, 0x52, 0x82, 0, number >> 8 & 255, number & 255))
        self._ears: asyncio.DatagramTransport | None = None
        self._on = True

    async def start(self) -> None:
        """Boot, and listen for the packet that wakes."""
        await self.simulator.start()
        loop = asyncio.get_running_loop()
        self._ears, _ = await loop.create_datagram_endpoint(lambda: _Sleeper(self), local_addr=(HERE, 0))
        username, password = ACCOUNT
        self.options = {
            "host": HERE, "port": self.simulator.port, "username": username, "password": password,
            # the machine itself answers pings for all that is on loopback
            "system": "linux", "presence": "ssh", "mac": self._mac.hex(":"),
            "host_key": self.simulator.host_key, "wake_address": HERE,
            "wake_port": self._ears.get_extra_info("sockname")[1],
        }  # fmt: skip

    async def stop(self) -> None:
        """Be off, for good."""
        if self._ears is not None:
            self._ears.close()
        await self.simulator.stop()

    def wake(self, packet: bytes) -> None:
        """Take a packet; ours is six times 255 and sixteen times the address."""
        if packet.startswith(b"\xff" * 6 + self._mac * 16):
            self.device.write("Power", True)

    async def show(self, values: dict[str, Any], dt_s: float) -> None:
        """On or off, somebody there or not, and how busy it is."""
        one = self.simulator
        if SHUT_DOWN["linux"] in one.told:
            one.told.clear()
            self.device.write("Power", False)
            values = {**values, "Power": False}
        if values["Power"] != self._on:
            self._on = values["Power"]
            await (one.start() if self._on else one.stop())
        one.sessions = int(values["Logged In"])
        one.load_percent, one.memory_percent = values["CPU"], values["Memory"]
        one.disk_percent = values["Disk"]


class _Sleeper(asyncio.DatagramProtocol):
    def __init__(self, stand: PcStand) -> None:
        self._stand = stand

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._stand.wake(data)


class SnmpStand(_Spoilt):
    """A switch, or the gateway that has a school's line, by SNMP version 2c."""

    line_faults = tuple(fault for fault in get_args(snmp.Fault) if fault)

    def __init__(self, kind: DeviceKind, device_id: str, device: SimulatedDevice, number: int) -> None:
        super().__init__(kind, device_id, device)
        values = device.read()
        if "Capacity" in values:
            ports = [
                snmp.Port("wan0", speed_mbps=max(1, values["Capacity"] // 1000)),
                snmp.Port("lo", speed_mbps=0, type=24),
            ]
        else:
            ports = [snmp.Port(f"gi1/0/{n}") for n in range(1, values["Ports"] + 1)]
        # some begin just before their counters wrap
        for port in ports:
            port.octets_in = port.octets_out = 2**64 - 10_000_000 if number % 2 else 1_000_000
        self.simulator = snmp.SnmpAgent(ports=ports, uptime_ticks=100 * 86_400)

    async def start(self) -> None:
        """Listen."""
        await self.simulator.start()
        self.options = {"host": HERE, "port": self.simulator.port}
        if "Capacity" in self.device.read():
            self.options["interface"] = "wan0"

    async def stop(self) -> None:
        """Fall silent."""
        self.simulator.stop()

    async def show(self, values: dict[str, Any], dt_s: float) -> None:
        """Which ports are up, and what ran over the busiest one since."""
        one = self.simulator
        one.uptime_ticks += round(100 * dt_s)
        up = values.get("Ports Up", 1 if values.get("Link Up", True) else 0)
        for number, port in enumerate(one.ports):
            port.up = number < up
        one.ports[0].octets_in += round(values["Rx"] * _OCTETS_PER_KBIT * dt_s)
        one.ports[0].octets_out += round(values["Tx"] * _OCTETS_PER_KBIT * dt_s)
        one.ports[0].errors += round(values.get("Errors", 0) * dt_s / 60)


STATEFUL = {"onvif": CameraStand, "xapi": CodecStand, "ssh": PcStand, "snmp": SnmpStand}
"""Protocols and their stands."""
