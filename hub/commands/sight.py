"""What the live mirror shows of the devices that commands are about, and which rooms an interlock closes."""

from __future__ import annotations

from collections import defaultdict
from functools import lru_cache
from typing import Protocol

import msgspec

from devices.wire.commands import COMMAND_RESULT
from hub.commands.rules import Asked, Plain, Result, Seen, same
from hub.commands.storing import Key, command_of, known_kinds
from hub.live.documents import Mirrored, born, key_of
from hub.live.picture import Picture
from hub.live.picture import Plain as Document


class _Result(msgspec.Struct):
    id: str
    state: str
    detail: str | None = ""


_read_result = msgspec.json.Decoder(_Result).decode


class Interlocks:
    """Which rooms are closed by a safety device whose interlock is open, by its kind's metric of that role.

    A safety device that cannot be reached goes on meaning what it said last.
    """

    def __init__(self) -> None:
        self._open: dict[tuple[str, str], dict[Key, str]] = defaultdict(dict)

    def names(self, school: str, room: str, besides: Key) -> tuple[str, ...]:
        """Gives the names of the devices that close a room to a device, the device itself not counted."""
        found = self._open.get((school, room))
        return tuple(name for key, name in sorted(found.items()) if key != besides) if found else ()

    def device_changed(self, old: Mirrored | None, new: Mirrored | None) -> None:
        """Takes a device or node that appeared, changed, or is gone."""
        for document in (old, new):
            if document is None or (metric := interlock_of(document.kind)) is None:
                continue
            place, key = (document.school, document.room), key_of(document)
            self._open[place].pop(key, None)
            reading = document.metrics.get(metric)
            if document is new and reading is not None and reading.value is True:
                self._open[place][key] = document.name or key[2]
            if not self._open[place]:
                del self._open[place]

    def alarm_changed(self, old: Document | None, new: Document | None) -> None:
        """Alarms close no room."""

    def status_changed(self) -> None:
        """Nor do heartbeats."""


class Sight(Interlocks):
    """The dispatcher's own picture; `changed` gathers the devices whose documents came since it was taken."""

    def __init__(self) -> None:
        super().__init__()
        self.picture = Picture()
        self.picture.add_listener(self)
        self.changed: set[Key] = set()
        self.is_stirred = False

    def device_changed(self, old: Mirrored | None, new: Mirrored | None) -> None:
        """Takes a device or node that appeared, changed, or is gone."""
        super().device_changed(old, new)
        document = new or old
        assert document is not None
        key = key_of(document)
        self.changed.add(key)
        if not key[2] and (old is None or new is None or born(old) is not born(new)):
            self.is_stirred = True  # what waits for the node may go

    def seen(self, key: Key, metric: str) -> Seen:
        """Gives what is known of a device and one of its metrics."""
        document = self.picture.get(key)
        if document is None:
            return Seen()
        node = self.picture.get((key[0], key[1], ""))
        reading, told = document.metrics.get(metric), document.metrics.get(COMMAND_RESULT)
        value: Plain = reading.value if reading else None
        return Seen(
            present=born(document if node is None else node),
            proves=told is not None,
            value=value,
            ts_ms=reading.ts_ms if reading else None,
            is_good=reading is not None and reading.quality == "good" and born(document),
            result=_result(told.value) if told else None,
        )


class Closes(Protocol):
    """Knows which devices close a room."""

    def names(self, school: str, room: str, besides: Key) -> tuple[str, ...]:
        """Gives the names of the devices that close a room to a device."""


def asked_of(
    school: str, room: str, key: Key, kind: str, command: str, value: Plain, closing: Closes
) -> Asked:
    """Gives a command with what may forbid it; a device with an interlock of its own is closed by none."""
    told = command_of(kind, command)
    is_safe = told is not None and told.safe_value is not None and same(value, told.safe_value, 0)
    closed = () if interlock_of(kind) is not None else closing.names(school, room, key)
    return Asked(school, room, kind, command, value, is_safe, closed)


@lru_cache(maxsize=1_000)
def interlock_of(kind_id: str | None) -> str | None:
    """Gives the metric of a kind that is true while a safety interlock is open."""
    kind = known_kinds().get(kind_id or "")
    return kind.interlock.name if kind is not None and kind.interlock is not None else None


def _result(value: object) -> Result | None:
    if not isinstance(value, str):
        return None
    try:
        found = _read_result(value)
    except msgspec.DecodeError:
        return None
    return Result(found.id, found.state, (found.detail or "")[:255])
