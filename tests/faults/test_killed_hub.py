"""The hub's ingest role killed with SIGKILL under load, and asked to end in order."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.faults.rig import Hub, Sender, expect_journalled, expect_stored_once, retained, status
from tests.kills import KILLS

pytestmark = [pytest.mark.mosquitto, pytest.mark.faults]


def test_killed_again_and_again_under_load(hub: Hub, sender: Callable[..., Sender]) -> None:
    """1,000 payloads a second; nothing that was acknowledged is ever missing, everything held arrives."""
    rng = random.Random()
    four = sender(nodes=4, per_s=1000).start()
    for kill in range(KILLS):
        hub.start()
        if kill % 5 == 4:
            time.sleep(rng.uniform(0.3, 1.5))  # while it starts, or reads its journal
        else:
            four.wait_for_progress()
            time.sleep(rng.uniform(0, 0.6))
        hub.kill()
        expect_journalled(hub, four.now)
        acknowledged = four.acknowledged()
        if kill % 10 == 2:
            hub.start()
            expect_stored_once(hub, acknowledged)
            hub.kill()
    hub.start()
    four.drain()
    expect_stored_once(hub, four.must_arrive())
    assert len(four.acknowledged()) == 4
    assert all(len(run.stored[node]) == 1 for run in four.runs for node in four.nodes), "an epoch was changed"


def shown(port: int) -> dict[str, Any]:
    """Current state as the mirror shows it, without what only says when."""
    return {
        topic: {
            "presence": document["presence"]["state"],
            "metrics": {name: one["value"] for name, one in document["metrics"].items()},
            **{key: document[key] for key in ("school", "room", "node", "device", "kind", "name", "claimed")},
        }
        for topic, document in retained(port, "hub/live/#").items()
    }


def settled(port: int, sender: Sender, seconds: float = 30) -> dict[str, Any]:
    """The mirror once it shows all of a sender's nodes and devices as born."""
    deadline_s = time.monotonic() + seconds
    while True:
        picture = shown(port)
        born = [document for document in picture.values() if document["presence"] == "born"]
        if len(born) == 2 * len(sender.nodes):
            return picture
        assert time.monotonic() < deadline_s, f"not born again: {picture}"


def test_asked_to_end_it_loses_nothing_and_needs_no_rebirth(
    broker: Any, hub: Hub, sender: Callable[..., Sender]
) -> None:
    hub.start()
    four = sender(nodes=4, per_s=1000).start()
    four.wait_for_progress(500)
    assert hub.stop() == 0, hub.log
    expect_journalled(hub, four.now)
    hub.start()
    expect_stored_once(hub, four.acknowledged())
    four.wait_for_progress(500)
    four.drain()
    expect_stored_once(hub, four.must_arrive())
    assert status(broker.port)["rebirths_requested"] == 0
    before = settled(broker.port, four)
    assert hub.stop() == 0, hub.log
    hub.start()
    four.wait_for_progress()  # they greet a hub that comes back
    assert settled(broker.port, four) == before
    after = status(broker.port)
    assert after["rebirths_requested"] == after["lost_declared"] == after["quarantined"] == 0
