"""Video-conference codec: in a call or not, what runs over the line and how well, microphone, camera, SIP."""

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
from devices.protocols.cisco_xapi.options import CodecOptions
from devices.protocols.options import DriverChoice, Drivers
from devices.simulation import GENERAL_FAULTS, Simulation, approach, clamp, drifted
from devices.wire.datatypes import DataType

CALL_RATES_KBPS = (1920, 2560, 4096)
IDLE_KBPS = 6


class ConferenceCodec(Simulation):
    """A room system: in a call while people meet; what is lost and late shows only while something runs."""

    FAULTS = ("sip_lost", "bad_line", "microphone", "camera")

    def __init__(self, rng: random.Random) -> None:
        super().__init__(rng)
        self.rate_kbps = rng.choice(CALL_RATES_KBPS)
        self.in_call = False
        self.meeting = False
        self.muted, self.camera_on = False, True
        self.asleep = True
        self.jitter_ms = rng.uniform(2, 8)
        self.loss = 0.0
        self.rx_kbps = self.tx_kbps = 0.0
        self.temperature_c: float | None = None

    def advance(self, room: RoomConditions, dt_s: float) -> None:
        """Call when people meet, hang up when they leave; loss and jitter wander with the line."""
        meeting = room.lesson and room.occupied_people > 1
        if meeting != self.meeting:
            self.meeting = meeting
            self.asleep = not meeting
            self.in_call = meeting and self.rng.random() < 0.85
            if self.in_call:
                self.muted, self.camera_on = self.rng.random() < 0.6, True
        if not room.powered or "sip_lost" in self.faults:
            self.in_call = False
        bad = "bad_line" in self.faults
        self.loss = abs(drifted(self.rng, self.loss, 4.0 if bad else 0.15, dt_s, 90)) + 3.0 * bad
        self.jitter_ms = approach(self.jitter_ms, 70.0 if bad else 6.0, dt_s, 60)
        goal_kbps = float(self.rate_kbps) if self.in_call else 0.0
        self.rx_kbps = approach(self.rx_kbps, goal_kbps, dt_s, 4)
        self.tx_kbps = approach(self.tx_kbps, goal_kbps * (1.0 if self.camera_on else 0.05), dt_s, 4)
        goal_c = (room.outdoor_c if room.cooled_to_c is None else room.cooled_to_c) + 12 + 10 * self.in_call
        self.temperature_c = approach(
            goal_c if self.temperature_c is None else self.temperature_c, goal_c, dt_s, 600
        )
        self.values = {
            "In Call": self.in_call,
            "Rx Rate": round(IDLE_KBPS + self.rx_kbps * (1 + self.noise(0.02))),
            "Tx Rate": round(IDLE_KBPS + self.tx_kbps * (1 + self.noise(0.02))),
            # without a call nothing runs: how lossy it would be is unknown, and is not zero
            "Packet Loss": round(clamp(self.loss, 0, 100), 2) if self.in_call else None,
            "Jitter": round(self.jitter_ms * (1 + self.noise(0.1)), 1) if self.in_call else None,
            "Microphone Muted": self.muted,
            "Camera On": self.camera_on,
            "Standby": self.asleep,
            "SIP Registered": "sip_lost" not in self.faults,
            "Temperature": round(self.temperature_c + self.noise(0.1), 1),
            "Fault": next((name for name in ("microphone", "camera") if name in self.faults), ""),
        }

    def obey(self, metric: str, value: Any) -> None:
        """Microphone, camera and standby can be written."""
        match metric:
            case "Microphone Muted":
                self.muted = bool(value)
            case "Camera On":
                self.camera_on = bool(value)
            case "Standby":
                self.asleep = bool(value)
            case _:
                raise KeyError(metric)


