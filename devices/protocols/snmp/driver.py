"""Switches and lines by SNMP: IF-MIB, 64-bit counters where there are any."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from devices.protocols.reachability.options import PingOptions
from devices.protocols.reachability.probe import Probe
from devices.protocols.snmp.client import SnmpClient, numbers
from devices.protocols.snmp.counters import TICKS_PER_S, Interface, Rates, Reading, load_percent, rates
from devices.protocols.snmp.message import Oid
from devices.protocols.snmp.options import SnmpLineOptions, SnmpOptions
from devices.simulation import UnreachableError

_UPTIME = (1, 3, 6, 1, 2, 1, 1, 3, 0)
_IF, _IFX = "1.3.6.1.2.1.2.2.1", "1.3.6.1.2.1.31.1.1.1"
_PHYSICAL = {6, 62, 69, 117}  # ethernetCsmacd, fastEther, fastEtherFX, gigabitEthernet
# what seldom changes is read when the driver connects, the rest at every poll of the interfaces that matter
_FIXED = numbers([f"{_IF}.2", f"{_IFX}.1", f"{_IF}.3", f"{_IFX}.15", f"{_IFX}.6"])
# ifDescr, ifName, ifType; ifHighSpeed and ifHCInOctets to know whether it has them at all
_STATE, _ERRORS_IN, _ERRORS_OUT = numbers([f"{_IF}.8", f"{_IF}.14", f"{_IF}.20"])
_HIGH_SPEED, _WIDE_IN, _WIDE_OUT = numbers([f"{_IFX}.15", f"{_IFX}.6", f"{_IFX}.10"])
_SPEED, _OLD_IN, _OLD_OUT = numbers([f"{_IF}.5", f"{_IF}.10", f"{_IF}.16"])
_UP = 1
SPEEDS_EVERY_S = 60.0


class _Interfaces:
    """Reads the table of interfaces and remembers the last reading for the rates."""

    def __init__(self, options: SnmpOptions, clock: Callable[[], float] = time.monotonic) -> None:
        self.options = options
        self._clock = clock
        self._client: SnmpClient | None = None
        self._names: dict[int, tuple[str, bool]] = {}
        self._asked: list[int] = []
        self._oids: list[Oid] = [_UPTIME]
        self._speed_oids: list[Oid] = []
        self._speeds: dict[int, int] = {}
        self._states: list[Any] = []
        self._speeds_due_s = 0.0
        self._high = self._wide = True
        self._last: Reading | None = None

    async def connect(self) -> None:
        """Learn which interfaces there are. Raises UnreachableError."""
        await self.close()
        self._client = SnmpClient(self.options)
        descriptions, names, types, high, wide = await self._client.columns(*_FIXED)
        if not descriptions:
            raise UnreachableError(
                "protocol_error", "the device shows no interfaces to this user or community"
            )
        self._names = {
            index: (str(names.get(index) or text), types.get(index) in _PHYSICAL)
            for index, text in descriptions.items()
        }
        self._asked = [
            index
            for index, (name, physical) in self._names.items()
            if self._matters(index, name, physical=physical)
        ]
        self._high, self._wide = any(high.values()), bool(wide)
        speed = _HIGH_SPEED if self._high else _SPEED
        octets = (_WIDE_IN, _WIDE_OUT) if self._wide else (_OLD_IN, _OLD_OUT)
        columns = (_STATE, *octets, _ERRORS_IN, _ERRORS_OUT)
        self._oids = [_UPTIME, *((*column, index) for index in self._asked for column in columns)]
        self._speed_oids = [(*speed, index) for index in self._asked]
        self._speeds = {}

    async def read(self) -> tuple[Reading, dict[int, Rates]]:
        """The interfaces that matter now, and what ran over them since the last time."""
        assert self._client is not None, "poll follows connect"
        uptime, *said = await self._client.get(*self._oids)
        if not isinstance(uptime, int):
            raise UnreachableError("protocol_error", "no sysUpTime")
        await self._read_speeds([said[5 * place] for place in range(len(self._asked))])
        interfaces: dict[int, Interface] = {}
        for place, index in enumerate(self._asked):
            state, octets_in, octets_out, errors_in, errors_out = said[5 * place : 5 * place + 5]
            if state is None:  # it was taken out
                continue
            interfaces[index] = Interface(
                index=index,
                name=self._names[index][0],
                up=state == _UP,
                speed_kbps=self._speeds[index],
                octets_in=octets_in,
                octets_out=octets_out,
                bits=64 if self._wide else 32,
                errors=_sum(errors_in, errors_out),
            )
        reading = Reading(self._clock(), uptime, interfaces)
        before, self._last = self._last, reading
        return reading, rates(before, reading) if before else {}

    async def _read_speeds(self, states: list[Any]) -> None:
        """A speed moves with its port's state; it is asked for then, and once a minute in case."""
        assert self._client is not None
        now_s = self._clock()
        if self._speeds and states == self._states and now_s < self._speeds_due_s:
            return
        said = await self._client.get(*self._speed_oids)
        self._speeds = {
            index: _count(speed) * 1000 if self._high else _count(speed) // 1000
            for index, speed in zip(self._asked, said, strict=True)
        }
        self._states, self._speeds_due_s = states, now_s + SPEEDS_EVERY_S

    def _matters(self, index: int, name: str, *, physical: bool) -> bool:
        raise NotImplementedError

    async def close(self) -> None:
        """Let go of the socket; the last reading stays, so that a lost poll loses no traffic."""
        client, self._client = self._client, None
        if client is not None:
            client.close()


