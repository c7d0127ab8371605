"""Gaps in history: a lost device's values end, and go on from when they are known to be so."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from devices.wire.datatypes import DataType
from devices.wire.payloads import MetricValue, bd_seq_metric
from hub.ingest.state import FollowerState, snapshot_of
from hub.telemetry.port import MARKER, Value
from tests.hub.ingest.parts import Parts, Sender, number


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[Parts]:
    made = Parts(tmp_path)
    yield made
    made.telemetry.close()


def _markers(parts: Parts, name: str, device: str = "air") -> list[tuple[int, Value]]:
    """(seconds since the start, value) of what marks gaps of a metric."""
    found = []
    for row in parts.rows:
        if row.ordinal & MARKER and row.series.key[2] == device:
            names = [row.series.fields[place][0] for place in row.indices]
            if name in names:
                found.append(((row.ts_ms - START_MS) // 1000, row.values[names.index(name)]))
    return found


START_MS = 1_760_000_000_000


def _reborn(sender: Sender, values: dict[str, tuple[float, int]], bd_seq: int = 0) -> None:
    """The births after a loss, with values and when they were reported, in seconds since the start."""
    sender.seq = 0
    beat = MetricValue("Properties/Heartbeat", datatype=DataType.UInt32, value=10)
    sender.send(
        "NBIRTH", "", [bd_seq_metric(bd_seq), *sender.about_outbox(0), *([beat] if sender.outbox else [])]
    )
    metrics = [number(name, value, ts_ms=START_MS + at * 1000) for name, (value, at) in values.items()]
    sender.send("DBIRTH", "air", [*sender.about_outbox(0), *metrics])


@pytest.mark.parametrize("outbox", [True, False])
def test_a_lost_nodes_values_end_when_it_is_lost(parts: Parts, outbox: bool) -> None:
    sender = Sender(parts, outbox=outbox).born("air")
    sender.data("air", number("Temperature", 21.0), number("Humidity", 600.0))
    parts.tick(60)
    if not outbox:  # nothing but its will tells of a node without a heartbeat
        parts.send(sender.topic("NDEATH"), sender.encode([bd_seq_metric(0)]))
    lost_s = 30 if outbox else 60
    assert _markers(parts, "Temperature") == [(lost_s, None)]
    parts.tick(60)
    assert _markers(parts, "Temperature") == [(lost_s, None)], "once"
    assert parts.applier.value_count == sum(len(r.values) for r in parts.rows if not r.ordinal & MARKER)


def test_what_has_not_changed_meanwhile_had_no_gap(parts: Parts) -> None:
    sender = Sender(parts).born("air")
    sender.data("air", number("Temperature", 21.0), number("Humidity", 600.0))
    parts.tick(100)
    _reborn(sender, {"Temperature": (21.0, 0), "Humidity": (700.0, 80)})
    assert _markers(parts, "Temperature") == [(30, None), (30, 21.0)], "its agent was there all the time"
    assert _markers(parts, "Humidity") == [(30, None), (80, 700.0)]
    stored = [row for row in parts.rows if row.ts_ms == START_MS + 30_000]
    assert [row.ordinal for row in stored] == [MARKER, MARKER | 1], "the value comes after the null"
    assert _markers(parts, "Light") == [], "what had no value has no gap"


def test_a_device_that_was_gone_itself_has_a_gap_until_it_is_back(parts: Parts) -> None:
    sender = Sender(parts).born("air")
    sender.data("air", number("Temperature", 21.0))
    parts.tick(5)
    sender.send("DDEATH", "air", [])
    parts.tick(5)
    sender.send("DBIRTH", "air", [*sender.about_outbox(0), number("Temperature", 21.0, ts_ms=START_MS)])
    assert _markers(parts, "Temperature") == [(5, None), (10, 21.0)]


def test_a_rebirth_is_no_gap_and_a_device_left_out_of_it_is_one(parts: Parts) -> None:
    sender = Sender(parts).born("air", "other")
    sender.data("air", number("Temperature", 21.0))
    sender.data("other", number("Temperature", 22.0))
    parts.tick(5)
    _reborn(sender, {"Temperature": (21.0, 0)})
    for _ in range(2):
        sender.data("air", number("Temperature", 21.5, ts_ms=START_MS + 5000))
        parts.tick(8)
    assert _markers(parts, "Temperature") == []
    assert _markers(parts, "Temperature", "other") == [(21, None)]


def test_heard_again_without_a_birth_there_was_no_gap(parts: Parts) -> None:
    sender = Sender(parts).born("air")
    sender.data("air", number("Temperature", 21.0), number("Humidity", 600.0))
    parts.tick(100)
    sender.data("air", number("Humidity", 650.0, ts_ms=START_MS + 100_000))
    assert _markers(parts, "Temperature") == [(30, None), (30, 21.0)]


def test_a_gap_outlives_a_restart(parts: Parts, tmp_path: Path) -> None:
    sender = Sender(parts).born("air")
    sender.data("air", number("Temperature", 21.0))
    parts.tick(100)
    node = parts.directory.nodes["S1/n1"]
    state = FollowerState(tmp_path / "state.db")
    state.save(snapshot_of([node.itself, *node.devices.values()], 1))
    (tmp_path / "again").mkdir()
    again = Parts(tmp_path / "again")
    again.now_ms = parts.now_ms
    state.restore(again.directory)
    state.close()
    sender.parts = again
    _reborn(sender, {"Temperature": (21.0, 0)})
    assert _markers(again, "Temperature") == [(30, 21.0)]
    again.telemetry.close()
