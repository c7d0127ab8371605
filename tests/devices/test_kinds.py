"""One walk over all kinds: what holds for each, also for those that come later."""

import math
import random
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from devices.kind import (
    Command,
    DeviceKind,
    KindError,
    Limit,
    Metric,
    OfflineRule,
    RoomConditions,
    Severity,
    Tile,
    UnreachableError,
    kind,
    kinds,
)
from devices.simulation import GENERAL_FAULTS, ROOM_TYPES, Simulation
from devices.wire.datatypes import FIELD, NUMERIC, DataType
from devices.wire.payloads import Payload, decode_payload, encode_payload

LESSON = RoomConditions(
    occupied_people=40, lesson=True, outdoor_c=33, outdoor_lux=40_000, age_years=3, load_fraction=0.4
)
every_kind = pytest.mark.parametrize("one", kinds().values(), ids=lambda one: one.id)


FIRST = {"room_air", "projector", "interactive_display", "relay", "uplink"}
LATER = {
    "air_conditioner", "ar_tablet", "camera", "conference_codec", "lab_pc", "lab_safety", "tablet_cart",
    "ups", "vr_headset", "wall_cell",
}  # fmt: skip


def test_the_kinds_are_there() -> None:
    assert set(kinds()) >= FIRST | LATER
    with pytest.raises(KeyError):
        kind("toaster")


@every_kind
def test_everything_has_its_words_in_both_languages(one: DeviceKind) -> None:
    words = [one.label_vi, one.label_en, one.offline.title_vi, one.offline.title_en]
    for metric in one.metrics:
        words += [metric.label_vi, metric.label_en]
        words += [word for pair in (metric.states or {}).values() for word in pair]
        words += [word for limit in metric.limits for word in (limit.title_vi, limit.title_en)]
    for command in one.commands:
        words += [command.label_vi, command.label_en]
    assert all(word.strip() == word and word for word in words)


@every_kind
def test_numbers_have_a_range_and_limits_lie_within(one: DeviceKind) -> None:
    for metric in one.metrics:
        assert metric.datatype in FIELD
        assert (metric.datatype in NUMERIC) or metric.unit is None
        if metric.datatype in NUMERIC:
            assert metric.low is not None
            assert metric.name == "Energy" or metric.high is not None
            for limit in metric.limits:
                bound = limit.above if limit.above is not None else limit.below
                assert bound is not None
                assert metric.plausible(bound)
                assert limit.cleared(metric.low if limit.above is not None else metric.high)


@every_kind
def test_limits_grow_with_their_severity(one: DeviceKind) -> None:
    for metric in one.metrics:
        above = [limit for limit in metric.limits if limit.above is not None]
        ranks = [limit.severity.rank for limit in sorted(above, key=lambda limit: limit.above or 0)]
        assert ranks == sorted(set(ranks))


@every_kind
def test_a_power_cut_two_days_of_heat_and_every_fault_leave_values_plausible(one: DeviceKind) -> None:
    """Also those that many faults at once and hours without anybody push as far as they go."""
    device = one.simulate(random.Random(one.id))
    device.place("smart_classroom", 1)
    for fault in one.faults:
        if fault not in GENERAL_FAULTS:
            device.fail(fault)
    hot = RoomConditions(occupied_people=60, lesson=True, outdoor_c=41, outdoor_lux=90_000, age_years=14)
    for hour in range(48):
        device.step(hot if hour % 3 else RoomConditions(outdoor_c=20, age_years=14), 3600)
        for name, value in device.read().items():
            metric = one.metric(name)
            assert metric is not None
            assert metric.plausible(value), (name, value)


@every_kind
def test_labels_are_vietnamese_and_its_places_are_types_of_room(one: DeviceKind) -> None:
    titles = [limit.title_vi for metric in one.metrics for limit in metric.limits]
    assert len(set(titles)) == len(titles), "two alarms of a kind can be told apart"
    titles.append(one.offline.title_vi)
    assert all(any(letter > "\x7f" for letter in title) for title in titles), "an alarm is told in Vietnamese"
    assert set(one.simulated.rooms) <= set(ROOM_TYPES)


