"""Air conditioner: power, mode, setpoint, room temperature, fan, energy, filter hours, fault."""

from __future__ import annotations

import random
from dataclasses import replace
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
from devices.protocols.modbus.options import registers_of
from devices.protocols.options import DriverChoice, Drivers
from devices.simulation import GENERAL_FAULTS, Simulation, approach, clamp
from devices.wire.datatypes import DataType

MODES: dict[str | int, tuple[str, str]] = {
    "cool": ("Làm mát", "Cool"),
    "dry": ("Hút ẩm", "Dry"),
    "fan": ("Quạt gió", "Fan only"),
}
FANS: dict[str | int, tuple[str, str]] = {
    "auto": ("Tự động", "Auto"),
    "low": ("Thấp", "Low"),
    "medium": ("Vừa", "Medium"),
    "high": ("Cao", "High"),
}
FILTER_LIFE_H = 1500
HOURS_PER_YEAR = 900
STANDBY_W, FAN_W = 3.0, 45.0
COOLING_STARTS_C = 28.5
BELOW_OUTDOOR_C = 14.0  # what a split unit can hold against the heat outside


class AirConditioner(Simulation):
    """A split unit: switched on in warm lessons, pulls the room to its setpoint, power by how far that is."""

    FAULTS = ("compressor", "refrigerant", "drain")

    def __init__(self, rng: random.Random) -> None:
        super().__init__(rng)
        self.on = False
        self.mode, self.fan = "cool", "auto"
        self.setpoint_c = float(rng.choice((25, 26, 26, 26, 27)))
        self.rated_w = rng.uniform(1100, 2200)
        self.held = False  # a written power stays until the lessons change
        self.always = False
        self.busy = False
        self.air_c: float | None = None
        self.energy_kwh: float | None = None
        self.filter_h = rng.uniform(0, 0.9) * FILTER_LIFE_H

    @property
    def cooling(self) -> bool:
        """Whether the compressor can do anything."""
        return self.on and self.mode == "cool" and "compressor" not in self.faults

    def place(self, room_type: str, number: int) -> None:
        """In server rooms it runs day and night."""
        self.always = room_type == "server_room"

    def affect(self, room: RoomConditions) -> RoomConditions:
        """The room is pulled to the setpoint; without refrigerant only half of the way."""
        if not (self.cooling and room.powered):
            return room
        reached_c = max(self.setpoint_c, room.outdoor_c - BELOW_OUTDOOR_C)
        if "refrigerant" in self.faults:
            reached_c = (reached_c + room.outdoor_c) / 2
        return replace(room, cooled_to_c=reached_c)

    def advance(self, room: RoomConditions, dt_s: float) -> None:
        """Switch with the lessons and the heat, cool the room, count hours and energy."""
        if self.energy_kwh is None:
            self.energy_kwh = room.age_years * self.rng.uniform(500, 1100)
        busy = self.always or (room.lesson and room.occupied_people > 0)
        if busy != self.busy:
            self.busy, self.held = busy, False
        if not self.held:
            warm = room.outdoor_c > COOLING_STARTS_C - 1.5 * self.on  # not to and fro at the same degree
            self.on = self.always or (busy and warm)
        if not room.powered:
            self.on, self.held = False, False
        cooled_to_c = self.affect(room).cooled_to_c
        warm_c = room.outdoor_c + 0.5 + 0.035 * room.occupied_people
        if self.air_c is None:
            self.air_c = warm_c if cooled_to_c is None else cooled_to_c
        goal_c = warm_c if cooled_to_c is None else cooled_to_c
        self.air_c = approach(self.air_c, goal_c, dt_s, 1500 if cooled_to_c is None else 900)
        power_w = self._power_w(room)
        self.energy_kwh += power_w * dt_s / 3_600_000
        self.filter_h += dt_s / 3600 if self.on else 0
        if self.filter_h > 1.25 * FILTER_LIFE_H:
            self.filter_h = 0.0  # at the latest now somebody cleans it
        self.values = {
            "Power": self.on,
            "Mode": self.mode,
            "Setpoint": self.setpoint_c,
            "Room Temperature": round(self.air_c + self.noise(0.05), 1),
            "Fan": self.fan,
            "Electric Power": round(power_w, 1),
            "Energy": round(self.energy_kwh, 3),
            "Filter Hours": int(self.filter_h),
            "Fault": next((name for name in self.FAULTS if name in self.faults), ""),
        }

    def obey(self, metric: str, value: Any) -> None:
        """Power, Mode, Setpoint and Fan can be written; a written power holds until the lessons change."""
        match metric:
            case "Power":
                self.on, self.held = bool(value), True
            case "Mode":
                self.mode = str(value)
            case "Setpoint":
                self.setpoint_c = float(value)
            case "Fan":
                self.fan = str(value)
            case _:
                raise KeyError(metric)

    def _power_w(self, room: RoomConditions) -> float:
        if not room.powered:
            return 0.0
        if not self.on:
            return STANDBY_W
        if not self.cooling:
            return FAN_W
        away_c = (self.air_c or self.setpoint_c) - self.setpoint_c
        outdoor = 0.05 * (room.outdoor_c - self.setpoint_c)
        return FAN_W + self.rated_w * clamp(0.3 + 0.2 * away_c + outdoor, 0.15, 1.0) * (1 + self.noise(0.01))


