"""Room air: temperature, humidity, CO2, light, people in the room, water on the floor."""

from __future__ import annotations

import math
import random

from devices.kind import DeviceKind, Limit, Metric, OfflineRule, RoomConditions, Severity, Simulated, Tile
from devices.protocols.mqtt_json.options import ShellyOptions, TasmotaOptions, ZigbeeOptions
from devices.protocols.options import DriverChoice, Drivers
from devices.simulation import GENERAL_FAULTS, Simulation, approach, clamp, drifted
from devices.wire.datatypes import DataType

OUTDOOR_CO2_PPM = 425.0
CO2_ML_PER_PERSON_HOUR = 16_000.0  # a seated pupil; adults breathe out 18 to 20 litres
LAMPS_LUX = 380
WINDOWS_SHUT_AFTER_S = 1800  # a break is too short for it


class RoomAir(Simulation):
    """A classroom of about 180 m³: CO2 follows people and windows, temperature the weather and people."""

    FAULTS = ("flood",)

    def __init__(self, rng: random.Random) -> None:
        super().__init__(rng)
        self.volume_m3 = rng.uniform(160, 220)
        # most rooms keep their windows open; a few are badly aired, and those are what the wall should find
        windows = rng.random()
        if windows < 0.93:
            self.changes_per_hour_open = rng.uniform(8.0, 13.0)
        else:
            self.changes_per_hour_open = rng.uniform(3.6, 5.0) if windows < 0.985 else rng.uniform(2.2, 2.8)
        self.daylight_share = rng.uniform(0.006, 0.014)
        self.has_cooling = rng.random() < 0.35
        self.dew_point_c = rng.uniform(22.0, 23.5)
        self.drift_ppm_per_year = rng.gauss(0, 6)
        self.co2_ppm = OUTDOOR_CO2_PPM + rng.uniform(0, 40)
        self.wind = 1.0
        self.empty_s = WINDOWS_SHUT_AFTER_S + 0.0
        self.walls_c: float | None = None
        self.air_c = 28.0
        self._seen_people = -1
        self._counted = 0

    def advance(self, room: RoomConditions, dt_s: float) -> None:
        """Exact relaxation towards what people, windows and weather would settle at."""
        people = room.occupied_people
        self.empty_s = 0.0 if people else self.empty_s + dt_s
        self.wind = 1 + drifted(self.rng, self.wind - 1, 0.12, dt_s, 900)
        windows_open = self.empty_s < WINDOWS_SHUT_AFTER_S
        changes_per_hour = self.changes_per_hour_open * max(0.5, self.wind) if windows_open else 0.8
        settled = OUTDOOR_CO2_PPM + people * CO2_ML_PER_PERSON_HOUR / (self.volume_m3 * changes_per_hour)
        self.co2_ppm = approach(self.co2_ppm, settled, dt_s, 3600 / changes_per_hour)

        cooled_to_c = room.cooled_to_c
        if cooled_to_c is None and self.has_cooling and room.powered and people > 0 and room.outdoor_c > 30:
            cooled_to_c = 26.5  # by a unit that reports to nobody
        if self.walls_c is None:
            self.walls_c = self.air_c = room.outdoor_c + 0.5
        self.walls_c = approach(self.walls_c, room.outdoor_c + 0.5, dt_s, 3 * 3600)
        goal_c = 0.6 * self.walls_c + 0.4 * room.outdoor_c + 0.035 * people
        if cooled_to_c is not None:
            goal_c = cooled_to_c
        self.air_c = approach(self.air_c, goal_c, dt_s, 1500 if cooled_to_c is None else 900)

        lamps = LAMPS_LUX if room.lesson and room.powered else 0
        light = lamps + room.outdoor_lux * self.daylight_share
        if people != self._seen_people:  # a counting camera errs when people move, not while they sit
            self._seen_people = people
            self._counted = max(0, people + (self.rng.choice((-1, 0, 0, 0, 0, 1)) if people > 3 else 0))
        humidity = _relative_humidity(self.air_c, self.dew_point_c + 0.02 * people)
        drift = self.drift_ppm_per_year * room.age_years
        self.values = {
            "Temperature": round(self.air_c + self.noise(0.04), 2),
            "Humidity": round(humidity + self.noise(0.2), 1),
            "CO2": round(max(380.0, self.co2_ppm + drift + self.noise(5))),
            "Light": round(light * (1 + self.noise(0.01))),
            "Occupancy": self._counted,
            "Water Leak": "flood" in self.faults,
        }


