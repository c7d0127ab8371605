"""Lab PC: power, somebody logged in or not, CPU, memory, disk, updates, antivirus. Never who."""

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
from devices.protocols.lab_pc.options import PcOptions
from devices.protocols.options import DriverChoice, Drivers
from devices.simulation import GENERAL_FAULTS, Simulation, approach, clamp, drifted
from devices.wire.datatypes import DataType

DAY_S = 86_400.0


class LabPc(Simulation):
    """A pupil's PC: on and logged in with the lessons; updates and virus definitions age until it is."""

    FAULTS = ("disk_failing", "disk_full", "antivirus_off", "overheat")

    def __init__(self, rng: random.Random) -> None:
        super().__init__(rng)
        self.on = self.logged_in = False
        self.held = False
        self.busy = False
        self.cpu, self.appetite = 0.0, 0.0
        self.memory = 0.0
        self.disk = rng.uniform(35, 78)
        self.temperature_c: float | None = None
        self.updates = rng.choice((0, 0, 1, 2, 4))
        self.signature_age_s = rng.uniform(0, 2) * DAY_S
        self.neglected = rng.random() < 0.03

    def advance(self, room: RoomConditions, dt_s: float) -> None:
        """Switch with the lessons; load while somebody works, age while nobody updates."""
        busy = room.lesson and room.occupied_people > 0
        if busy != self.busy:
            self.busy, self.held = busy, False
            self.on = busy and self.rng.random() < 0.9
            self.logged_in = self.on and self.rng.random() < 0.95
            if self.on and not self.neglected and "antivirus_off" not in self.faults:
                self.signature_age_s = self.rng.uniform(0, 0.4) * DAY_S
                self.updates = self.rng.choice((0, 0, 0, 1, 2))
        if not room.powered:
            self.on = self.logged_in = False
        if not self.on:
            self.logged_in = False
        self.signature_age_s += dt_s * (12 if "antivirus_off" in self.faults else 1)
        self.appetite = drifted(self.rng, self.appetite, 14.0, dt_s, 300)
        goal = clamp(22 + self.appetite, 3, 98) if self.logged_in else 2.0
        self.cpu = approach(self.cpu, goal, dt_s, 30) if self.on else 0.0
        self.memory = approach(self.memory, 58.0 if self.logged_in else 31.0, dt_s, 120) if self.on else 0.0
        self.disk = min(99.0, self.disk + 0.4 * dt_s / DAY_S * self.logged_in)
        ambient_c = room.outdoor_c if room.cooled_to_c is None else room.cooled_to_c
        goal_c = ambient_c + (10 + 0.35 * self.cpu if self.on else 0)
        goal_c += 40 * (self.on and "overheat" in self.faults)
        self.temperature_c = approach(
            goal_c if self.temperature_c is None else self.temperature_c, goal_c, dt_s, 180
        )
        self.values = {
            "Power": self.on,
            "Logged In": self.logged_in,
            "CPU": round(clamp(self.cpu + self.noise(0.8) * self.on, 0, 100), 1),
            "Memory": round(self.memory, 1),
            "Disk": 98.5 if "disk_full" in self.faults else round(self.disk, 1),
            "Disk Health": self._disk_health(room),
            "Temperature": round(self.temperature_c + self.noise(0.2), 1),
            "Updates Pending": self.updates + 14 * self.neglected,
            "Antivirus Age": int(self.signature_age_s / DAY_S) + 9 * self.neglected,
        }

    def obey(self, metric: str, value: Any) -> None:
        """Power can be written: wake-on-LAN, or an orderly shutdown."""
        if metric != "Power":
            raise KeyError(metric)
        self.on = bool(value)

    def _disk_health(self, room: RoomConditions) -> str:
        if "disk_failing" in self.faults:
            return "failing"
        return "worn" if room.age_years > 7 else "good"


