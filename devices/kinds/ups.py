"""UPS: on battery or not, charge, runtime, load, voltages, battery health; values as NUT names them."""

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
from devices.protocols.nut.options import NutOptions
from devices.protocols.options import DriverChoice, Drivers
from devices.simulation import GENERAL_FAULTS, Simulation, approach, clamp, drifted
from devices.wire.datatypes import DataType

MAINS_V = 222.0
CUT_OFF_PERCENT = 3.0  # it switches its outlets and itself off before the battery is harmed
LOW_PERCENT = 15.0
RECHARGE_S = 4 * 3600.0


class Ups(Simulation):
    """A line-interactive UPS: when the mains go it lives on its battery, until that is empty."""

    FAULTS = ("battery_worn", "overload", "undervoltage")

    def __init__(self, rng: random.Random) -> None:
        super().__init__(rng)
        self.charge = 100.0
        self.base_load = rng.uniform(18, 45)
        self.load = self.base_load
        self.full_runtime_s = rng.uniform(18, 40) * 60
        self.swing_v = 0.0
        self.beeper = True
        self.mains = True
        self.empty = False
        self.temperature_c: float | None = None

    def step(self, room: RoomConditions, dt_s: float) -> None:
        """Let time pass; a power cut is felt as such and silences nothing while the battery lasts."""
        self.mains = room.powered
        self.advance(room, dt_s)
        self.powered = not self.empty

    def advance(self, room: RoomConditions, dt_s: float) -> None:
        """Drain or charge, follow load and heat."""
        self.load = approach(self.load, 118.0 if "overload" in self.faults else self.base_load, dt_s, 60)
        worn = 0.3 if "battery_worn" in self.faults else clamp(1.05 - 0.09 * room.age_years, 0.35, 1.0)
        runtime_s = self.full_runtime_s * worn * 30 / max(5.0, self.load)
        if self.mains:
            self.charge = min(100.0, self.charge + 100 * dt_s / RECHARGE_S)
            self.empty = False
        else:
            self.charge = max(0.0, self.charge - 100 * dt_s / runtime_s)
            self.empty = self.charge < CUT_OFF_PERCENT
        self.swing_v = drifted(self.rng, self.swing_v, 3.0, dt_s, 1200)
        input_v = MAINS_V + self.swing_v - 34.0 * ("undervoltage" in self.faults) if self.mains else 0.0
        goal_c = room.outdoor_c - 2 + 0.06 * self.load + 6.0 * (not self.mains)
        if room.cooled_to_c is not None:
            goal_c += room.cooled_to_c - room.outdoor_c + 2
        self.temperature_c = approach(
            goal_c if self.temperature_c is None else self.temperature_c, goal_c, dt_s, 1800
        )
        self.values = {
            "On Battery": not self.mains,
            "Status": self._status(),
            "Charge": round(self.charge, 1),
            "Runtime": round(runtime_s * self.charge / 6000, 1),
            "Load": round(self.load + self.noise(0.5), 1),
            "Input Voltage": round(max(0.0, input_v), 1),
            "Battery Health": "replace" if worn < 0.5 else "weak" if worn < 0.65 else "good",
            "Temperature": round(self.temperature_c + self.noise(0.1), 1),
            "Beeper": self.beeper,
        }

    def _status(self) -> str:
        if self.mains:
            return "online"
        return "low_battery" if self.charge < LOW_PERCENT else "on_battery"

    def obey(self, metric: str, value: Any) -> None:
        """The beeper can be switched (`beeper.enable`, `beeper.disable`)."""
        if metric != "Beeper":
            raise KeyError(metric)
        self.beeper = bool(value)


