"""A simulated school's edge node: the real agent's node, with a fibre that can be cut."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import aiomqtt

from devices.kind import UnreachableError
from devices.protocols.failures import RefusedError
from edge_agents.command_journal import MemoryJournal
from edge_agents.commanding import DEVICE_REFUSED, NOT_ALLOWED, State
from edge_agents.connection import MqttSettings
from edge_agents.day_plan import DayPlan
from edge_agents.executing import Commands, Write
from edge_agents.node import Device, DeviceDescription, Node, Timing, utc_ms
from edge_agents.outbox import OutboxFile
from edge_agents.requests import Requests
from edge_agents.rules import Change
from simulators.clock import SchoolClock
from simulators.recording import Recorder
from simulators.school import LivingSchool


@dataclass(slots=True)
class Fibre:
    """Whether the line is whole, and what runs over it."""

    whole: bool = True
    client: aiomqtt.Client | None = None

    def sever(self) -> None:
        """End the connection at the socket: no DISCONNECT is sent, so the broker publishes the will."""
        if self.client is None:
            return
        end = self.client._client.socket()  # noqa: SLF001 — aiomqtt offers no way to vanish
        if isinstance(end, socket.socket):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@dataclass(frozen=True, slots=True)
class Line(MqttSettings):
    """The way to the broker over a fibre that may be cut."""

    fibre: Fibre = field(default_factory=Fibre)

    def client(self, node_id: str, will: aiomqtt.Will) -> aiomqtt.Client:
        """A client that is not connected yet. Raises MqttError while the fibre is cut."""
        if not self.fibre.whole:
            raise aiomqtt.MqttError("the fibre is cut")
        # named outright: a dataclass with slots is made anew, and `super()` would mean the one before
        self.fibre.client = MqttSettings.client(self, node_id, will)
        return self.fibre.client


class SchoolLink:
    """Connects a living school with its node; counts nothing, keeps nothing."""

    def __init__(
        self, school: LivingSchool, outboxes: OutboxFile, line: Line, clock: SchoolClock, timing: Timing
    ) -> None:
        plan = school.plan
        self._school = school
        self._clock = clock
        self.line = line
        self.node = Node(
            plan.school.code,
            plan.node,
            outboxes.outbox(plan.node),
            line,
            simulated=True,
            clock_offset_ms=clock.offset_ms,
            clock_factor=clock.factor,
            history=clock.is_stamped,
            software="smart-classroom-simulator",
            timing=timing,
        )
        self.commands = Commands(self.node, MemoryJournal())
        requests = Requests(self.node, self.commands, version="simulator")
        self.plan = DayPlan(self.node, self.commands, requests)
        for each in plan.devices:
            kind = school.devices[each.device].kind
            room_type = plan.room_type(each.room)
            self.node.declare(
                DeviceDescription.of(kind, each.device, room=each.room, name=each.name, room_type=room_type)
            )
            self.commands.add(each.device, kind, each.room, SchoolDevice(self, each.device))
        self.first_position = self.node.outbox.position

    def record(self, recorder: Recorder) -> None:
        """Let everything that gets a position be written down."""
        group, node = self.node.group, self.node.node_id

        def take(device: Device, changes: Sequence[Change]) -> None:
            about = device.description
            recorder.take((group, node, about.id), about.kind, device.reported.columns, changes)

        self.node.on_accepted = take

    def report(self, device: str, values: Mapping[str, Any], now_ms: int) -> bool:
        """Hand values to the node; a device that was gone is born again. False if the outbox refuses."""
        ts_ms = self._clock.school_ms(now_ms) if self._clock.is_stamped else now_ms
        seen = self.commands.seen(device, values)
        return self.node.observe(device, seen, ts_ms) is not None or not values

    def gone(self, device: str, reason: str) -> None:
        """Say that a device does not answer any more."""
        self.node.device_dead(device, reason)

    def cut(self) -> None:
        """Let the connection vanish and stay away; the outbox goes on filling."""
        self.line.fibre.whole = False
        self.line.fibre.sever()

    def restore(self) -> None:
        """Let the node connect again, after its usual pause."""
        self.line.fibre.whole = True

    def watch(self) -> None:
        """Sever a connection that was just being made when the fibre was cut."""
        if not self.line.fibre.whole and self.node.session is not None:
            self.line.fibre.sever()

    def obey(self, device: str, write: Write) -> None:
        """Carry a command out as the real device would: what cannot be written stays as it is."""
        if not write.begin():
            return
        try:
            observed = self._school.obey(device, write.metric, write.value)
        except UnreachableError as error:
            write.ended(State.FAILED, error.reason)
            return
        except RefusedError:
            write.ended(State.REFUSED, DEVICE_REFUSED)
            return
        except KeyError:
            write.ended(State.REFUSED, NOT_ALLOWED)
            return
        write.ended(State.DONE, "")
        if observed is None or observed.values is None:
            return
        if not self.report(device, observed.values, utc_ms()):
            self._school.devices[device].forget(observed.values)


@dataclass(frozen=True, slots=True)
class SchoolDevice:
    """A simulated device as a command sees it: it obeys at once."""

    link: SchoolLink
    id: str

    def put(self, write: Write, *, first: bool = False) -> bool:
        """Obey; nothing waits."""
        self.link.obey(self.id, write)
        return True
