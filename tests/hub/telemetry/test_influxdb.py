"""InfluxDB when it is ill: nothing is lost, and what is wrong is said in words that tell what to do."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from devices.wire.datatypes import DataType
from hub.telemetry.engines import check_reader, open_reader, open_rollups, open_writer
from hub.telemetry.influxdb_address import parse_address
from hub.telemetry.port import Aggregate, Key, Row, TelemetryError, TelemetryWriter, Value
from hub.telemetry.rollup import Rollup
from hub.telemetry.rollup_port import RollupRow
from hub.telemetry.tiers import DAY_MS, ROLLED, Tier
from tests.hub.telemetry.influx_gateway import TOKEN, Gateway
from tests.hub.telemetry.influx_server import Influx

pytestmark = pytest.mark.influxdb

KEY: Key = ("S", "n", "d")


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _rows(writer: TelemetryWriter, samples: list[tuple[int, Value]], name: str = "CO2") -> list[Row]:
    series = writer.series(KEY)
    place = writer.field(series, name, DataType.Double)
    return [Row(series, ts_ms, n, bytes([place]), [value]) for n, (ts_ms, value) in enumerate(samples)]


def _values(url: str, name: str = "CO2") -> list[Value]:
    reader = open_reader(url, TOKEN)
    found = reader.query(KEY, name, 0, 1 << 60, None, Aggregate.MEAN, 10_000)
    reader.close()
    return [point.value for point in found]


@pytest.fixture
def gateway(influx: Influx) -> Iterator[Gateway]:
    gateway = influx.gateway
    yield gateway
    gateway.illness, gateway.delay_s, gateway.token = None, 0.0, TOKEN
    gateway.limit_bytes = 25_000_000


@pytest.fixture
def url(influx: Influx) -> str:
    return influx.new_database()


_ILLNESSES: list[tuple[tuple[int, str, dict[str, str]], str, bool, float | None]] = [
    ((401, '{"message":"unauthorized access"}', {}), "refuses the token .*HUB_TELEMETRY_TOKEN", True, None),
    ((403, '{"error":"not authorized"}', {}), "refuses the token", True, None),
    ((404, '{"message":"bucket \\"x\\" not found"}', {}), "has no bucket 'test_.*create it", True, None),
    ((500, '{"error":"retention policy not found: x"}', {}), "has no bucket", True, None),
    ((429, "slow down", {"Retry-After": "7"}), "429: slow down", False, 7.0),
    ((503, "", {"Retry-After": "soon"}), "now .503", False, None),
    ((507, '{"error":"disk"}', {}), "507: disk", False, None),
    ((500, '{"error":"write wal: no space left on device"}', {}), "no space left on device", False, None),
    ((200, "<html>Log in to the school's network</html>", {}), "200 to a write, not 204", True, None),
    ((400, '{"error":"what?"}', {}), "refuses every write .what", True, None),
]


@pytest.mark.parametrize(("illness", "words", "permanent", "retry_after_s"), _ILLNESSES)
def test_an_ill_engine_is_told_apart_and_loses_nothing(
    url: str,
    gateway: Gateway,
    illness: tuple[int, str, dict[str, str]],
    words: str,
    permanent: bool,
    retry_after_s: float | None,
) -> None:
    writer = open_writer(url, TOKEN)
    rows = _rows(writer, [(_now_ms() + n, float(n)) for n in range(3)])
    writer.write(rows[:1])
    gateway.illness = illness
    with pytest.raises(TelemetryError, match=words) as caught:
        writer.write(rows)
    assert (caught.value.is_permanent, caught.value.retry_after_s) == (permanent, retry_after_s)
    assert TOKEN not in str(caught.value)
    gateway.illness = None
    assert not writer.write(rows)
    writer.close()
    assert _values(url) == [0.0, 1.0, 2.0]


def test_a_wrong_token_a_missing_bucket_and_an_absent_engine_are_said_at_reading(
    url: str, influx: Influx, unused_port: int
) -> None:
    def said(where: str, token: str) -> str:
        reader = open_reader(where, token)
        try:
            return check_reader(reader)
        finally:
            reader.close()

    writer = open_writer(url, TOKEN)
    writer.write(_rows(writer, [(_now_ms(), 1.0)]))
    writer.close()
    assert said(url, TOKEN) == ""
    assert "refuses the token" in said(url, "old")
    assert "has no bucket 'nowhere/autogen'" in said(influx.url("nowhere/autogen"), TOKEN)
    assert "does not answer: " in said(f"influxdb://127.0.0.1:{unused_port}/hub", TOKEN)


def test_a_slow_engine_is_given_up_in_time(influx: Influx, gateway: Gateway, url: str) -> None:
    writer = open_writer(f"{url}?timeout_s=0.3", TOKEN)
    rows = _rows(writer, [(_now_ms(), 1.0)])
    gateway.delay_s = 1.0
    started = time.monotonic()
    with pytest.raises(TelemetryError, match=r"does not answer: .*timed out") as caught:
        writer.write(rows)
    assert time.monotonic() - started < 0.9
    assert not caught.value.is_permanent
    gateway.delay_s = 0
    assert not writer.write(rows)
    writer.close()
    assert _values(url) == [1.0]


def test_killed_in_the_middle_and_started_again(program: Callable[[str], Path], tmp_path: Path) -> None:
    engine = Influx(program("influxd"), tmp_path)
    url = engine.new_database()
    writer = open_writer(url, TOKEN)
    start_ms = _now_ms()
    rows = _rows(writer, [(start_ms + n, float(n)) for n in range(3000)])
    try:
        writer.write(rows[:1000])
        engine.kill()
        with pytest.raises(TelemetryError, match="does not answer") as caught:
            writer.write(rows[1000:2000])
        assert not caught.value.is_permanent
        engine.start()
        writer.write(rows[1000:2000])
        engine.kill()  # at once after it said yes
        engine.start()
        writer.write(rows[2000:])
        assert _values(url) == [float(n) for n in range(3000)]
    finally:
        writer.close()
        engine.stop()


def test_rows_beyond_retention_are_handed_back_and_hold_up_nothing(influx: Influx, url: str) -> None:
    database = parse_address(url).database
    influx.ask(f'CREATE RETENTION POLICY "hour" ON "{database}" DURATION 1h REPLICATION 1')
    short = influx.url(f"{database}/hour")
    now_ms = _now_ms()
    writer = open_writer(short, TOKEN)
    influx.gateway.writes = 0
    rows = _rows(writer, [(now_ms - (n % 3) * 7_200_000 - n, float(n)) for n in range(300)])
    refused = writer.write(rows)
    assert {row.values[0] for row, _ in refused} == {float(n) for n in range(300) if n % 3}
    assert {reason for _, reason in refused} == {"partial write: points beyond retention policy"}
    assert influx.gateway.writes == 1, "told from one answer"
    assert len(writer.write(rows[1:2])) == 1
    writer.close()
    assert set(_values(short)) == {float(n) for n in range(0, 300, 3)}


def test_whole_shards_of_a_tiers_own_bucket_are_dropped(influx: Influx, url: str) -> None:
    database = parse_address(url).database
    for tier in ROLLED:
        policy = f'"r_{tier.value}" ON "{database}" DURATION INF REPLICATION 1 SHARD DURATION 1d'
        influx.ask(f"CREATE RETENTION POLICY {policy}")
    now_ms = _now_ms()
    old_ms = now_ms - 100 * DAY_MS
    writer = open_writer(url, TOKEN)
    writer.write(_rows(writer, [(old_ms, 1.0), (now_ms, 2.0)]))
    writer.close()
    both = [Rollup(ts_ms, 1, 1.0, 1.0, 1.0, 1.0, ts_ms, 1.0, 1, {}, True) for ts_ms in (old_ms, now_ms)]
    shared = open_rollups(url, TOKEN)
    assert shared.delete_before(Tier.RAW, now_ms - DAY_MS) == 0, "others are in the same bucket"
    shared.close()
    store = open_rollups(f"{url}?rollups={database}/r", TOKEN)
    store.write({Tier.HOUR: [RollupRow(KEY, "CO2", DataType.Double, each) for each in both]})
    assert store.delete_before(Tier.HOUR, now_ms - DAY_MS) == 1
    assert store.rollups(Tier.HOUR, [(KEY, None)], 0, now_ms + 1) == {(KEY, "CO2"): both[1:]}
    assert _values(url) == [1.0, 2.0], "a tier of its own"
    assert store.delete_before(Tier.RAW, now_ms - 20 * DAY_MS) == 1
    assert _values(url) == [2.0]
    store.close()


def test_a_field_that_others_wrote_with_another_type_costs_only_its_rows(influx: Influx, url: str) -> None:
    database = parse_address(url).database
    httpx.post(
        f"http://127.0.0.1:{influx.port}/write?db={database}&rp=autogen",
        content=f'sample,device=d,group=S,node=n Bad|d="text" {_now_ms() * 1_000_000}',
    ).raise_for_status()
    writer = open_writer(url, TOKEN)
    now_ms = _now_ms()
    good = _rows(writer, [(now_ms + n, float(n)) for n in range(500)])
    bad = [row._replace(ordinal=900 + n) for n, row in enumerate(_rows(writer, [(now_ms, 1.0)] * 3, "Bad"))]
    influx.gateway.writes = 0
    refused = writer.write([*good[:100], bad[0], *good[100:450], bad[1], bad[2], *good[450:]])
    assert [row for row, _ in refused] == bad
    assert "field type conflict" in refused[0].reason
    assert influx.gateway.writes < 60
    writer.close()
    assert _values(url) == [float(n) for n in range(500)]


def test_a_batch_that_is_too_large_is_halved(gateway: Gateway, url: str) -> None:
    writer = open_writer(url, TOKEN)
    rows = _rows(writer, [(_now_ms() + n, n * 0.1234567) for n in range(2000)])
    gateway.limit_bytes = 5_000
    assert not writer.write(rows)
    writer.close()
    assert len(_values(url)) == 2000


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("influxdb://h/hub?org=o", ("http://h:8086", "hub", "", "o", "hub", "")),
        ("influxdbs://tok%2Fen@h:443/db/rp", ("https://h:443", "db/rp", "tok/en", "", "db", "rp")),
        ("influxdb://an:p%40ss@[::1]:1/b", ("http://[::1]:1", "b", "an:p@ss", "", "b", "")),
    ],
)
def test_addresses(url: str, expected: tuple[str, ...]) -> None:
    found = parse_address(url)
    assert (
        found.base_url, found.bucket, found.token, found.org, found.database, found.policy
    ) == expected  # fmt: skip
    assert parse_address(url, "other").token == "other"
    assert not found.token or found.token not in repr(found)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("influxdb://secret@h:x/b", "names no InfluxDB"),
        ("influxdb://secret@h", "names no bucket"),
        ("influxdb://secret@h/b?bucket=x", "unknown option bucket"),
        ("influxdb://secret@h/b?timeout_s=x", "not a number"),
    ],
)
def test_a_wrong_address_is_named_without_its_token(url: str, words: str) -> None:
    with pytest.raises(TelemetryError, match=words) as caught:
        open_writer(url)
    assert "secret" not in str(caught.value)