def _relative_humidity(air_c: float, dew_point_c: float) -> float:
    """Percent, by Magnus' formula."""
    exponent = 17.62 * dew_point_c / (243.12 + dew_point_c) - 17.62 * air_c / (243.12 + air_c)
    return clamp(100 * math.exp(exponent), 5.0, 99.0)


KIND = DeviceKind(
    id="room_air",
    label_vi="Không khí phòng học",
    label_en="Room air",
    metrics=(
        Metric(
            name="Temperature", datatype=DataType.Float, unit="°C", low=-20, high=80,
            deadband=0.2, decimals=1, label_vi="Nhiệt độ", label_en="Temperature", role="temperature",
            stale_after_s=24 * 3600,  # day and night differ by more than the deadband in any room
            limits=(
                Limit(severity=Severity.MINOR, above=36.5, hysteresis=0.7, on_delay_s=600, off_delay_s=120,
                      title_vi="Phòng quá nóng", title_en="Room too hot"),
                Limit(severity=Severity.MAJOR, above=40.0, hysteresis=1.0, on_delay_s=300, off_delay_s=120,
                      title_vi="Phòng nóng nguy hại", title_en="Room harmfully hot"),
                Limit(severity=Severity.CRITICAL, above=55.0, hysteresis=3.0, on_delay_s=10, off_delay_s=60,
                      title_vi="Nhiệt độ báo cháy", title_en="Temperature of a fire"),
            ),
        ),
        Metric(
            name="Humidity", datatype=DataType.Float, unit="%", low=0, high=100, deadband=1.0, decimals=0,
            label_vi="Độ ẩm", label_en="Humidity",
            limits=(
                Limit(severity=Severity.MINOR, above=93.0, hysteresis=3.0, on_delay_s=1800, off_delay_s=600,
                      title_vi="Độ ẩm quá cao", title_en="Too humid"),
            ),
        ),
        Metric(
            name="CO2", datatype=DataType.Int32, unit="ppm", low=300, high=10_000, deadband=25,
            label_vi="CO₂", label_en="CO₂", role="co2",
            limits=(
                Limit(severity=Severity.MINOR, above=1000, hysteresis=100, on_delay_s=300, off_delay_s=60,
                      title_vi="CO₂ cao, cần thông gió", title_en="CO₂ high, air the room"),
                Limit(severity=Severity.MAJOR, above=1500, hysteresis=100, on_delay_s=180, off_delay_s=60,
                      title_vi="CO₂ rất cao", title_en="CO₂ very high"),
                Limit(severity=Severity.CRITICAL, above=2500, hysteresis=150, on_delay_s=60, off_delay_s=60,
                      title_vi="CO₂ nguy hại", title_en="CO₂ harmful"),
            ),
        ),
        Metric(
            name="Light", datatype=DataType.Int32, unit="lx", low=0, high=120_000, deadband=25,
            label_vi="Độ rọi", label_en="Light",
        ),
        Metric(
            name="Occupancy", datatype=DataType.Int32, low=0, high=1000, deadband=1,
            label_vi="Số người", label_en="People", role="occupancy",
        ),
        Metric(
            name="Water Leak", datatype=DataType.Boolean, label_vi="Rò nước", label_en="Water leak",
            states={False: ("Khô", "Dry"), True: ("Ngập nước", "Flooded")},
            limits=(
                Limit(severity=Severity.CRITICAL, equals=True,
                      title_vi="Ngập nước / rò nước", title_en="Flood / water leak"),
            ),
        ),
    ),
    tile=Tile(("CO2", "Temperature", "Occupancy", "Humidity")),
    offline=OfflineRule(severity=Severity.MINOR, on_delay_s=120, off_delay_s=10,
                        title_vi="Cảm biến không khí mất kết nối", title_en="Air sensor unreachable"),
    simulate=RoomAir,
    simulated=Simulated(
        suffix="air", name="Cảm biến không khí", wear=("sensor_stuck", "sensor_broken"),
        breaks={"flood": "flood", "broken_sensor": "sensor_broken"},
    ),
    driver=Drivers(
        DriverChoice("zigbee2mqtt", ZigbeeOptions, "devices.protocols.mqtt_json.driver:zigbee"),
        DriverChoice("tasmota", TasmotaOptions, "devices.protocols.mqtt_json.driver:tasmota"),
        DriverChoice("shelly", ShellyOptions, "devices.protocols.mqtt_json.driver:shelly"),
    ),
    faults=(*GENERAL_FAULTS, *RoomAir.FAULTS),
)  # fmt: skip