@every_kind
def test_no_kind_names_people_or_holds_pictures(one: DeviceKind) -> None:
    private = ("user", "pupil", "teacher", "face", "image", "picture", "photo", "audio")
    for metric in one.metrics:
        assert metric.datatype not in (DataType.Bytes, DataType.File)
        assert not any(word in metric.name.lower() for word in private)


@every_kind
def test_simulated_values_are_what_the_kind_declares(one: DeviceKind) -> None:
    device = one.simulate(random.Random(one.id))
    for _ in range(300):
        device.step(LESSON, 10)
        values = device.read()
        assert set(values) == {metric.name for metric in one.metrics}
        for metric in one.metrics:
            assert metric.plausible(values[metric.name]), metric.name
            if metric.states is not None:
                assert values[metric.name] in metric.states
        metrics = decode_payload(encode_payload(Payload(metrics=one.declare(values, ts_ms=1)))).metrics
        assert [metric.name for metric in metrics] == [metric.name for metric in one.metrics]


@every_kind
@pytest.mark.sparkplug(
    "tck-id-topics-dbirth-metric-reqs",
    "tck-id-topics-dbirth-metrics",
    "tck-id-payloads-metric-datatype-req",
    "tck-id-payloads-name-birth-data-requirement",
)
def test_a_birth_declares_every_metric_also_without_a_value(one: DeviceKind) -> None:
    birth = decode_payload(encode_payload(Payload(5, 1, one.declare({}, ts_ms=5))))
    for metric, declared in zip(one.metrics, birth.metrics, strict=True):
        assert (declared.name, declared.datatype, declared.ts_ms) == (metric.name, metric.datatype, 5)
        assert declared.is_null
        assert (declared.properties or {}).get("engUnit") == metric.unit


@every_kind
def test_the_same_seed_lives_the_same_day(one: DeviceKind) -> None:
    def day() -> Iterator[dict[str, object]]:
        device = one.simulate(random.Random(7))
        for minute in range(0, 600, 5):
            device.step(LESSON if minute % 60 < 45 else RoomConditions(), 300)
            yield device.read()

    assert list(day()) == list(day())


@every_kind
def test_every_fault_breaks_and_heals(one: DeviceKind) -> None:
    assert set(GENERAL_FAULTS) <= set(one.faults)
    for fault in one.faults:
        device = one.simulate(random.Random(1))
        device.step(LESSON, 60)
        device.fail(fault)
        for _ in range(60):
            device.step(LESSON, 60)
        if fault in {"sensor_broken", "unplugged"}:
            with pytest.raises(UnreachableError):
                device.read()
        else:
            device.read()
        device.heal(fault)
        device.step(LESSON, 60)
        device.read()
    with pytest.raises(KeyError):
        one.simulate(random.Random(1)).fail("bad mood")


@every_kind
def test_without_power_nothing_answers_for_longer_than_its_battery_lasts(one: DeviceKind) -> None:
    device = one.simulate(random.Random(1))
    device.step(RoomConditions(powered=False), 10)
    battery = next((metric.name for metric in one.metrics if metric.role == "battery"), None)
    if battery is not None:
        before = device.read()[battery]
        device.step(RoomConditions(powered=False), 300)
        assert device.read()[battery] < before
        device.step(RoomConditions(powered=False), 86_400)
    with pytest.raises(UnreachableError) as caught:
        device.read()
    assert caught.value.reason == "powered_off"
    device.step(LESSON, 10)
    assert device.read()