KIND = DeviceKind(
    id="ups",
    label_vi="Bộ lưu điện",
    label_en="UPS",
    metrics=(
        Metric(
            name="On Battery", datatype=DataType.Boolean, label_vi="Nguồn cấp", label_en="Supply",
            states={False: ("Điện lưới", "Mains"), True: ("Ắc quy", "Battery")},
            limits=(
                Limit(severity=Severity.MAJOR, equals=True, on_delay_s=10, off_delay_s=30,
                      title_vi="Mất điện lưới, đang dùng ắc quy", title_en="Mains lost, on battery"),
            ),
        ),
        Metric(
            name="Status", datatype=DataType.String, label_vi="Tình trạng", label_en="Status",
            states={
                "online": ("Điện lưới", "On mains"),
                "on_battery": ("Đang dùng ắc quy", "On battery"),
                "low_battery": ("Ắc quy sắp hết", "Battery low"),
                "bypass": ("Nối tắt", "Bypass"),
                "overloaded": ("Quá tải", "Overloaded"),
                "shutting_down": ("Đang tắt", "Shutting down"),
                "off": ("Đã tắt", "Off"),
            },
            limits=(
                # the UPS knows its own battery: a worn one says so long before its charge reads 20 %
                Limit(severity=Severity.CRITICAL, equals="low_battery",
                      title_vi="Bộ lưu điện báo sắp hết ắc quy", title_en="UPS says its battery runs out"),
            ),
        ),
        Metric(
            name="Charge", datatype=DataType.Float, unit="%", low=0, high=100, deadband=1.0,
            label_vi="Dung lượng ắc quy", label_en="Battery charge", role="battery",
            limits=(
                Limit(severity=Severity.MAJOR, below=50.0, hysteresis=5.0, on_delay_s=5, off_delay_s=60,
                      title_vi="Ắc quy dưới một nửa", title_en="Battery below half"),
                Limit(severity=Severity.CRITICAL, below=20.0, hysteresis=5.0, on_delay_s=0, off_delay_s=60,
                      title_vi="Ắc quy sắp cạn", title_en="Battery nearly empty"),
            ),
        ),
        Metric(
            name="Runtime", datatype=DataType.Float, unit="min", low=0, high=10_000, deadband=2.0, decimals=0,
            label_vi="Thời gian còn lại", label_en="Runtime left",
        ),
        Metric(
            name="Load", datatype=DataType.Float, unit="%", low=0, high=200, deadband=3.0,
            label_vi="Tải", label_en="Load",
            limits=(
                Limit(severity=Severity.MINOR, above=85.0, hysteresis=5.0, on_delay_s=120, off_delay_s=60,
                      title_vi="Bộ lưu điện tải cao", title_en="UPS load high"),
                Limit(severity=Severity.MAJOR, above=100.0, hysteresis=5.0, on_delay_s=10, off_delay_s=60,
                      title_vi="Bộ lưu điện quá tải", title_en="UPS overloaded"),
            ),
        ),
        Metric(
            name="Input Voltage", datatype=DataType.Float, unit="V", low=0, high=400, deadband=4.0,
            label_vi="Điện áp vào", label_en="Input voltage",
            limits=(
                # 220 V −10 %/+10 %; a cut line is "on battery", the same alarm is not raised twice
                Limit(severity=Severity.MINOR, above=242.0, hysteresis=3.0, on_delay_s=60, off_delay_s=60,
                      title_vi="Điện áp cao", title_en="Voltage high"),
            ),
        ),
        Metric(
            name="Battery Health", datatype=DataType.String,
            label_vi="Tình trạng ắc quy", label_en="Battery health",
            states={"good": ("Tốt", "Good"), "weak": ("Yếu", "Weak"), "replace": ("Cần thay", "Replace")},
            limits=(
                Limit(severity=Severity.MINOR, equals="replace", on_delay_s=60, off_delay_s=60,
                      title_vi="Cần thay ắc quy", title_en="Battery to be replaced"),
            ),
        ),
        Metric(
            name="Temperature", datatype=DataType.Float, unit="°C", low=-20, high=100, deadband=1.0,
            label_vi="Nhiệt độ", label_en="Temperature", role="temperature",
            limits=(
                Limit(severity=Severity.MINOR, above=45.0, hysteresis=3.0, on_delay_s=300, off_delay_s=60,
                      title_vi="Bộ lưu điện nóng", title_en="UPS hot"),
                Limit(severity=Severity.MAJOR, above=55.0, hysteresis=3.0, on_delay_s=60, off_delay_s=60,
                      title_vi="Bộ lưu điện quá nhiệt", title_en="UPS overheated"),
            ),
        ),
        Metric(
            name="Beeper", datatype=DataType.Boolean, label_vi="Còi báo", label_en="Beeper",
            states={False: ("Tắt", "Off"), True: ("Bật", "On")},
        ),
    ),
    commands=(
        Command(name="beeper", metric="Beeper", datatype=DataType.Boolean, values=(False, True),
                label_vi="Bật/tắt còi báo", label_en="Switch the beeper"),
    ),
    tile=Tile(("On Battery", "Charge", "Runtime", "Load", "Input Voltage")),
    offline=OfflineRule(severity=Severity.MAJOR, on_delay_s=120, off_delay_s=10,
                        title_vi="Bộ lưu điện mất kết nối", title_en="UPS unreachable"),
    simulate=Ups,
    simulated=Simulated(
        rooms={"server_room": 1, "conference_room": 1, "operations_centre": 2}, wear=("battery_worn",),
    ),
    faults=(*GENERAL_FAULTS, *Ups.FAULTS),
    driver=Drivers(DriverChoice("nut", NutOptions, "devices.protocols.nut.driver:NutDriver")),
)  # fmt: skip
