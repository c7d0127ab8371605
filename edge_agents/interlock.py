"""Which rooms have to stay off because their interlock is open. Pure.

An interlock opens when its device says so or measures beyond a critical limit, and stays open (also over
restarts and while the device does not answer) until a release that comes when all is well again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from devices.kind import Command, DeviceKind, Severity
from edge_agents.commanding import BEYOND_LIMIT, INTERLOCK_OPEN


class Interlocks:
    """The rooms of one agent. `opened`: the devices whose interlock was open before the start."""

    def __init__(self, opened: Iterable[str] = ()) -> None:
        self.opened = set(opened)
        self._kinds: dict[str, DeviceKind] = {}
        self._rooms: dict[str, str] = {}
        self._guards: dict[str, str] = {}
        self._beyond: dict[str, set[str]] = {}
        self._own: set[str] = set()
        self._unsafe: set[tuple[str, str]] = set()

    def add(self, device: str, kind: DeviceKind, room: str) -> None:
        """A device of a room; it is watched if its kind has an interlock."""
        self._kinds[device], self._rooms[device] = kind, room
        if (guard := kind.interlock) is not None:
            self._guards[device] = guard.name
            if device in self.opened:
                self._switch_off(device)
        elif self.is_open(room):
            self._unsafe |= {(device, command.metric) for command in _switches(kind)}

    def remove(self, device: str) -> None:
        """The device is no longer this agent's; an open interlock of it stays open until it is back."""
        for known in (self._kinds, self._rooms, self._guards, self._beyond):
            known.pop(device, None)
        self._unsafe = {pair for pair in self._unsafe if pair[0] != device}

    def is_open(self, room: str) -> bool:
        """True while any interlock of the room is open."""
        return any(self._rooms.get(device) == room for device in self.opened)

    def refusal(self, device: str, metric: str, value: Any) -> str:
        """Why this may not be written now: a stable code, empty if it may."""
        if self._guards.get(device) == metric:
            return BEYOND_LIMIT if self._beyond.get(device) else ""
        if device in self._guards or not self.is_open(self._rooms.get(device, "")):
            return ""
        switches = _switches(self._kinds[device])
        off = any(one.metric == metric and _same(one.safe_value, value) for one in switches)
        return "" if off else INTERLOCK_OPEN

    def seen(self, device: str, values: Mapping[str, Any]) -> tuple[Mapping[str, Any], bool]:
        """What was observed, as it has to be told, and whether the interlock has just opened.

        While it is open it is told as open, also of a device that has no latch of its own.
        """
        guard = self._guards.get(device)
        if guard is None:
            if self._unsafe:
                self._note_off(device, values)
            return values, False
        if guard in values:
            self._own.add(device)
        beyond = self._measure(device, guard, values)
        opens = (beyond or values.get(guard) is True) and device not in self.opened
        if opens:
            self.opened.add(device)
            self._switch_off(device)
        if guard in values or device not in self._own or opens:
            values = {**values, guard: device in self.opened}
        return values, opens

    def has_latch(self, device: str) -> bool:
        """True if the device tells its interlock itself, so that a release has to be written to it."""
        return device in self._own

    def release(self, device: str) -> bool:
        """A release was asked for and not refused; False if there was nothing to release."""
        if device not in self.opened:
            return False
        self.opened.discard(device)
        room = self._rooms.get(device, "")
        if not self.is_open(room):
            self._unsafe = {pair for pair in self._unsafe if self._rooms.get(pair[0]) != room}
        return True

    def guards(self, device: str, metric: str) -> bool:
        """True for the metric that is a device's interlock."""
        return self._guards.get(device) == metric

    def to_switch_off(self, device: str | None = None) -> list[tuple[str, str, Any]]:
        """Device, metric and value of what still has to be switched off, of one device or of all."""
        return [
            (one, command.metric, command.safe_value)
            for one, metric in sorted(self._unsafe)
            if device in (None, one)
            for command in _switches(self._kinds[one])
            if command.metric == metric
        ]

    def is_off(self, device: str, metric: str) -> None:
        """It was switched off: the device was asked and did not refuse."""
        self._unsafe.discard((device, metric))

    def _switch_off(self, guard: str) -> None:
        room = self._rooms[guard]
        self._unsafe |= {
            (device, command.metric)
            for device, kind in self._kinds.items()
            if self._rooms[device] == room and device not in self._guards
            for command in _switches(kind)
        }

    def _note_off(self, device: str, values: Mapping[str, Any]) -> None:
        for _, metric, off in self.to_switch_off(device):
            if metric in values and _same(off, values[metric]):
                self._unsafe.discard((device, metric))

    def _measure(self, device: str, guard: str, values: Mapping[str, Any]) -> bool:
        """Note what is beyond a limit; what was beyond counts until it is back by the hysteresis."""
        beyond, breached = self._beyond.setdefault(device, set()), False
        for metric in self._kinds[device].metrics:
            if metric.name == guard or metric.name not in values:
                continue
            value = values[metric.name]
            for limit in metric.limits:
                if limit.severity is not Severity.CRITICAL:
                    continue
                if limit.breached(value):
                    breached = True
                    beyond.add(f"{metric.name} {limit.condition}")
                elif limit.cleared(value):
                    beyond.discard(f"{metric.name} {limit.condition}")
        return breached


def _switches(kind: DeviceKind) -> list[Command]:
    return [command for command in kind.commands if command.safe_value is not None]


def _same(safe: Any, value: Any) -> bool:
    return type(safe) is type(value) and bool(safe == value)
