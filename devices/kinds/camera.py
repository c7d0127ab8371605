"""Camera, its state only: recording, storage, lens, bitrate. No picture ever passes through here."""

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
from devices.protocols.onvif.options import CameraOptions
from devices.protocols.options import DriverChoice, Drivers
from devices.simulation import GENERAL_FAULTS, Simulation, approach, clamp
from devices.wire.datatypes import DataType

NIGHT_LUX = 400  # outdoors; indoors it is dark by then
DAY_S = 86_400.0


class Camera(Simulation):
    """A network camera: what it writes a second follows movement, what it has written fills its card."""

    FAULTS = ("covered", "moved", "storage", "stream")

    def __init__(self, rng: random.Random) -> None:
        super().__init__(rng)
        self.recording = True
        self.privacy = False
        self.storage = rng.uniform(55, 88)
        self.quiet_kbps = rng.uniform(900, 1500)
        self.bitrate_kbps = self.quiet_kbps
        self.temperature_c: float | None = None

    def advance(self, room: RoomConditions, dt_s: float) -> None:
        """Follow movement, daylight and heat; fill the card and write over the oldest."""
        night = room.outdoor_lux < NIGHT_LUX and not room.lesson
        seeing = not (self.privacy or "covered" in self.faults)
        goal_kbps = self.quiet_kbps * (0.6 if night else 1.0)
        goal_kbps = goal_kbps + 55.0 * min(room.occupied_people, 45) if seeing else 180.0
        self.bitrate_kbps = approach(self.bitrate_kbps, goal_kbps, dt_s, 20)
        failed = "storage" in self.faults
        recording = self.recording and not failed and not self.privacy
        if recording:
            self.storage += 100 * dt_s / (30 * DAY_S)
            if self.storage > 90:  # the oldest recordings are written over
                self.storage = 88.0
        goal_c = room.outdoor_c + 9
        self.temperature_c = approach(
            goal_c if self.temperature_c is None else self.temperature_c, goal_c, dt_s, 900
        )
        slow = "stream" in self.faults
        self.values = {
            "Recording": recording,
            "Storage": None if failed else round(self.storage, 1),
            "Lens": self._lens(),
            "Bitrate": round(self.bitrate_kbps * (0.2 if slow else 1) * (1 + self.noise(0.01))),
            "Frame Rate": round(clamp((4 if slow else 15 if night else 25) + self.noise(0.2), 0, 60), 1),
            "Night Mode": night,
            "Privacy": self.privacy,
            "Profiles": 2,
            "Clock Offset": 0,
            "Firmware": "V5.7.3",
            "Temperature": round(self.temperature_c + self.noise(0.1), 1),
        }

    def obey(self, metric: str, value: Any) -> None:
        """Recording and Privacy (shutter closed) can be written; a closed shutter records nothing."""
        match metric:
            case "Recording":
                self.recording = bool(value)
            case "Privacy":
                self.privacy = bool(value)
            case _:
                raise KeyError(metric)

    def _lens(self) -> str:
        return next((name for name in ("covered", "moved") if name in self.faults), "clear")


KIND = DeviceKind(
    id="camera",
    label_vi="Camera",
    label_en="Camera",
    metrics=(
        Metric(
            name="Recording", datatype=DataType.Boolean, label_vi="Ghi hình", label_en="Recording",
            states={False: ("Không ghi", "Not recording"), True: ("Đang ghi", "Recording")},
        ),
        Metric(
            name="Storage", datatype=DataType.Float, unit="%", low=0, high=100, deadband=1.0,
            label_vi="Bộ nhớ đã dùng", label_en="Storage used",
            limits=(
                Limit(severity=Severity.MINOR, above=95.0, hysteresis=3.0, on_delay_s=600, off_delay_s=60,
                      title_vi="Bộ nhớ camera gần đầy", title_en="Camera storage nearly full"),
            ),
        ),
        Metric(
            name="Lens", datatype=DataType.String, label_vi="Ống kính", label_en="Lens", role="fault",
            states={
                "clear": ("Bình thường", "Clear"),
                "covered": ("Bị che", "Covered"),
                "moved": ("Bị xoay", "Moved"),
            },
            limits=(
                Limit(severity=Severity.MAJOR, not_equals="clear", on_delay_s=30, off_delay_s=10,
                      title_vi="Camera bị che hoặc bị xoay", title_en="Camera covered or moved"),
            ),
        ),
        Metric(
            name="Bitrate", datatype=DataType.Int32, unit="kbit/s", low=0, high=100_000, deadband=400,
            label_vi="Tốc độ luồng", label_en="Bitrate",
        ),
        Metric(
            name="Frame Rate", datatype=DataType.Float, unit="1/s", low=0, high=120, deadband=3.0,
            label_vi="Số khung hình", label_en="Frame rate",
            limits=(
                Limit(severity=Severity.MINOR, below=8.0, hysteresis=2.0, on_delay_s=120, off_delay_s=60,
                      title_vi="Hình ảnh giật", title_en="Picture stutters"),
            ),
        ),
        Metric(
            name="Night Mode", datatype=DataType.Boolean, label_vi="Chế độ ban đêm", label_en="Night mode",
            states={False: ("Ban ngày", "Day"), True: ("Ban đêm", "Night")},
        ),
        Metric(
            name="Privacy", datatype=DataType.Boolean,
            label_vi="Màn che riêng tư", label_en="Privacy shutter",
            states={False: ("Mở", "Open"), True: ("Đóng", "Closed")},
        ),
        Metric(
            name="Profiles", datatype=DataType.Int32, low=0, high=1000, deadband=1,
            label_vi="Cấu hình hình ảnh", label_en="Profiles",
        ),
        Metric(
            name="Clock Offset", datatype=DataType.Int32, unit="s", low=-2_000_000_000, high=2_000_000_000,
            deadband=5, label_vi="Lệch giờ", label_en="Clock offset",
        ),
        Metric(name="Firmware", datatype=DataType.String, label_vi="Phần sụn", label_en="Firmware"),
        Metric(
            name="Temperature", datatype=DataType.Float, unit="°C", low=-30, high=110, deadband=2.0,
            label_vi="Nhiệt độ máy", label_en="Temperature", role="temperature",
            limits=(
                Limit(severity=Severity.MINOR, above=65.0, hysteresis=4.0, on_delay_s=300, off_delay_s=60,
                      title_vi="Camera nóng", title_en="Camera hot"),
            ),
        ),
    ),
    commands=(
        Command(name="recording", metric="Recording", datatype=DataType.Boolean, values=(True, False),
                label_vi="Bật/tắt ghi hình", label_en="Switch recording", disruptive=(False,)),
        Command(name="privacy", metric="Privacy", datatype=DataType.Boolean, values=(False, True),
                label_vi="Đóng/mở màn che", label_en="Close or open the shutter"),
    ),
    tile=Tile(("Recording", "Lens", "Storage", "Bitrate")),
    offline=OfflineRule(severity=Severity.MINOR, on_delay_s=120, off_delay_s=10,
                        title_vi="Camera mất kết nối", title_en="Camera unreachable"),
    simulate=Camera,
    simulated=Simulated(
        share=0.3,
        rooms={"smart_classroom": 1, "simulation_lab": 1, "library": 1, "server_room": 1,
               "conference_room": 1, "operations_centre": 1},
        always=("server_room", "conference_room", "operations_centre"), wear=("storage", "moved"),
    ),
    driver=Drivers(DriverChoice("onvif", CameraOptions, "devices.protocols.onvif.driver:CameraDriver")),
    faults=(*GENERAL_FAULTS, *Camera.FAULTS),
)  # fmt: skip
