"""What every telemetry engine does alike: one suite over SQLite and over a real InfluxDB."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from devices.wire.datatypes import DataType
from hub.telemetry.engines import open_rollups
from hub.telemetry.influxdb import InfluxWriter
from hub.telemetry.influxdb_address import parse_address
from hub.telemetry.influxdb_reader import InfluxReader
from hub.telemetry.port import (
    MARKER,
    WINDOW_MS,
    Aggregate,
    Key,
    Point,
    Row,
    Samples,
    TelemetryReader,
    TelemetryWriter,
    Value,
)
from hub.telemetry.rollup import Rollup
from hub.telemetry.rollup_port import Progress, RollupRow, RollupStore
from hub.telemetry.sqlite import SqliteReader, SqliteWriter
from hub.telemetry.tiers import ROLLED, Tier
from tests.hub.telemetry.influx_gateway import TOKEN
from tests.hub.telemetry.influx_server import Influx

KEY: Key = ("S", "n", "d")
DAY_MS = 86_400_000
NOON_MS = 20_000 * DAY_MS + DAY_MS // 2
ALL = 1 << 60
FLOAT, DOUBLE, INT, TEXT, BOOL = (
    DataType.Float, DataType.Double, DataType.Int32, DataType.String, DataType.Boolean,
)  # fmt: skip


@dataclass
class Engine:
    """One engine with nothing in it, held by a writer and a reader; `now_ms` is the writer's present."""

    open_writer: Callable[[], TelemetryWriter]
    reader: Any
    now_ms: int = NOON_MS
    writers: list[TelemetryWriter] = field(default_factory=list)

    @property
    def writer(self) -> TelemetryWriter:
        return self.writers[-1] if self.writers else self.again()

    def again(self) -> TelemetryWriter:
        """A new writer, as after a restart."""
        self.writers.append(self.open_writer())
        return self.writers[-1]

    def write(
        self, *samples: tuple[int, int, Value], name: str = "CO2", datatype: int = FLOAT, key: Key = KEY
    ) -> None:
        """Write (ts_ms, ordinal, value)s of one metric."""
        series = self.writer.series(key)
        place = self.writer.field(series, name, datatype)
        rows = [Row(series, ts_ms, ordinal, bytes([place]), [value]) for ts_ms, ordinal, value in samples]
        assert not self.writer.write(rows)

    def query(self, name: str = "CO2", key: Key = KEY, **options: Any) -> list[Point]:
        asked = {"start_ms": 0, "end_ms": ALL, "step_ms": None, "aggregate": Aggregate.MEAN, "limit": 1000}
        reader: TelemetryReader = self.reader
        return reader.query(key, name, **{**asked, **options})

    def values(self, **options: Any) -> list[Value]:
        return [point.value for point in self.query(**options)]

    def samples(self, wanted: list[tuple[Key, str | None]] | None = None) -> dict[tuple[Key, str], Samples]:
        return {(item.key, item.name): item for item in self.reader.samples(0, ALL, wanted)}


@pytest.fixture(params=["sqlite", pytest.param("influxdb", marks=pytest.mark.influxdb)])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    engine: Engine
    if request.param == "sqlite":
        path = tmp_path / "telemetry.db"
        engine = Engine(lambda: SqliteWriter(path, lambda: engine.now_ms), SqliteReader(path))
    else:
        server: Influx = request.getfixturevalue("influx")
        address = parse_address(server.new_database(), TOKEN)
        reader = InfluxReader(address, lambda: engine.now_ms + 60_000, settle_ms=0)
        engine = Engine(lambda: InfluxWriter(address, lambda: engine.now_ms), reader)
    yield engine
    for writer in engine.writers:
        writer.close()
    engine.reader.close()


def test_what_is_written_is_read(engine: Engine) -> None:
    engine.write((NOON_MS, 1, 400.0), (NOON_MS + 1, 2, 410.5))
    assert engine.query() == [(NOON_MS, 400.0), (NOON_MS + 1, 410.5)]
    assert engine.query(limit=1) == [(NOON_MS, 400.0)]


