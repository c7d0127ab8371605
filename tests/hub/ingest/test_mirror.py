"""What the live mirror says of a node: its outbox, and when it was heard."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.wire.datatypes import DataType
from devices.wire.payloads import MetricValue
from hub.ingest.mirror import Mirror
from hub.ingest.positions import Positions
from hub.live.documents import read
from tests.hub.ingest.parts import START_MS, Parts, Sender

NODE = "hub/live/S1/-/n1"


class Published:
    """A mirror that keeps the newest document of each topic."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.newest: dict[str, bytes] = {}
        self.mirror = Mirror(parts.directory, self.newest.__setitem__, 500)

    def tick(self) -> dict[str, Any]:
        """Publishes what is due; gives the node's document."""
        self.mirror.publish_changed(self.parts.applier.dirty, self.parts.now_ms)
        found: dict[str, Any] = orjson.loads(self.newest[NODE])
        return found


def test_a_node_tells_how_far_its_outbox_is_and_when_it_was_heard(tmp_path: Path) -> None:
    parts = Parts(tmp_path)
    published = Published(parts)
    sender = Sender(parts).born("air")
    before = published.tick()
    assert before["outbox"] == {"stored": 0, "position": 0, "waiting": 0, "lost": 0}
    parts.now_ms += 12_000
    for position in (1, 2, 6):  # values of a device alone: nothing of the node's own changes
        sender.data("air", MetricValue("Temperature", datatype=DataType.Float, value=20.0), position=position)
    after = published.tick()
    assert after["outbox"] == {"stored": 2, "position": 6, "waiting": 3, "lost": 0}
    assert (before["heard_ms"], after["heard_ms"]) == (START_MS, START_MS + 12_000)
    parts.now_ms += 12_000
    assert published.tick()["published_ms"] == after["published_ms"]  # not heard: nothing new to say
    seen = read(published.newest[NODE])
    assert (seen.heard_ms, seen.outbox and seen.outbox.waiting, seen.device) == (START_MS + 12_000, 3, None)
    assert read(published.newest["hub/live/S1/P101/air"]).metrics["Temperature"].unit == "°C"


@settings(deadline=None)
@given(st.lists(st.integers(1, 30), max_size=30))
def test_what_is_missing_below_the_highest_is_counted(positions: list[int]) -> None:
    known = Positions()
    for position in positions:
        known.add(position)
    assert known.missing == max(positions, default=0) - len(set(positions))
