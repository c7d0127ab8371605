"""The wall's last hour outlives the web role."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from devices.wire.datatypes import DataType
from hub.live.picture import Picture
from hub.telemetry.port import Row
from hub.telemetry.sqlite import SqliteReader, SqliteWriter
from hub.wall import service
from hub.wall.memory import FILE, WallMemory
from hub.wall.minutes import MINUTE_MS
from hub.wall.service import Walls
from tests.hub.wall.documents import DISTRICTS, SCHOOLS, T0, node, put, uplink

A, B = (school.code for school in SCHOOLS)
NOW = T0 // MINUTE_MS


def store(path: Path, school: str, utilisation: dict[int, list[float]]) -> None:
    writer = SqliteWriter(path)
    series = writer.series((school, f"{school}-a1", "uplink"))
    place = writer.field(series, "Utilisation", DataType.Float)
    writer.write(
        [
            Row(series, minute * MINUTE_MS + 1000 * i, i, (place,), [value])
            for minute, values in utilisation.items()
            for i, value in enumerate(values)
        ]
    )
    writer.close()


@contextlib.asynccontextmanager
async def running(folder: Path, now_ms: int = T0) -> AsyncIterator[tuple[Walls, Picture]]:
    """A web role's walls over one life, with what the folder holds."""
    picture = Picture()
    picture.connected = True
    walls, stop = Walls(picture, "1", lambda: now_ms), asyncio.Event()
    walls.organise(SCHOOLS, DISTRICTS)
    telemetry = SqliteReader(folder / "telemetry.db")
    walls.remember(WallMemory(telemetry, folder))
    task = asyncio.create_task(walls.run(stop))
    yield walls, picture
    stop.set()
    await task
    telemetry.close()


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not true():
            await asyncio.sleep(0.01)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "MEMORY_GAP_S", 0.02)


async def test_lines_come_from_telemetry_also_those_that_appear_later(tmp_path: Path) -> None:
    for school in (A, B):
        store(tmp_path / "telemetry.db", school, {NOW - 70: [99], NOW - 3: [10, 61.26, 20], NOW - 1: [30]})

    def strip(walls: Walls, school: str, scope: frozenset[str] | None = None) -> list[float | None]:
        feed = walls.feed(scope)
        feed.snapshot(T0)
        shown = feed.picture(T0)["uplinks"]
        return next((line["history"] for line in shown if line["school"] == school), [])

    async with running(tmp_path) as (walls, picture):
        put(picture, uplink(A, 40))
        wanted = [None] * 56 + [61.3, None, 30, 40]
        await until(lambda: strip(walls, A) == wanted)
        put(picture, uplink(B, 50))
        await until(lambda: strip(walls, B) == [*wanted[:-1], 50])
        await until(lambda: strip(walls, B, frozenset({B})) == [*wanted[:-1], 50])


async def test_figures_outlive_the_process_and_time_away_is_a_gap(tmp_path: Path) -> None:
    async with running(tmp_path) as (walls, picture):
        put(picture, node(A))
        await until(lambda: walls.feed(None).history.values("schools_online")[-1] == 1)
    async with running(tmp_path, T0 + 5 * MINUTE_MS) as (walls, picture):
        put(picture, node(A))
        put(picture, node(B))
        await until(lambda: walls.feed(None).history.values("schools_online")[-6:] == [1, *[None] * 4, 2])
    async with running(tmp_path, T0 + 64 * MINUTE_MS) as (walls, _):
        await until(lambda: walls.feed(None).history.values("schools_online")[0] == 2)
        assert not any(walls.feed(None).history.values("schools_online")[1:])
    written_ns = (tmp_path / FILE).stat().st_mtime_ns
    async with running(tmp_path, T0 + 500 * MINUTE_MS) as (walls, _):
        await until(lambda: (tmp_path / FILE).stat().st_mtime_ns > written_ns)
        assert not any(walls.feed(None).history.values("schools_online")[:-1])
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


async def test_two_processes_complete_each_other(tmp_path: Path) -> None:
    one = WallMemory(SqliteReader(tmp_path / "x"), tmp_path)
    one.keep({"schools_online": {NOW - 2: 5}})
    async with running(tmp_path) as (walls, picture):
        put(picture, node(A))
        await until(lambda: walls.feed(None).history.values("schools_online")[-1] == 1)
    assert one.figures()["schools_online"] == {NOW - 2: 5, NOW: 1}


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"3", b'{"rx_kbps":{"a":1}}', b'{"rx_kbps":{"1":"b"}}']
)
def test_a_broken_file_is_no_history(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE).write_bytes(content)
    assert WallMemory(SqliteReader(tmp_path / "x"), tmp_path).figures() == {}


def test_without_telemetry_nothing_is_known(tmp_path: Path) -> None:
    assert WallMemory(SqliteReader(tmp_path / "x"), tmp_path).utilisation((A, "n", "uplink"), T0) == {}