def test_twice_is_once_also_by_another_writer(engine: Engine) -> None:
    samples = [(NOON_MS, (3 << 40) + 7, 400.0), (NOON_MS + 1, (3 << 40) + 8, 410.0)]
    engine.write(*samples)
    engine.write(*samples)
    engine.again()
    engine.write(*samples)
    assert engine.values() == [400.0, 410.0]
    engine.write((NOON_MS + 2, (3 << 40) + 9, 1.0), name="Other")
    assert engine.values() == [400.0, 410.0]


def test_two_changes_in_one_millisecond_stay_two(engine: Engine) -> None:
    engine.write((NOON_MS, 2_000_001, 410.0), (NOON_MS, 2_000_000, 400.0))
    assert engine.query() == [(NOON_MS, 400.0), (NOON_MS, 410.0)]
    assert engine.reader.latest(KEY, "CO2", NOON_MS + 1) == (NOON_MS, 410.0)


def test_ranges_are_half_open_and_cross_days(engine: Engine) -> None:
    midnight = 20_001 * DAY_MS
    moments = [midnight - 10 * DAY_MS, midnight - 1, midnight, midnight + 1000, midnight + 9 * DAY_MS]
    engine.write(*((ts_ms, n, float(n)) for n, ts_ms in enumerate(moments)))
    assert engine.values(start_ms=midnight - 1, end_ms=midnight + 1000) == [1.0, 2.0]
    assert engine.values() == [0.0, 1.0, 2.0, 3.0, 4.0]
    assert engine.values(step_ms=DAY_MS, aggregate=Aggregate.COUNT) == [1, 3, 1], "local days"


_EXTREMES: list[tuple[DataType, list[Value]]] = [
    (DataType.Int8, [-128, 127]),
    (DataType.Int32, [-(2**31), 2**31 - 1]),
    (DataType.Int64, [-(2**63), -1, 0, 2**63 - 1, 2**53 + 1]),
    (DataType.UInt32, [0, 2**32 - 1]),
    (DataType.UInt64, [0, 2**63 - 1, 2**63, 2**64 - 1]),
    (DataType.DateTime, [0, 1_790_000_000_123]),
    (DataType.Double, [0.0, 5e-324, 1.7976931348623157e308, -1e-7, 0.1, 1e22, 123456789.123456789]),
    (DataType.Float, [27.200000762939453, -1.5, 16777216.0]),
    (DataType.Boolean, [True, False, None]),
    (DataType.String, ["", "on", None]),
    (DataType.Text, ['a "quoted" \\ text\\', "line\nbreak\r\n\ttab", "Phòng họp số 7, tầng 2", "x=1,y= 2"]),
    (DataType.UUID, ["\\", "\\\\", '\\"', '"', "#", "🎓", " ", "'; DROP DATABASE x", "\u2028\u0085\x00\x7f"]),
]  # fmt: skip


@pytest.mark.parametrize(("datatype", "values"), _EXTREMES, ids=[kind.name for kind, _ in _EXTREMES])
def test_every_datatype_at_its_extremes(engine: Engine, datatype: DataType, values: list[Value]) -> None:
    engine.write(*((NOON_MS + n, n, value) for n, value in enumerate(values)), datatype=datatype)
    shown = [float(f"{v:.7g}") if datatype is FLOAT and isinstance(v, float) else v for v in values]
    found = engine.values()
    assert found == shown
    assert [type(value) for value in found] == [type(value) for value in shown]
    [item] = engine.samples().values()
    assert (item.values, item.datatype, item.name) == (values, datatype, "CO2"), "exact, not as shown"
    counted = sum(value is not None for value in values)
    assert engine.values(step_ms=WINDOW_MS, aggregate=Aggregate.COUNT) == [counted]