class SnmpSwitch(_Interfaces):
    """A switch (or any device with interfaces) as the kind `network_switch` shows it."""

    async def poll(self) -> Mapping[str, Any]:
        """Sums over its physical ports, and the busiest of them."""
        reading, by_index = await self.read()
        ports = list(reading.interfaces.values())
        running = [(port, by_index[port.index]) for port in ports if port.index in by_index]
        loads = [
            (load, port.name)
            for port, rate in running
            if port.up and (load := load_percent(rate, port.speed_kbps)) is not None
        ]
        load, name = max(loads, default=(None, None))
        return {
            "Uptime": reading.uptime_ticks / TICKS_PER_S / 3600,
            "Ports": len(ports),
            "Ports Up": sum(port.up for port in ports),
            "Rx": _total([rate.rx_kbps for _, rate in running]),
            "Tx": _total([rate.tx_kbps for _, rate in running]),
            "Errors": _total([rate.errors_per_min for _, rate in running]),
            "Busiest Load": None if load is None else round(load, 1),
            "Busiest Port": name,
        }

    async def write(self, metric: str, value: Any) -> None:
        """Nothing of a switch can be written."""
        raise KeyError(metric)

    def _matters(self, index: int, name: str, *, physical: bool) -> bool:
        return physical


class SnmpLine(_Interfaces):
    """A school's line by the interface that carries it, as the kind `uplink` shows it."""

    options: SnmpLineOptions

    def __init__(self, options: SnmpLineOptions, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(options, clock)
        beyond = options.probe
        self._probe = Probe(PingOptions(host=beyond, port=options.probe_port)) if beyond else None

    async def poll(self) -> Mapping[str, Any]:
        """What runs over the line; delay and loss if there is a host to measure them by."""
        reading, by_index = await self.read()
        line = self._find(reading)
        rate = by_index.get(line.index)
        capacity_kbps = self.options.capacity_kbps or line.speed_kbps
        load = load_percent(rate, capacity_kbps) if rate else None
        values: dict[str, Any] = {
            "Rx": None if rate is None or rate.rx_kbps is None else round(rate.rx_kbps),
            "Tx": None if rate is None or rate.tx_kbps is None else round(rate.tx_kbps),
            "Capacity": capacity_kbps or None,
            "Utilisation": None if load is None else round(load, 1),
            "Link Up": line.up,
            "Latency": None,
            "Loss": None,
        }
        if self._probe is not None and line.up:
            seen = await self._probe.measure()
            values |= {"Latency": seen.latency_ms, "Loss": seen.loss_percent}
        return values

    async def write(self, metric: str, value: Any) -> None:
        """Nothing of a line can be written."""
        raise KeyError(metric)

    def _matters(self, index: int, name: str, *, physical: bool) -> bool:
        return self.options.interface in (name, str(index))

    def _find(self, reading: Reading) -> Interface:
        for one in reading.interfaces.values():
            return one
        wanted, names = self.options.interface, ", ".join(name for name, _ in self._names.values())
        raise UnreachableError("protocol_error", f"interface = {wanted!r} is not among {names}")


def _count(value: Any) -> int:
    return value if isinstance(value, int) else 0


def _sum(one: Any, other: Any) -> int | None:
    return one + other if isinstance(one, int) and isinstance(other, int) else None


def _total(values: list[float | None]) -> int | None:
    known = [value for value in values if value is not None]
    return round(sum(known)) if known else None
