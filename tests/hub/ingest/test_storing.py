"""Rows reach the engine once it takes them, whatever happens before; live state waits for no engine."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from devices.wire.datatypes import DataType
from hub.ingest.spool import Spool, pack, unpack
from hub.ingest.storing import Storing
from hub.telemetry.port import Aggregate, Refused, Row, TelemetryError
from hub.telemetry.sqlite import SqliteReader, SqliteWriter

T0 = 1_760_000_000_000


class Engine(SqliteWriter):
    """A real engine that can be told to refuse or to be slow."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.away = self.never = False
        self.gate = threading.Event()  # closed, a write takes as long as the test wants
        self.gate.set()
        self.attempts = 0

    def write(self, rows: Sequence[Row]) -> Sequence[Refused]:
        self.attempts += 1
        assert self.gate.wait(30)
        if self.away:
            raise TelemetryError("the engine is away")
        if self.never:
            return [Refused(row, "beyond retention") for row in rows]
        return super().write(rows)


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return Engine(tmp_path / "telemetry.db")


@contextlib.asynccontextmanager
async def running(storing: Storing) -> AsyncIterator[Storing]:
    task = asyncio.create_task(storing.run())
    yield storing
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def batch(engine: SqliteWriter, first: int, count: int) -> list[Row]:
    series = engine.series(("S1", "n1", "d1"))
    place = engine.field(series, "CO2", DataType.Int32)
    return [Row(series, T0 + n, n, bytes([place]), [n]) for n in range(first, first + count)]


def stored(tmp_path: Path) -> list[object]:
    reader = SqliteReader(tmp_path / "telemetry.db")
    key = ("S1", "n1", "d1")
    points = reader.query(key, "CO2", T0, T0 + 1_000_000, None, Aggregate.LAST, 1_000_000)
    reader.close()
    return [point.value for point in points]


async def until_stored(storing: Storing, rows: int) -> None:
    async with asyncio.timeout(10):
        while storing.stored_rows < rows or storing.spooled_rows:
            await asyncio.sleep(0.01)


async def test_a_healthy_engine_takes_rows_from_memory(tmp_path: Path, engine: Engine) -> None:
    storing = Storing(engine, Spool(tmp_path / "spool.db", 1_000_000), lambda: T0)
    async with running(storing):
        for first in range(0, 500, 100):
            await storing.offer(batch(engine, first, 100))
        await storing.settle()
        assert storing.stored_rows == 500
        assert storing.spooled_rows == storing.queued_rows == 0
    assert stored(tmp_path) == list(range(500))


async def test_an_engine_that_is_away_stops_nobody_and_loses_nothing(tmp_path: Path, engine: Engine) -> None:
    storing = Storing(
        engine, Spool(tmp_path / "spool.db", 1_000_000), lambda: T0, queue_rows=150, patience_s=0.2
    )
    engine.away = True
    async with running(storing):
        async with asyncio.timeout(20):
            for first in range(0, 500, 100):
                await storing.offer(batch(engine, first, 100))
            await storing.settle()
        assert "away" in storing.failure
        assert storing.queued_rows == 0
        assert storing.spooled_rows == 500
        assert storing.spooled_bytes > 0
        engine.away = False
        await until_stored(storing, 500)
        assert storing.failure == ""
    assert storing.spooled_rows == storing.spooled_bytes == 0
    assert stored(tmp_path) == list(range(500))


async def test_a_kill_while_the_engine_is_away_leaves_the_rows_on_disk(
    tmp_path: Path, engine: Engine
) -> None:
    storing = Storing(engine, Spool(tmp_path / "spool.db", 1_000_000), lambda: T0)
    engine.away = True
    async with running(storing):
        await storing.offer(batch(engine, 0, 100))
        await storing.settle()  # as before every snapshot: from here on the journal may forget them
    again = Storing(engine, Spool(tmp_path / "spool.db", 1_000_000), lambda: T0)
    assert again.spooled_rows == 100
    engine.away = False
    async with running(again):
        await until_stored(again, 100)
    assert stored(tmp_path) == list(range(100))


async def test_rows_that_no_engine_will_ever_take_block_nobody(tmp_path: Path, engine: Engine) -> None:
    storing = Storing(engine, Spool(tmp_path / "spool.db", 1_000_000), lambda: T0)
    engine.never = True
    async with running(storing):
        await storing.offer(batch(engine, 0, 3))
        await storing.settle()
    assert storing.refused == {"beyond retention": 3}
    assert storing.stored_rows == storing.spooled_rows == 0


