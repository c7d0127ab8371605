"""When an alarm is raised, changes, is suppressed and returns: pure rules, no I/O, `now_ms` given.

Every call first lets the deadlines up to `now_ms` happen, in order of their time. The outcome therefore
depends on the observations alone, not on how often `due` is asked, and a replay gives the same alarm ids.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Mapping
from dataclasses import replace

from devices.kind import Metric, OfflineRule, Severity
from hub.alarms import words
from hub.alarms.alarm import (
    EDGE_NODE,
    UPLINK,
    Alarm,
    AlarmChange,
    AlarmState,
    ChangeKind,
    Plain,
    Subject,
    alarm_id,
)
from hub.alarms.conditions import Condition, Scope, Side, Step, Timed, Watch, sides

__all__ = ["Alarm", "AlarmBook", "AlarmChange", "AlarmState", "ChangeKind", "Subject", "Watch"]

LINK_METRIC = "Link Up"
GRACE_MS = 20_000  # after a parent returned: births are jittered, its children must not flash up meanwhile


class AlarmBook:
    """All alarm conditions of one ingest worker.

    Not thread-safe. Clocks that step back are taken as standing still.
    """

    def __init__(self) -> None:
        self._now_ms = 0
        self._order = 0
        self._heap: list[tuple[int, int, Timed]] = []
        self._changes: list[AlarmChange] = []
        self._open: dict[str, Alarm] = {}
        self._holder: dict[str, Condition] = {}
        self._watches: dict[tuple[str, str, str, str], Watch] = {}
        self._devices: dict[tuple[str, str, str], dict[tuple[str, str], Condition]] = {}
        self._schools: dict[str, Scope] = {}
        self._nodes: dict[tuple[str, str], Scope] = {}

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
                condition = self._condition(subject, metric.name, name)
                on_ms, off_ms = round(limit.on_delay_s * 1000), round(limit.off_delay_s * 1000)
                step = Step(condition, limit.severity, side, threshold, limit.hysteresis, on_ms, off_ms,
                            limit.title_vi, limit.title_en)  # fmt: skip
                found.setdefault(name, []).append(step)
        conditions = []
        for name, steps in found.items():
            condition = self._condition(subject, metric.name, name)
            condition.definition = metric
            self._attach(condition, steps)
            conditions.append(condition)
        watch = Watch(-math.inf, math.inf, "state" in found, None, conditions)
        watch.refresh()
        self._watches[key] = watch
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
        condition = self._condition(subject, "", "offline")
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
        for condition in self._devices.pop((subject.school, subject.node, subject.device or ""), {}).values():
            condition.ghost = False
            for step in condition.steps:
                step.violated = step.active = False
                step.due_ms = None
            if condition.alarm_id is not None:
                self._become(condition, ChangeKind.CLOSED, self._now_ms, state=AlarmState.NORMAL,
                             returned_ms=self._now_ms)  # fmt: skip
            if condition.feeds is not None:
                condition.feeds.sources.remove(condition)
                self._scope_changed(condition.feeds, self._now_ms)
            if condition.heads is not None:
                self._scope_changed(condition.heads, self._now_ms)
            for scope in condition.scopes:
                scope.parked.pop(condition, None)
            self._watches.pop((subject.school, subject.node, subject.device or "", condition.metric), None)

    def acknowledge(self, alarm_id: str, by: str, comment: str | None, now_ms: int) -> bool:
        """Notes who took the alarm on; False if it is not open here or somebody already did."""
        self._advance(now_ms)
        alarm = self._open.get(alarm_id)
        if alarm is None or alarm.acknowledged_ms is not None:
            return False
        state = acknowledged_state(alarm.state)
        self._become(self._holder[alarm_id], ChangeKind.ACKNOWLEDGED, now_ms, state=state,
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
                scope = self._school(alarm.school)
                condition = scope.head
                condition.subject = subject
                if alarm.kind in (UPLINK, EDGE_NODE):
                    scope.gateways.add(alarm.node)
                source = self._condition(subject, alarm.metric, "state" if alarm.metric else "offline")
                source.ghost = standing
                scope.down_id = alarm.id if standing else None
            else:
                condition = self._condition(subject, alarm.metric, alarm.condition)
                condition.ghost = standing
                if condition.heads is not None and standing:
                    condition.heads.down_id = alarm.id
            condition.alarm_id, condition.last_raised_ms = alarm.id, alarm.raised_ms
            condition.value = alarm.value
            self._open[alarm.id] = alarm
            self._holder[alarm.id] = condition
            for scope in condition.scopes:
                scope.members[condition] = None
        for condition in list(self._holder.values()):
            assert condition.alarm_id is not None
            alarm = self._open[condition.alarm_id]
            if alarm.state is AlarmState.SUPPRESSED and self._cover(condition) is None and condition.scopes:
                scope = condition.scopes[0]  # its parent returned just before the restart
                scope.grace_id = alarm.suppressed_by
                self._arm(scope, self._now_ms + GRACE_MS)

    # -- changes out ---------------------------------------------------------------------------------

    def due(self, now_ms: int) -> list[AlarmChange]:
        """Everything that changed since the last call, deadlines up to `now_ms` included, oldest first."""
        self._advance(now_ms)
        changes, self._changes = self._changes, []
        return changes

    def next_due_ms(self) -> int | None:
        """When `due` could next have something to tell without new facts; None if never."""
        return self._heap[0][0] if self._heap else None

    def open(self) -> Mapping[str, Alarm]:
        """All open alarms by id, suppressed ones included; a live view, not a copy."""
        return self._open

    def alarms_of(self, subject: Subject) -> list[Alarm]:
        """The open alarms of one device or node, the worst first."""
        conditions = self._devices.get((subject.school, subject.node, subject.device or ""), {}).values()
        ids = {c.alarm_id for c in conditions}
        ids |= {c.feeds.head.alarm_id for c in conditions if c.feeds is not None and c.active}
        found = [self._open[i] for i in ids if i is not None]
        return sorted(found, key=lambda a: (-a.severity.rank, a.raised_ms, a.id))

    # -- inside --------------------------------------------------------------------------------------

    def _condition(self, subject: Subject, metric: str, name: str) -> Condition:
        device = self._devices.setdefault((subject.school, subject.node, subject.device or ""), {})
        condition = device.get((metric, name))
        if condition is None:
            school, node = self._school(subject.school), self._node(subject)
            condition = Condition(subject, metric, name)
            device[metric, name] = condition
            if subject.device is None and name == "offline":
                node.head = condition
                node.sources = [condition]
                condition.heads, condition.scopes = node, (school,)
                if subject.node in school.gateways:
                    self._feed(condition, school)
            else:
                condition.scopes = (school, node)
                if subject.kind == UPLINK and (name == "offline" or metric == LINK_METRIC):
                    self._feed(condition, school)
                    self._make_gateway(subject, school)
        return condition

    def _school(self, code: str) -> Scope:
        scope = self._schools.get(code)
        if scope is None:
            head = Condition(Subject(code, "-", "", None, ""), "", "school_down")
            scope = self._schools[code] = Scope(head)
        return scope

    def _node(self, subject: Subject) -> Scope:
        scope = self._nodes.get((subject.school, subject.node))
        if scope is None:
            scope = Scope(Condition(replace(subject, device=None), "", "offline"))
            self._nodes[subject.school, subject.node] = scope
        return scope

    def _make_gateway(self, subject: Subject, school: Scope) -> None:
        """The node that reports the uplink stands for the school: without it nothing else can be heard."""
        if subject.node not in school.gateways:
            school.gateways.add(subject.node)
            offline = self._devices.get((subject.school, subject.node, ""), {}).get(("", "offline"))
            if offline is not None and offline.feeds is None:
                self._feed(offline, school)
                self._scope_changed(school, self._now_ms)

    @staticmethod
    def _feed(condition: Condition, school: Scope) -> None:
        condition.feeds = school
        school.sources.append(condition)

    def _attach(self, condition: Condition, steps: list[Step]) -> None:
        """Gives a condition its steps, mildest first; one known from before a restart goes on as active."""
        condition.steps = sorted(steps, key=lambda s: s.severity.rank)
        if condition.ghost:
            alarm = self._open.get(condition.alarm_id or "")
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
            self._arm(step, at_ms)

    def _arm(self, timed: Timed, at_ms: int) -> None:
        timed.due_ms = at_ms
        if timed.queued_ms is None or at_ms < timed.queued_ms:
            timed.queued_ms = at_ms
            self._order += 1
            heapq.heappush(self._heap, (at_ms, self._order, timed))

    def _advance(self, now_ms: int) -> None:
        """Lets every deadline up to now happen, instant by instant, parents before children."""
        self._now_ms = max(self._now_ms, now_ms)
        heap = self._heap
        while heap and heap[0][0] <= self._now_ms:
            at_ms = heap[0][0]
            conditions: dict[Condition, None] = {}
            scopes = []
            while heap and heap[0][0] == at_ms:
                timed = heapq.heappop(heap)[2]
                if timed.queued_ms != at_ms:
                    continue
                timed.queued_ms = None
                if timed.due_ms is None:
                    continue
                if timed.due_ms > at_ms:
                    self._arm(timed, timed.due_ms)
                    continue
                timed.due_ms = None
                if isinstance(timed, Step):
                    timed.switch(at_ms)
                    conditions[timed.condition] = None
                elif isinstance(timed, Scope):
                    scopes.append(timed)
            for condition in sorted(conditions, key=lambda c: (c.feeds is None, c.heads is None)):
                self._settle(condition, at_ms)
                watch = self._watches.get((condition.subject.school, condition.subject.node,
                                           condition.subject.device or "", condition.metric))  # fmt: skip
                if watch is not None:
                    watch.refresh()
            for scope in scopes:
                scope.grace_id = None
            for scope in scopes:
                self._refresh_members(scope, at_ms)

    def _settle(self, condition: Condition, at_ms: int) -> None:
        """Makes the condition's alarm say what its steps say."""
        if condition.feeds is None or condition.alarm_id is not None:
            self._settle_own(condition, at_ms)
        for scope in (condition.feeds, condition.heads):
            if scope is not None:
                self._scope_changed(scope, at_ms)

    def _settle_own(self, condition: Condition, at_ms: int) -> None:
        step = condition.worst()
        alarm = self._open.get(condition.alarm_id or "")
        standing = alarm is not None and alarm.returned_ms is None
        if step is None:
            for scope in condition.scopes:
                scope.parked.pop(condition, None)
            if standing and not condition.ghost:
                self._return(condition, at_ms)
        elif alarm is None or not standing:
            held = [s for s in condition.scopes if s.pending and s.down_id is None]
            if held and condition.name == "offline":
                held[0].parked[condition] = None
            else:
                self._raise(condition, step.severity, step.since_ms, self._said(condition, step))
        elif alarm.severity is not step.severity:
            said = self._said(condition, step)
            self._become(condition, ChangeKind.SEVERITY, at_ms, severity=step.severity, **said)

    def _scope_changed(self, scope: Scope, at_ms: int) -> None:
        head = scope.head
        pending = scope.pending
        if scope.is_school:
            cause = next((s for s in scope.sources if s.active), None)
            alarm = self._open.get(head.alarm_id or "")
            standing = alarm is not None and alarm.returned_ms is None
            if cause is not None and not standing:
                since_ms = max((s.since_ms for s in cause.steps if s.active), default=at_ms)
                head.subject, head.metric = replace(cause.subject, room="-"), cause.metric
                vi, en = words.LINK_DOWN if cause.metric else words.reason(cause.reason)
                said = {"title_vi": words.SCHOOL_DOWN[0], "title_en": words.SCHOOL_DOWN[1],
                        "detail_vi": _sentence(vi), "detail_en": _sentence(en),
                        "value": cause.value, "limit": None, "unit": None}  # fmt: skip
                self._raise(head, Severity.CRITICAL, since_ms, said)
            elif cause is None and not pending and standing:
                self._return(head, at_ms)
        alarm = self._open.get(head.alarm_id or "")
        down_id = alarm.id if alarm is not None and alarm.returned_ms is None else None
        if down_id != scope.down_id:
            if down_id is not None:
                scope.grace_id, scope.due_ms = None, None
            else:
                scope.grace_id = scope.down_id
                self._arm(scope, at_ms + GRACE_MS)
            scope.down_id = down_id
            self._refresh_members(scope, at_ms)
        if scope.parked and (down_id is not None or not pending):
            parked, scope.parked = scope.parked, {}
            for condition in parked:
                self._settle(condition, at_ms)

    def _cover(self, condition: Condition) -> str | None:
        """The id of the alarm that suppresses this condition now, the outermost first."""
        for scope in condition.scopes:
            if scope.down_id is not None:
                return scope.down_id
        alarm = self._open.get(condition.alarm_id or "")
        quiet = condition.name == "offline" or (alarm is not None and alarm.state is AlarmState.SUPPRESSED)
        return next((s.grace_id for s in condition.scopes if s.grace_id is not None and quiet), None)

    def _refresh_members(self, scope: Scope, at_ms: int) -> None:
        for condition in list(scope.members):
            assert condition.alarm_id is not None
            alarm, by = self._open[condition.alarm_id], self._cover(condition)
            if by == alarm.suppressed_by:
                continue
            if by is not None:
                self._become(condition, ChangeKind.SUPPRESSED, at_ms, state=AlarmState.SUPPRESSED,
                             suppressed_by=by)  # fmt: skip
            else:
                self._become(condition, ChangeKind.UNSUPPRESSED, at_ms, state=shown_state(alarm),
                             suppressed_by=None)  # fmt: skip

    def _raise(self, condition: Condition, severity: Severity, since_ms: int, said: dict[str, Plain]) -> None:
        by = self._cover(condition)
        state = AlarmState.SUPPRESSED if by else AlarmState.UNACKNOWLEDGED
        if condition.alarm_id is not None:
            self._become(condition, ChangeKind.REACTIVATED, since_ms, severity=severity, state=state,
                         suppressed_by=by, returned_ms=None, **said)  # fmt: skip
            return
        raised_ms = max(since_ms, condition.last_raised_ms + 1)
        s = condition.subject
        name = alarm_id(s.school, s.node, s.device, condition.metric, condition.name, raised_ms)
        alarm = Alarm(name, s.school, s.room, s.node, s.device, s.kind, condition.metric, condition.name,
                      severity, state, raised_ms=raised_ms, suppressed_by=by, **said)  # type: ignore[arg-type]  # fmt: skip
        condition.alarm_id, condition.last_raised_ms = name, raised_ms
        self._holder[name] = condition
        for scope in condition.scopes:
            scope.members[condition] = None
        self._tell(ChangeKind.RAISED, raised_ms, alarm)

    def _return(self, condition: Condition, at_ms: int) -> None:
        assert condition.alarm_id is not None
        alarm = self._open[condition.alarm_id]
        # nobody was told of a suppressed alarm, or its parent told it all: nothing is left to acknowledge
        waits = alarm.state is AlarmState.UNACKNOWLEDGED
        state = AlarmState.RETURNED_UNACKNOWLEDGED if waits else AlarmState.NORMAL
        self._become(condition, ChangeKind.RETURNED, at_ms, state=state, returned_ms=at_ms)

    def _become(self, condition: Condition, kind: ChangeKind, at_ms: int, **changed: object) -> None:
        assert condition.alarm_id is not None
        alarm = replace(self._open[condition.alarm_id], **changed)  # type: ignore[arg-type]
        self._tell(kind, at_ms, alarm)
        if not alarm.is_open:
            condition.alarm_id = None
            del self._holder[alarm.id]
            for scope in condition.scopes:
                scope.members.pop(condition, None)

    def _tell(self, kind: ChangeKind, at_ms: int, alarm: Alarm) -> None:
        if alarm.is_open:
            self._open[alarm.id] = alarm
        else:
            self._open.pop(alarm.id, None)
        self._changes.append(AlarmChange(kind, at_ms, alarm))

    @staticmethod
    def _said(condition: Condition, step: Step) -> dict[str, Plain]:
        """Title, detail, value, limit and unit as the alarm shows them."""
        metric = condition.definition
        if metric is None:
            vi, en = words.reason(condition.reason)
            vi, en = _sentence(vi), _sentence(en)
        elif step.side in (Side.ABOVE, Side.BELOW):
            vi, en = words.measured(condition.value, metric.unit, step.threshold, metric.decimals)
        else:
            vi, en = words.stated(metric, condition.value)
        return {"title_vi": step.title_vi, "title_en": step.title_en, "detail_vi": vi, "detail_en": en,
                "value": condition.value, "limit": step.threshold,
                "unit": metric.unit if metric else None}  # fmt: skip


def acknowledged_state(state: AlarmState) -> AlarmState:
    """Where an acknowledgement leads to: a returned alarm closes, a suppressed one stays suppressed."""
    if state is AlarmState.RETURNED_UNACKNOWLEDGED:
        return AlarmState.NORMAL
    return AlarmState.ACKNOWLEDGED if state is AlarmState.UNACKNOWLEDGED else state


def shown_state(alarm: Alarm) -> AlarmState:
    """What a suppressed alarm becomes when nothing suppresses it any more."""
    if alarm.acknowledged_ms is not None:
        return AlarmState.ACKNOWLEDGED
    return AlarmState.UNACKNOWLEDGED if alarm.returned_ms is None else AlarmState.RETURNED_UNACKNOWLEDGED


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
