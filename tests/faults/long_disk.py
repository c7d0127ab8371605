"""More of the hub's disk; too slow for every day, part of `./run soak --faults`."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.faults.disk import ReadOnly, SmallDisk
from tests.faults.rig import Hub, Sender, expect_stored_once, status, until
from tests.faults.test_disk_of_the_hub import expect_trouble_said_and_over, small_disk

__all__ = ["small_disk"]
pytestmark = [pytest.mark.mosquitto, pytest.mark.faults]


def test_a_disk_that_became_read_only(broker: Any, hub: Hub, sender: Callable[..., Sender]) -> None:
    hub.start()
    agent = sender(nodes=1, per_s=300).start()
    agent.wait_for_progress(1)
    folder = hub.data_dir / "ingest-0"
    files = ReadOnly(*(path for path in folder.iterdir() if path.is_file()))
    expect_trouble_said_and_over(
        broker.port, hub, agent, files.__enter__, lambda: files.__exit__(None, None, None)
    )


def test_a_full_disk_at_the_end_and_at_the_start(
    broker: Any, small_disk: SmallDisk, hub: Hub, sender: Callable[..., Sender]
) -> None:
    """It ends when asked, a start on a full disk says why in one line, and with space all goes on."""
    hub.start()
    agent = sender(nodes=1, per_s=300).start()
    agent.wait_for_progress(200)
    small_disk.fill()
    until(lambda: status(broker.port)["journal_failure"], 30, "journal_failure in the status")
    began_s = time.monotonic()
    hub.stop()
    assert time.monotonic() - began_s < 15
    small_disk.free()
    hub.start()
    agent.wait_for_progress(200)
    agent.drain()
    expect_stored_once(hub, agent.must_arrive())
