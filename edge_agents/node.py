"""One Sparkplug edge node: declare devices, observe values, and run; everything else is taken care of.

    node = Node("D703-THPT-02", "D703-THPT-02-a1", outbox, MqttSettings.from_url("mqtt://127.0.0.1"))
    node.declare(DeviceDescription.of(kind("room_air"), "p101-air", room="P101"))
    node.observe("p101-air", {"Temperature": 27.3}, ts_ms)
    await node.run(stop)

`observe` may be called at any time, connected or not. Hundreds of nodes may share a process and outbox file.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiomqtt

from devices.cancelling import cancelled
from devices.wire.datatypes import DataType
from devices.wire.payloads import ndeath_payload
from devices.wire.topics import MessageType, Topic
from edge_agents.declared import Counters, Device, DeviceDescription, HostView, Timing
from edge_agents.encoding import data_body, fact_body
from edge_agents.rules import Backoff
from edge_agents.session import Control, Session
from edge_agents.state import NodeState, utc_ms

__all__ = ["Counters", "Device", "DeviceDescription", "HostView", "Node", "Timing", "utc_ms"]

log = logging.getLogger(__name__)

PROBLEM = "Agent/Problem"


@dataclass(slots=True, eq=False)
class Node(NodeState):
    """One edge node that can run; see the module's text."""

    session: Session | None = None

    def __post_init__(self) -> None:
        NodeState.__post_init__(self)
        self.outbox.on_durable = self._wake
        self.outbox.on_new_epoch = self._new_epoch

    @property
    def connected(self) -> bool:
        """True while a session is open and its births are sent."""
        return self.session is not None and self.session.born

    def declare(self, device: DeviceDescription) -> None:
        """Add a device, or replace it; its birth goes out now or with those of the node."""
        Topic(self.group, MessageType.DBIRTH, self.node_id, device.id)
        self.devices[device.id] = Device(device)
        if self.session is not None:
            self.session.queue_control(Control.BIRTH, device.id)

    def observe(self, device_id: str, values: Mapping[str, Any], ts_ms: int | None = None) -> int | None:
        """Take a device's values; what changed by its deadband gets a position, which is returned.

        None if nothing changed, or if the disk refuses (then the values are offered again next time).
        A device that was dead is born again. Raises KeyError for a device that was not declared.
        """
        device = self.devices[device_id]
        if not device.alive:
            device.alive = True
            if self.session is not None:
                self.session.queue_control(Control.BIRTH, device_id)
        return self._take(device, values, ts_ms)

    def note(self, device_id: str, values: Mapping[str, Any]) -> int | None:
        """Take what the agent itself says of a device, such as the fate of a command: a dead one stays dead.

        Of a dead one it is history as data, and shown beside. Raises KeyError for an undeclared device.
        """
        device = self.devices[device_id]
        position = self._take(device, values, None)
        if position is not None and not device.alive and self.session is not None:
            reported = device.reported
            places = [reported.columns.by_name[name] for name in values]
            shown = [(place, reported.last[place], reported.last_ts[place]) for place in places]
            self.session.show(device_id, data_body(reported.columns, shown))
        return position

    def _take(self, device: Device, values: Mapping[str, Any], ts_ms: int | None) -> int | None:
        self.look_at_clock()
        device_id = device.description.id
        changes = device.reported.changes(values, self.now_ms() if ts_ms is None else ts_ms)
        if not changes:
            return None
        body = data_body(device.reported.columns, changes, is_history=self.history or not device.alive)
        position = self.outbox.append(device_id, body)
        if position is None:
            self.counters.values_refused += len(changes)
            if self.session is not None:
                self.session.show(device_id, body)
            return None
        device.reported.accept(changes)
        if self.on_accepted is not None:
            self.on_accepted(device, changes)
        if self.session is not None:
            self.session.queue_live(position, device_id, body)
        return position

    def tell(self, name: str, datatype: DataType, value: Any) -> None:
        """Say a fact of the agent itself, such as `Agent/Version`: in births, and as data on a change."""
        declared = name in self.facts
        if declared and self.facts[name] == (datatype, value):
            return
        self.facts[name] = datatype, value
        body = fact_body(name, datatype, value, self.now_ms())
        position = self.outbox.append("", body) if declared else None
        if self.session is None:
            return
        if position is None:
            self.session.ask_for_rebirth()  # what no birth declared, or the disk refuses, a birth says
        else:
            self.session.queue_live(position, "", body)

    def say_damage(self) -> None:
        """Tell the hub if the outbox had to be set aside: somebody should look at this machine's disk."""
        if self.outbox.damaged and PROBLEM in self.facts:
            self.tell(PROBLEM, DataType.String, "outbox_set_aside")

    def device_dead(self, device_id: str, reason: str) -> None:
        """The device does not answer, and why: a code such as `timeout` or `powered_off`."""
        device = self.devices[device_id]
        if not device.alive:
            return
        device.alive = False
        device.reason = reason
        if self.session is not None:
            self.session.queue_control(Control.DEATH, device_id)

    async def run(self, stop: asyncio.Event) -> None:
        """Hold a session with the broker until `stop`; reconnect for ever, more slowly, never in step."""
        backoff = Backoff(self.timing.reconnect_first_s, self.timing.reconnect_longest_s)
        stopped = asyncio.create_task(stop.wait())
        attempt: asyncio.Task[None] | None = None
        try:
            while not stop.is_set():
                began = time.monotonic()
                attempt = asyncio.create_task(self._hold_session())
                await asyncio.wait((attempt, stopped), return_when=asyncio.FIRST_COMPLETED)
                if not attempt.done():
                    await self._leave(attempt)
                    return
                self._report_end(attempt)
                if time.monotonic() - began > 10:
                    backoff.reset()
                await asyncio.wait((stopped,), timeout=backoff.next_s(self.rng))
        finally:
            stopped.cancel()
            if attempt is not None:
                await cancelled(attempt)

    async def _hold_session(self) -> None:
        bd_seq = await self.outbox.next_bd_seq()
        topic = str(Topic(self.group, MessageType.NDEATH, self.node_id))
        will = aiomqtt.Will(topic, ndeath_payload(bd_seq), qos=1, retain=False)
        async with self.mqtt.client(self.node_id, will) as client:
            self.counters.sessions += 1
            session = Session(self, client, bd_seq)
            await session.subscribe()
            self.session = session
            try:
                await session.run()
            finally:
                self.session = None

    async def _leave(self, attempt: asyncio.Task[None]) -> None:
        if self.session is not None:
            self.session.leave()
            await asyncio.wait((attempt,), timeout=5)
        await cancelled(attempt)
        if not attempt.cancelled():
            self._report_end(attempt)

    def _report_end(self, attempt: asyncio.Task[None]) -> None:
        error = attempt.exception()
        if error is None:
            return
        if isinstance(error, (aiomqtt.MqttError, OSError)):
            log.info("%s: no connection to %s:%d: %s", self.node_id, self.mqtt.host, self.mqtt.port, error)
        else:
            log.error("%s: session failed", self.node_id, exc_info=error)

    def _wake(self) -> None:
        if self.session is not None:
            self.session.wake.set()

    def _new_epoch(self) -> None:
        self.forget_steps()
        self.say_damage()
        if self.session is not None:
            self.session.new_epoch()
