"""Safety of a laboratory: gas and temperature, and the interlock that keeps the room's devices off."""

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
from devices.protocols.failures import RefusedError
from devices.protocols.modbus.options import registers_of
from devices.protocols.options import DriverChoice, Drivers
from devices.simulation import GENERAL_FAULTS, Simulation, approach, drifted
from devices.wire.datatypes import DataType

GAS_LIMIT_PPM, GAS_CLEAR_PPM = 2500, 500
"""A tenth of the lower explosive limit of natural gas is about 5,000 ppm; detectors warn at half of that."""
TEMPERATURE_LIMIT_C, TEMPERATURE_CLEAR_C = 60.0, 5.0


class LabSafety(Simulation):
    """A gas detector with its own latch: it opens beyond a limit and stays open until it is released."""

    FAULTS = ("gas_leak", "fire")

    def __init__(self, rng: random.Random) -> None:
        super().__init__(rng)
        self.gas_ppm = rng.uniform(5, 25)
        self.air_c: float | None = None
        self.breath = 0.0
        self.open = False

    def advance(self, room: RoomConditions, dt_s: float) -> None:
        """Gas fills the room in a minute or two and is aired out; the latch follows at once."""
        self.breath = drifted(self.rng, self.breath, 6.0, dt_s, 300)
        goal_ppm = 6000.0 if "gas_leak" in self.faults else 15.0
        self.gas_ppm = approach(self.gas_ppm, goal_ppm, dt_s, 90)
        ambient_c = (room.outdoor_c if room.cooled_to_c is None else room.cooled_to_c) + 0.5
        goal_c = 95.0 if "fire" in self.faults else ambient_c
        self.air_c = approach(ambient_c if self.air_c is None else self.air_c, goal_c, dt_s, 120)
        self.open = self.open or self._beyond()
        self.values = {
            "Gas": max(0, round(self.gas_ppm + self.breath)),
            "Temperature": round(self.air_c + self.noise(0.1), 1),
            "Interlock Open": self.open,
        }

    def obey(self, metric: str, value: Any) -> None:
        """The interlock can be released, not before the air is good again. Raises RefusedError."""
        if metric != "Interlock Open" or value is not False:
            raise KeyError(metric)
        if self._beyond():
            raise RefusedError("gas or temperature is still beyond the limit")
        self.open = False

    def _beyond(self) -> bool:
        return self.gas_ppm > GAS_LIMIT_PPM or (self.air_c or 0.0) > TEMPERATURE_LIMIT_C


KIND = DeviceKind(
    id="lab_safety",
    label_vi="An toàn phòng thí nghiệm",
    label_en="Laboratory safety",
    metrics=(
        Metric(
            name="Gas", datatype=DataType.Int32, unit="ppm", low=0, high=100_000, deadband=25,
            label_vi="Khí cháy", label_en="Flammable gas",
            limits=(
                Limit(severity=Severity.CRITICAL, above=GAS_LIMIT_PPM, hysteresis=GAS_CLEAR_PPM,
                      title_vi="Rò khí cháy", title_en="Gas leak"),
            ),
        ),
        Metric(
            name="Temperature", datatype=DataType.Float, unit="°C", low=-20, high=150, deadband=0.5,
            decimals=1, label_vi="Nhiệt độ", label_en="Temperature", role="temperature",
            limits=(
                Limit(severity=Severity.CRITICAL, above=TEMPERATURE_LIMIT_C, hysteresis=TEMPERATURE_CLEAR_C,
                      title_vi="Nhiệt độ nguy hiểm", title_en="Dangerous temperature"),
            ),
        ),
        Metric(
            name="Interlock Open", datatype=DataType.Boolean, role="interlock",
            label_vi="Khóa liên động", label_en="Interlock",
            states={
                False: ("Đóng, an toàn", "Closed, safe"),
                True: ("Mở, đã ngắt thiết bị", "Open, devices off"),
            },
            limits=(
                Limit(severity=Severity.CRITICAL, equals=True,
                      title_vi="Khóa liên động đã mở", title_en="Interlock open"),
            ),
        ),
    ),
    commands=(
        Command(name="release", metric="Interlock Open", datatype=DataType.Boolean, values=(False,),
                label_vi="Đóng lại khóa liên động", label_en="Release the interlock"),
    ),
    tile=Tile(("Interlock Open", "Gas", "Temperature")),
    offline=OfflineRule(severity=Severity.MAJOR, on_delay_s=60, off_delay_s=10,
                        title_vi="Thiết bị an toàn mất kết nối", title_en="Safety device unreachable"),
    simulate=LabSafety,
    simulated=Simulated(suffix="safety", name="An toàn", rooms={"simulation_lab": 1}),
    driver=Drivers(
        DriverChoice("modbus", registers_of("lab_safety"), "devices.protocols.modbus.driver:ModbusDriver"),
    ),
    faults=(*GENERAL_FAULTS, *LabSafety.FAULTS),
)  # fmt: skip
