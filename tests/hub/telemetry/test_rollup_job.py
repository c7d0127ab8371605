"""The job: whatever comes late, and wherever it is killed, the roll-ups say what the raw values say."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from devices.wire.datatypes import DataType
from hub.telemetry.port import MARKER, Key, Row, Value
from hub.telemetry.rollup import Rollup, end_value, merge, window
from hub.telemetry.rollup_job import Keep, RollupJob, Stopped, behind_s
from hub.telemetry.sqlite import SqliteReader, SqliteWriter
from hub.telemetry.sqlite_rollups import SqliteRollups
from hub.telemetry.tiers import DAY_MS, HOUR_MS, ROLLED, WIDTH_MS, Tier, day_start, window_start

FIVE_MS = WIDTH_MS[Tier.FIVE_MINUTES]
T0 = day_start(1_760_000_000_000)
KEYS: list[Key] = [("S1", "n1", f"d{n}") for n in range(3)]
METRICS = [("Temperature", DataType.Float), ("Power", DataType.Boolean), ("Mode", DataType.String)]
KEEP = Keep({Tier.RAW: 30, Tier.FIVE_MINUTES: 180, Tier.HOUR: 1100, Tier.DAY: 3660})


class History:
    """A telemetry file that a test writes at moments of its choice, with its job and what was written."""

    def __init__(self, folder: Path) -> None:
        self.now_ms = T0
        self.writer = SqliteWriter(folder / "t.db", lambda: self.now_ms)
        self.reader = SqliteReader(folder / "t.db")
        self.store = SqliteRollups(folder / "t.db")
        self.written: dict[tuple[Key, str], list[tuple[int, int, Value]]] = {}
        self.ordinal = 0
        self.stops_after: int | None = None
        self.job = self.started()

    def started(self) -> RollupJob:
        return RollupJob(self.reader, self.store, KEEP, lambda: self.now_ms, self._stopping)

    def _stopping(self) -> bool:
        if self.stops_after is None:
            return False
        self.stops_after -= 1
        return self.stops_after < 0

    def put(self, key: Key, ts_ms: int, *, marker: bool = False, **values: Value) -> None:
        series = self.writer.series(key)
        self.ordinal += 1
        ordinal = self.ordinal | (MARKER if marker else 0)
        kinds = dict(METRICS)
        places = bytes(self.writer.field(series, name, kinds[name]) for name in values)
        self.writer.write([Row(series, ts_ms, ordinal, places, list(values.values()))])
        for name, value in values.items():
            self.written.setdefault((key, name), []).append((ts_ms, ordinal, value))

    def work(self) -> None:
        while self.job.step():
            pass

    def expected(self, tier: Tier, key: Key, name: str, through_ms: int) -> list[Rollup]:
        """Every window of a metric, straight from what was written."""
        samples = sorted(self.written[key, name], key=lambda sample: sample[:2])
        rows, held, width_ms = [], None, WIDTH_MS[tier]
        for start_ms in range(T0, through_ms, width_ms):
            chosen = [sample for sample in samples if start_ms <= sample[0] < start_ms + width_ms]
            uncounted = [n for n, sample in enumerate(chosen) if sample[1] & MARKER]
            row = window(
                start_ms, start_ms + width_ms, [s[0] for s in chosen], [s[2] for s in chosen], held, uncounted
            )
            if row is None and tier == Tier.DAY:
                row = merge(start_ms, start_ms + width_ms, [], HOUR_MS, held, always=True)
            if row is not None:
                rows.append(row)
                held = end_value(row)
        return rows

    def check(self) -> None:
        progress = self.store.progress()
        for tier in ROLLED:
            through_ms = progress.through_ms[tier]
            assert through_ms == window_start(tier, through_ms)
            for key, name in self.written:
                found = self.store.rollups(tier, [(key, name)], T0, through_ms).get((key, name), [])
                expected = self.expected(tier, key, name, through_ms)
                assert [_rounded(row) for row in found] == [_rounded(row) for row in expected], (tier, name)

    def close(self) -> None:
        self.writer.close()
        self.reader.close()
        self.store.close()


def _rounded(row: Rollup) -> list[Any]:
    values = [getattr(row, name) for name in Rollup.__slots__]
    return [
        f"{value:.5g}" if type(value) is float or (n == 5 and type(value) is int) else value
        for n, value in enumerate(values)
    ]


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    made = History(tmp_path)
    yield made
    made.close()


def _day_of_school(
    history: History, dice: random.Random, days: float, *, late: float
) -> list[tuple[Any, ...]]:
    """Devices report by exception while the job runs beside them; some reports are held back."""
    held_back: list[tuple[Any, ...]] = []
    end_ms = T0 + round(days * DAY_MS)
    while history.now_ms < end_ms:
        history.now_ms += dice.choice([1000, 20_000, 200_000, 900_000])
        key = dice.choice(KEYS)
        possible: dict[str, Value] = {
            "Temperature": dice.choice([21.5, 27.25, 30.0, None]),
            "Power": dice.random() < 0.5,
            "Mode": dice.choice(["cool", "dry"]),
        }
        values = {
            name: value
            for name, value in possible.items()
            if dice.random() < (0.7 if name == "Temperature" else 0.1)
        }
        if not values:
            continue
        report = (key, history.now_ms - dice.randrange(0, 5000), dice.random() < 0.05, values)
        if dice.random() < late:
            held_back.append(report)
        else:
            history.put(report[0], report[1], marker=report[2], **values)
        if dice.random() < 0.05:
            history.work()
    history.now_ms += FIVE_MS + 120_000
    history.work()
    return held_back


@pytest.mark.parametrize("seed", range(3))
def test_all_tiers_say_what_the_raw_values_say(history: History, seed: int) -> None:
    held_back = _day_of_school(history, random.Random(seed), 2.2, late=0)
    assert held_back == []
    history.check()
    assert history.store.progress().through_ms[Tier.DAY] == T0 + 2 * DAY_MS


@pytest.mark.parametrize("seed", range(4))
def test_late_data_mends_what_it_belongs_to(history: History, seed: int) -> None:
    dice = random.Random(seed)
    held_back = _day_of_school(history, dice, 2.5, late=0.2)
    assert len(held_back) > 20
    dice.shuffle(held_back)
    for n, (key, ts_ms, marker, values) in enumerate(held_back):
        history.put(key, ts_ms, marker=marker, **values)
        if n % 7 == 0:
            history.work()
    history.work()
    history.check()


@pytest.mark.parametrize("seed", range(3))
def test_killed_anywhere_it_goes_on_where_it_was(
    history: History, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    dice = random.Random(seed)
    kills = 0
    write = history.store.write

    def dying(*args: Any, **kwargs: Any) -> None:
        """Now and then the process dies at a write, before or after it is durable."""
        nonlocal kills
        fate = dice.random()
        if fate < 0.03:
            kills += 1
            raise Stopped
        write(*args, **kwargs)
        if fate < 0.06:
            kills += 1
            raise Stopped

    monkeypatch.setattr(history.store, "write", dying)

    def work() -> None:
        while True:
            history.stops_after = dice.choice([None, None, dice.randrange(20)])
            try:
                while history.job.step():
                    pass
            except Stopped:
                history.job = history.started()
            else:
                return

    monkeypatch.setattr(history, "work", work)
    held_back = _day_of_school(history, dice, 1.5, late=0.2)
    for n, (key, ts_ms, marker, values) in enumerate(held_back):
        history.put(key, ts_ms, marker=marker, **values)
        if n % 4 == 0:
            history.work()
    history.work()
    assert kills > 10
    history.check()


def test_a_window_is_not_made_before_its_time_and_then_at_once(history: History) -> None:
    history.put(KEYS[0], T0 + 1000, Temperature=20.0)
    history.now_ms = T0 + FIVE_MS + 90_000
    history.work()
    assert history.store.progress().through_ms[Tier.FIVE_MINUTES] in (0, T0)
    history.now_ms += 1
    assert behind_s(history.store.progress(), history.now_ms) < 1
    history.work()
    assert history.store.progress().through_ms[Tier.FIVE_MINUTES] == T0 + FIVE_MS
    history.now_ms += HOUR_MS
    assert behind_s(history.store.progress(), history.now_ms) == pytest.approx(HOUR_MS / 1000 - 300, abs=1)


def test_nothing_to_do_without_history(history: History) -> None:
    assert not history.job.step()
    assert history.store.progress().through_ms == dict.fromkeys(ROLLED, 0)


def test_old_history_is_dropped_by_partition_but_not_before_it_is_rolled_up(history: History) -> None:
    history.put(KEYS[0], T0 + 1000, Temperature=20.0)
    history.now_ms = T0 + DAY_MS
    history.work()
    history.now_ms = T0 + 29 * DAY_MS
    history.put(KEYS[0], history.now_ms, Temperature=21.0)
    history.now_ms = T0 + 33 * DAY_MS
    history.work()
    assert history.reader.query(KEYS[0], "Temperature", 0, 1 << 60, None, "mean", 9)[0].value == 21.0  # type: ignore[arg-type]
    assert len(history.store.rollups(Tier.FIVE_MINUTES, [(KEYS[0], "Temperature")], 0, 1 << 45)) == 1
    # what comes for a day that is gone must not take the place of what the day was
    history.put(KEYS[0], T0 + 2000, Temperature=99.0)
    history.work()
    days = history.store.rollups(Tier.DAY, [(KEYS[0], "Temperature")], T0, T0 + DAY_MS)
    assert days[KEYS[0], "Temperature"][0].max == 20.0
    history.now_ms = T0 + 250 * DAY_MS
    history.work()
    found = history.store.rollups(Tier.FIVE_MINUTES, [(KEYS[0], "Temperature")], 0, 1 << 45)
    assert found == {}
    carried = history.store.rollups(Tier.DAY, [(KEYS[0], "Temperature")], T0 + 248 * DAY_MS, 1 << 45)
    assert carried[KEYS[0], "Temperature"][-1].last == 21.0, "a value that never changes is still known"