@every_kind
def test_commands_are_obeyed_and_seen_in_what_is_read(one: DeviceKind) -> None:
    device = one.simulate(random.Random(1))
    quiet = RoomConditions(outdoor_c=28)
    device.step(quiet, 10)
    for command in one.commands:
        wanted = command.values[0] if command.values else command.high
        assert command.accepts(wanted)
        assert not command.accepts(object())
        device.write(command.metric, wanted)
        device.step(quiet, 120)
        assert device.read()[command.metric] == wanted
    with pytest.raises(KeyError):
        device.write("Weather", True)


def test_a_sensor_that_sticks_or_goes_mad() -> None:
    device = kind("room_air").simulate(random.Random(3))
    device.step(LESSON, 60)
    before = device.read()
    device.fail("sensor_stuck")
    device.step(LESSON, 3600)
    assert device.read() == before
    device.heal("sensor_stuck")
    assert device.read() != before
    device.fail("sensor_nan")
    assert math.isnan(device.read()["Temperature"])


def test_limits_compare_as_they_say() -> None:
    limit = partial(Limit, title_vi="x", title_en="x")
    above = limit(severity=Severity.MINOR, above=1000, hysteresis=100)
    assert [above.breached(value) for value in (1000, 1001, None, math.nan, "1001")] == [
        False, True, False, False, False,
    ]  # fmt: skip
    assert [above.cleared(value) for value in (1000, 900, None, math.nan)] == [False, True, False, False]
    below = limit(severity=Severity.MINOR, below=10.0, hysteresis=2)
    assert (below.breached(9), below.cleared(11), below.cleared(12)) == (True, False, True)
    off = limit(severity=Severity.CRITICAL, equals=False)
    assert (off.breached(False), off.breached(True), off.breached(None)) == (True, False, False)
    assert (off.cleared(True), off.cleared(None)) == (True, False)
    fault = limit(severity=Severity.MAJOR, not_equals="")
    assert (fault.breached("lamp"), fault.breached(""), fault.breached(None)) == (True, False, False)
    assert (above.condition, off.condition, fault.condition) == (
        "above 1000",
        "equals False",
        "not_equals ''",
    )


def test_deadband_decides_what_is_worth_a_report() -> None:
    metric = Metric(name="T", datatype=DataType.Float, label_vi="T", label_en="T", deadband=0.5)
    pairs = [(1.0, 1.4), (1.0, 1.5), (None, 1.0), (1.0, None), (None, None)]
    assert [metric.changed(before, after) for before, after in pairs] == [False, True, True, True, False]
    assert metric.changed(1.0, math.nan)
    assert not metric.changed(math.nan, math.nan)
    assert metric.changed(1.0, math.inf)


def _kind(**changes: Any) -> DeviceKind:
    parts: dict[str, Any] = {
        "id": "x",
        "label_vi": "x",
        "label_en": "x",
        "metrics": (Metric(name="A", datatype=DataType.Boolean, label_vi="a", label_en="a"),),
        "tile": Tile(("A",)),
        "offline": OfflineRule(severity=Severity.MINOR, on_delay_s=1, title_vi="x", title_en="x"),
        "simulate": Simulation,
    }
    return DeviceKind(**{**parts, **changes})


def test_a_kind_that_contradicts_itself_is_refused() -> None:
    limit = Limit(severity=Severity.MINOR, title_vi="x", title_en="x", above=1)
    flag = _kind().metrics[0]
    wrong: list[dict[str, Any]] = [
        {"metrics": (flag, flag)},
        {"tile": Tile(("B",))},
        {"commands": (Command(name="b", metric="B", datatype=DataType.Boolean, label_vi="b", label_en="b"),)},
        {
            "metrics": (
                Metric(name="A", datatype=DataType.Boolean, label_vi="a", label_en="a", limits=(limit,)),
            )
        },
        {
            "metrics": (
                Metric(name="A", datatype=DataType.Int8, label_vi="a", label_en="a", limits=(limit, limit)),
            )
        },
    ]
    for changes in wrong:
        with pytest.raises(KindError):
            _kind(**changes)
