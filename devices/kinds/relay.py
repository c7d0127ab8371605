"""Relay module: lights, fans and sockets of a room, with power and energy."""

from __future__ import annotations

import random
from typing import Any

from devices.kind import (
    Command,
    DeviceKind,
    Limit,
    Metric,
    OfflineRule,
    RoomConditions,
    Severity,
    Simulated,
    Tile,
)
from devices.protocols.modbus.options import registers_of
from devices.protocols.mqtt_json.options import ShellyOptions, TasmotaOptions, ZigbeeOptions
from devices.protocols.options import DriverChoice, Drivers
from devices.simulation import GENERAL_FAULTS, TEACHING_ROOMS, Simulation
from devices.wire.datatypes import DataType

CHANNELS = ("Relay 1", "Relay 2", "Relay 3", "Relay 4")
_LABELS = (
    ("Đèn phía bảng", "Lights, front"),
    ("Đèn cuối lớp", "Lights, back"),
    ("Quạt, điều hòa", "Fans, cooling"),
    ("Ổ cắm", "Sockets"),
)
LOADS_W = ((140, 220), (140, 220), (240, 1400), (60, 260))  # lightest and heaviest load of each channel
STANDBY_W = 1.8


class Relay(Simulation):
    """Four channels that follow the lessons until somebody writes them; power is what is switched on."""

    FAULTS = ("overload", "relay_welded", "load_lost")

    def __init__(self, rng: random.Random) -> None:
        super().__init__(rng)
        self.loads_w = tuple(rng.uniform(*watts) for watts in LOADS_W)
        self.on = [False, False, False, False]
        self.energy_kwh: float | None = None
        self.forgetful = rng.random() < 0.04
        self.wanted: tuple[bool, ...] = ()

    def advance(self, room: RoomConditions, dt_s: float) -> None:
        """Switch when the room's use changes, add power up, count energy."""
        if self.energy_kwh is None:
            self.energy_kwh = room.age_years * self.rng.uniform(900, 1500)
        busy = room.lesson and room.occupied_people > 0
        dark = room.outdoor_lux < 25_000
        wanted = (busy, busy and dark, busy and room.outdoor_c > 26, busy)
        if wanted != self.wanted and "relay_welded" not in self.faults:
            if self.forgetful and not busy:  # the class has left, the lights have not
                wanted_now = (*wanted[:2], self.on[2], self.on[3])
            else:
                wanted_now = wanted
            self.on = list(wanted_now)
            self.wanted = wanted
        power_w = STANDBY_W + sum(load for load, on in zip(self.loads_w, self.on, strict=True) if on)
        if "load_lost" in self.faults:
            power_w = STANDBY_W
        if "overload" in self.faults:
            power_w += 3900
        power_w = power_w * (1 + self.noise(0.004)) if room.powered else 0.0
        self.energy_kwh += power_w * dt_s / 3_600_000
        self.values = {
            **dict(zip(CHANNELS, self.on, strict=True)),
            "Power": round(power_w, 1),
            "Energy": round(self.energy_kwh, 4),
        }

    def obey(self, metric: str, value: Any) -> None:
        """Each channel can be written; a welded relay stays as it is."""
        if metric not in CHANNELS:
            raise KeyError(metric)
        if "relay_welded" not in self.faults:
            self.on[CHANNELS.index(metric)] = bool(value)


KIND = DeviceKind(
    id="relay",
    label_vi="Rơ-le đèn, quạt",
    label_en="Relay, lights",
    metrics=(
        *(
            Metric(
                name=channel, datatype=DataType.Boolean, label_vi=vi, label_en=en,
                states={False: ("Tắt", "Off"), True: ("Bật", "On")},
            )
            for channel, (vi, en) in zip(CHANNELS, _LABELS, strict=True)
        ),
        Metric(
            name="Power", datatype=DataType.Float, unit="W", low=0, high=20_000, deadband=15.0, decimals=0,
            label_vi="Công suất", label_en="Power", role="power",
            limits=(
                Limit(severity=Severity.MINOR, above=2900.0, hysteresis=150.0, on_delay_s=60, off_delay_s=30,
                      title_vi="Tải điện cao", title_en="Electrical load high"),
                # a 16 A circuit carries 3,680 W
                Limit(severity=Severity.MAJOR, above=3500.0, hysteresis=150.0, on_delay_s=10, off_delay_s=30,
                      title_vi="Quá tải điện", title_en="Electrical overload"),
            ),
        ),
        Metric(
            name="Energy", datatype=DataType.Double, unit="kWh", low=0, deadband=0.05, decimals=2,
            label_vi="Điện năng", label_en="Energy", role="energy",
        ),
    ),
    commands=tuple(
        Command(name=f"relay-{number}", metric=channel, datatype=DataType.Boolean, values=(True, False),
                safe_value=False, label_vi=vi, label_en=en)
        for number, (channel, (vi, en)) in enumerate(zip(CHANNELS, _LABELS, strict=True), start=1)
    ),
    tile=Tile(("Power", *CHANNELS)),
    offline=OfflineRule(severity=Severity.MINOR, on_delay_s=120, off_delay_s=10,
                        title_vi="Rơ-le mất kết nối", title_en="Relay unreachable"),
    simulate=Relay,
    simulated=Simulated(name="Tủ điện", wear=("load_lost",), rooms=dict.fromkeys(TEACHING_ROOMS, 1)),
    driver=Drivers(
        DriverChoice("zigbee2mqtt", ZigbeeOptions, "devices.protocols.mqtt_json.driver:zigbee"),
        DriverChoice("tasmota", TasmotaOptions, "devices.protocols.mqtt_json.driver:tasmota"),
        DriverChoice("shelly", ShellyOptions, "devices.protocols.mqtt_json.driver:shelly"),
        DriverChoice("modbus", registers_of("relay"), "devices.protocols.modbus.driver:ModbusDriver"),
    ),
    faults=(*GENERAL_FAULTS, *Relay.FAULTS),
)  # fmt: skip