async def test_a_slow_engine_does_not_make_the_follower_wait(tmp_path: Path, engine: Engine) -> None:
    storing = Storing(
        engine, Spool(tmp_path / "spool.db", 1_000_000), lambda: T0, queue_rows=150, patience_s=0.2
    )
    engine.gate.clear()
    async with running(storing):
        for first in range(0, 1000, 100):
            await storing.offer(batch(engine, first, 100))  # all return, though not one write did
        assert storing.stored_rows == 0
        assert storing.queued_rows <= 150 + 100
        engine.gate.set()
        await until_stored(storing, 1000)
    assert stored(tmp_path) == list(range(1000))


async def test_a_batch_spooled_while_it_is_being_written_counts_once(tmp_path: Path, engine: Engine) -> None:
    storing = Storing(
        engine, Spool(tmp_path / "spool.db", 1_000_000), lambda: T0, queue_rows=150, patience_s=0.2
    )
    engine.gate.clear()
    async with running(storing):
        await storing.offer(batch(engine, 0, 100))
        async with asyncio.timeout(10):
            while not engine.attempts:
                await asyncio.sleep(0.01)
        await storing.settle()
        assert storing.queued_rows == 0
        assert storing.spooled_rows == 100
        engine.gate.set()
        await until_stored(storing, 200)  # once from memory, once from the spool
    assert stored(tmp_path) == list(range(100)), "and stored twice is once"


async def test_a_full_spool_keeps_rows_in_memory_within_bounds_and_says_so(
    tmp_path: Path, engine: Engine
) -> None:
    storing = Storing(engine, Spool(tmp_path / "spool.db", 1), lambda: T0, queue_rows=15, patience_s=0.2)
    engine.away = True
    async with running(storing):
        await storing.offer(batch(engine, 0, 100))
        await storing.settle()  # one chunk is over the limit already
        async with asyncio.timeout(5):
            await storing.offer(batch(engine, 100, 200))
        assert storing.is_stuck is True, "nothing more may be acknowledged"
        assert storing.failure
        much = asyncio.create_task(storing.offer(batch(engine, 300, 3_000)))
        await asyncio.sleep(0.8)
        assert not much.done(), "memory has an end as well"
        engine.away = False
        async with asyncio.timeout(10):
            await much
        await until_stored(storing, 3_300)
        assert storing.failure == ""
    assert stored(tmp_path) == list(range(3_300))


async def test_the_loop_that_died_with_a_batch_in_hand_writes_it_again(
    tmp_path: Path, engine: Engine
) -> None:
    storing = Storing(engine, Spool(tmp_path / "spool.db", 1_000_000), lambda: T0)
    engine.away = True
    async with running(storing):
        await storing.offer(batch(engine, 0, 10))
        await asyncio.sleep(0.05)
    engine.away = False
    async with running(storing):
        await until_stored(storing, 10)
    assert storing.queued_rows == 0


def test_rows_in_the_spool_name_what_they_are(tmp_path: Path) -> None:
    one, other = SqliteWriter(tmp_path / "a.db"), SqliteWriter(tmp_path / "b.db")
    series = one.series(("S1", "n1", "d1"))
    for number in range(300):  # more metrics than a byte can number
        one.field(series, f"m{number}", DataType.Double)
    other.field(other.series(("S1", "n1", "d1")), "m299", DataType.Double)
    rows = [Row(series, T0, 1, (0, 299), [1.5, None]), Row(series, T0, 2, bytes([7]), [2.5])]
    back = unpack(pack(rows), other)
    named = [
        {row.series.fields[place][0]: value for place, value in zip(row.indices, row.values, strict=True)}
        for row in back
    ]
    assert named == [{"m0": 1.5, "m299": None}, {"m7": 2.5}]
    assert [(row.series.key, row.ts_ms, row.ordinal) for row in back] == [
        (("S1", "n1", "d1"), T0, 1),
        (("S1", "n1", "d1"), T0, 2),
    ]


def test_two_threads_may_use_one_spool(tmp_path: Path, engine: Engine) -> None:
    spool = Spool(tmp_path / "spool.db", 10_000_000)
    rows = batch(engine, 0, 10)

    def add() -> None:
        for _ in range(50):
            spool.append([rows])

    adding = threading.Thread(target=add)
    adding.start()
    taken = 0
    while taken < 50:
        found = spool.first()
        if found is not None:
            spool.forget(found[0])
            taken += 1
    adding.join()
    assert (spool.rows, spool.bytes) == (0, 0)
