"""What a school day does to simulated devices: cause and effect, not exact numbers."""

import random
from typing import Any

import pytest

from devices.kind import RoomConditions, SimulatedDevice, kind


def live(device: SimulatedDevice, minutes: float, **room: Any) -> dict[str, Any]:
    for _ in range(int(minutes * 6)):
        device.step(RoomConditions(**room), 10)
    return device.read()


def rooms(count: int) -> list[SimulatedDevice]:
    return [kind("room_air").simulate(random.Random(seed)) for seed in range(count)]


def test_people_raise_the_co2_and_air_takes_it_away() -> None:
    for room in rooms(20):
        empty = live(room, 30)["CO2"]
        full = live(room, 40, occupied_people=40)["CO2"]
        crowded = live(room, 40, occupied_people=60)["CO2"]
        assert empty < full < crowded
        assert live(room, 12 * 60)["CO2"] < empty + 100


def test_most_rooms_are_quiet_and_some_badly_aired() -> None:
    peaks = [live(room, 45, occupied_people=40)["CO2"] for room in rooms(200)]
    assert 0.02 < sum(peak > 1000 for peak in peaks) / len(peaks) < 0.2
    assert max(peaks) < 2500


def test_one_long_step_ends_where_many_short_ones_do() -> None:
    short, long = (kind("room_air").simulate(random.Random(5)) for _ in range(2))
    for device in (short, long):
        device.step(RoomConditions(outdoor_c=25), 1)
    after = live(short, 120, occupied_people=30, outdoor_c=33)
    long.step(RoomConditions(occupied_people=30, outdoor_c=33), 7200)
    assert long.read()["CO2"] == pytest.approx(after["CO2"], rel=0.15)
    assert long.read()["Temperature"] == pytest.approx(after["Temperature"], abs=1.5)


def test_temperature_follows_the_weather_and_light_the_day() -> None:
    room = rooms(1)[0]
    night = live(room, 120, outdoor_c=24)
    noon = live(room, 120, outdoor_c=36, outdoor_lux=60_000)
    assert noon["Temperature"] > night["Temperature"] + 4
    assert night["Light"] < 5 < 200 < noon["Light"]


def test_a_flood_is_seen() -> None:
    room = rooms(1)[0]
    assert live(room, 1)["Water Leak"] is False
    room.fail("flood")
    assert live(room, 1)["Water Leak"] is True


def test_a_projector_warms_burns_hours_and_cools() -> None:
    projector = kind("projector").simulate(random.Random(2))
    cold = live(projector, 1, age_years=2)
    projector.write("Power", "on")
    assert live(projector, 0.2, age_years=2)["Power"] == "warming"
    warm = live(projector, 180, age_years=2)
    assert (warm["Power"], warm["Lamp Hours"] - cold["Lamp Hours"]) == ("on", 3)
    assert warm["Temperature"] > cold["Temperature"] + 15
    projector.write("Power", "off")
    assert live(projector, 0.5)["Power"] == "cooling"
    assert live(projector, 60) == {**warm, "Power": "off", "Temperature": pytest.approx(29, abs=1)}


@pytest.mark.parametrize(
    ("fault", "word"), [("lamp", "lamp"), ("overheat", "temperature"), ("cover", "cover")]
)
def test_a_projector_that_breaks_goes_out_and_says_why(fault: str, word: str) -> None:
    projector = kind("projector").simulate(random.Random(2))
    live(projector, 1)
    projector.write("Power", "on")
    live(projector, 10)
    projector.fail(fault)
    faults = [live(projector, 0.5) for _ in range(60)]
    assert word in {state["Fault"] for state in faults}
    assert "off" in {state["Power"] for state in faults}
    projector.heal(fault)
    assert live(projector, 60)["Fault"] == ""


def test_a_relay_counts_what_it_switches() -> None:
    relay = kind("relay").simulate(random.Random(2))
    idle = live(relay, 1)
    busy = live(relay, 60, occupied_people=40, lesson=True, outdoor_c=33)
    assert busy["Power"] > 300 > 10 > idle["Power"]
    assert busy["Energy"] - idle["Energy"] == pytest.approx(busy["Power"] / 1000, rel=0.05)
    relay.fail("overload")
    assert live(relay, 1)["Power"] > 3500


def test_a_full_line_is_slow_and_loses() -> None:
    line = kind("uplink").simulate(random.Random(2))
    free = live(line, 10, load_fraction=0.3)
    busy = live(line, 10, load_fraction=0.9)
    full = live(line, 10, load_fraction=1.2)
    assert free["Latency"] < busy["Latency"] < full["Latency"]
    assert free["Loss"] < 0.1 < 1 < full["Loss"]
    assert full["Utilisation"] > 95
    assert full["Rx"] <= full["Capacity"]
    assert free["Rx"] / free["Capacity"] == pytest.approx(0.3, rel=0.1)


def test_a_cut_line_says_so_and_measures_nothing() -> None:
    line = kind("uplink").simulate(random.Random(2))
    live(line, 1, load_fraction=0.5)
    line.fail("fibre_cut")
    cut = live(line, 1, load_fraction=0.5)
    assert (cut["Link Up"], cut["Rx"], cut["Tx"]) == (False, 0, 0)
    assert (cut["Latency"], cut["Loss"]) == (None, None)
    line.heal("fibre_cut")
    assert live(line, 5, load_fraction=0.5)["Link Up"] is True


def test_a_saturated_line_raises_utilisation_by_itself() -> None:
    line = kind("uplink").simulate(random.Random(2))
    line.fail("saturated")
    assert live(line, 5, load_fraction=0.1)["Utilisation"] > 95
