"""A record says what was produced, in any order alike, and that it is complete."""

import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.kind import kinds
from devices.wire.datatypes import DataType
from edge_agents.rules import Change, Columns
from simulators.recording import Recorder, as_stored, sample_hash

AIR = kinds()["room_air"]
COLUMNS = Columns(AIR.metrics)
KEY = ("D703-TH-01", "D703-TH-01-a1", "p101-air")


def lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_a_record_counts_and_digests_what_was_taken(tmp_path: Path) -> None:
    path = tmp_path / "new" / "record.jsonl"
    recorder = Recorder(path, {"seed": 1}, with_samples=True)
    recorder.take(KEY, AIR.id, COLUMNS, [(0, 27.3, 1000), (2, 900, 1000), (5, True, 1001)])
    recorder.take(KEY, AIR.id, COLUMNS, [(0, None, 2000)])
    assert not any(isinstance(line, dict) and line.get("end") for line in lines(path)), "not complete yet"
    recorder.close()
    recorder.close()
    run, *samples, device, end = lines(path)
    assert run == {"record": 1, "seed": 1}
    assert samples == [
        [*KEY, 1000, {"Temperature": 27.3, "CO2": 900}],
        [*KEY, 1001, {"Water Leak": True}],
        [*KEY, 2000, {"Temperature": None}],
    ]
    temperature = device["metrics"]["Temperature"]
    assert (temperature["count"], temperature["nulls"], temperature["datatype"]) == (1, 1, "Float")
    assert temperature["digest"] == f"{sample_hash(1000, 27.3):016x}"
    assert end == {"end": True, "devices": 1, "values": 3, "nulls": 1, "first_ms": 1000, "last_ms": 2000}


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 10**13), st.integers(0, 5000)), unique=True, max_size=30), st.randoms()
)
def test_the_digest_knows_no_order_but_every_sample(
    tmp_path_factory: pytest.TempPathFactory, samples: list[tuple[int, int]], luck: random.Random
) -> None:
    def digest(chosen: list[tuple[int, int]]) -> str:
        path = tmp_path_factory.getbasetemp() / "digest.jsonl"
        recorder = Recorder(path, {})
        changes: list[Change] = [(2, value, ts_ms) for ts_ms, value in chosen]
        recorder.take(KEY, AIR.id, COLUMNS, changes)
        recorder.close()
        return str(lines(path)[1]["metrics"].get("CO2", {}).get("digest", ""))

    shuffled = samples[:]
    luck.shuffle(shuffled)
    assert digest(samples) == digest(shuffled)
    if samples:
        assert digest(samples) != digest(samples[1:])
        (ts_ms, value), *rest = samples
        assert digest(samples) != digest([(ts_ms, value + 1), *rest])


def test_floats_stand_as_the_wire_can_carry_them() -> None:
    assert as_stored(0.1 + 0.2, DataType.Double) == 0.1 + 0.2
    assert as_stored(27.299999999, DataType.Float) == 27.3
    assert json.dumps(as_stored(-0.0, DataType.Float)) == "0.0"
    assert as_stored(None, DataType.Float) is None
    assert as_stored(7, DataType.Int32) == 7
