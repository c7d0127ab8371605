"""What a school day does to simulated devices: cause and effect, not exact numbers."""

import random
from typing import Any

import pytest

from devices.kind import RoomConditions, SimulatedDevice, UnreachableError, kind


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


def device_of(name: str, seed: int = 2) -> SimulatedDevice:
    return kind(name).simulate(random.Random(seed))


def test_an_air_conditioner_cools_the_room_that_it_is_in() -> None:
    unit, air = device_of("air_conditioner"), device_of("room_air")
    hot = RoomConditions(occupied_people=40, lesson=True, outdoor_c=35)
    for _ in range(360):
        room = unit.affect(hot)
        unit.step(hot, 10)
        air.step(room, 10)
    cooled = unit.read()
    assert (cooled["Power"], cooled["Room Temperature"]) == (True, pytest.approx(cooled["Setpoint"], abs=2))
    assert air.read()["Temperature"] < 30
    assert cooled["Electric Power"] > 300
    unit.fail("compressor")
    assert live(unit, 90, occupied_people=40, lesson=True, outdoor_c=35)["Room Temperature"] > 33
    assert unit.affect(hot) == hot
    unit.heal("compressor")
    assert live(unit, 1, outdoor_c=35)["Power"] is False, "the class has left"


def test_a_ups_lives_on_its_battery_and_charges_again() -> None:
    ups = device_of("ups")
    before = live(ups, 10)
    assert (before["On Battery"], before["Charge"]) == (False, 100)
    cut = live(ups, 6, powered=False)
    assert (cut["On Battery"], cut["Input Voltage"]) == (True, 0)
    assert cut["Charge"] < 90
    assert cut["Runtime"] < before["Runtime"]
    with pytest.raises(UnreachableError):
        live(ups, 90, powered=False)
    back = live(ups, 1)
    assert back["On Battery"] is False
    assert back["Charge"] < 10 < live(ups, 120)["Charge"]
    assert live(device_of("ups"), 30, age_years=9)["Battery Health"] == "replace"


def test_a_lab_pc_works_in_lessons_and_ages_when_nobody_looks_after_it() -> None:
    machines = [device_of("lab_pc", seed) for seed in range(20)]
    lesson = [live(each, 10, occupied_people=30, lesson=True) for each in machines]
    assert sum(each["Logged In"] for each in lesson) > 12
    assert max(each["CPU"] for each in lesson) > 15
    night = [live(each, 10) for each in machines]
    assert not any(each["Power"] or each["Logged In"] or each["CPU"] for each in night)
    machines[0].fail("antivirus_off")
    machines[0].step(RoomConditions(), 2 * 86_400)
    assert machines[0].read()["Antivirus Age"] > 14


def test_a_camera_sees_movement_as_bits_and_says_when_it_is_covered() -> None:
    camera = device_of("camera")
    empty = live(camera, 5, outdoor_lux=50_000)
    busy = live(camera, 5, outdoor_lux=50_000, occupied_people=40, lesson=True)
    assert busy["Bitrate"] > 1.5 * empty["Bitrate"]
    camera.fail("covered")
    covered = live(camera, 5, outdoor_lux=50_000, occupied_people=40, lesson=True)
    assert (covered["Lens"], covered["Bitrate"] < 400) == ("covered", True)
    camera.write("Privacy", True)
    assert live(camera, 1)["Recording"] is False
    assert live(camera, 1)["Night Mode"] is True


def test_a_codec_measures_only_while_something_runs() -> None:
    codec = device_of("conference_codec", 3)
    idle = live(codec, 5)
    assert (idle["In Call"], idle["Packet Loss"], idle["Jitter"]) == (False, None, None)
    call = live(codec, 5, occupied_people=8, lesson=True)
    assert call["In Call"]
    assert call["Rx Rate"] > 1500 > 100 > idle["Rx Rate"]
    codec.fail("bad_line")
    bad = live(codec, 10, occupied_people=8, lesson=True)
    assert bad["Packet Loss"] > 1 > call["Packet Loss"]
    codec.fail("sip_lost")
    lost = live(codec, 1, occupied_people=8, lesson=True)
    assert (lost["SIP Registered"], lost["In Call"]) == (False, False)


def test_a_headset_drains_in_lessons_and_charges_on_its_dock() -> None:
    headsets = [device_of("vr_headset", seed) for seed in range(10)]
    full = [live(each, 60) for each in headsets]
    used = [live(each, 45, occupied_people=20, lesson=True) for each in headsets]
    worn = [after for after in used if after["In Use"]]
    assert len(worn) >= 5
    assert all(after["Battery"] < 85 and not after["Docked"] for after in worn)
    assert all(each["Docked"] for each in full)
    docked = [live(each, 60) for each in headsets]
    assert all(after["Battery"] >= before["Battery"] for after, before in zip(docked, used, strict=True))


def test_a_cart_hands_out_tablets_and_misses_those_that_stay_away() -> None:
    carts = [device_of("tablet_cart", seed) for seed in range(12)]
    lent = [live(each, 20, occupied_people=18, lesson=True) for each in carts]
    assert {each["Tablets"] - each["Docked"] for each in lent} == {0, 18}
    carts[0].fail("tablets_missing")
    back = [live(each, 40) for each in carts]
    assert [each["Missing"] for each in back] == [2] + [0] * 11


def test_a_wall_cell_sleeps_when_nobody_watches_and_knows_its_place() -> None:
    cells = [device_of("wall_cell", seed) for seed in range(12)]
    for number, cell in enumerate(cells, 1):
        cell.place("operations_centre", number)
    watched = [live(cell, 60, occupied_people=3) for cell in cells]
    assert {each["Power"] for each in watched} == {"on"}
    assert [watched[n]["Position"] for n in (0, 3, 4, 11)] == ["1-1", "1-4", "2-1", "3-4"]
    assert live(cells[0], 1)["Power"] == "standby"
    cells[0].fail("overheat")
    assert live(cells[0], 60, occupied_people=3)["Fault"] == "temperature"


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
