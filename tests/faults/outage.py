"""The hub away while all agents go on: what comes after, in figures."""

from __future__ import annotations

import time
from dataclasses import dataclass

from tests.faults.rig import GROUP, Hub, Sender, expect_stored_once, retained, status, until
from tests.faults.sender import METRIC, device_of


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an outage came to: times in seconds from the hub's new start."""

    nodes: int
    down_s: float
    held: int
    live_s: float
    drained_s: float
    rebirths: int
    reasons: dict[str, int]

    def wrong(self, drained_s: float) -> list[str]:
        """What is not as promised; `drained_s`: the longest the backlog may take."""
        found = []
        if self.rebirths > self.nodes * 0.05:  # the hub knows the births of all
            found.append(f"{self.rebirths} rebirth requests for {self.nodes} nodes")
        if self.drained_s > drained_s:
            found.append(f"drained after {self.drained_s:.0f} s")
        if self.live_s > self.drained_s:
            found.append("the backlog went before live values")
        return found


def outage(port: int, hub: Hub, agents: Sender, down_s: float) -> Outcome:
    """Stop the hub for `down_s`, start it, wait for live values and the backlog; all is stored once."""
    agents.wait_until_known()
    hub.stop()
    time.sleep(down_s)
    held = sum(len(keys) for epochs in agents.now.given.values() for keys in epochs.values())
    held -= agents.now.acknowledged_count()
    newest = max(value for values in agents.now.all_given().values() for value in values)
    hub.start()
    began_s = time.monotonic()
    node = agents.nodes[0]

    def is_live() -> bool:
        documents = retained(port, f"hub/live/{GROUP}/+/{device_of(node)}", 0.3).values()
        return any((document["metrics"][METRIC]["value"] or 0) > newest for document in documents)

    until(is_live, 60, "live value after the outage")
    live_s = time.monotonic() - began_s
    agents.drain(300)
    drained_s = time.monotonic() - began_s
    expect_stored_once(hub, agents.must_arrive(), 120)
    after = status(port)
    assert (after["lost_declared"], after["quarantined"], after["inbox_dropped"]) == (0, 0, 0), after
    return Outcome(
        len(agents.nodes),
        down_s,
        held,
        live_s,
        drained_s,
        after["rebirths_requested"],
        after["rebirths_by_reason"],
    )
