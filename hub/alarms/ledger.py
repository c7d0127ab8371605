"""The open alarms, and every change they go through: raise, suppress, return, acknowledge."""

from __future__ import annotations

from dataclasses import replace

from devices.kind import Severity
from hub.alarms.alarm import Alarm, AlarmChange, AlarmState, ChangeKind, Plain, alarm_id
from hub.alarms.conditions import Condition, Scope


class Ledger:
    """Writes what becomes of alarms; `changes` gathers what nobody has been told yet."""

    def __init__(self) -> None:
        self.open: dict[str, Alarm] = {}
        self.holder: dict[str, Condition] = {}
        self.changes: list[AlarmChange] = []

    def alarm(self, condition: Condition) -> Alarm | None:
        """The open alarm of a condition."""
        return self.open.get(condition.alarm_id or "")

    def standing(self, condition: Condition) -> Alarm | None:
        """The same, unless it has returned and only waits to be acknowledged."""
        alarm = self.alarm(condition)
        return None if alarm is None or alarm.returned_ms is not None else alarm

    def adopt(self, condition: Condition, alarm: Alarm) -> None:
        """Takes over an alarm that was open before a restart; that is no change."""
        condition.alarm_id, condition.last_raised_ms = alarm.id, alarm.raised_ms
        condition.value = alarm.value
        self.open[alarm.id] = alarm
        self._enter(condition, alarm.id)

    def cover(self, condition: Condition) -> str | None:
        """The id of the alarm that suppresses this condition now, the outermost first."""
        for scope in condition.scopes:
            if scope.down_id is not None:
                return scope.down_id
        alarm = self.alarm(condition)
        quiet = condition.name == "offline" or (alarm is not None and alarm.state is AlarmState.SUPPRESSED)
        return next((s.grace_id for s in condition.scopes if s.grace_id is not None and quiet), None)

    def refresh_members(self, scope: Scope, at_ms: int) -> None:
        """Suppresses or shows the alarms of a scope as its parent now wants."""
        for condition in list(scope.members):
            assert condition.alarm_id is not None
            alarm, by = self.open[condition.alarm_id], self.cover(condition)
            if by == alarm.suppressed_by:
                continue
            if by is not None:
                self.become(condition, ChangeKind.SUPPRESSED, at_ms, state=AlarmState.SUPPRESSED,
                             suppressed_by=by)  # fmt: skip
            else:
                self.become(condition, ChangeKind.UNSUPPRESSED, at_ms, suppressed_by=None,
                            state=shown_state(alarm, shelved=condition.shelved))  # fmt: skip

    def raise_(self, condition: Condition, severity: Severity, since_ms: int, said: dict[str, Plain]) -> None:
        """Raises the condition's alarm, or the returned one again; suppressed from the start if covered."""
        by = self.cover(condition)
        uncovered = AlarmState.SHELVED if condition.shelved else AlarmState.UNACKNOWLEDGED
        state = AlarmState.SUPPRESSED if by else uncovered
        if condition.alarm_id is not None:
            count = self.open[condition.alarm_id].raised_count + 1
            self.become(condition, ChangeKind.REACTIVATED, since_ms, severity=severity, state=state,
                         suppressed_by=by, returned_ms=None, raised_count=count, **said)  # fmt: skip
            return
        raised_ms = max(since_ms, condition.last_raised_ms + 1)
        s = condition.subject
        name = alarm_id(s.school, s.node, s.device, condition.metric, condition.name, raised_ms)
        alarm = Alarm(name, s.school, s.room, s.node, s.device, s.kind, condition.metric, condition.name,
                      severity, state, raised_ms=raised_ms, suppressed_by=by, **said)  # type: ignore[arg-type]  # fmt: skip
        condition.alarm_id, condition.last_raised_ms = name, raised_ms
        self._enter(condition, name)
        self._tell(ChangeKind.RAISED, raised_ms, alarm)

    def return_(self, condition: Condition, at_ms: int) -> None:
        """The condition is over: the alarm closes, waits to be acknowledged, or stays on its shelf."""
        assert condition.alarm_id is not None
        alarm = self.open[condition.alarm_id]
        # nobody was told of a suppressed alarm, or its parent told it all: nothing is left to acknowledge
        waits = alarm.state is AlarmState.UNACKNOWLEDGED
        state = AlarmState.RETURNED_UNACKNOWLEDGED if waits else AlarmState.NORMAL
        if condition.shelved:  # should it rise again before the shelf ends, it is to stay quiet
            state = alarm.state
        self.become(condition, ChangeKind.RETURNED, at_ms, state=state, returned_ms=at_ms)

    def become(self, condition: Condition, kind: ChangeKind, at_ms: int, **changed: object) -> None:
        """Changes the condition's alarm and tells of it; a closed one is forgotten."""
        assert condition.alarm_id is not None
        alarm = replace(self.open[condition.alarm_id], **changed)  # type: ignore[arg-type]
        self._tell(kind, at_ms, alarm)
        if not alarm.is_open:
            condition.alarm_id = None
            if condition.shelf is not None:
                condition.shelf.due_ms = None
                condition.shelf = None
            del self.holder[alarm.id]
            for scope in condition.scopes:
                scope.members.pop(condition, None)

    def _tell(self, kind: ChangeKind, at_ms: int, alarm: Alarm) -> None:
        if alarm.is_open:
            self.open[alarm.id] = alarm
        else:
            self.open.pop(alarm.id, None)
        self.changes.append(AlarmChange(kind, at_ms, alarm))

    def _enter(self, condition: Condition, name: str) -> None:
        self.holder[name] = condition
        for scope in condition.scopes:
            scope.members[condition] = None


def acknowledged_state(state: AlarmState) -> AlarmState:
    """Where an acknowledgement leads to: a returned alarm closes, one that is not shown stays so."""
    if state is AlarmState.RETURNED_UNACKNOWLEDGED:
        return AlarmState.NORMAL
    return AlarmState.ACKNOWLEDGED if state is AlarmState.UNACKNOWLEDGED else state


def shown_state(alarm: Alarm, *, shelved: bool) -> AlarmState:
    """What a suppressed alarm becomes when nothing suppresses it any more."""
    if shelved:
        return AlarmState.SHELVED
    if alarm.acknowledged_ms is not None:
        return AlarmState.ACKNOWLEDGED
    return AlarmState.UNACKNOWLEDGED if alarm.returned_ms is None else AlarmState.RETURNED_UNACKNOWLEDGED


def unshelved_state(alarm: Alarm) -> AlarmState:
    """What a shelved alarm becomes when its shelf ends: what is over meanwhile has no more to say."""
    if alarm.returned_ms is not None:
        return AlarmState.NORMAL
    return AlarmState.SUPPRESSED if alarm.suppressed_by else shown_state(alarm, shelved=False)
