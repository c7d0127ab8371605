"""History of a metric over HTTP: what is asked for has to be said clearly, and comes back clean."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from starlette.requests import HTTPConnection

from devices.wire.datatypes import DataType
from hub.live.picture import Picture
from hub.telemetry import api
from hub.telemetry.history import History
from hub.telemetry.port import Row
from hub.telemetry.sqlite import SqliteReader, SqliteWriter
from hub.telemetry.sqlite_rollups import SqliteRollups
from hub.web import problems
from hub.web.principal import Principal
from tests.hub.wall.documents import T0, device, put

SCHOOL = "D703-THPT-01"
HISTORY = f"/api/v1/devices/{SCHOOL}/{SCHOOL}-a1/air/metrics"


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """The telemetry route over one device with a Float and a Double."""
    writer = SqliteWriter(tmp_path / "t.db")
    series = writer.series((SCHOOL, f"{SCHOOL}-a1", "air"))
    places = bytes(
        [writer.field(series, "Temperature", DataType.Float), writer.field(series, "Energy", DataType.Double)]
    )
    moments = [(T0 - 30_000, 27.2), (T0 - 29_000, 27.1), (T0 - 28_000, 27.2)]
    writer.write(
        [Row(series, ts_ms, n, places, [value, 12345.678901]) for n, (ts_ms, value) in enumerate(moments)]
    )
    writer.close()
    app = FastAPI()
    problems.install(app)
    app.include_router(api.router)
    app.state.picture, app.state.now_ms = Picture(), lambda: T0
    put(app.state.picture, device(SCHOOL, "air", Temperature=27.2, Energy=1))
    app.state.telemetry = SqliteReader(tmp_path / "t.db")
    days = {"raw": 30, "5m": 180, "1h": 1100, "1d": 3660}
    app.state.history = History(app.state.telemetry, SqliteRollups(tmp_path / "t.db"), days, lambda: T0)

    async def authenticate(_connection: HTTPConnection) -> tuple[Principal, bool]:
        return Principal("lan", "Lan", "api", {"telemetry.read": None}), False

    app.state.authenticate = authenticate
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://hub") as client:
        yield client
    app.state.telemetry.close()
    app.state.history.close()


async def test_a_float_has_the_digits_it_was_sent_with(client: httpx.AsyncClient) -> None:
    raw = (await client.get(f"{HISTORY}/Temperature")).json()
    assert [item["value"] for item in raw["items"]] == [27.2, 27.1, 27.2]
    mean = (await client.get(f"{HISTORY}/Temperature", params={"step": "1m"})).json()
    assert (mean["aggregate"], [item["value"] for item in mean["items"]]) == ("mean", [27.16667])
    double = (await client.get(f"{HISTORY}/Energy")).json()
    assert double["items"][0]["value"] == 12345.678901


@pytest.mark.parametrize(
    ("query", "field", "detail", "fix"),
    [
        ("step=60", "step", "a duration needs a unit", "write something like 500ms, 30s, 5m, 1h or 1d"),
        ("step=soon", "step", "this is not a duration", "write something like 500ms, 30s, 5m, 1h or 1d"),
        ("step=0s", "step", "this is not a duration", "write something like 500ms, 30s, 5m, 1h or 1d"),
        ("step=", "step", "this is not a duration", "write something like 500ms, 30s, 5m, 1h or 1d"),
        (
            "aggregate=max",
            "aggregate",
            "raw values are not aggregated",
            "send step as well, such as step=1m, or leave aggregate out",
        ),
    ],
)
async def test_a_vague_question_is_refused(
    client: httpx.AsyncClient, query: str, field: str, detail: str, fix: str
) -> None:
    answer = await client.get(f"{HISTORY}/Temperature?{query}")
    problem = answer.json()
    assert answer.status_code == 422
    assert (problem["field"], problem["errors"][0]["detail"], problem["fix"]) == (field, detail, fix)


async def test_a_chart_breaks_where_there_is_nothing(client: httpx.AsyncClient) -> None:
    answer = (await client.get(f"{HISTORY}/Temperature", params={"points": 500})).json()
    assert (answer["tier"], answer["step_ms"], answer["states"]) == ("raw", None, None)
    assert [item["value"] for item in answer["items"]] == [27.2, 27.1, 27.2]
    both = await client.get(f"{HISTORY}/Temperature", params={"points": 500, "step": "1m"})
    assert (both.status_code, both.json()["field"]) == (422, "step")


async def test_many_metrics_in_one_question(client: httpx.AsyncClient) -> None:
    series = [{"group": SCHOOL, "node": f"{SCHOOL}-a1", "device": "air", "metric": name}
              for name in ("Energy", "Temperature")]  # fmt: skip
    asked = {"series": series, "start": T0 - 3_600_000, "end": T0, "step": "1h"}
    answer = (await client.post("/api/v1/telemetry/query", json=asked)).json()
    assert [(item["metric"], [value for _, value in item["points"]]) for item in answer["items"]] == [
        ("Energy", [12345.678901]),
        ("Temperature", [27.16667]),
    ]
    assert answer["next_cursor"] is None
    assert answer["start_ms"] <= T0 - 3_600_000


@pytest.mark.parametrize(
    ("change", "status", "field"),
    [
        ({"step": "1m"}, 422, "step"),
        ({"step": "5m", "start": T0 - 366 * 86_400_000}, 422, "step"),
        ({"start": T0}, 422, "start"),
        ({"series": [{"group": "x", "node": "y", "metric": "z"}]}, 404, "series[0].device"),
        ({"serie": 1}, 422, None),
    ],
)
async def test_a_wrong_question_about_many(
    client: httpx.AsyncClient, change: dict[str, object], status: int, field: str | None
) -> None:
    series = [{"group": SCHOOL, "node": f"{SCHOOL}-a1", "device": "air", "metric": "Energy"}]
    asked = {"series": series, "start": T0 - 3_600_000, "end": T0, "step": "1h"} | change
    answer = await client.post("/api/v1/telemetry/query", json=asked)
    assert answer.status_code == status, answer.text
    assert field is None or answer.json()["field"] == field
