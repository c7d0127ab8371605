"""Projector: power with warm-up and cool-down, lamp hours, temperature, input, fault."""

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
from devices.protocols.pjlink.options import PJLinkOptions
from devices.simulation import GENERAL_FAULTS, TEACHING_ROOMS, Simulation, approach
from devices.wire.datatypes import DataType

INPUTS = ("HDMI 1", "HDMI 2", "VGA", "Network")
LAMP_LIFE_H = 4000
HOURS_PER_YEAR = 700
SHUT_DOWN_C = 90.0


class Projector(Simulation):
    """A lamp projector: hours and heat follow power; switched on by about half of the lessons."""

    FAULTS = ("lamp", "fan", "overheat", "cover")

    def __init__(self, rng: random.Random) -> None:
        super().__init__(rng)
        self.power = "off"
        self.phase_left_s = 0.0
        self.temperature_c: float | None = None
        self.lamp_h: float | None = None
        self.lamp_changed_at_h = rng.uniform(0.75, 0.93) * LAMP_LIFE_H
        self.never_maintained = rng.random() < 0.02
        self.input = rng.choice(INPUTS[:2])
        self.lesson = False
        self.tripped = False

    def advance(self, room: RoomConditions, dt_s: float) -> None:
        """Walk the power states, burn lamp hours, follow the heat."""
        if self.lamp_h is None:
            burnt = room.age_years * HOURS_PER_YEAR * self.rng.uniform(0.7, 1.2)
            self.lamp_h = burnt if self.never_maintained else burnt % self.lamp_changed_at_h
        if room.lesson != self.lesson:
            self.lesson = room.lesson
            self._switch(room.lesson and room.occupied_people > 0 and self.rng.random() < 0.5)
        if not room.powered:
            self.power, self.phase_left_s = "off", 0.0
        if self.power == "on" and ("lamp" in self.faults or "cover" in self.faults or self.tripped):
            self._switch(False)
        lit_s = self._walk(dt_s)
        self.lamp_h += lit_s / 3600

        ambient_c = room.outdoor_c - 1
        if self.temperature_c is None:
            self.temperature_c = ambient_c
        goal_c = ambient_c + (24 if self.power in ("on", "warming") else 0)
        if self.power == "on":
            goal_c += 45 * ("overheat" in self.faults) + 28 * ("fan" in self.faults)
        self.temperature_c = approach(self.temperature_c, goal_c, dt_s, 240)
        if self.temperature_c >= SHUT_DOWN_C:
            self.tripped = True
        elif self.temperature_c < ambient_c + 10 and "overheat" not in self.faults:
            self.tripped = False
        self.values = {
            "Power": self.power,
            "Lamp Hours": int(self.lamp_h),
            "Temperature": round(self.temperature_c + self.noise(0.15), 1),
            "Input": self.input,
            "Fault": self._fault(),
        }

    def obey(self, metric: str, value: Any) -> None:
        """Power `on`/`off` and Input can be written."""
        if metric == "Power":
            self._switch(value == "on")
        elif metric == "Input":
            self.input = str(value)
        else:
            raise KeyError(metric)

    def _switch(self, on: bool) -> None:
        if on and self.power == "off" and not self._fault():
            self.power, self.phase_left_s = "warming", self.rng.uniform(25, 45)
        elif not on and self.power in ("on", "warming"):
            self.power, self.phase_left_s = "cooling", self.rng.uniform(60, 90)

    def _walk(self, dt_s: float) -> float:
        """Pass `dt_s` through the phases; returns for how long the lamp was lit."""
        lit_s = 0.0
        if self.power == "warming":
            spent = min(dt_s, self.phase_left_s)
            lit_s, dt_s = lit_s + spent, dt_s - spent
            self.phase_left_s -= spent
            if self.phase_left_s <= 0:
                self.power = "on"
        elif self.power == "cooling":
            self.phase_left_s -= dt_s
            if self.phase_left_s <= 0:
                self.power, self.phase_left_s = "off", 0.0
        return lit_s + dt_s if self.power == "on" else lit_s

    def _fault(self) -> str:
        if self.tripped:
            return "temperature"
        return next((name for name in ("lamp", "fan", "cover") if name in self.faults), "")


