"""The hub's disk full or read-only: it says so, goes on seeing, and recovers by itself with nothing lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.disk import ReadOnly, SmallDisk
from tests.faults.rig import GROUP, Hub, Sender, expect_stored_once, retained, status, until
from tests.faults.sender import METRIC, device_of

pytestmark = [pytest.mark.mosquitto, pytest.mark.faults]


@pytest.fixture
def small_disk(on_disk: Path) -> Iterator[SmallDisk]:
    """Where the hub's data directory will be."""
    disk = SmallDisk(on_disk / "hub", 40)
    yield disk
    disk.unmount()


def shown(port: int, node: str) -> int:
    """The newest number of a node in the live mirror."""
    (document,) = retained(port, f"hub/live/{GROUP}/+/{device_of(node)}", 0.3).values()
    return int(document["metrics"][METRIC]["value"] or 0)


def expect_live(port: int, node: str) -> None:
    """Current values go on."""
    before = shown(port, node)
    until(lambda: shown(port, node) > before, 10, "live value while the disk refuses")


def expect_trouble_said_and_over(
    port: int, hub: Hub, agent: Sender, begin: Callable[[], object], end: Callable[[], object]
) -> None:
    """The disk refuses, live goes on and nothing more is acknowledged; the disk is well, all is stored."""
    agent.wait_for_progress(200)
    (node,) = agent.nodes
    begin()
    until(lambda: status(port)["journal_failure"], 30, "journal_failure in the status")
    told = agent.now.acknowledged_count()
    expect_live(port, node)
    expect_live(port, node)
    assert status(port)["online"]
    assert agent.now.acknowledged_count() <= told + 200, "acknowledged although nothing is on disk"
    assert hub.log.count("the journal cannot be written") == 1, "said once, not with every try"
    end()
    agent.wait_for_progress(1)
    agent.drain()
    until(lambda: not status(port)["journal_failure"], 20, "recovery of the journal")
    expect_stored_once(hub, agent.must_arrive())
    after = status(port)
    assert (after["lost_declared"], after["quarantined"], after["store_failure"]) == (0, 0, "")
    assert after["live_only"] > 0


def test_a_full_disk(broker: Any, small_disk: SmallDisk, hub: Hub, sender: Callable[..., Sender]) -> None:
    hub.start()
    agent = sender(nodes=1, per_s=300).start()
    expect_trouble_said_and_over(broker.port, hub, agent, small_disk.fill, small_disk.free)
    hub.kill()  # and what it says it has is in the journal
    positions = hub.positions_on_disk()
    for (_, epoch), known in positions.items():
        assert known.through >= agent.now.stored[agent.nodes[0]].get(epoch, 0)


def test_only_the_telemetry_and_the_database_are_read_only(
    broker: Any, hub: Hub, sender: Callable[..., Sender]
) -> None:
    """Rows wait in the spool and facts in memory; both are said, and written once it is possible."""
    hub.start()
    agent = sender(nodes=1, per_s=300).start()
    agent.wait_for_progress(200)
    files = [path for path in hub.data_dir.iterdir() if path.name.startswith(("telemetry.db", "hub.db"))]
    with ReadOnly(*files):
        until(lambda: status(broker.port)["store_failure"], 30, "store_failure in the status")
        expect_live(broker.port, agent.nodes[0])
        agent.wait_for_progress(300)  # the journal and the spool are well
    agent.drain()
    until(lambda: not status(broker.port)["store_failure"], 30, "recovery of the telemetry")
    expect_stored_once(hub, agent.must_arrive())
