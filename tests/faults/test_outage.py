"""Ten minutes without the hub, compressed: forty nodes hold what they would in that time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.faults.outage import outage
from tests.faults.rig import Hub, Sender, expect_stored_once, retained, status, until

pytestmark = [pytest.mark.mosquitto, pytest.mark.faults]


def test_forty_nodes_hold_ten_minutes(broker: Any, hub: Hub, sender: Callable[..., Sender]) -> None:
    hub.start()
    agents = sender(nodes=40, per_s=600).start()
    outcome = outage(broker.port, hub, agents, 7)
    assert outcome.held > 2_500
    assert outcome.wrong(drained_s=45) == []


def test_two_agents_with_one_identity(broker: Any, hub: Hub, sender: Callable[..., Sender]) -> None:
    """Other client ids, or the broker would throw one out for the other again and again."""
    hub.start()
    one = sender("one", nodes=1, per_s=40).start()
    other = sender("other", nodes=1, per_s=40, first_run=50, client="twin")
    other.nodes = one.nodes
    other.start()
    for agent in (one, other):
        agent.wait_for_progress(100)
    (node,) = one.nodes
    until(
        lambda: any(
            document.get("identity_shared")
            for document in retained(broker.port, f"hub/live/+/-/{node}", 0.3).values()
        ),
        20,
        "flag of a shared identity",
    )
    for agent in (one, other):
        agent.drain()
    for agent in (one, other):
        expect_stored_once(hub, agent.must_arrive())
    assert status(broker.port)["rebirths_requested"] <= 3
