"""The hub's data directory put back from an older copy: what is gone is counted, everything else arrives."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from hub.ingest.positions import Positions
from tests.faults.rig import GROUP, Hub, Sender, expect_stored_once, positions_in, status, until

pytestmark = [pytest.mark.mosquitto, pytest.mark.faults]


def _gone(told: Mapping[str, Mapping[int, int]], copied: Mapping[tuple[str, int], Positions]) -> int:
    """How many positions that agents were told are stored are not in the copy."""
    return sum(
        not copied.get((f"{GROUP}/{node}", epoch), Positions()).holds(position)
        for node, epochs in told.items()
        for epoch, stored in epochs.items()
        for position in range(1, stored + 1)
    )


@pytest.mark.parametrize("agents_restart", [False, True])
def test_restored_from_an_older_copy(
    broker: Any, hub: Hub, sender: Callable[..., Sender], agents_restart: bool
) -> None:
    hub.start()
    agent = sender(nodes=2, per_s=300).start()
    agent.wait_for_progress(300)
    hub.kill()
    copy = hub.data_dir.with_name("copy")
    shutil.copytree(hub.data_dir, copy)
    before = positions_in(copy / "ingest-0")
    hub.start()
    until(lambda: _gone(agent.now.stored, before) > 300, 60, "progress beyond the copy")
    hub.kill()
    time.sleep(0.3)  # answers under way
    shutil.rmtree(hub.data_dir)
    shutil.copytree(copy, hub.data_dir)
    forgotten = {node: dict(epochs) for node, epochs in agent.now.stored.items()}
    gone = _gone(forgotten, before)
    if agents_restart:
        agent.kill()
        agent.start()
    hub.start()
    agent.wait_for_progress(100)
    agent.drain()
    until(lambda: status(broker.port)["lost_declared"], 5, "declared loss")
    assert status(broker.port)["lost_declared"] == gone
    # everything not counted as lost is there; lost is what was forgotten after the copy was made
    wanted = agent.must_arrive()
    kept: dict[str, set[int]] = {}
    for node, epochs in forgotten.items():
        lost = {
            value
            for run in agent.runs
            for epoch, stored in epochs.items()
            for position, value in run.given[node][epoch].items()
            if value is not None
            and position <= stored
            and not before.get((f"{GROUP}/{node}", epoch), Positions()).holds(position)
        }
        kept[node] = wanted[node] - lost
    expect_stored_once(hub, kept)