@pytest.mark.parametrize("aggregate", Aggregate)
@pytest.mark.parametrize(
    ("datatype", "values", "expected"),
    [
        (FLOAT, [1.0, None, 3.0], {"mean": 2.0, "min": 1.0, "max": 3.0, "last": 3.0, "count": 2}),
        (DOUBLE, [0.25, 0.5], {"mean": 0.375, "min": 0.25, "max": 0.5, "last": 0.5, "count": 2}),
        (INT, [1, 2, 4, None], {"mean": 7 / 3, "min": 1.0, "max": 4.0, "last": 4, "count": 3}),
        (BOOL, [True, False, False], {"mean": 1 / 3, "min": 0.0, "max": 1.0, "last": False, "count": 3}),
        (TEXT, ["on", "off"], {"mean": "off", "min": "off", "max": "off", "last": "off", "count": 2}),
        (FLOAT, [None], {"mean": None, "min": None, "max": None, "last": None, "count": 0}),
        (
            DataType.UInt64,
            [2**64 - 1, 1],
            {"mean": 2.0**63, "min": 1.0, "max": 2.0**64, "last": 1, "count": 2},
        ),
        (
            DataType.Int64,
            [2**63 - 1, 2**63 - 1],
            {"mean": 2.0**63, "min": 2.0**63, "max": 2.0**63, "last": 2**63 - 1, "count": 2},
        ),
    ],
    ids=["float", "double", "int", "bool", "text", "null", "beyond", "overflow"],
)
def test_steps(
    engine: Engine, aggregate: Aggregate, datatype: int, values: list[Value], expected: dict[str, Value]
) -> None:
    start = NOON_MS - NOON_MS % WINDOW_MS
    engine.write(*((start + 100 * n, n, value) for n, value in enumerate(values)), datatype=datatype)
    engine.write((start + 2 * WINDOW_MS, 99, values[-1]), datatype=datatype)
    points = engine.query(step_ms=WINDOW_MS, aggregate=aggregate)
    assert [point.ts_ms for point in points] == [start, start + 2 * WINDOW_MS], (
        "a step without values is a gap"
    )
    assert points[0].value == expected[aggregate.value]
    assert type(points[0].value) is type(expected[aggregate.value])
    assert engine.query(step_ms=WINDOW_MS, aggregate=aggregate, limit=1) == points[:1]


def test_steps_of_hours_begin_with_the_days_of_the_province(engine: Engine) -> None:
    evening_ms = 20_000 * DAY_MS - 7 * 3_600_000  # local midnight
    engine.write((evening_ms - 1, 1, 1.0), (evening_ms, 2, 2.0), (evening_ms + DAY_MS - 1, 3, 4.0))
    points = engine.query(step_ms=DAY_MS, aggregate=Aggregate.LAST)
    assert points == [(evening_ms - DAY_MS, 1.0), (evening_ms, 4.0)]
    points = engine.query(step_ms=5 * 3_600_000, aggregate=Aggregate.COUNT)
    assert [point.value for point in points] == [1, 1, 1]


def test_the_datatype_of_a_metric_may_change(engine: Engine) -> None:
    engine.write((NOON_MS, 1, 400.5))
    engine.write((NOON_MS + 5, 2, 401), datatype=INT)
    engine.write((NOON_MS + 6, 3, "off"), datatype=TEXT)
    engine.write((NOON_MS + 6 + WINDOW_MS, 4, 402), datatype=INT)
    assert engine.values() == [400.5, 401, "off", 402]
    assert engine.values(step_ms=WINDOW_MS, aggregate=Aggregate.MEAN) == ["off", 402.0]
    assert engine.values(step_ms=WINDOW_MS, aggregate=Aggregate.COUNT) == [3, 1]
    [item] = engine.samples().values()
    assert (item.values, item.times[0]) == ([400.5, 401, "off", 402], NOON_MS)


def test_markers_are_seen_but_no_samples(engine: Engine) -> None:
    engine.write((NOON_MS, 1, 20.0), (NOON_MS + 10, 2 | MARKER, None), (NOON_MS + 20, 3 | MARKER, 20.0))
    engine.write((NOON_MS + WINDOW_MS, 4 | MARKER, None))
    assert engine.query() == [
        (NOON_MS, 20.0), (NOON_MS + 10, None), (NOON_MS + 20, 20.0), (NOON_MS + WINDOW_MS, None),
    ]  # fmt: skip
    assert engine.values(step_ms=WINDOW_MS, aggregate=Aggregate.COUNT) == [1], "a step of markers is none"
    [item] = engine.samples().values()
    assert (item.values, item.uncounted) == ([20.0, None, 20.0, None], [1, 2, 3])


def test_the_newest_before_a_moment(engine: Engine) -> None:
    engine.write((NOON_MS - 30 * DAY_MS, 1, 1.0), (NOON_MS, 2, 2.0), (NOON_MS + 10, 3, None))
    assert engine.reader.latest(KEY, "CO2", NOON_MS) == (NOON_MS - 30 * DAY_MS, 1.0)
    assert engine.reader.latest(KEY, "CO2", NOON_MS + 10) == (NOON_MS, 2.0)
    assert engine.reader.latest(KEY, "CO2", ALL) == (NOON_MS + 10, None)
    assert engine.reader.latest(KEY, "CO2", 1) is None


