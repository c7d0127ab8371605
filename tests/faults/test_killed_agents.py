"""Agents killed, the broker restarted, outboxes deleted, put back and cloned; the hub itself stays well."""

from __future__ import annotations

import random
import shutil
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.faults.rig import Hub, Sender, expect_stored_once, union

pytestmark = [pytest.mark.mosquitto, pytest.mark.faults]


def test_an_agent_killed_again_and_again(hub: Hub, sender: Callable[..., Sender]) -> None:
    hub.start()
    rng = random.Random()
    agent = sender(nodes=2, per_s=600)
    for kill in range(6):
        agent.start()
        if kill % 3 == 2:
            time.sleep(rng.uniform(0.2, 1.2))  # while it starts
        else:
            agent.wait_for_progress()
            time.sleep(rng.uniform(0, 0.5))
        agent.kill()
    agent.start().wait_for_progress()
    agent.drain()
    expect_stored_once(hub, agent.must_arrive())


def test_the_broker_goes_and_comes_back(broker: Any, hub: Hub, sender: Callable[..., Sender]) -> None:
    hub.start()
    agent = sender(nodes=4, per_s=1000).start()
    for how in ("stopped", "killed", "stopped"):
        agent.wait_for_progress(200)
        if how == "killed":
            broker.kill()
            broker.start()
        else:
            broker.restart(down_s=0.5)
    agent.wait_for_progress(200)
    agent.drain()
    expect_stored_once(hub, agent.must_arrive())
    assert all(len(agent.now.stored[node]) == 1 for node in agent.nodes), "an epoch was changed for nothing"


def test_outboxes_deleted_put_back_and_cloned(hub: Hub, sender: Callable[..., Sender]) -> None:
    """Four agents at once, each with its misfortune: what they forgot is stored, what they hold arrives."""
    hub.start()
    fates = ("deleted", "put-back", "image-put-back", "cloned")
    agents = {fate: sender(fate, nodes=1, per_s=100).start() for fate in fates}
    for agent in agents.values():
        agent.wait_for_progress(50)
        agent.kill()
        shutil.copytree(agent.box, agent.folder / "copy")
    for agent in agents.values():
        agent.start()
    for agent in agents.values():
        agent.wait_for_progress(100)
    for agent in agents.values():
        agent.kill()
    for file in agents["deleted"].box.iterdir():
        file.unlink()
    for fate, kept in (("put-back", "o.db.generation"), ("image-put-back", "")):
        box = agents[fate].box
        for name in ("o.db", "o.db-wal", "o.db-shm", "o.db.generation"):
            old = box.parent / "copy" / name
            if name == kept:
                continue  # the token stayed behind
            if old.exists():
                (box / name).write_bytes(old.read_bytes())  # into the same inode, as an image would
            else:
                (box / name).unlink(missing_ok=True)
    # the clone runs beside its original; other client ids, or the broker would throw one out for the other
    clone = sender("cloned-2", nodes=1, per_s=100, first_run=50, client="clone")
    clone.nodes = agents["cloned"].nodes
    shutil.copytree(agents["cloned"].folder / "copy", clone.box, dirs_exist_ok=True)
    everyone = [*agents.values(), clone]
    for agent in everyone:
        agent.start()
    for agent in everyone:
        agent.wait_for_progress(50)
    for agent in everyone:
        agent.pause()
    for agent in everyone:
        agent.drain()
    # what was held when an outbox was deleted or overwritten went with it, by its owner's hand
    wanted = union([agent.acknowledged() for agent in everyone])
    for agent in everyone:
        wanted = union([wanted, agent.now.all_given()])
    expect_stored_once(hub, wanted, copies=2)
    for fate in ("deleted", "put-back", "image-put-back"):
        (node,) = agents[fate].nodes
        assert agents[fate].now.epoch[node] not in agents[fate].runs[1].read().stored[node], (
            f"{fate}: old epoch"
        )
