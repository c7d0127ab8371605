"""The commands that are not ended, in memory: what is to be done with each now; no I/O."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from hub.commands import rules
from hub.commands.rules import Life, Pace, Seen, State
from hub.commands.sight import asked_of
from hub.commands.storing import Key, Pending, Running

MAX_SENDS = 500
MAX_LOOKED_AT = 5_000


class Sees(Protocol):
    """What the board has to be told of devices."""

    def seen(self, key: Key, metric: str) -> Seen:
        """Gives what is known of a device and one of its metrics."""

    def names(self, school: str, room: str, besides: Key) -> tuple[str, ...]:
        """Gives the names of the devices that close a room to a device."""


@dataclass(slots=True)
class Decision:
    """What is to be done: new lives by id, and the ids of those that go out, first or again."""

    lives: dict[str, Life] = field(default_factory=dict)
    sends: list[str] = field(default_factory=list)


class Board:
    """All commands that are not ended, by device and by group."""

    def __init__(self) -> None:
        self.pending: dict[str, Pending] = {}
        self.batches: dict[str, Running] = {}
        self.devices: dict[Key, dict[str, Pending]] = defaultdict(dict)
        self._lines: dict[str | None, dict[str, Pending]] = defaultdict(dict)
        self._paces: dict[str, Pace] = {}

    @property
    def is_pacing(self) -> bool:
        """Whether a group waits for its pace."""
        return any(line for batch_id, line in self._lines.items() if batch_id is not None)

    def put(self, found: Iterable[Pending]) -> None:
        """Takes commands as the database has them, the oldest first; what is ended goes."""
        for pending in found:
            if pending.life.is_final:
                self.drop(pending.life.id)
            elif pending.life.id not in self.pending:
                self.pending[pending.life.id] = pending
                self.devices[pending.key][pending.life.id] = pending
                if pending.life.state is State.QUEUED:
                    self._lines[pending.batch_id][pending.life.id] = pending

    def keep(self, ids: Collection[str]) -> None:
        """Drops all commands but these."""
        for gone in self.pending.keys() - set(ids):
            self.drop(gone)

    def drop(self, command_id: str) -> None:
        """Forgets a command that is ended."""
        pending = self.pending.pop(command_id, None)
        if pending is not None:
            self._lines[pending.batch_id].pop(command_id, None)
            of_device = self.devices[pending.key]
            of_device.pop(command_id, None)
            if not of_device:
                del self.devices[pending.key]

    def run(self, batches: Iterable[Running]) -> None:
        """Takes the groups that are running now."""
        self.batches = {each.id: each for each in batches}
        self._paces = {
            name: self._paces.get(name) or Pace(each.rate_per_s) for name, each in self.batches.items()
        }
        self._lines = defaultdict(dict, {name: line for name, line in self._lines.items() if line})

    def took(self, lives: Iterable[Life]) -> None:
        """Takes over lives that are written down."""
        for life in lives:
            pending = self.pending.get(life.id)
            if pending is None:
                continue
            pending.life = life
            if life.is_final:
                self.drop(life.id)
            elif life.state is not State.QUEUED:
                self._lines[pending.batch_id].pop(life.id, None)

    def busy(self, key: Key, metric: str) -> bool:
        """Whether a command about this metric is under way."""
        return any(pending.metric == metric for pending in self.devices.get(key, {}).values())

    # -- deciding ------------------------------------------------------------------------------------

    def decide(self, sight: Sees, now_ms: int, changed: Collection[Key] | None) -> Decision:
        """Gives what is to be done now; looks at the devices that changed, at all for None."""
        decision = Decision()
        for pending in self._of(changed):
            seen = sight.seen(pending.key, pending.metric)
            life = rules.followed(pending.life, seen, now_ms)
            if rules.resend_due(life, seen, now_ms) and len(decision.sends) < MAX_SENDS:
                life = rules.resent(life, now_ms)
                decision.sends.append(life.id)
            if life != pending.life:
                decision.lives[life.id] = life
        for batch_id, line in self._lines.items():
            if line:
                self._let_go(sight, now_ms, batch_id, line, decision)
        return decision

    def _of(self, changed: Collection[Key] | None) -> Iterator[Pending]:
        if changed is None:
            yield from self.pending.values()
            return
        for key in changed if len(changed) < len(self.devices) else self.devices.keys() & set(changed):
            yield from self.devices.get(key, {}).values()

    def _let_go(
        self, sight: Sees, now_ms: int, batch_id: str | None, line: dict[str, Pending], decision: Decision
    ) -> None:
        pace = self._paces.get(batch_id) if batch_id is not None else None
        allowed = MAX_SENDS if pace is None else min(MAX_SENDS, pace.allowed(now_ms))
        went = 0
        for number, (name, pending) in enumerate(line.items()):
            if went >= allowed or number >= MAX_LOOKED_AT:
                break
            if name in decision.lives or not self._is_next(pending, decision):
                continue
            seen = sight.seen(pending.key, pending.metric)
            if not rules.may_go(pending.life, seen, now_ms):
                continue
            place = pending.school, pending.room, pending.key
            asked = asked_of(*place, pending.kind, pending.command, pending.life.value, sight)
            no = rules.refusal(asked, now_ms)
            if no is not None:
                decision.lives[name] = rules.refused(pending.life, no.code, now_ms)
                continue
            for older in self.devices[pending.key].values():
                life = decision.lives.get(older.life.id, older.life)
                if older.metric == pending.metric and (over := rules.superseded(life, now_ms)) is not life:
                    decision.lives[life.id] = over
            decision.lives[name] = rules.sent(pending.life, seen, now_ms)
            decision.sends.append(name)
            went += 1
        if pace is not None:
            pace.take(went)

    def _is_next(self, pending: Pending, decision: Decision) -> bool:
        """Whether no other command of the device is in its hands, or came before."""
        for name, other in self.devices[pending.key].items():
            life = decision.lives.get(name, other.life)
            if life.blocks:
                return False
            if life.state is State.QUEUED:
                return name == pending.life.id
        return False
