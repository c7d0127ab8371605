"""Export: what was stored comes out, as far as the asker may see it, in files made while they are sent."""

import csv
import io
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pyarrow.parquet as pq  # type: ignore[import-untyped]
import pytest
from fastapi import FastAPI
from starlette.requests import HTTPConnection

from devices.wire.datatypes import DataType
from hub.live.picture import Picture
from hub.telemetry import export_api
from hub.telemetry.export import RAW_COLUMNS, csv_parts, parquet_parts
from hub.telemetry.history import History
from hub.telemetry.port import MARKER, Row
from hub.telemetry.rollup_job import Keep, RollupJob
from hub.telemetry.sqlite import SqliteReader, SqliteWriter
from hub.telemetry.sqlite_rollups import SqliteRollups
from hub.web import problems
from hub.web.principal import Principal
from tests.hub.wall.documents import T0, device, put

SCHOOL, OTHER = "D703-THPT-01", "D703-THPT-02"
DAYS = {"raw": 30, "5m": 180, "1h": 1100, "1d": 3660}
START = T0 - 7_200_000


@pytest.fixture
def asker() -> Principal:
    return Principal("lan", "Lan", "api", {"telemetry.read": frozenset({SCHOOL})})


@pytest.fixture
async def client(tmp_path: Path, asker: Principal) -> AsyncIterator[httpx.AsyncClient]:
    """Two schools with history; the asker is of one."""
    writer = SqliteWriter(tmp_path / "t.db")
    app = FastAPI()
    problems.install(app)
    app.include_router(export_api.router)
    app.state.picture, app.state.now_ms = Picture(), lambda: T0
    for school in (SCHOOL, OTHER):
        series = writer.series((school, f"{school}-a1", "air"))
        places = bytes(
            [
                writer.field(series, "Temperature", DataType.Float),
                writer.field(series, "Mode", DataType.String),
            ]
        )
        writer.write([
            Row(series, START, 1, places, [-27.25, "=1+1"]),
            Row(series, START + 60_000, 2, places, [28.0, "Phòng họp"]),
            Row(series, START + 120_000, MARKER, places, [None, None]),
        ])  # fmt: skip
        put(app.state.picture, device(school, "air", Temperature=27.2, Mode="x"))
    writer.close()
    app.state.telemetry = SqliteReader(tmp_path / "t.db")
    store = SqliteRollups(tmp_path / "t.db")
    job = RollupJob(app.state.telemetry, store, Keep(DAYS), lambda: T0)
    while job.step():
        pass
    app.state.history = History(app.state.telemetry, store, DAYS, lambda: T0)

    async def authenticate(_connection: HTTPConnection) -> tuple[Principal, bool]:
        return asker, False

    app.state.authenticate = authenticate
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://hub") as client:
        yield client
    app.state.telemetry.close()
    store.close()


async def _csv(client: httpx.AsyncClient, **query: Any) -> tuple[httpx.Response, list[dict[str, str]]]:
    answer = await client.get("/api/v1/telemetry/export", params={"start": START, "end": T0, **query})
    assert answer.status_code == 200, answer.text
    delimiter = ";" if query.get("decimal") == "comma" else ","
    return answer, list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig")), delimiter=delimiter))


async def test_csv_has_what_the_asker_may_read(client: httpx.AsyncClient) -> None:
    answer, rows = await _csv(client)
    assert answer.content.startswith("\ufeff".encode()), "Excel takes it for UTF-8"
    assert {row["group"] for row in rows} == {SCHOOL}
    values = [(row["metric"], row["value"], row["is_sample"]) for row in rows]
    assert ("Temperature", "-27.25", "true") in values, "a negative number is a number"
    assert ("Mode", "'=1+1", "true") in values, "a text is not a formula"
    assert ("Mode", "Phòng họp", "true") in values
    assert ("Temperature", "", "false") in values
    assert rows[0]["ts"].endswith("Z")
    assert 'filename="all_' in answer.headers["content-disposition"]
    _, comma = await _csv(client, metric="Temperature", decimal="comma", school=SCHOOL)
    assert [row["value"] for row in comma] == ["-27,25", "28,0", ""]


async def test_tiers_are_exported_as_windows(client: httpx.AsyncClient) -> None:
    _, rows = await _csv(client, tier="5m", metric="Temperature")
    assert [(row["count"], row["min"], row["max"], row["mean"], row["covered_s"]) for row in rows] == [
        ("2", "-27.25", "28.0", "0.375", "120.0")
    ]
    _, states = await _csv(client, tier="5m", metric="Mode")
    assert states[0]["states"] == '{"=1+1":60000,"Phòng họp":60000}'


@pytest.mark.parametrize("tier", ["raw", "1h"])
async def test_parquet(client: httpx.AsyncClient, tier: str) -> None:
    answer = await client.get(
        "/api/v1/telemetry/export",
        params={"start": START - 3_600_000, "end": T0, "format": "parquet", "tier": tier},
    )
    table = pq.read_table(io.BytesIO(answer.content)).to_pylist()
    assert {row["group"] for row in table} == {SCHOOL}
    if tier == "raw":
        assert [row["value"] for row in table if row["metric"] == "Temperature"] == [-27.25, 28.0, None]
        assert [row["value_text"] for row in table if row["metric"] == "Mode"] == ["=1+1", "Phòng họp", None]
        assert round(table[0]["ts"].timestamp() * 1000) == table[0]["ts_ms"] == START
    else:
        assert [(row["count"], row["max"]) for row in table if row["metric"] == "Temperature"] == [(2, 28.0)]


async def test_what_one_may_not_read_is_not_there(client: httpx.AsyncClient) -> None:
    for query in ({"school": OTHER}, {"group": OTHER}, {"device": "x"}, {"metric": "x"}):
        answer = await client.get("/api/v1/telemetry/export", params=query)
        assert answer.status_code == 404
        assert answer.json()["field"] == next(iter(query))


def _endless(read: list[int]) -> Iterator[tuple[Any, ...]]:
    for n in range(1_000_000):
        read.append(n)
        yield ("S", "n", "d", "m", "°C", "2026-11-23T00:00:00.000Z", n, float(n), True)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_file_is_sent_while_it_is_made(kind: str) -> None:
    read: list[int] = []
    if kind == "csv":
        parts = csv_parts(RAW_COLUMNS, _endless(read), decimal_comma=False)
    else:
        parts = parquet_parts(RAW_COLUMNS, _endless(read))
    size = len(next(parts))
    assert size > 1000
    assert len(read) <= 50_001
    size = len(next(parts))
    assert size > 1000
    assert len(read) <= 100_001