KIND = DeviceKind(
    id="lab_pc",
    label_vi="Máy tính phòng tin học",
    label_en="Lab PC",
    metrics=(
        Metric(
            name="Power", datatype=DataType.Boolean, label_vi="Nguồn", label_en="Power",
            states={False: ("Tắt", "Off"), True: ("Bật", "On")},
        ),
        Metric(
            name="Logged In", datatype=DataType.Boolean, label_vi="Đăng nhập", label_en="Logged in",
            states={False: ("Không", "No"), True: ("Có", "Yes")},
        ),
        Metric(
            name="CPU", datatype=DataType.Float, unit="%", low=0, high=100, deadband=10.0,
            label_vi="Bộ xử lý", label_en="Processor",
            limits=(
                Limit(severity=Severity.MINOR, above=95.0, hysteresis=10.0, on_delay_s=900, off_delay_s=120,
                      title_vi="Bộ xử lý quá tải", title_en="Processor overloaded"),
            ),
        ),
        Metric(
            name="Memory", datatype=DataType.Float, unit="%", low=0, high=100, deadband=5.0,
            label_vi="Bộ nhớ", label_en="Memory",
            limits=(
                Limit(severity=Severity.MINOR, above=95.0, hysteresis=5.0, on_delay_s=600, off_delay_s=120,
                      title_vi="Bộ nhớ gần hết", title_en="Memory nearly exhausted"),
            ),
        ),
        Metric(
            name="Disk", datatype=DataType.Float, unit="%", low=0, high=100, deadband=1.0,
            label_vi="Ổ đĩa đã dùng", label_en="Disk used",
            limits=(
                Limit(severity=Severity.MINOR, above=90.0, hysteresis=2.0, on_delay_s=60, off_delay_s=60,
                      title_vi="Ổ đĩa gần đầy", title_en="Disk nearly full"),
                Limit(severity=Severity.MAJOR, above=97.0, hysteresis=2.0, on_delay_s=60, off_delay_s=60,
                      title_vi="Ổ đĩa đầy", title_en="Disk full"),
            ),
        ),
        Metric(
            name="Disk Health", datatype=DataType.String, label_vi="Tình trạng ổ đĩa", label_en="Disk health",
            states={"good": ("Tốt", "Good"), "worn": ("Mòn", "Worn"), "failing": ("Sắp hỏng", "Failing")},
            limits=(
                Limit(severity=Severity.MAJOR, equals="failing", on_delay_s=30, off_delay_s=60,
                      title_vi="Ổ đĩa sắp hỏng", title_en="Disk is failing"),
            ),
        ),
        Metric(
            name="Temperature", datatype=DataType.Float, unit="°C", low=-20, high=130, deadband=4.0,
            label_vi="Nhiệt độ máy", label_en="Temperature", role="temperature",
            limits=(
                Limit(severity=Severity.MINOR, above=85.0, hysteresis=5.0, on_delay_s=120, off_delay_s=60,
                      title_vi="Máy tính nóng", title_en="PC hot"),
            ),
        ),
        Metric(
            name="Updates Pending", datatype=DataType.Int32, low=0, high=10_000, deadband=1,
            label_vi="Bản cập nhật chờ", label_en="Updates pending",
            limits=(
                Limit(severity=Severity.MINOR, above=20, hysteresis=5, on_delay_s=3600, off_delay_s=60,
                      title_vi="Lâu chưa cập nhật hệ điều hành", title_en="System not updated for long"),
            ),
        ),
        Metric(
            name="Antivirus Age", datatype=DataType.Int32, unit="d", low=0, high=10_000, deadband=1,
            label_vi="Tuổi mẫu diệt virus", label_en="Antivirus age",
            limits=(
                Limit(severity=Severity.MINOR, above=14, hysteresis=1, on_delay_s=600, off_delay_s=60,
                      title_vi="Mẫu diệt virus đã cũ", title_en="Antivirus out of date"),
            ),
        ),
    ),
    commands=(
        Command(name="power", metric="Power", datatype=DataType.Boolean, values=(True, False),
                safe_value=False,
                label_vi="Đánh thức/tắt máy tính", label_en="Wake or shut down the PC", disruptive=(False,)),
    ),
    tile=Tile(("Power", "Logged In", "CPU", "Memory", "Disk")),
    offline=OfflineRule(severity=Severity.MINOR, on_delay_s=600, off_delay_s=10,
                        title_vi="Máy tính mất kết nối", title_en="PC unreachable"),
    simulate=LabPc,
    simulated=Simulated(
        suffix="pc", name="Máy tính", rooms={"computer_lab": 4, "simulation_lab": 2, "library": 1},
        wear=("disk_failing", "disk_full", "antivirus_off"),
    ),
    driver=Drivers(DriverChoice("ssh", PcOptions, "devices.protocols.lab_pc.driver:PcDriver")),
    faults=(*GENERAL_FAULTS, *LabPc.FAULTS),
)  # fmt: skip
