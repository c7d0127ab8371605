"""The weather outside: a tropical day at 11° north, the same for the same seed and day. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from random import Random


@dataclass(frozen=True, slots=True)
class Weather:
    """Outdoor temperature (°C) and daylight (lux)."""

    outdoor_c: float
    outdoor_lux: float


@lru_cache(maxsize=16)
def _day(seed: int, day: int) -> tuple[float, float, tuple[float, ...]]:
    """Coolest and warmest temperature of a day and its cloud cover (0..1) for each hour."""
    luck = Random(f"{seed}/{day}/weather")
    season = math.sin(2 * math.pi * ((day % 365.25) - 20) / 365.25)  # hottest in April, coolest in December
    coolest = 23.5 + 1.8 * season + luck.uniform(-1, 1)
    cloud, clouds = luck.uniform(0.1, 0.5), []
    for _ in range(25):
        cloud = min(0.9, max(0.05, cloud + luck.uniform(-0.15, 0.15)))
        clouds.append(cloud)
    return coolest, coolest + luck.uniform(7.5, 10.0), tuple(clouds)


def weather_at(seed: int, day: int, second: float) -> Weather:
    """The weather at a second of a local day (day number since 1970-01-01)."""
    coolest, warmest, clouds = _day(seed, day)
    hour = second / 3600
    before, part = int(hour) % 24, hour % 1
    cloud = clouds[before] * (1 - part) + clouds[before + 1] * part
    since_five = (hour - 5) % 24  # coolest at five in the morning, warmest at two in the afternoon
    phase = since_five / 9 if since_five < 9 else 1 + (since_five - 9) / 15
    warmth = 0.5 - 0.5 * math.cos(math.pi * phase)
    sun = max(0.0, math.sin(math.pi * (hour - 5.8) / 12.0)) if 5.8 < hour < 17.8 else 0.0
    return Weather(
        coolest + (warmest - coolest) * warmth - 2.0 * cloud * sun, 95_000 * sun * (1 - 0.8 * cloud)
    )
