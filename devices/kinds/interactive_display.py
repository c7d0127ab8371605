"""Interactive display: power, input, brightness, temperature, firmware, fault."""

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
from devices.protocols.options import DriverChoice, Drivers
from devices.protocols.samsung_mdc.options import SamsungMdcOptions
from devices.simulation import GENERAL_FAULTS, TEACHING_ROOMS, Simulation, approach, clamp
from devices.wire.datatypes import DataType

INPUTS = ("Android", "HDMI 1", "HDMI 2", "OPS")
FIRMWARES = ("3.8.0", "3.6.2", "3.4.1", "2.9.7")


class InteractiveDisplay(Simulation):
    """A touch display: on in most lessons, brightness follows the daylight, heat follows brightness."""

    FAULTS = ("overheat", "panel", "touch")

    def __init__(self, rng: random.Random) -> None:
        super().__init__(rng)
        self.on = False
        self.input = rng.choice(INPUTS)
        self.brightness = 60
        self.brightness_fixed = False
        self.temperature_c: float | None = None
        self.updates_missed = rng.random()
        self.lesson = False

    def advance(self, room: RoomConditions, dt_s: float) -> None:
        """Switch with the lessons, follow daylight and heat."""
        if room.lesson != self.lesson:
            self.lesson = room.lesson
            self.on = room.lesson and room.occupied_people > 0 and self.rng.random() < 0.7
        if not room.powered:
            self.on = False
        if not self.brightness_fixed:
            wanted = clamp(40 + room.outdoor_lux / 1000, 40, 100)
            if abs(wanted - self.brightness) >= 5:  # steps, as real ones do, or it would follow each cloud
                self.brightness = round(wanted / 5) * 5
        ambient_c = room.outdoor_c - 1
        if self.temperature_c is None:
            self.temperature_c = ambient_c
        goal_c = ambient_c + (6 + 0.12 * self.brightness if self.on else 0)
        goal_c += 38 if self.on and "overheat" in self.faults else 0
        self.temperature_c = approach(self.temperature_c, goal_c, dt_s, 600)
        missed = int(self.updates_missed * min(room.age_years, len(FIRMWARES) - 1) + 0.5)
        self.values = {
            "Power": self.on,
            "Input": self.input,
            "Brightness": self.brightness,
            "Temperature": round(self.temperature_c + self.noise(0.1), 1),
            "Firmware": FIRMWARES[missed],
            "Fault": self._fault(),
        }

    def obey(self, metric: str, value: Any) -> None:
        """Power, Input and Brightness can be written; a written brightness no longer follows the daylight."""
        if metric == "Power":
            self.on = bool(value)
        elif metric == "Input":
            self.input = str(value)
        elif metric == "Brightness":
            self.brightness, self.brightness_fixed = int(value), True
        else:
            raise KeyError(metric)

    def _fault(self) -> str:
        if self.temperature_c is not None and self.temperature_c > 75:
            return "temperature"
        return next((name for name in ("panel", "touch") if name in self.faults), "")


KIND = DeviceKind(
    id="interactive_display",
    label_vi="Màn hình tương tác",
    label_en="Interactive display",
    metrics=(
        Metric(
            name="Power", datatype=DataType.Boolean, label_vi="Nguồn", label_en="Power",
            states={False: ("Tắt", "Off"), True: ("Bật", "On")},
        ),
        Metric(name="Input", datatype=DataType.String, label_vi="Ngõ vào", label_en="Input"),
        Metric(
            name="Brightness", datatype=DataType.Int32, unit="%", low=0, high=100, deadband=1,
            label_vi="Độ sáng", label_en="Brightness",
        ),
        Metric(
            name="Temperature", datatype=DataType.Float, unit="°C", low=-20, high=120,
            deadband=1.0, decimals=0, label_vi="Nhiệt độ máy", label_en="Temperature", role="temperature",
            limits=(
                Limit(severity=Severity.MINOR, above=65.0, hysteresis=4.0, on_delay_s=60, off_delay_s=30,
                      title_vi="Màn hình nóng", title_en="Display hot"),
                Limit(severity=Severity.MAJOR, above=75.0, hysteresis=4.0, on_delay_s=20, off_delay_s=30,
                      title_vi="Màn hình quá nhiệt", title_en="Display overheated"),
            ),
        ),
        Metric(name="Firmware", datatype=DataType.String, label_vi="Phần mềm", label_en="Firmware"),
        Metric(
            name="Fault", datatype=DataType.String, label_vi="Lỗi", label_en="Fault", role="fault",
            states={
                "": ("Không lỗi", "None"),
                "temperature": ("Quá nhiệt", "Temperature"),
                "panel": ("Tấm nền", "Panel"),
                "fan": ("Quạt", "Fan"),
                "touch": ("Cảm ứng", "Touch"),
            },
            limits=(
                Limit(severity=Severity.MAJOR, not_equals="",
                      title_vi="Màn hình báo lỗi", title_en="Display reports a fault"),
            ),
        ),
    ),
    commands=(
        Command(name="power", metric="Power", datatype=DataType.Boolean, values=(True, False),
                safe_value=False,
                label_vi="Bật/tắt màn hình", label_en="Switch the display"),
        Command(name="input", metric="Input", datatype=DataType.String, values=INPUTS,
                label_vi="Chọn ngõ vào", label_en="Choose the input"),
        Command(name="brightness", metric="Brightness", datatype=DataType.Int32, low=0, high=100,
                label_vi="Đặt độ sáng", label_en="Set the brightness"),
    ),
    tile=Tile(("Power", "Input", "Temperature", "Fault")),
    offline=OfflineRule(severity=Severity.MINOR, on_delay_s=300, off_delay_s=10,
                        title_vi="Màn hình mất kết nối", title_en="Display unreachable"),
    simulate=InteractiveDisplay,
    simulated=Simulated(
        # panels came later than projectors: the newer a room, the likelier it has one
        suffix="display", luck="screen", share=0.75, share_per_year=-0.05, wear=("panel", "touch"),
        rooms={**dict.fromkeys(TEACHING_ROOMS, 1), "conference_room": 1}, always=("conference_room",),
    ),
    faults=(*GENERAL_FAULTS, *InteractiveDisplay.FAULTS),
    driver=Drivers(
        DriverChoice("samsung_mdc", SamsungMdcOptions, "devices.protocols.samsung_mdc.driver:Display")
    ),
)  # fmt: skip
