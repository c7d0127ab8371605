"""The life of a command in the agent, without input or output.

A command is on disk as `taken` before anything is done and is done at most once, whatever happens in between:

    arrive ── refused | expired                      (nothing was done)
       └── taken ── done | refused | failed | expired | interrupted (the agent died in between: not repeated)

An id is remembered for two days. The same id again does nothing: its last state is told once more.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from devices.kind import DeviceKind

KEPT_MS = 48 * 3_600_000
KEPT_MOST, KEPT_LEAST = 20_000, 1_000
"""Ids remembered at most, and those that stay however old a clock that was set makes them look."""
LEFT_MOST_MS = 24 * 3_600_000
LEFT_UNSAID_MS = 60_000
"""How long a command counts that does not say until when."""
ID_LONGEST = 64

NOT_ALLOWED, INTERLOCK_OPEN, DEVICE_REFUSED = "not_allowed", "interlock_open", "device_refused"
BUSY, NO_DISK, BEYOND_LIMIT = "busy", "no_disk", "beyond_limit"


class State(StrEnum):
    """Where a command is in its life; all but `taken` are its end."""

    TAKEN = "taken"
    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"
    EXPIRED = "expired"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True)
class Order:
    """What a device is told. `id` is empty for a command without one; `left_ms`: how long it counts."""

    device: str
    metric: str
    value: Any
    id: str = ""
    left_ms: int = LEFT_UNSAID_MS


def left_ms(expires_ms: Any, sent_ms: int | None) -> int:
    """How long an order counts: both times are the sender's, since the agent's own clock may be wrong."""
    if not isinstance(expires_ms, int) or not sent_ms:
        return LEFT_UNSAID_MS
    return min(LEFT_MOST_MS, expires_ms - sent_ms)


def not_allowed(kind: DeviceKind, metric: str, value: Any) -> bool:
    """True for what the kind does not know as a command, or not with this value."""
    return not any(one.metric == metric and one.accepts(value) for one in kind.commands)


@dataclass(frozen=True, slots=True)
class Record:
    """What is remembered of one command or request; `device` is empty for a request to the agent itself.

    `since_ms`: when it came, `at_ms`: when it got its state; `fields` is more to tell with the state.
    """

    id: str
    device: str
    state: State
    detail: str = ""
    since_ms: int = 0
    at_ms: int = 0
    fields: Mapping[str, Any] = field(default_factory=dict)

    def told(self, again: int = 0) -> str:
        """The JSON that the hub gets; `again` counts tellings, so that a repeated one is news as well."""
        said = {"id": self.id, "state": self.state.value, "detail": self.detail, "at_ms": self.at_ms}
        if again:
            said["again"] = again
        return json.dumps({**said, **self.fields}, ensure_ascii=False, separators=(",", ":"))


LATER, LATER_LONGEST_MS = "later", 3_600_000
"""Detail of a taken request whose end comes by another way, perhaps after a restart of the agent."""


class Lives:
    """All commands that the agent remembers. What `taken` and `end` return has to be on disk to count."""

    def __init__(self, records: Iterable[Record] = ()) -> None:
        self._records = {record.id: record for record in records}
        self._begun: set[str] = set()

    def __len__(self) -> int:
        return len(self._records)

    def find(self, id_: str) -> Record | None:
        """What is remembered of an id."""
        return self._records.get(id_)

    def take(self, id_: str, device: str, now_ms: int) -> Record:
        """A new id. Raises ValueError for one that is known: that one is not to be taken again."""
        if id_ in self._records:
            raise ValueError(f"{id_} is known")
        record = self._records[id_] = Record(id_, device, State.TAKEN, "", now_ms, now_ms)
        return record

    def begin(self, id_: str) -> bool:
        """True exactly once for an id that is taken: from now on something may have happened."""
        record = self._records.get(id_)
        if record is None or record.state is not State.TAKEN or id_ in self._begun:
            return False
        self._begun.add(id_)
        return True

    def end(self, id_: str, state: State, detail: str, now_ms: int, **fields: Any) -> Record | None:
        """A command has ended; None if it had before: the first end stands."""
        record = self._records.get(id_)
        if record is None or record.state is not State.TAKEN:
            return None
        self._begun.discard(id_)
        ended = replace(record, state=state, detail=detail, at_ms=now_ms, fields=fields)
        self._records[id_] = ended
        return ended

    def postpone(self, id_: str) -> Record | None:
        """The end of a request comes later, perhaps only after a restart."""
        record = self._records.get(id_)
        if record is None or record.state is not State.TAKEN:
            return None
        self._records[id_] = record = replace(record, detail=LATER)
        return record

    def strip(self, id_: str) -> Record | None:
        """Forget the fields of an end: they were told, and may be large."""
        record = self._records.get(id_)
        if record is None or record.state is State.TAKEN or not record.fields:
            return None
        self._records[id_] = record = replace(record, fields={})
        return record

    def interrupted(self, now_ms: int) -> list[Record]:
        """After a start: what was taken and not ended before may have happened or not; it is not repeated."""
        cut_off = [
            record
            for record in self._records.values()
            if record.state is State.TAKEN
            and (record.detail != LATER or record.since_ms < now_ms - LATER_LONGEST_MS)
        ]
        return [
            ended
            for record in cut_off
            if (ended := self.end(record.id, State.INTERRUPTED, "", now_ms)) is not None
        ]

    def latest(self, since_ms: int) -> list[Record]:
        """The last that ended of each device, if it did so after `since_ms`: perhaps nobody heard of it."""
        last: dict[str, Record] = {}
        for record in self._records.values():
            if record.device and record.state is not State.TAKEN and record.at_ms >= since_ms:
                last[record.device] = record
        return list(last.values())

    def forget(self, now_ms: int) -> list[str]:
        """Drop what is too old or too much, never one that has not ended; returns the ids.

        The newest stay whatever their age: a clock that was set must not make the agent do a thing twice.
        """
        ids = list(self._records)[: max(0, len(self._records) - KEPT_LEAST)]
        surplus = len(self._records) - KEPT_MOST
        dropped = [
            id_
            for place, id_ in enumerate(ids)
            if self._records[id_].state is not State.TAKEN
            and (place < surplus or self._records[id_].since_ms < now_ms - KEPT_MS)
        ]
        for id_ in dropped:
            del self._records[id_]
        return dropped
