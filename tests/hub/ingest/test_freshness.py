"""What is too old to be believed, and what is merely quiet."""

from __future__ import annotations

from pathlib import Path

import pytest

from devices.wire.datatypes import DataType
from hub.ingest.mirror import Mirror
from tests.hub.ingest.parts import Parts, Sender, number

DAY_S = 86_400


@pytest.fixture
def parts(tmp_path: Path) -> Parts:
    return Parts(tmp_path)


def quality(parts: Parts, metric: str) -> str:
    mirror = Mirror(parts.directory, lambda _topic, _payload: None, 0)
    device = parts.directory.nodes["S1/n1"].devices["air"]
    found: str = mirror.document(device, parts.now_ms)["metrics"][metric]["quality"]
    return found


def pass_day(parts: Parts, sender: Sender, days: float = 1.0) -> None:
    """Heartbeats go on, values do not move."""
    for _ in range(24):
        parts.now_ms += round(days * DAY_S / 24 * 1000)
        sender.data("air", number("CO2", 500, ts_ms=parts.now_ms, datatype=DataType.Int32))
        parts.tick()


def test_a_value_that_always_moves_and_does_not_is_old_and_recovers(parts: Parts) -> None:
    sender = Sender(parts).born("air")
    sender.data("air", number("Temperature", 27.5, ts_ms=parts.now_ms))
    pass_day(parts, sender, 0.9)
    assert (quality(parts, "Temperature"), parts.book.open()) == ("good", {})
    pass_day(parts, sender, 0.2)
    [alarm] = parts.book.open().values()
    assert (alarm.condition, alarm.metric, alarm.severity) == ("stale", "Temperature", "minor")
    assert alarm.detail_vi == "Nhiệt độ: không có giá trị mới trong 24 giờ"
    assert (quality(parts, "Temperature"), quality(parts, "CO2")) == ("stale", "good")
    sender.data("air", number("Temperature", 27.9, ts_ms=parts.now_ms))
    assert quality(parts, "Temperature") == "good", "at once, not at the next look"
    parts.tick(11)
    assert [a.returned_ms is not None for a in parts.book.open().values()] == [True]


def test_an_alarm_from_before_a_restart_ends_when_a_value_comes(parts: Parts, tmp_path: Path) -> None:
    sender = Sender(parts).born("air")
    sender.data("air", number("Temperature", 27.5, ts_ms=parts.now_ms))
    pass_day(parts, sender, 1.1)
    again = Parts(tmp_path / "again")
    again.now_ms = parts.now_ms
    again.book.load(parts.book.open().values(), again.now_ms)
    sender = Sender(again).born("air")
    sender.data("air", number("Temperature", 28.5, ts_ms=again.now_ms))
    again.tick(11)
    assert [a.returned_ms is not None for a in again.book.open().values()] == [True]


def test_the_hub_being_behind_or_the_node_being_away_is_not_age(parts: Parts) -> None:
    sender = Sender(parts).born("air")
    sender.data("air", number("Temperature", 27.5, ts_ms=parts.now_ms))
    node = parts.directory.nodes["S1/n1"]
    node.heartbeat_s = 10 * DAY_S  # so that silence is not noticed
    parts.tick(2 * DAY_S)
    assert (quality(parts, "Temperature"), parts.book.open()) == ("good", {})


def test_a_rebirth_does_not_make_an_old_value_young(parts: Parts) -> None:
    sender = Sender(parts).born("air")
    born_ms = parts.directory.nodes["S1/n1"].devices["air"].presence.since_ms
    parts.tick(5)
    sender.born("air", bd_seq=1)
    assert parts.directory.nodes["S1/n1"].devices["air"].presence.since_ms == born_ms


def test_a_node_without_heartbeat_is_asked_and_lost_only_if_it_does_not_answer(parts: Parts) -> None:
    sender = Sender(parts, outbox=False).born("air")
    node = parts.directory.nodes["S1/n1"]
    assert node.heartbeat_s == 0
    parts.asked()
    parts.tick(590)
    assert parts.asked() == []
    parts.tick(20)
    assert parts.asked() == ["silence"]
    sender.born("air", bd_seq=1)  # it answers
    parts.tick(300)
    assert node.itself.presence.state == "born"
    parts.tick(400)
    assert parts.asked() == ["silence"]
    parts.tick(119)
    assert node.itself.presence.state == "born"
    parts.tick(12)
    assert (node.itself.presence.state, node.itself.presence.reason) == ("dead", "unanswered")
    assert node.devices["air"].presence.state == "dead"
    sender.data("air", number("Temperature", 28.0, ts_ms=parts.now_ms))
    assert (node.itself.presence.state, node.devices["air"].presence.state) == ("born", "born")
