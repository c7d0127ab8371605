"""What a node is and how it stands, apart from any connection: what its sessions and births read."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from devices.wire.datatypes import DataType
from devices.wire.topics import MessageType, Topic
from edge_agents.clock import Steps
from edge_agents.commanding import Order
from edge_agents.connection import MqttSettings
from edge_agents.declared import Counters, Device, HostView, Timing
from edge_agents.encoding import moved
from edge_agents.outbox import Outbox
from edge_agents.rules import Change

log = logging.getLogger(__name__)


def utc_ms() -> int:
    """Now, UTC epoch milliseconds."""
    return time.time_ns() // 1_000_000


@dataclass(slots=True, eq=False)
class NodeState:
    """One edge node without its session. `on_write(device, metric, value)` gets the commands.

    `on_order` gets those that have an id, `on_request(text, sent_ms)` what the agent itself is asked for.

    `simulated`, `clock_offset_ms` (school time minus real time at an instant) and `clock_factor` (how fast
    school time passes) are only declared; metric times are the caller's. With `history` what is observed
    belongs to the past: it goes out as history and is nobody's current state. `on_accepted(device, changes)`
    hears what got a position.
    """

    group: str
    node_id: str
    outbox: Outbox
    mqtt: MqttSettings
    host_id: str = "hub"
    simulated: bool = False
    clock_offset_ms: Callable[[int], int] = lambda now_ms: 0
    clock_factor: float = 1.0
    history: bool = False
    software: str = "smart-classroom-agent"
    timing: Timing = field(default_factory=Timing)
    on_write: Callable[[str, str, Any], None] | None = None
    on_order: Callable[[Order], None] | None = None
    on_request: Callable[[str, int | None], None] | None = None
    on_accepted: Callable[[Device, Sequence[Change]], None] | None = None
    now_ms: Callable[[], int] = utc_ms
    steady_ms: Callable[[], int] | None = None
    """A clock that never steps, by which steps of `now_ms` are noticed; None where `now_ms` is simulated."""
    rng: random.Random = field(default_factory=random.Random)
    devices: dict[str, Device] = field(default_factory=dict)
    counters: Counters = field(default_factory=Counters)
    host: HostView = field(default_factory=HostView)
    facts: dict[str, tuple[DataType, Any]] = field(default_factory=dict)
    """What the agent says of itself, by metric: declared in each NBIRTH; changed by `tell` alone."""
    _steps: Steps = field(init=False)

    def __post_init__(self) -> None:
        Topic(self.group, MessageType.NBIRTH, self.node_id)  # raises TopicError for an id that cannot be
        self._steps = Steps(self.now_ms, self.steady_ms, self.outbox.position)

    def by_clock_of_now(self, position: int, body: bytes) -> bytes:
        """A held payload's metrics; their times are moved if the clock was set since they were observed."""
        self.look_at_clock()
        shift_ms = self._steps.shift_ms(position)
        return moved(body, shift_ms) if shift_ms else body

    def look_at_clock(self) -> None:
        """Notice that the clock was set, and move what was observed with it."""
        step_ms = self._steps.look(self.outbox.position)
        if not step_ms:
            return
        log.warning("%s: the clock was set by %d ms: held values move with it", self.node_id, step_ms)
        self.counters.clock_steps += 1
        for device in self.devices.values():
            device.reported.move(step_ms)

    def forget_steps(self) -> None:
        """What is held now has new positions: it was moved already."""
        self._steps.forget(self.outbox.position)
