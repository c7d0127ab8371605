"""When an alarm is raised, changes, is suppressed and returns: pure rules, no I/O, `now_ms` given.

Every call first lets the deadlines up to `now_ms` happen, in order of their time. The outcome therefore
depends on the observations alone, not on how often `due` is asked, and a replay gives the same alarm ids.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace

from devices.kind import Metric, OfflineRule, Severity
from hub.alarms import words
from hub.alarms.alarm import EDGE_NODE, UPLINK, Alarm, AlarmChange, AlarmState, ChangeKind, Plain, Subject
from hub.alarms.conditions import Condition, Scope, Side, Step, Watch, sides
from hub.alarms.deadlines import Deadlines
from hub.alarms.ledger import Ledger, acknowledged_state
from hub.alarms.places import Places

__all__ = ["Alarm", "AlarmBook", "AlarmChange", "AlarmState", "ChangeKind", "Subject", "Watch"]

GRACE_MS = 20_000  # after a parent returned: births are jittered, its children must not flash up meanwhile


class AlarmBook:
    """All alarm conditions of one ingest worker.

    Not thread-safe. Clocks that step back are taken as standing still.
    """

    def __init__(self) -> None:
        self._now_ms = 0
        self._deadlines = Deadlines()
        self._ledger = Ledger()
        self._places = Places()
        self._watches: dict[tuple[str, str, str, str], Watch] = {}

    # -- facts in ------------------------------------------------------------------------------------

    def watch(self, subject: Subject, metric: Metric) -> Watch | None:
        """Begins (or, after a rebirth, goes on) watching one metric; None if it has no limits."""
        if not metric.limits:
            return None
        key = (subject.school, subject.node, subject.device or "", metric.name)
        watch = self._watches.get(key)
        if watch is not None:
            for condition in watch.conditions:
                condition.subject = subject
            return watch
        found: dict[str, list[Step]] = {}
        for limit in metric.limits:
            for name, side, threshold in sides(limit):
                condition = self._places.condition(subject, metric.name, name)
                on_ms, off_ms = round(limit.on_delay_s * 1000), round(limit.off_delay_s * 1000)
                step = Step(condition, limit.severity, side, threshold, limit.hysteresis, on_ms, off_ms,
                            limit.title_vi, limit.title_en)  # fmt: skip
                found.setdefault(name, []).append(step)
        conditions = []
        for name, steps in found.items():
            condition = self._places.condition(subject, metric.name, name)
            condition.definition = metric
            self._attach(condition, steps)
            conditions.append(condition)
        watch = Watch(-math.inf, math.inf, "state" in found, None, conditions)
        watch.refresh()
        self._watches[key] = watch
        for condition in conditions:
            if condition.feeds is not None:  # its node may have been away already
                self._scope_changed(condition.feeds, self._now_ms)
        return watch

    def observe(self, watch: Watch, value: Plain, ts_ms: int, now_ms: int) -> None:
        """Takes one live value, true since `ts_ms`; None, NaN and infinity say nothing and change nothing.

        A delay runs from `ts_ms`, but never from longer ago than the delay itself or from the future.
        """
        self._advance(now_ms)
        if value is None or (isinstance(value, float) and not math.isfinite(value)):
            return
        if not watch.discrete and not isinstance(value, (int, float)):
            return
        crossed = False
        for condition in watch.conditions:
            condition.value = value
            touched = False
            for step in condition.steps:
                if step.violates(value) != step.violated:
                    delay = step.off_ms if step.violated else step.on_ms
                    since_ms = min(max(ts_ms, self._now_ms - delay), self._now_ms)
                    self._flip(step, since_ms)
                    touched = True
            if touched:
                crossed = True
                self._settle(condition, self._now_ms)
        if crossed:
            watch.refresh()

    def presence(
        self, subject: Subject, online: bool, reason: str, since_ms: int, now_ms: int, rule: OfflineRule
    ) -> None:
        """Takes whether a device or edge node is there, with the reason code when it is not."""
        self._advance(now_ms)
        condition = self._places.condition(subject, "", "offline")
        condition.subject = subject
        if not condition.steps:
            on_ms, off_ms = round(rule.on_delay_s * 1000), round(rule.off_delay_s * 1000)
            step = Step(condition, rule.severity, Side.OFFLINE, None, 0.0, on_ms, off_ms,
                        rule.title_vi, rule.title_en)  # fmt: skip
            self._attach(condition, [step])
        if not online:
            condition.reason = reason
        if condition.steps[0].violated == online:
            self._flip(condition.steps[0], min(since_ms, self._now_ms))
            self._settle(condition, self._now_ms)

    def forget(self, subject: Subject, now_ms: int) -> None:
        """Drops a device (or a node) that was removed or claimed elsewhere and closes its alarms."""
        self._advance(now_ms)
        for condition in self._places.take(subject):
            condition.ghost = False
            for step in condition.steps:
                step.violated = step.active = False
                step.due_ms = None
            if condition.alarm_id is not None:
                self._ledger.become(condition, ChangeKind.CLOSED, self._now_ms, state=AlarmState.NORMAL,
                                    returned_ms=self._now_ms)  # fmt: skip
            if condition.feeds is not None:
                condition.feeds.sources.remove(condition)
                self._scope_changed(condition.feeds, self._now_ms)
            if condition.heads is not None:
                self._scope_changed(condition.heads, self._now_ms)
            for scope in condition.scopes:
                scope.parked.pop(condition, None)
            key = (subject.school, subject.node, subject.device or "", condition.metric)
            if (watch := self._watches.pop(key, None)) is not None:
                watch.conditions = []  # whoever still holds it observes nothing
                watch.refresh()

    def acknowledge(self, alarm_id: str, by: str, comment: str | None, now_ms: int) -> bool:
        """Notes who took the alarm on; False if it is not open here or somebody already did."""
        self._advance(now_ms)
        alarm = self._ledger.open.get(alarm_id)
        if alarm is None or alarm.acknowledged_ms is not None:
            return False
        state = acknowledged_state(alarm.state)
        self._ledger.become(self._ledger.holder[alarm_id], ChangeKind.ACKNOWLEDGED, now_ms, state=state,
                            acknowledged_ms=now_ms, acknowledged_by=by, comment=comment)  # fmt: skip
        return True

    def load(self, open_alarms: Iterable[Alarm], now_ms: int) -> None:
        """Takes up the alarms that were open before a restart; call it first, it gives no changes.

        They stay as they are until their subject is heard of again.
        """
        self._now_ms = max(self._now_ms, now_ms)
        for alarm in sorted(open_alarms, key=lambda a: a.condition != "school_down"):
            subject = Subject(alarm.school, alarm.room, alarm.node, alarm.device, alarm.kind)
            standing = alarm.returned_ms is None
            if alarm.condition == "school_down":
                scope = self._places.school(alarm.school)
                condition = scope.head
                condition.subject = subject
                if alarm.kind in (UPLINK, EDGE_NODE):
                    scope.gateways.add(alarm.node)
                source = self._places.condition(subject, alarm.metric, "state" if alarm.metric else "offline")
                source.ghost = standing
                scope.down_id = alarm.id if standing else None
            else:
                condition = self._places.condition(subject, alarm.metric, alarm.condition)
                condition.ghost = standing
                if condition.heads is not None and standing:
                    condition.heads.down_id = alarm.id
            self._ledger.adopt(condition, alarm)
        for name, condition in self._ledger.holder.items():
            alarm = self._ledger.open[name]
            if alarm.state is AlarmState.SUPPRESSED and self._ledger.cover(condition) is None:
                scope = condition.scopes[0]  # its parent returned just before the restart
                scope.grace_id = alarm.suppressed_by
                self._deadlines.arm(scope, self._now_ms + GRACE_MS)

    # -- changes out ---------------------------------------------------------------------------------

    def due(self, now_ms: int) -> list[AlarmChange]:
        """Everything that changed since the last call, deadlines up to `now_ms` included, oldest first."""
        self._advance(now_ms)
        changes, self._ledger.changes = self._ledger.changes, []
        return changes

    def next_due_ms(self) -> int | None:
        """When `due` could next have something to tell without new facts; None if never."""
        return self._deadlines.next_ms

    def open(self) -> Mapping[str, Alarm]:
        """All open alarms by id, suppressed ones included; a live view, not a copy."""
        return self._ledger.open

    def alarms_of(self, subject: Subject) -> list[Alarm]:
        """The open alarms of one device or node, the worst first."""
        conditions = self._places.of(subject)
        ids = {c.alarm_id for c in conditions}
        ids |= {c.feeds.head.alarm_id for c in conditions if c.feeds is not None and c.active}
        found = [self._ledger.open[i] for i in ids if i is not None]
        return sorted(found, key=lambda a: (-a.severity.rank, a.raised_ms, a.id))

    # -- inside --------------------------------------------------------------------------------------

    def _attach(self, condition: Condition, steps: list[Step]) -> None:
        """Gives a condition its steps, mildest first; one known from before a restart goes on as active."""
        condition.steps = sorted(steps, key=lambda s: s.severity.rank)
        if condition.ghost:
            alarm = self._ledger.alarm(condition)
            rank = alarm.severity.rank if alarm else Severity.CRITICAL.rank
            for index, step in enumerate(condition.steps):
                step.violated = step.active = index == 0 or step.severity.rank <= rank
                step.since_ms = alarm.raised_ms if alarm else self._now_ms
            condition.ghost = False

    def _flip(self, step: Step, since_ms: int) -> None:
        """A limit began or ceased to be violated: start its delay, or forget the one that was running."""
        step.violated = not step.violated
        if step.violated == step.active:
            step.due_ms = None
            return
        at_ms = since_ms + (step.on_ms if step.violated else step.off_ms)
        if at_ms <= self._now_ms:
            step.switch(at_ms)
        else:
            self._deadlines.arm(step, at_ms)

    def _advance(self, now_ms: int) -> None:
        """Lets every deadline up to now happen, instant by instant, parents before children."""
        self._now_ms = max(self._now_ms, now_ms)
        while (instant := self._deadlines.pop(self._now_ms)) is not None:
            at_ms, due = instant
            conditions: dict[Condition, None] = {}
            for timed in due:
                if isinstance(timed, Step):
                    timed.switch(at_ms)
                    conditions[timed.condition] = None
            for condition in sorted(conditions, key=lambda c: (c.feeds is None, c.heads is None)):
                self._settle(condition, at_ms)
                watch = self._watches.get((condition.subject.school, condition.subject.node,
                                           condition.subject.device or "", condition.metric))  # fmt: skip
                if watch is not None:
                    watch.refresh()
            scopes = [timed for timed in due if isinstance(timed, Scope)]
            for scope in scopes:
                scope.grace_id = None
            for scope in scopes:
                self._ledger.refresh_members(scope, at_ms)

    def _settle(self, condition: Condition, at_ms: int) -> None:
        """Makes the condition's alarm say what its steps say."""
        if condition.feeds is None or condition.alarm_id is not None:
            self._settle_own(condition, at_ms)
        for scope in (condition.feeds, condition.heads):
            if scope is not None:
                self._scope_changed(scope, at_ms)

    def _settle_own(self, condition: Condition, at_ms: int) -> None:
        step = condition.worst()
        standing = self._ledger.standing(condition)
        if step is None:
            for scope in condition.scopes:
                scope.parked.pop(condition, None)
            if standing is not None and not condition.ghost:
                self._ledger.return_(condition, at_ms)
        elif standing is None:
            held = [s for s in condition.scopes if s.pending and s.down_id is None]
            if held and condition.name == "offline":
                held[0].parked[condition] = None
            else:
                self._ledger.raise_(condition, step.severity, step.since_ms, words.said(condition, step))
        elif standing.severity is not step.severity:
            said = words.said(condition, step)
            self._ledger.become(condition, ChangeKind.SEVERITY, at_ms, severity=step.severity, **said)

    def _scope_changed(self, scope: Scope, at_ms: int) -> None:
        head = scope.head
        pending = scope.pending
        if scope.is_school:
            cause = next((s for s in scope.sources if s.active), None)
            if cause is not None and self._ledger.standing(head) is None:
                since_ms = max((s.since_ms for s in cause.steps if s.active), default=at_ms)
                head.subject, head.metric = replace(cause.subject, room="-"), cause.metric
                self._ledger.raise_(head, Severity.CRITICAL, since_ms, words.school_said(cause))
            elif cause is None and not pending and self._ledger.standing(head) is not None:
                self._ledger.return_(head, at_ms)
        down = self._ledger.standing(head)
        down_id = down.id if down is not None else None
        if down_id != scope.down_id:
            if down_id is not None:
                scope.grace_id, scope.due_ms = None, None
            else:
                scope.grace_id = scope.down_id
                self._deadlines.arm(scope, at_ms + GRACE_MS)
            scope.down_id = down_id
            self._ledger.refresh_members(scope, at_ms)
        if scope.parked and (down_id is not None or not pending):
            parked, scope.parked = scope.parked, {}
            for condition in parked:
                self._settle(condition, at_ms)
