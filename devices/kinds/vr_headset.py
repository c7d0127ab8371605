"""VR headset: battery, dock, tracking, storage, whether somebody wears it. Never who."""

from __future__ import annotations

import random

from devices.kind import DeviceKind, Limit, Metric, OfflineRule, RoomConditions, Severity, Simulated, Tile
from devices.protocols.mqtt_json.options import ClassroomOptions
from devices.protocols.options import DriverChoice, Drivers
from devices.simulation import GENERAL_FAULTS, Simulation, approach, clamp
from devices.wire.datatypes import DataType

RUNTIME_S = 2.3 * 3600
CHARGE_S = 2.2 * 3600
FIRMWARES = ("62.1", "60.0", "57.0")


class VrHeadset(Simulation):
    """A stand-alone headset: worn in lessons, docked and charging between them."""

    FAULTS = ("tracking_lost", "battery_worn", "left_undocked")

    def __init__(self, rng: random.Random) -> None:
        super().__init__(rng)
        self.battery = rng.uniform(88, 100)
        self.controllers = rng.uniform(50, 100)
        self.storage = rng.uniform(30, 75)
        self.firmware = rng.choice(FIRMWARES)
        self.lesson = self.in_use = False
        self.session_s = 0.0
        self.temperature_c: float | None = None

    def step(self, room: RoomConditions, dt_s: float) -> None:
        """Let time pass; without mains it lives on its battery and only its dock is dark."""
        self.advance(room, dt_s)
        self.powered = room.powered or self.battery > 1

    def advance(self, room: RoomConditions, dt_s: float) -> None:
        """Wear or dock with the lessons; drain or charge."""
        if room.lesson != self.lesson:
            self.lesson = room.lesson
            self.in_use = room.lesson and room.occupied_people > 0 and self.rng.random() < 0.8
        docked = not self.in_use and "left_undocked" not in self.faults
        charging = docked and room.powered and self.battery < 99.5
        drain_s = RUNTIME_S * (0.4 if "battery_worn" in self.faults else 1) * (1 if self.in_use else 6)
        if docked and room.powered:
            self.battery = min(100.0, self.battery + 100 * dt_s / CHARGE_S)
        else:
            self.battery = max(0.0, self.battery - 100 * dt_s / drain_s)
        if self.battery < 5:
            self.in_use = False
        self.session_s = min(86_400.0, self.session_s + dt_s) if self.in_use else 0.0
        self.controllers -= 100 * dt_s / (30 * 3600) * self.in_use
        if self.controllers < 8:
            self.controllers = 100.0  # fresh cells
        ambient_c = room.outdoor_c if room.cooled_to_c is None else room.cooled_to_c
        goal_c = ambient_c + (12 if self.in_use else 6 if charging else 1)
        self.temperature_c = approach(
            goal_c if self.temperature_c is None else self.temperature_c, goal_c, dt_s, 500
        )
        self.values = {
            "Battery": round(self.battery, 1),
            "Charging": charging,
            "Docked": docked,
            "In Use": self.in_use,
            "Session": int(self.session_s / 60),
            "Tracking": self._tracking(),
            "Controllers": round(clamp(self.controllers, 0, 100), 1),
            "Storage": round(self.storage, 1),
            "Temperature": round(self.temperature_c + self.noise(0.1), 1),
            "Firmware": self.firmware,
        }

    def _tracking(self) -> str:
        if not self.in_use:
            return "idle"
        return "lost" if "tracking_lost" in self.faults else "ok"


KIND = DeviceKind(
    id="vr_headset",
    label_vi="Kính thực tế ảo",
    label_en="VR headset",
    metrics=(
        Metric(
            name="Battery", datatype=DataType.Float, unit="%", low=0, high=100, deadband=2.0,
            label_vi="Pin", label_en="Battery", role="battery",
            limits=(
                Limit(severity=Severity.MINOR, below=15.0, hysteresis=10.0, on_delay_s=120, off_delay_s=60,
                      title_vi="Pin kính sắp cạn", title_en="Headset battery low"),
            ),
        ),
        Metric(
            name="Charging", datatype=DataType.Boolean, label_vi="Sạc", label_en="Charging",
            states={False: ("Không sạc", "Not charging"), True: ("Đang sạc", "Charging")},
        ),
        Metric(
            name="Docked", datatype=DataType.Boolean, label_vi="Trên đế sạc", label_en="Docked",
            states={False: ("Ngoài đế", "Off the dock"), True: ("Trên đế", "On the dock")},
        ),
        Metric(
            name="In Use", datatype=DataType.Boolean, label_vi="Đang dùng", label_en="In use",
            states={False: ("Không", "No"), True: ("Có", "Yes")},
        ),
        Metric(
            name="Session", datatype=DataType.Int32, unit="min", low=0, high=1440, deadband=1,
            label_vi="Phiên đang dùng", label_en="Session",
        ),
        Metric(
            name="Tracking", datatype=DataType.String, label_vi="Định vị", label_en="Tracking",
            states={"idle": ("Đang nghỉ", "Idle"), "ok": ("Tốt", "Good"), "lost": ("Mất định vị", "Lost")},
            limits=(
                Limit(severity=Severity.MINOR, equals="lost", on_delay_s=30, off_delay_s=15,
                      title_vi="Kính mất định vị", title_en="Headset lost tracking"),
            ),
        ),
        Metric(
            name="Controllers", datatype=DataType.Float, unit="%", low=0, high=100, deadband=5.0,
            label_vi="Pin tay cầm", label_en="Controllers",
        ),
        Metric(
            name="Storage", datatype=DataType.Float, unit="%", low=0, high=100, deadband=1.0,
            label_vi="Bộ nhớ đã dùng", label_en="Storage used",
            limits=(
                Limit(severity=Severity.MINOR, above=95.0, hysteresis=3.0, on_delay_s=60, off_delay_s=60,
                      title_vi="Bộ nhớ kính gần đầy", title_en="Headset storage nearly full"),
            ),
        ),
        Metric(
            name="Temperature", datatype=DataType.Float, unit="°C", low=-20, high=90, deadband=2.0,
            label_vi="Nhiệt độ máy", label_en="Temperature", role="temperature",
            limits=(
                Limit(severity=Severity.MAJOR, above=52.0, hysteresis=4.0, on_delay_s=30, off_delay_s=60,
                      title_vi="Kính quá nóng", title_en="Headset too hot"),
            ),
        ),
        Metric(name="Firmware", datatype=DataType.String, label_vi="Phần sụn", label_en="Firmware"),
    ),
    tile=Tile(("Battery", "Charging", "In Use", "Tracking")),
    offline=OfflineRule(severity=Severity.MINOR, on_delay_s=900, off_delay_s=10,
                        title_vi="Kính thực tế ảo mất kết nối", title_en="VR headset unreachable"),
    simulate=VrHeadset,
    simulated=Simulated(suffix="vr", rooms={"vr_room": 4}, wear=("tracking_lost", "battery_worn")),
    driver=Drivers(DriverChoice("classroom", ClassroomOptions, "devices.protocols.mqtt_json.driver:headset")),
    faults=(*GENERAL_FAULTS, *VrHeadset.FAULTS),
)  # fmt: skip