def test_what_nobody_knows_is_empty(engine: Engine) -> None:
    engine.write((NOON_MS, 1, 1.0))
    assert engine.query(name="Other") == []
    assert engine.query(key=("S", "n", "")) == []
    assert engine.query(key=("S", "n", ""), step_ms=WINDOW_MS) == []
    assert engine.reader.latest(("X", "n", "d"), "CO2", ALL) is None
    assert engine.samples([(("X", "n", "d"), None), (KEY, "Other")]) == {}


def test_samples_of_several_devices(engine: Engine) -> None:
    node: Key = ("S", "n", "")
    engine.write((NOON_MS, 1, 1.0), (NOON_MS + 1, 2, 2.0))
    engine.write((NOON_MS, 3, "on"), name="Power", datatype=TEXT)
    engine.write((NOON_MS, 4, 50), name="Load", datatype=INT, key=node)
    engine.write((NOON_MS, 5, 5.0), key=("T", "m", "d"))
    assert engine.samples().keys() == {(KEY, "CO2"), (KEY, "Power"), (node, "Load"), (("T", "m", "d"), "CO2")}
    some = engine.samples([(KEY, "CO2"), (node, None)])
    assert some.keys() == {(KEY, "CO2"), (node, "Load")}
    assert some[KEY, "CO2"] == (KEY, "CO2", FLOAT, [NOON_MS, NOON_MS + 1], [1.0, 2.0], [])
    engine.again()
    engine.write((NOON_MS + 2, 6, 7.0), name="New")
    assert (KEY, "Power") in engine.samples(), "a metric that a restarted writer has not met yet"
    devices = [item.key for item in engine.reader.samples(0, ALL)]
    assert len(set(devices)) == sum(a != b for a, b in zip([None, *devices], devices, strict=False)), (
        "one by one"
    )


def test_late_windows_are_logged(engine: Engine) -> None:
    engine.now_ms = NOON_MS
    engine.write((NOON_MS - 1000, 1, 1.0))
    assert engine.reader.late("", 10) == ([], ""), "in time"
    late_ms = NOON_MS - DAY_MS + 7
    engine.write((late_ms, 2, 1.0), (late_ms + 1, 3, 1.0), (late_ms + WINDOW_MS, 4, 1.0))
    window_ms = late_ms - late_ms % WINDOW_MS
    found, cursor = engine.reader.late("", 10)
    assert set(found) == {(KEY, window_ms), (KEY, window_ms + WINDOW_MS)}
    assert engine.reader.late(cursor, 10) == ([], cursor)
    engine.again()
    engine.now_ms += 1
    engine.write((late_ms, 5, 2.0), key=("S", "n", ""))
    assert engine.reader.late(cursor, 10)[0] == [(("S", "n", ""), window_ms)]
    one, cursor = engine.reader.late("", 1)
    two, cursor = engine.reader.late(cursor, 1)
    assert {*one, *two} == set(found)


def test_the_oldest_row_is_about_there(engine: Engine) -> None:
    engine.write((NOON_MS, 1, 1.0))
    engine.write((NOON_MS - 3 * DAY_MS, 2, 1.0), (NOON_MS - 3 * DAY_MS - 1000, 3, 1.0))
    oldest_ms = engine.reader.oldest_ms()
    assert NOON_MS - 4 * DAY_MS < oldest_ms <= NOON_MS - 3 * DAY_MS - 1000


_names = st.text(st.characters(codec="utf-8"), max_size=20)
_values = (
    st.none() | st.booleans() | st.text(st.characters(codec="utf-8"), max_size=30)
    | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
)  # fmt: skip


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)
@given(
    key=st.tuples(_names, _names, _names), metrics=st.dictionaries(_names, _values, min_size=1, max_size=5)
)
def test_any_name_and_any_value_come_back(engine: Engine, key: Key, metrics: dict[str, Value]) -> None:
    kinds: dict[type, int] = {bool: BOOL, str: TEXT, int: DataType.UInt64, float: DOUBLE, type(None): TEXT}
    series = engine.writer.series(key)
    places = [engine.writer.field(series, name, kinds[type(value)]) for name, value in metrics.items()]
    assert not engine.writer.write([Row(series, NOON_MS, 1, tuple(places), list(metrics.values()))])
    found = engine.samples([(key, None)])
    for name, value in metrics.items():
        assert found[key, name].values[-1] == value
        assert type(found[key, name].values[-1]) is type(value)
        assert engine.query(name, key)[-1].value == value


