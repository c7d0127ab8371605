"""What is stored is compared with what was produced: equal, short of a sample, changed, or one too many."""

import json
import random
import struct
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from devices.kind import kinds
from edge_agents.rules import Change, Columns
from hub.cli import app
from hub.telemetry.port import MARKER, Row
from hub.telemetry.sqlite import SqliteReader, SqliteWriter
from hub.telemetry.verify import RecordError, Verdict, verify
from simulators.recording import Recorder

DAY_MS = 1_764_036_300_000
KINDS = ("room_air", "uplink", "ups")


class Run:
    """A record and the rows that a perfect hub would have made of it."""

    def __init__(self, folder: Path, *, with_samples: bool) -> None:
        self.record, self.database = folder / "record.jsonl", folder / "telemetry.db"
        self.writer = SqliteWriter(self.database)
        self.rows: list[Row] = []
        luck = random.Random(7)
        recorder = Recorder(self.record, {"seed": 7}, with_samples=with_samples)
        for position in range(200):
            kind = kinds()[KINDS[position % len(KINDS)]]
            columns = Columns(kind.metrics)
            key = ("D1", "D1-a1", kind.id)
            changes: list[Change] = []
            for index, metric in enumerate(kind.metrics):
                some: dict[str, Any] = {
                    "Float": struct.unpack("f", struct.pack("f", luck.uniform(-5, 90)))[
                        0
                    ],  # as the wire has it
                    "Double": luck.random(),
                    "Boolean": luck.random() < 0.5,
                    "String": luck.choice("ốâ€"),
                }
                value = some.get(metric.datatype.name, luck.randrange(10**6))
                changes.append((index, None if luck.random() < 0.05 else value, DAY_MS + position * 977))
            recorder.take(key, kind.id, columns, changes)
            series = self.writer.series(key)
            places = [
                self.writer.field(series, columns.columns[index].name, columns.columns[index].datatype)
                for index, _, _ in changes
            ]
            values = [value for _, value, _ in changes]
            self.rows.append(Row(series, changes[0][2], position, bytes(places), values))
        recorder.close()

    def stored(self, rows: list[Row]) -> Verdict:
        self.writer.write(rows)
        reader = SqliteReader(self.database)
        try:
            return verify(self.record, reader)
        finally:
            reader.close()


@pytest.fixture(params=[True, False], ids=["samples", "totals"])
def one(request: pytest.FixtureRequest, tmp_path: Path) -> Run:
    return Run(tmp_path, with_samples=request.param)


def test_what_is_stored_as_produced_is_equal_in_any_order_and_twice(one: Run) -> None:
    rows = one.rows[:]
    random.Random(1).shuffle(rows)
    verdict = one.stored([*rows, *rows[:20]])
    assert not verdict.total.differs, verdict.as_text()
    assert verdict.total.produced == verdict.total.stored == sum(len(row.values) for row in rows)
    assert set(verdict.kinds) == set(KINDS)
    assert (verdict.devices, verdict.metrics) == (3, sum(len(kinds()[name].metrics) for name in KINDS))


def test_marks_of_the_hub_and_other_nodes_are_no_samples(one: Run) -> None:
    mark = Row(one.rows[0].series, one.rows[0].ts_ms + 1, MARKER | 5, b"\x00", [None])
    other = one.writer.series(("D2", "D2-a1", "air"))
    place = one.writer.field(other, "Temperature", 9)
    verdict = one.stored([*one.rows, mark, Row(other, DAY_MS + 5, 1, bytes([place]), [1.0])])
    assert not verdict.total.differs, verdict.as_text()


def test_a_missing_row_is_missed(one: Run) -> None:
    gone = one.rows[60]
    verdict = one.stored([row for row in one.rows if row is not gone])
    assert (verdict.total.missing, verdict.total.extra) == (len(gone.values), 0)
    assert verdict.kinds["room_air"].differs
    assert not verdict.kinds["uplink"].differs
    assert "/room_air " in verdict.differences[0]


def test_a_device_of_which_nothing_is_stored_is_missed_as_a_whole(one: Run) -> None:
    kept = [row for row in one.rows if row.series.key[2] != "ups"]
    verdict = one.stored(kept)
    count = verdict.kinds["ups"]
    assert (count.stored, count.missing) == (0, count.produced)


def test_an_extra_row_and_a_metric_nobody_produced_are_said(one: Run) -> None:
    series = one.rows[0].series
    strange = one.writer.field(series, "Strange", 3)
    verdict = one.stored([*one.rows, Row(series, DAY_MS + 3, 999, bytes([0, strange]), [1.5, 7])])
    assert (verdict.total.missing, verdict.total.extra) == (0, 2)


def test_one_changed_digit_is_found(tmp_path: Path) -> None:
    for with_samples in (True, False):
        folder = tmp_path / str(with_samples)
        folder.mkdir()
        run = Run(folder, with_samples=with_samples)
        row = next(row for row in run.rows if isinstance(row.values[0], float))
        row.values[0] = float(row.values[0] or 0) + 1
        total = run.stored(run.rows).total
        assert (total.missing, total.extra, total.changed) == ((1, 1, 0) if with_samples else (0, 0, 1))


def test_a_record_that_is_cut_off_or_something_else_is_refused(one: Run, tmp_path: Path) -> None:
    cut = tmp_path / "cut.jsonl"
    cut.write_text("\n".join(one.record.read_text(encoding="utf-8").splitlines()[:-1]), encoding="utf-8")
    other = tmp_path / "other.jsonl"
    other.write_text('{"title": "something else"}\n', encoding="utf-8")
    reader = SqliteReader(one.database)
    for path, said in ((cut, "not complete"), (other, "not a record"), (tmp_path / "none", "cannot be read")):
        with pytest.raises(RecordError, match=said):
            verify(path, reader)


def test_the_command_says_so_with_its_exit_code(
    one: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUB_TELEMETRY_URL", f"sqlite:///{one.database}")
    run = CliRunner()
    one.writer.write(one.rows[1:])
    short = run.invoke(app, ["telemetry", "verify", str(one.record), "--json"])
    assert short.exit_code == 1
    assert json.loads(short.stdout)["total"]["missing"] == len(one.rows[0].values)
    one.writer.write(one.rows)
    assert run.invoke(app, ["telemetry", "verify", str(one.record)]).exit_code == 0
    assert run.invoke(app, ["telemetry", "verify", str(tmp_path / "none")]).exit_code == 2
