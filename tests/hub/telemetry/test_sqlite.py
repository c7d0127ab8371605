"""Telemetry in SQLite: idempotent, queried by range and step, dropped by the day."""

import sqlite3
from pathlib import Path

import pytest

from devices.wire.datatypes import DataType
from hub.telemetry.port import Aggregate, Point, Row, TelemetryError
from hub.telemetry.sqlite import SqliteReader, SqliteWriter, path_of

KEY = ("S", "n", "d")
DAY_MS = 86_400_000
NOON_MS = 20_000 * DAY_MS + DAY_MS // 2


def _written(path: Path, values: list[tuple[int, int, float | None]]) -> SqliteWriter:
    writer = SqliteWriter(path)
    series = writer.series(KEY)
    place = writer.field(series, "CO2", DataType.Float)
    writer.write([Row(series, ts_ms, position, bytes([place]), [value]) for ts_ms, position, value in values])
    return writer


def _query(path: Path, **options: object) -> list[Point]:
    reader = SqliteReader(path)
    given = {"start_ms": 0, "end_ms": 1 << 60, "step_ms": None, "aggregate": Aggregate.MEAN, "limit": 1000}
    try:
        return reader.query(KEY, "CO2", **{**given, **options})  # type: ignore[arg-type]
    finally:
        reader.close()


def test_twice_is_once(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    _written(path, [(NOON_MS, 1, 400.0), (NOON_MS + 1, 2, 410.0)]).close()
    _written(path, [(NOON_MS, 1, 400.0), (NOON_MS + 1, 2, 410.0)]).close()
    assert _query(path) == [(NOON_MS, 400.0), (NOON_MS + 1, 410.0)]


def test_two_changes_in_one_millisecond_stay_two(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    _written(path, [(NOON_MS, 1, 400.0), (NOON_MS, 2, 410.0)]).close()
    assert [point.value for point in _query(path)] == [400.0, 410.0]


def test_ranges_are_half_open_and_cross_midnight(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    midnight = 20_001 * DAY_MS
    moments = [midnight - 1000, midnight, midnight + 1000]
    _written(path, [(ts_ms, n + 1, float(n)) for n, ts_ms in enumerate(moments)]).close()
    assert [p.value for p in _query(path, start_ms=midnight - 1000, end_ms=midnight + 1000)] == [0.0, 1.0]


@pytest.mark.parametrize(
    ("aggregate", "expected"),
    [
        ("mean", [2.0, 10.0]),
        ("min", [1.0, 10.0]),
        ("max", [3.0, 10.0]),
        ("last", [3.0, 10.0]),
        ("count", [2, 1]),
    ],
)
def test_steps(tmp_path: Path, aggregate: str, expected: list[float]) -> None:
    path = tmp_path / "t.db"
    start = NOON_MS - NOON_MS % 60_000
    _written(
        path, [(start, 1, 1.0), (start + 100, 2, None), (start + 30_000, 3, 3.0), (start + 120_000, 4, 10.0)]
    ).close()
    points = _query(path, step_ms=60_000, aggregate=Aggregate(aggregate))
    assert points == [(start, expected[0]), (start + 120_000, expected[1])], (
        "a minute without values is a gap"
    )


def test_the_datatype_of_a_metric_may_change(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    writer = _written(path, [(NOON_MS, 1, 400.5)])
    series = writer.series(KEY)
    place = writer.field(series, "CO2", DataType.Int32)
    writer.write([Row(series, NOON_MS + 5, 2, bytes([place]), [401])])
    writer.close()
    assert [point.value for point in _query(path)] == [400.5, 401]


def test_whole_days_are_dropped(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    writer = _written(path, [(NOON_MS - DAY_MS, 1, 1.0), (NOON_MS, 2, 2.0)])
    assert writer.delete_before(NOON_MS) == ["sample_20241003"]
    writer.close()
    assert [point.value for point in _query(path)] == [2.0]


def test_a_reader_sees_what_another_process_writes(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    writer = _written(path, [(NOON_MS, 1, 1.0)])
    reader = SqliteReader(path)
    assert reader.latest(KEY, "CO2", NOON_MS + 10) == (NOON_MS, 1.0)
    series = writer.series(KEY)
    writer.write([Row(series, NOON_MS + 5, 2, b"\x00", [2.0])])
    assert reader.latest(KEY, "CO2", NOON_MS + 10) == (NOON_MS + 5, 2.0)
    with pytest.raises(sqlite3.OperationalError):
        reader._open().execute("DELETE FROM series")
    reader.close()
    writer.close()


def test_before_the_first_write_the_reader_says_so(tmp_path: Path) -> None:
    with pytest.raises(TelemetryError, match="no telemetry yet"):
        _query(tmp_path / "none.db")


def test_urls() -> None:
    assert path_of("sqlite:///data/t.db") == Path("data/t.db")
    assert path_of("sqlite:////var/t.db") == Path("/var/t.db")
    with pytest.raises(TelemetryError, match="telemetry_url"):
        path_of("influx://x")