@pytest.fixture(params=["sqlite", pytest.param("influxdb", marks=pytest.mark.influxdb)])
def rollups(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], RollupStore]]:
    """Opens the store of roll-ups, every time as a process of its own would."""
    url, token = f"sqlite:///{tmp_path}/telemetry.db", ""
    if request.param == "influxdb":
        url, token = request.getfixturevalue("influx").new_database(), TOKEN
    opened: list[RollupStore] = []

    def another() -> RollupStore:
        opened.append(open_rollups(url, token))
        return opened[-1]

    yield another
    for store in opened:
        store.close()


def _window(start_ms: int, **given: Any) -> Rollup:
    usual = {
        "count": 2, "min": 1.5, "max": 2.5, "sum": 4.0, "last": 2.5, "last_ms": start_ms + 7,
        "weighted_sum": 123.25, "covered_ms": 299_993, "states": {}, "held": True,
    }  # fmt: skip
    return Rollup(start_ms, **{**usual, **given})


_START_MS = NOON_MS - NOON_MS % WINDOW_MS


@pytest.mark.parametrize(
    "window",
    [
        _window(_START_MS),
        _window(
            _START_MS,
            count=0,
            min=None,
            max=None,
            sum=0.0,
            last=None,
            last_ms=_START_MS,
            weighted_sum=0.0,
            held=False,
        ),
        _window(_START_MS, min=None, max=None, sum=0.0, last="bật", states={"bật": 5, 'a "b" \\': 7}),
        _window(_START_MS, min=None, max=None, sum=0.0, last=True, states={"true": 299_993}),
        _window(_START_MS, last=2**53, max=2.0**53),
        _window(_START_MS, count=70_000, sum=-1e300, weighted_sum=-1e305, min=-1e300),
    ],
    ids=["number", "null", "text", "bool", "large", "many"],
)
def test_a_rollup_comes_back(rollups: Callable[[], RollupStore], window: Rollup) -> None:
    rollups().write({Tier.FIVE_MINUTES: [RollupRow(KEY, "CO2, trong phòng", DOUBLE, window)]})
    found = rollups().rollups(Tier.FIVE_MINUTES, [(KEY, None)], 0, _START_MS + 1)
    assert found == {(KEY, "CO2, trong phòng"): [window]}


def test_a_rollup_is_written_over_as_a_whole(rollups: Callable[[], RollupStore]) -> None:
    store = rollups()
    other = _window(_START_MS + WINDOW_MS)
    store.write(
        {Tier.FIVE_MINUTES: [RollupRow(KEY, "CO2", DOUBLE, each) for each in (_window(_START_MS), other)]}
    )
    again = _window(_START_MS, min=None, max=None, sum=0.0, last="off", states={"off": 1})
    rollups().write({Tier.FIVE_MINUTES: [RollupRow(KEY, "CO2", TEXT, again)]})
    wanted: list[tuple[Key, str | None]] = [(KEY, "CO2"), (("S", "n", ""), None)]
    assert store.rollups(Tier.FIVE_MINUTES, wanted, 0, _START_MS + DAY_MS) == {(KEY, "CO2"): [again, other]}
    assert store.rollups(Tier.FIVE_MINUTES, wanted, 0, _START_MS) == {}
    assert store.rollups(Tier.HOUR, wanted, 0, _START_MS + DAY_MS) == {}
    assert (list(store.keys()), dict(store.datatypes(KEY))) == ([KEY], {"CO2": TEXT})


def test_progress_is_remembered(rollups: Callable[[], RollupStore]) -> None:
    assert rollups().progress() == Progress(dict.fromkeys(ROLLED, 0))
    for n in (1, 2):
        progress = Progress(dict.fromkeys(ROLLED, _START_MS + n), f"cursor {n}")
        rollups().write({}, progress)
        assert rollups().progress() == progress
    assert not rollups().keys()
    assert rollups().datatypes(KEY) == {}
