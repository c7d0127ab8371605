"""Carries commands out: from the wire to the journal, to the device's own queue, and back as a result.

    commands = Commands(node, FileJournal(path))
    commands.add("p101-projector", kind, "P101", polled)     # once it is declared
    commands.start()                                          # tells what a restart cut off

`node.on_order` and `node.on_write` are its own from then on. What a device observed goes through `seen`
before it is told, because an open interlock is the agent's to keep.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from devices.kind import DeviceKind
from devices.wire.commands import COMMAND_RESULT
from edge_agents.command_journal import Journal
from edge_agents.commanding import (
    BUSY,
    ID_LONGEST,
    NO_DISK,
    NOT_ALLOWED,
    Lives,
    Order,
    Record,
    State,
    not_allowed,
)
from edge_agents.interlock import Interlocks
from edge_agents.node import Node

log = logging.getLogger(__name__)

TOLD_AGAIN_MS = 10 * 60_000
"""What ended so shortly before a restart is told again: perhaps the report did not reach the disk."""
_LATCH = "interlock/"


@dataclass(frozen=True, slots=True)
class Write:
    """One write for a device. Its queue asks `begin` right before, and tells `ended` right after."""

    metric: str
    value: Any
    begin: Callable[[], bool]
    ended: Callable[[State, str], None]


class Obedient(Protocol):
    """A device that takes writes one after the other."""

    def put(self, write: Write, *, first: bool = False) -> bool:
        """Queue a write; False if too many wait. `first`: before all others, and never too many."""
        ...


@dataclass(frozen=True, slots=True)
class _Place:
    kind: DeviceKind
    room: str
    obedient: Obedient


class Commands:
    """All commands of one node: at most one effect for one id, whatever dies when."""

    def __init__(self, node: Node, journal: Journal, steady_s: Callable[[], float] | None = None) -> None:
        self.lives = Lives(journal.records())
        self.journal = journal
        self.interlocks = Interlocks(key.removeprefix(_LATCH) for key in journal.held(_LATCH))
        self.rejected = 0
        self._node = node
        self._steady_s = steady_s or (lambda: asyncio.get_running_loop().time())
        self._places: dict[str, _Place] = {}
        self._keeping: set[str] = set()
        self._switching: set[tuple[str, str]] = set()
        self._again = 0
        node.on_order = self.take
        node.on_write = lambda device, metric, value: self.take(Order(device, metric, value))

    def add(self, device: str, kind: DeviceKind, room: str, obedient: Obedient) -> None:
        """A declared device; another one of that id takes its place."""
        self._places[device] = _Place(kind, room, obedient)
        self.interlocks.add(device, kind, room)

    def remove(self, device: str) -> None:
        """The device is no longer this agent's."""
        self._places.pop(device, None)
        self.interlocks.remove(device)

    def start(self) -> list[Record]:
        """Tell what the end of the process before cut off, and keep rooms with an open interlock off.

        Returns what was cut off of the requests to the agent itself, which are not told here.
        """
        now_ms = self._node.now_ms()
        cut_off = self.lives.interrupted(now_ms)
        for record in cut_off:
            self.journal.keep(record, _nothing)
        for record in self.lives.latest(now_ms - TOLD_AGAIN_MS):
            self._tell(record, again=True)
        self._switch_off()
        return [record for record in cut_off if not record.device]

    # ------------------------------------------------ an order and its ends

    def take(self, order: Order) -> None:
        """Take an order; one whose id is known only tells its state again."""
        place = self._places.get(order.device)
        if place is None or len(order.id) > ID_LONGEST:
            self._reject(order, NOT_ALLOWED)
        elif not order.id:
            self._take_plain(order, place)
        elif (known := self.lives.find(order.id)) is not None:
            if order.id not in self._keeping:
                self._tell(known, again=True)
        else:
            record = self.lives.take(order.id, order.device, self._node.now_ms())
            self._forget_old()
            if (end := self._end_before(order, place)) is not None:
                self._end(order, *end)
                return
            self._keeping.add(order.id)
            until_s = self._steady_s() + order.left_ms / 1000
            self.journal.keep(record, partial(self._taken, order, place, until_s, record))

    def skip(self, id_: str, device: str, detail: str) -> None:
        """An order whose time has passed: it is remembered and told as expired."""
        if self.lives.find(id_) is None:
            self.lives.take(id_, device, self._node.now_ms())
            self._end(Order(device, "", None, id_), State.EXPIRED, detail)

    def _take_plain(self, order: Order, place: _Place) -> None:
        """A command without an id, as any Sparkplug host may send: done, but nobody is told."""
        end = self._end_before(order, place)
        write = Write(order.metric, order.value, lambda: True, partial(self._ended_plain, order))
        if end is not None or not place.obedient.put(write):
            self._reject(order, end[1] if end else BUSY)

    def _ended_plain(self, order: Order, state: State, detail: str) -> None:
        if state is State.DONE:
            self._done(order)
        else:
            self._reject(order, detail)

    def _reject(self, order: Order, detail: str) -> None:
        self.rejected += 1
        log.warning("%s: command %s = %r not done: %s", order.device, order.metric, order.value, detail)

    def _end_before(self, order: Order, place: _Place) -> tuple[State, str] | None:
        """Why nothing is to be done; None if it is."""
        if order.left_ms <= 0:
            return State.EXPIRED, ""
        if not_allowed(place.kind, order.metric, order.value):
            return State.REFUSED, NOT_ALLOWED
        if locked := self.interlocks.refusal(order.device, order.metric, order.value):
            return State.REFUSED, locked
        return None

    def _taken(
        self, order: Order, place: _Place, until_s: float, record: Record, error: Exception | None
    ) -> None:
        self._keeping.discard(order.id)
        if error is not None:
            self._end(order, State.REFUSED, NO_DISK)
            return
        self._tell(record)
        begin = partial(self._begin, order, place, until_s)
        write = Write(order.metric, order.value, begin, partial(self._ended, order))
        locks = self.interlocks
        if locks.guards(order.device, order.metric) and not locks.has_latch(order.device):
            if begin():  # the interlock is the agent's alone: there is nobody else to ask
                self._ended(order, State.DONE, "")
        elif not place.obedient.put(write):
            self._end(order, State.REFUSED, BUSY)

    def _begin(self, order: Order, place: _Place, until_s: float) -> bool:
        """Asked right before the device is: much may have changed since the order came."""
        left_ms = math.ceil(1000 * (until_s - self._steady_s()))
        now = Order(order.device, order.metric, order.value, order.id, left_ms)
        if (end := self._end_before(now, place)) is not None:
            self._end(order, *end)
            return False
        return self.lives.begin(order.id)

    def _ended(self, order: Order, state: State, detail: str) -> None:
        if state is State.DONE:
            self._done(order)
        self._end(order, state, detail)

    def _done(self, order: Order) -> None:
        if not self.interlocks.refusal(order.device, order.metric, order.value):
            self.interlocks.is_off(order.device, order.metric)
        guards = self.interlocks.guards(order.device, order.metric)
        if guards and self.interlocks.release(order.device):
            self.journal.hold(_LATCH + order.device, None, _nothing)
            log.warning("%s: the interlock was released", order.device)

    def _end(self, order: Order, state: State, detail: str) -> None:
        """An end is on disk before it is told, so that no other end is told after a restart."""
        record = self.lives.end(order.id, state, detail, self._node.now_ms())
        if record is not None:
            self._keeping.add(order.id)
            self.journal.keep(record, partial(self._told, record))

    def _told(self, record: Record, _error: Exception | None) -> None:
        self._keeping.discard(record.id)
        self._tell(record)

    def _tell(self, record: Record, *, again: bool = False) -> None:
        self._again += again
        if record.device in self._node.devices:
            self._node.note(record.device, {COMMAND_RESULT: record.told(self._again if again else 0)})

    def _forget_old(self) -> None:
        if dropped := self.lives.forget(self._node.now_ms()):
            self.journal.forget(dropped)

    # ------------------------------------------------ the interlock

    def seen(self, device: str, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """What was observed, as it has to be told; if that opens an interlock, the room is switched off."""
        values, opens = self.interlocks.seen(device, values)
        if opens:
            log.error("%s: the interlock is open: its room is switched off", device)
            self.journal.hold(_LATCH + device, str(self._node.now_ms()), _nothing)
            self._switch_off()
        elif self.interlocks.opened:
            self._switch_off(device)
        return values

    def _switch_off(self, device: str | None = None) -> None:
        for one, metric, off in self.interlocks.to_switch_off(device):
            if (one, metric) not in self._switching:
                self._switching.add((one, metric))
                begin = partial(self._still_unsafe, one, metric)
                write = Write(metric, off, begin, partial(self._switched_off, one, metric))
                self._places[one].obedient.put(write, first=True)

    def _still_unsafe(self, device: str, metric: str) -> bool:
        if any(wanted == metric for _, wanted, _ in self.interlocks.to_switch_off(device)):
            return True
        self._switching.discard((device, metric))
        return False

    def _switched_off(self, device: str, metric: str, state: State, detail: str) -> None:
        self._switching.discard((device, metric))
        if state is State.DONE:
            self.interlocks.is_off(device, metric)
        else:
            log.error("%s: %s could not be switched off: %s; tried again", device, metric, detail or state)


def _nothing(_error: Exception | None) -> None: ...
