"""From a message to the API: ingest applies and stores, the job rolls up beside it, people see it."""

import asyncio
from pathlib import Path

import httpx
from fastapi import FastAPI
from starlette.requests import HTTPConnection

from hub.live.picture import Picture
from hub.telemetry import api
from hub.telemetry.history import History
from hub.telemetry.rollup_job import Keep
from hub.telemetry.rollup_role import keep_rolled_up
from hub.telemetry.sqlite import SqliteReader
from hub.telemetry.sqlite_rollups import SqliteRollups
from hub.telemetry.tiers import HOUR_MS, MINUTE_MS, Tier
from hub.web import problems
from hub.web.principal import Principal
from tests.hub.ingest.parts import START_MS, Parts, Sender, number
from tests.hub.wall.documents import device, put

DAYS = {"raw": 30, "5m": 180, "1h": 1100, "1d": 3660}


async def test_what_a_device_says_is_on_the_chart_with_its_gap(tmp_path: Path) -> None:
    parts = Parts(tmp_path)
    parts.telemetry._now_ms = lambda: parts.now_ms
    sender = Sender(parts).born("air")
    stop = asyncio.Event()

    async def roll_up_to(through_ms: int) -> None:
        parts.telemetry.write(parts.rows)
        parts.rows.clear()
        for _ in range(200):
            if store.progress().through_ms[Tier.FIVE_MINUTES] >= through_ms:
                return
            await asyncio.sleep(0.05)
        raise AssertionError("the roll-ups did not come")

    store = SqliteRollups(tmp_path / "telemetry.db")
    for minute in range(60):  # an hour of reports, then the line is cut for twenty minutes
        parts.now_ms = START_MS + minute * MINUTE_MS
        sender.data("air", number("Temperature", 20.0 + minute % 2, ts_ms=parts.now_ms), ts_ms=parts.now_ms)
    parts.tick(20 * 60)
    parts.telemetry.write(parts.rows)
    parts.rows.clear()
    files = tmp_path / "telemetry.db"
    job = asyncio.create_task(
        keep_rolled_up(
            lambda: SqliteReader(files), lambda: SqliteRollups(files), Keep(DAYS), lambda: parts.now_ms,
            lambda: True, stop,
        )
    )  # fmt: skip
    await roll_up_to(START_MS + HOUR_MS)
    sender.seq = 0
    sender.send("NBIRTH", "", [*sender.about_outbox(0)])
    sender.send("DBIRTH", "air", [*sender.about_outbox(0), number("Temperature", 25.0, ts_ms=parts.now_ms)])
    parts.telemetry.write(parts.rows)

    app = FastAPI()
    problems.install(app)
    app.include_router(api.router)
    app.state.picture, app.state.now_ms = Picture(), lambda: parts.now_ms
    put(app.state.picture, {**device("S1", "air", Temperature=25.0), "node": "n1"})
    app.state.telemetry = SqliteReader(files)
    app.state.history = History(app.state.telemetry, store, DAYS, lambda: parts.now_ms)

    async def authenticate(_connection: HTTPConnection) -> tuple[Principal, bool]:
        return Principal("lan", "Lan", "api", {"telemetry.read": None}), False

    app.state.authenticate = authenticate
    parts.now_ms += 60_000
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://hub") as client:
        path = "/api/v1/devices/S1/n1/air/metrics/Temperature"
        query = {"start": START_MS - 1, "end": parts.now_ms, "points": 40}
        chart = (await client.get(path, params=query)).json()
        counts = (
            await client.get(
                path, params={"start": START_MS - 1, "end": parts.now_ms, "step": "1h", "aggregate": "count"}
            )
        ).json()
    stop.set()
    await job
    app.state.telemetry.close()
    store.close()
    parts.telemetry.close()
    assert chart["tier"] == "5m"
    values = [item["value"] for item in chart["items"]]
    assert values.count(None) == 1, "one gap, while the line was cut"
    assert 20.4 < values[2] < 20.6
    assert values[-1] == 25.0, "fresh, though not rolled up yet"
    assert sum(item["count"] for item in chart["items"]) == 60
    assert sum(item["value"] for item in counts["items"]) == 60, "marks are no samples"
