"""Charging cart of tablets: how many are docked, charged and missing. Tablets are counted, never named."""

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
from devices.protocols.mqtt_json.options import ClassroomOptions
from devices.protocols.options import DriverChoice, Drivers
from devices.simulation import GENERAL_FAULTS, Simulation, approach
from devices.wire.datatypes import DataType

CHARGE_S = 3.0 * 3600
RUNTIME_S = 7.0 * 3600
CHARGED_PERCENT = 80.0
WATTS_PER_TABLET = 14.0
MISSED_AFTER_S = 1800.0
"""Nobody is in the room for so long: what is not docked now has not come back."""


class TabletCart(Simulation):
    """A cart of tablets alike: handed out for lessons, docked and charged between them."""

    FAULTS = ("charger", "tablets_missing", "door_open")

    def __init__(self, rng: random.Random) -> None:
        super().__init__(rng)
        self.slots = rng.choice((20, 30, 32))
        self.out = 0
        self.charge = rng.uniform(85, 100)  # percent, of the docked as a whole
        self.enabled = True
        self.lesson = False
        self.empty_s = 0.0
        self.temperature_c: float | None = None

    def advance(self, room: RoomConditions, dt_s: float) -> None:
        """Hand out and take back with the lessons; charge what is docked."""
        if room.lesson != self.lesson:
            self.lesson = room.lesson
            lent = room.lesson and room.occupied_people > 0 and self.rng.random() < 0.5
            self.out = min(self.slots, room.occupied_people) if lent else 0
        self.empty_s = 0.0 if room.occupied_people else self.empty_s + dt_s
        kept = 2 if "tablets_missing" in self.faults else 0
        docked = self.slots - max(self.out, kept)
        charging = self.enabled and room.powered and "charger" not in self.faults
        if self.out:
            self.charge = max(0.0, self.charge - 100 * dt_s / RUNTIME_S * self.out / self.slots)
        if charging and docked:
            self.charge = min(100.0, self.charge + 100 * dt_s / CHARGE_S * docked / self.slots)
        busy = docked if charging and self.charge < 99 else 0
        goal_c = (room.outdoor_c if room.cooled_to_c is None else room.cooled_to_c) + 2 + 0.4 * busy
        self.temperature_c = approach(
            goal_c if self.temperature_c is None else self.temperature_c, goal_c, dt_s, 1200
        )
        power_w = WATTS_PER_TABLET * busy * max(0.15, 1 - self.charge / 110) + 3 if room.powered else 0.0
        self.values = {
            "Tablets": self.slots,
            "Docked": docked,
            "Charged": docked if self.charge >= CHARGED_PERCENT else int(docked * self.charge / 100),
            "Missing": kept if self.empty_s > MISSED_AFTER_S else 0,
            "Charging": self.enabled,
            "Door Open": bool(self.out) or "door_open" in self.faults,
            "Temperature": round(self.temperature_c + self.noise(0.1), 1),
            "Power": round(power_w * (1 + self.noise(0.01)), 1),
            "Fault": "charger" if "charger" in self.faults else "",
        }

    def obey(self, metric: str, value: Any) -> None:
        """Charging can be written, so that a cart need not draw power at the dearest hour."""
        if metric != "Charging":
            raise KeyError(metric)
        self.enabled = bool(value)


def _count(name: str, vi: str, en: str, *limits: Limit) -> Metric:
    return Metric(
        name=name, datatype=DataType.Int32, low=0, high=200, deadband=1, label_vi=vi, label_en=en,
        limits=limits,
    )  # fmt: skip


KIND = DeviceKind(
    id="tablet_cart",
    label_vi="Tủ sạc máy tính bảng",
    label_en="Tablet cart",
    metrics=(
        _count("Tablets", "Số máy", "Tablets"),
        _count("Docked", "Trong tủ", "Docked"),
        _count("Charged", "Đã sạc", "Charged"),
        _count(
            "Missing", "Chưa trả", "Missing",
            Limit(severity=Severity.MINOR, above=0, on_delay_s=1800, off_delay_s=10,
                  title_vi="Máy tính bảng chưa trả về tủ", title_en="Tablets not brought back"),
        ),
        Metric(
            name="Charging", datatype=DataType.Boolean, label_vi="Cho phép sạc", label_en="Charging allowed",
            states={False: ("Ngừng sạc", "Paused"), True: ("Được sạc", "Allowed")},
        ),
        Metric(
            name="Door Open", datatype=DataType.Boolean, label_vi="Cửa tủ", label_en="Door",
            states={False: ("Đóng", "Closed"), True: ("Mở", "Open")},
            limits=(
                Limit(severity=Severity.MINOR, equals=True, on_delay_s=7200, off_delay_s=10,
                      title_vi="Cửa tủ sạc mở quá lâu", title_en="Cart door open for long"),
            ),
        ),
        Metric(
            name="Temperature", datatype=DataType.Float, unit="°C", low=-20, high=120, deadband=1.5,
            label_vi="Nhiệt độ trong tủ", label_en="Temperature inside", role="temperature",
            limits=(
                # lithium cells should not be charged above 45 °C for long
                Limit(severity=Severity.MAJOR, above=55.0, hysteresis=4.0, on_delay_s=60, off_delay_s=60,
                      title_vi="Tủ sạc quá nóng", title_en="Cart too hot"),
            ),
        ),
        Metric(
            name="Power", datatype=DataType.Float, unit="W", low=0, high=5000, deadband=30.0,
            label_vi="Công suất", label_en="Power", role="power",
        ),
        Metric(
            name="Fault", datatype=DataType.String, label_vi="Lỗi", label_en="Fault", role="fault",
            states={"": ("Không lỗi", "None"), "charger": ("Bộ sạc", "Charger")},
            limits=(
                Limit(severity=Severity.MINOR, not_equals="", on_delay_s=30, off_delay_s=10,
                      title_vi="Tủ sạc báo lỗi", title_en="Cart reports a fault"),
            ),
        ),
    ),
    commands=(
        Command(name="charging", metric="Charging", datatype=DataType.Boolean, values=(False, True),
                safe_value=False,
                label_vi="Cho phép/ngừng sạc", label_en="Allow or pause charging"),
    ),
    tile=Tile(("Docked", "Charged", "Missing", "Temperature")),
    offline=OfflineRule(severity=Severity.MINOR, on_delay_s=300, off_delay_s=10,
                        title_vi="Tủ sạc mất kết nối", title_en="Tablet cart unreachable"),
    simulate=TabletCart,
    simulated=Simulated(suffix="tablets", rooms={"library": 1, "hall": 1}, wear=("charger",)),
    driver=Drivers(DriverChoice("classroom", ClassroomOptions, "devices.protocols.mqtt_json.driver:cart")),
    faults=(*GENERAL_FAULTS, *TabletCart.FAULTS),
)  # fmt: skip