KIND = DeviceKind(
    id="air_conditioner",
    label_vi="Điều hòa",
    label_en="Air conditioner",
    metrics=(
        Metric(
            name="Power", datatype=DataType.Boolean, label_vi="Nguồn", label_en="Power",
            states={False: ("Tắt", "Off"), True: ("Bật", "On")},
        ),
        Metric(
            name="Mode", datatype=DataType.String, label_vi="Chế độ", label_en="Mode", states=MODES,
        ),
        Metric(
            name="Setpoint", datatype=DataType.Float, unit="°C", low=16, high=32, deadband=0.5, decimals=1,
            label_vi="Nhiệt độ cài đặt", label_en="Setpoint",
        ),
        Metric(
            name="Room Temperature", datatype=DataType.Float, unit="°C", low=-20, high=80, deadband=0.5,
            decimals=1, label_vi="Nhiệt độ phòng", label_en="Room temperature", role="temperature",
        ),
        Metric(name="Fan", datatype=DataType.String, label_vi="Quạt", label_en="Fan", states=FANS),
        Metric(
            name="Electric Power", datatype=DataType.Float, unit="W", low=0, high=20_000, deadband=100.0,
            label_vi="Công suất", label_en="Electric power", role="power",
            limits=(
                Limit(severity=Severity.MINOR, above=3200.0, hysteresis=200.0, on_delay_s=300, off_delay_s=60,
                      title_vi="Điều hòa tiêu thụ quá cao", title_en="Air conditioner draws too much"),
            ),
        ),
        Metric(
            name="Energy", datatype=DataType.Double, unit="kWh", low=0, deadband=0.1, decimals=1,
            label_vi="Điện năng", label_en="Energy", role="energy",
        ),
        Metric(
            name="Filter Hours", datatype=DataType.Int32, unit="h", low=0, high=100_000, deadband=1,
            label_vi="Giờ dùng lưới lọc", label_en="Filter hours",
            limits=(
                Limit(severity=Severity.MINOR, above=FILTER_LIFE_H, hysteresis=50,
                      title_vi="Cần vệ sinh lưới lọc", title_en="Filter needs cleaning"),
            ),
        ),
        Metric(
            name="Fault", datatype=DataType.String, label_vi="Lỗi", label_en="Fault", role="fault",
            states={
                "": ("Không lỗi", "None"),
                "compressor": ("Máy nén", "Compressor"),
                "refrigerant": ("Thiếu môi chất lạnh", "Refrigerant low"),
                "drain": ("Nghẹt ống thoát nước", "Drain blocked"),
            },
            limits=(
                Limit(severity=Severity.MAJOR, not_equals="", on_delay_s=10, off_delay_s=10,
                      title_vi="Điều hòa báo lỗi", title_en="Air conditioner reports a fault"),
            ),
        ),
    ),
    commands=(
        Command(name="power", metric="Power", datatype=DataType.Boolean, values=(True, False),
                safe_value=False,
                label_vi="Bật/tắt điều hòa", label_en="Switch the air conditioner"),
        Command(name="mode", metric="Mode", datatype=DataType.String, values=tuple(MODES),
                label_vi="Chọn chế độ", label_en="Choose the mode"),
        Command(name="setpoint", metric="Setpoint", datatype=DataType.Float, low=18, high=30,
                label_vi="Đặt nhiệt độ", label_en="Set the temperature"),
        Command(name="fan", metric="Fan", datatype=DataType.String, values=tuple(FANS),
                label_vi="Chọn tốc độ quạt", label_en="Choose the fan speed"),
    ),
    tile=Tile(("Power", "Setpoint", "Room Temperature", "Electric Power", "Fault")),
    offline=OfflineRule(severity=Severity.MINOR, on_delay_s=300, off_delay_s=10,
                        title_vi="Điều hòa mất kết nối", title_en="Air conditioner unreachable"),
    simulate=AirConditioner,
    simulated=Simulated(
        suffix="ac", share=0.45, wear=("refrigerant", "drain"),
        rooms={"smart_classroom": 1, "simulation_lab": 1, "vr_room": 1, "computer_lab": 1, "library": 1,
               "server_room": 1, "conference_room": 1, "operations_centre": 2},
        always=("vr_room", "computer_lab", "server_room", "conference_room", "operations_centre"),
    ),
    faults=(*GENERAL_FAULTS, *AirConditioner.FAULTS),
    driver=Drivers(
        DriverChoice(
            "modbus", registers_of("air_conditioner"), "devices.protocols.modbus.driver:ModbusDriver"
        ),
    ),
)  # fmt: skip