KIND = DeviceKind(
    id="projector",
    label_vi="Máy chiếu",
    label_en="Projector",
    metrics=(
        Metric(
            name="Power", datatype=DataType.String, label_vi="Nguồn", label_en="Power",
            states={
                "off": ("Tắt", "Off"),
                "warming": ("Đang khởi động", "Warming up"),
                "on": ("Bật", "On"),
                "cooling": ("Đang làm nguội", "Cooling down"),
            },
        ),
        Metric(
            name="Lamp Hours", datatype=DataType.Int32, unit="h", low=0, high=100_000, deadband=1,
            label_vi="Giờ bóng đèn", label_en="Lamp hours",
            limits=(
                Limit(severity=Severity.MINOR, above=LAMP_LIFE_H, hysteresis=50, on_delay_s=0,
                      title_vi="Bóng đèn quá tuổi thọ", title_en="Lamp beyond its life"),
            ),
        ),
        Metric(
            name="Temperature", datatype=DataType.Float, unit="°C", low=-20, high=150,
            deadband=1.0, decimals=0, label_vi="Nhiệt độ máy", label_en="Temperature", role="temperature",
            limits=(
                Limit(severity=Severity.MINOR, above=72.0, hysteresis=4.0, on_delay_s=60, off_delay_s=30,
                      title_vi="Máy chiếu nóng", title_en="Projector hot"),
                Limit(severity=Severity.MAJOR, above=82.0, hysteresis=4.0, on_delay_s=20, off_delay_s=30,
                      title_vi="Máy chiếu quá nhiệt", title_en="Projector overheated"),
            ),
        ),
        Metric(name="Input", datatype=DataType.String, label_vi="Ngõ vào", label_en="Input"),
        Metric(
            name="Fault", datatype=DataType.String, label_vi="Lỗi", label_en="Fault", role="fault",
            states={
                "": ("Không lỗi", "None"),
                "lamp": ("Bóng đèn", "Lamp"),
                "fan": ("Quạt", "Fan"),
                "temperature": ("Quá nhiệt", "Temperature"),
                "cover": ("Nắp mở", "Cover open"),
                "filter": ("Lưới lọc", "Filter"),
                "other": ("Lỗi khác", "Another fault"),
            },
            limits=(
                Limit(severity=Severity.MAJOR, not_equals="",
                      title_vi="Máy chiếu báo lỗi", title_en="Projector reports a fault"),
            ),
        ),
    ),
    commands=(
        Command(name="power", metric="Power", datatype=DataType.String, values=("on", "off"),
                safe_value="off",
                label_vi="Bật/tắt máy chiếu", label_en="Switch the projector"),
        Command(name="input", metric="Input", datatype=DataType.String, values=INPUTS,
                label_vi="Chọn ngõ vào", label_en="Choose the input"),
    ),
    tile=Tile(("Power", "Lamp Hours", "Temperature", "Fault")),
    offline=OfflineRule(severity=Severity.MINOR, on_delay_s=300, off_delay_s=10,
                        title_vi="Máy chiếu mất kết nối", title_en="Projector unreachable"),
    simulate=Projector,
    simulated=Simulated(
        unless="interactive_display", wear=("lamp", "fan", "overheat"),
        rooms=dict.fromkeys(TEACHING_ROOMS, 1),
    ),
    faults=(*GENERAL_FAULTS, *Projector.FAULTS),
    driver=Drivers(DriverChoice("pjlink", PJLinkOptions, "devices.protocols.pjlink.driver:PJLinkDriver")),
)  # fmt: skip
