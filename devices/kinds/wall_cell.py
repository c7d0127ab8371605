"""One cell of a video wall: power, input, place in the wall, temperature, hours, brightness, fault."""

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
from devices.simulation import GENERAL_FAULTS, Simulation, approach
from devices.wire.datatypes import DataType

INPUTS = ("DisplayPort", "HDMI 1", "HDMI 2", "OPS")
COLUMNS = 4
ROWS = 3
HOURS_PER_YEAR = 5800
PANEL_LIFE_H = 60_000


class WallCell(Simulation):
    """A panel built to run day and night: on while somebody watches, in standby while nobody does."""

    FAULTS = ("panel", "backlight", "no_signal", "overheat")

    def __init__(self, rng: random.Random) -> None:
        super().__init__(rng)
        self.power = "standby"
        self.watched = False
        self.input = INPUTS[0]
        self.brightness = 70
        self.position = "1-1"
        self.hours: float | None = None
        self.temperature_c: float | None = None

    def place(self, room_type: str, number: int) -> None:
        """Cells are numbered by rows from the top left."""
        row, column = divmod(number - 1, COLUMNS)
        self.position = f"{row + 1}-{column + 1}"

    def advance(self, room: RoomConditions, dt_s: float) -> None:
        """Wake and sleep with the watch, burn hours, follow the heat."""
        if self.hours is None:
            self.hours = room.age_years * HOURS_PER_YEAR
        watched = room.occupied_people > 0
        if watched != self.watched:
            self.watched = watched
            self.power = "on" if watched else "standby"
        lit = self.power == "on" and room.powered
        self.hours += dt_s / 3600 * lit
        ambient_c = room.outdoor_c if room.cooled_to_c is None else room.cooled_to_c
        goal_c = ambient_c + (8 + 0.14 * self.brightness if lit else 1)
        goal_c += 32 * (lit and "overheat" in self.faults)
        self.temperature_c = approach(
            goal_c if self.temperature_c is None else self.temperature_c, goal_c, dt_s, 900
        )
        self.values = {
            "Power": self.power,
            "Input": self.input,
            "Position": self.position,
            "Temperature": round(self.temperature_c + self.noise(0.1), 1),
            "Operating Hours": int(self.hours),
            "Brightness": self.brightness,
            "Fault": self._fault(),
        }

    def obey(self, metric: str, value: Any) -> None:
        """Power, Input and Brightness can be written; power stays until the watch changes."""
        match metric:
            case "Power":
                self.power = str(value)
            case "Input":
                self.input = str(value)
            case "Brightness":
                self.brightness = int(value)
            case _:
                raise KeyError(metric)

    def _fault(self) -> str:
        if self.temperature_c is not None and self.temperature_c > 70:
            return "temperature"
        return next((name for name in ("panel", "backlight", "no_signal") if name in self.faults), "")


KIND = DeviceKind(
    id="wall_cell",
    label_vi="Tấm màn hình ghép",
    label_en="Video-wall cell",
    metrics=(
        Metric(
            name="Power", datatype=DataType.String, label_vi="Nguồn", label_en="Power",
            states={"off": ("Tắt", "Off"), "standby": ("Chờ", "Standby"), "on": ("Bật", "On")},
        ),
        Metric(name="Input", datatype=DataType.String, label_vi="Ngõ vào", label_en="Input"),
        Metric(name="Position", datatype=DataType.String, label_vi="Vị trí (hàng-cột)", label_en="Position"),
        Metric(
            name="Temperature", datatype=DataType.Float, unit="°C", low=-20, high=120, deadband=1.0,
            label_vi="Nhiệt độ máy", label_en="Temperature", role="temperature",
            limits=(
                Limit(severity=Severity.MINOR, above=60.0, hysteresis=4.0, on_delay_s=120, off_delay_s=60,
                      title_vi="Tấm màn hình nóng", title_en="Wall cell hot"),
                Limit(severity=Severity.MAJOR, above=70.0, hysteresis=4.0, on_delay_s=30, off_delay_s=60,
                      title_vi="Tấm màn hình quá nhiệt", title_en="Wall cell overheated"),
            ),
        ),
        Metric(
            name="Operating Hours", datatype=DataType.Int32, unit="h", low=0, high=200_000, deadband=1,
            label_vi="Giờ hoạt động", label_en="Operating hours",
            limits=(
                Limit(severity=Severity.MINOR, above=PANEL_LIFE_H, hysteresis=100,
                      title_vi="Tấm màn hình quá tuổi thọ", title_en="Wall cell beyond its life"),
            ),
        ),
        Metric(
            name="Brightness", datatype=DataType.Int32, unit="%", low=0, high=100, deadband=1,
            label_vi="Độ sáng", label_en="Brightness",
        ),
        Metric(
            name="Fault", datatype=DataType.String, label_vi="Lỗi", label_en="Fault", role="fault",
            states={
                "": ("Không lỗi", "None"),
                "temperature": ("Quá nhiệt", "Temperature"),
                "panel": ("Tấm nền", "Panel"),
                "fan": ("Quạt", "Fan"),
                "backlight": ("Đèn nền", "Backlight"),
                "no_signal": ("Không có tín hiệu", "No signal"),
            },
            limits=(
                Limit(severity=Severity.MAJOR, not_equals="", on_delay_s=5, off_delay_s=5,
                      title_vi="Tấm màn hình ghép báo lỗi", title_en="Wall cell reports a fault"),
            ),
        ),
    ),
    commands=(
        Command(name="power", metric="Power", datatype=DataType.String, values=("on", "standby", "off"),
                safe_value="off",
                label_vi="Bật/chờ/tắt tấm màn hình", label_en="Switch the cell"),
        Command(name="input", metric="Input", datatype=DataType.String, values=INPUTS,
                label_vi="Chọn ngõ vào", label_en="Choose the input"),
        Command(name="brightness", metric="Brightness", datatype=DataType.Int32, low=0, high=100,
                label_vi="Đặt độ sáng", label_en="Set the brightness"),
    ),
    tile=Tile(("Power", "Input", "Temperature", "Fault")),
    # a cell in standby answers and is not offline; one that does not answer at all is a hole in the wall
    offline=OfflineRule(severity=Severity.MAJOR, on_delay_s=60, off_delay_s=10,
                        title_vi="Tấm màn hình ghép mất kết nối", title_en="Wall cell unreachable"),
    simulate=WallCell,
    simulated=Simulated(
        suffix="cell", rooms={"operations_centre": ROWS * COLUMNS}, wear=("backlight", "no_signal"),
    ),
    faults=(*GENERAL_FAULTS, *WallCell.FAULTS),
    driver=Drivers(
        DriverChoice("samsung_mdc", SamsungMdcOptions, "devices.protocols.samsung_mdc.driver:WallCell")
    ),
)  # fmt: skip