KIND = DeviceKind(
    id="conference_codec",
    label_vi="Thiết bị hội nghị truyền hình",
    label_en="Video-conference codec",
    metrics=(
        Metric(
            name="In Call", datatype=DataType.Boolean, label_vi="Cuộc gọi", label_en="Call",
            states={False: ("Đang chờ", "Idle"), True: ("Đang họp", "In a call")},
        ),
        Metric(
            name="Rx Rate", datatype=DataType.Int32, unit="kbit/s", low=0, high=100_000, deadband=250,
            label_vi="Tải xuống", label_en="Received",
        ),
        Metric(
            name="Tx Rate", datatype=DataType.Int32, unit="kbit/s", low=0, high=100_000, deadband=250,
            label_vi="Tải lên", label_en="Sent",
        ),
        Metric(
            name="Packet Loss", datatype=DataType.Float, unit="%", low=0, high=100, deadband=0.3, decimals=1,
            label_vi="Mất gói", label_en="Packet loss",
            limits=(
                Limit(severity=Severity.MINOR, above=1.0, hysteresis=0.4, on_delay_s=30, off_delay_s=60,
                      title_vi="Hội nghị mất gói", title_en="Conference loses packets"),
                Limit(severity=Severity.MAJOR, above=5.0, hysteresis=1.5, on_delay_s=20, off_delay_s=60,
                      title_vi="Hội nghị mất gói nặng", title_en="Conference loses many packets"),
            ),
        ),
        Metric(
            name="Jitter", datatype=DataType.Float, unit="ms", low=0, high=10_000, deadband=3.0, decimals=0,
            label_vi="Độ biến thiên trễ", label_en="Jitter",
            limits=(
                Limit(severity=Severity.MINOR, above=30.0, hysteresis=8.0, on_delay_s=30, off_delay_s=60,
                      title_vi="Độ biến thiên trễ cao", title_en="Jitter high"),
            ),
        ),
        Metric(
            name="Microphone Muted", datatype=DataType.Boolean, label_vi="Micro", label_en="Microphone",
            states={False: ("Mở", "Open"), True: ("Tắt tiếng", "Muted")},
        ),
        Metric(
            name="Camera On", datatype=DataType.Boolean, label_vi="Camera", label_en="Camera",
            states={False: ("Tắt", "Off"), True: ("Bật", "On")},
        ),
        Metric(
            name="Standby", datatype=DataType.Boolean, label_vi="Chế độ chờ", label_en="Standby",
            states={False: ("Đang thức", "Awake"), True: ("Đang ngủ", "Asleep")},
        ),
        Metric(
            name="SIP Registered", datatype=DataType.Boolean,
            label_vi="Đăng ký SIP", label_en="SIP registration",
            states={False: ("Chưa đăng ký", "Not registered"), True: ("Đã đăng ký", "Registered")},
            limits=(
                Limit(severity=Severity.MAJOR, equals=False, on_delay_s=30, off_delay_s=10,
                      title_vi="Mất đăng ký SIP, không gọi được", title_en="SIP registration lost"),
            ),
        ),
        Metric(
            name="Temperature", datatype=DataType.Float, unit="°C", low=-20, high=120, deadband=1.5,
            label_vi="Nhiệt độ máy", label_en="Temperature", role="temperature",
            limits=(
                Limit(severity=Severity.MINOR, above=70.0, hysteresis=4.0, on_delay_s=120, off_delay_s=60,
                      title_vi="Thiết bị hội nghị nóng", title_en="Codec hot"),
            ),
        ),
        Metric(
            name="Fault", datatype=DataType.String, label_vi="Lỗi", label_en="Fault", role="fault",
            states={
                "": ("Không lỗi", "None"),
                "microphone": ("Micro", "Microphone"),
                "camera": ("Camera", "Camera"),
            },
            limits=(
                Limit(severity=Severity.MAJOR, not_equals="", on_delay_s=5, off_delay_s=5,
                      title_vi="Thiết bị hội nghị báo lỗi", title_en="Codec reports a fault"),
            ),
        ),
    ),
    commands=(
        Command(name="microphone", metric="Microphone Muted", datatype=DataType.Boolean, values=(True, False),
                label_vi="Bật/tắt micro", label_en="Mute or open the microphone"),
        Command(name="camera", metric="Camera On", datatype=DataType.Boolean, values=(False, True),
                label_vi="Bật/tắt camera", label_en="Switch the camera"),
        Command(name="standby", metric="Standby", datatype=DataType.Boolean, values=(False, True),
                label_vi="Đánh thức/cho ngủ", label_en="Wake, or send to sleep", disruptive=(True,)),
    ),
    tile=Tile(("In Call", "Packet Loss", "Jitter", "SIP Registered", "Fault")),
    offline=OfflineRule(severity=Severity.MAJOR, on_delay_s=60, off_delay_s=10,
                        title_vi="Thiết bị hội nghị mất kết nối", title_en="Codec unreachable"),
    simulate=ConferenceCodec,
    simulated=Simulated(
        suffix="codec", name="Thiết bị hội nghị", rooms={"conference_room": 1, "operations_centre": 1},
        wear=("sip_lost", "microphone"), breaks={"uplink_degraded": "bad_line", "uplink_down": "sip_lost"},
    ),
    driver=Drivers(DriverChoice("xapi", CodecOptions, "devices.protocols.cisco_xapi.driver:CodecDriver")),
    faults=(*GENERAL_FAULTS, *ConferenceCodec.FAULTS),
)  # fmt: skip
