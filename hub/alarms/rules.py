"""When an alarm is raised, changes, is suppressed and returns: pure rules, no I/O, `now_ms` given.

Every call first lets the deadlines up to `now_ms` happen, in order of their time. The outcome therefore
depends on the observations alone, not on how often `due` is asked, and a replay gives the same alarm ids.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from devices.kind import Metric, OfflineRule, Severity
from devices.wire.datatypes import DataType
from hub.alarms.alarm import EDGE_NODE, UPLINK, Alarm, AlarmChange, AlarmState, ChangeKind, Plain, Subject
from hub.alarms.conditions import Side, Step, Watch, sides
from hub.alarms.course import GRACE_MS, Course
from hub.alarms.flapping import FLAPPING, FlapRule
from hub.alarms.ledger import acknowledged_state

__all__ = ["GRACE_MS", "Alarm", "AlarmBook", "AlarmChange", "AlarmState", "ChangeKind", "Subject", "Watch"]

STALE_TITLE = ("Số liệu cũ", "Stale data")
DRIFT_TITLE = ("Khác với lệnh đã gửi", "Not as commanded")


class AlarmBook:
    """All alarm conditions of one ingest worker.

    Not thread-safe. Clocks that step back are taken as standing still. `flapping` gives the rules of
    conditions that differ from the usual `FlapRule()`.
    """

    def __init__(self, flapping: Mapping[str, FlapRule] = FLAPPING) -> None:
        self._course = Course(flapping)
        self._ledger = self._course.ledger
        self._places = self._course.places
        self._watches = self._course.watches

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
            self._course.attach(condition, steps)
            conditions.append(condition)
        watch = Watch(-math.inf, math.inf, "state" in found, None, conditions)
        watch.refresh()
        self._watches[key] = watch
        for condition in conditions:
            if condition.feeds is not None:  # its node may have been away already
                self._course.scope_changed(condition.feeds, self._course.now_ms)
        return watch

    def observe(self, watch: Watch, value: Plain, ts_ms: int, now_ms: int) -> None:
        """Takes one live value, true since `ts_ms`; None, NaN and infinity say nothing and change nothing.

        A delay runs from `ts_ms`, but never from longer ago than the delay itself or from the future.
        """
        course = self._course
        course.advance(now_ms)
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
                    course.flip(step, min(max(ts_ms, course.now_ms - delay), course.now_ms), ts_ms)
                    touched = True
            if touched:
                crossed = True
                course.settle(condition, course.now_ms)
        if crossed:
            watch.refresh()

    def presence(
        self, subject: Subject, online: bool, reason: str, since_ms: int, now_ms: int, rule: OfflineRule
    ) -> None:
        """Takes whether a device or edge node is there, with the reason code when it is not."""
        self._course.advance(now_ms)
        condition = self._places.condition(subject, "", "offline")
        condition.subject = subject
        if not condition.steps:
            on_ms, off_ms = round(rule.on_delay_s * 1000), round(rule.off_delay_s * 1000)
            step = Step(condition, rule.severity, Side.OFFLINE, None, 0.0, on_ms, off_ms,
                        rule.title_vi, rule.title_en)  # fmt: skip
            self._course.attach(condition, [step])
        if not online:
            condition.reason = reason
        if condition.steps[0].violated == online:
            since_ms = min(since_ms, self._course.now_ms)
            self._course.flip(condition.steps[0], since_ms, since_ms)
            self._course.settle(condition, self._course.now_ms)

    def freshness(self, subject: Subject, metric: Metric, since_ms: int | None, now_ms: int) -> None:
        """Takes since when a metric should have had a new value; None if it has one."""
        self._course.advance(now_ms)
        condition = self._places.condition(subject, metric.name, "stale")
        condition.subject = subject
        if not condition.steps:
            condition.definition = metric
            step = Step(condition, Severity.MINOR, Side.STALE, metric.stale_after_s, 0.0, 0, 0, *STALE_TITLE)
            self._course.attach(condition, [step])
        if condition.steps[0].violated is (since_ms is None):
            at_ms = self._course.now_ms if since_ms is None else min(since_ms, self._course.now_ms)
            self._course.flip(condition.steps[0], at_ms, at_ms)
            self._course.settle(condition, self._course.now_ms)

    def drift(
        self,
        subject: Subject,
        metric: Metric,
        wanted: Plain,
        value: Plain,
        since_ms: int | None,
        now_ms: int,
    ) -> None:
        """Takes since when a metric's value is not the one that was commanded; None if it no longer is so."""
        self._course.advance(now_ms)
        condition = self._places.condition(subject, metric.name, "drift")
        condition.subject = subject
        if not condition.steps:
            condition.definition = metric
            step = Step(condition, Severity.MINOR, Side.DRIFT, wanted, 0.0, 0, 0, *DRIFT_TITLE)
            self._course.attach(condition, [step])
        step = condition.steps[0]
        if step.violated is (since_ms is None):
            step.threshold, condition.value = wanted, value
            at_ms = self._course.now_ms if since_ms is None else min(since_ms, self._course.now_ms)
            self._course.flip(step, at_ms, at_ms)
            self._course.settle(condition, self._course.now_ms)

    def end_drift(self, alarm: Alarm, now_ms: int) -> None:
        """Takes that what an open alarm says of a drift is over."""
        subject = Subject(alarm.school, alarm.room, alarm.node, alarm.device, alarm.kind)
        unknown = Metric(
            name=alarm.metric, datatype=DataType.Unknown, label_vi=alarm.metric, label_en=alarm.metric
        )
        self.drift(subject, unknown, alarm.limit, alarm.value, None, now_ms)

    def forget(self, subject: Subject, now_ms: int) -> None:
        """Drops a device (or a node) that was removed or claimed elsewhere and closes its alarms."""
        self._course.advance(now_ms)
        for condition in self._places.take(subject):
            condition.ghost = False
            for step in condition.steps:
                step.violated = step.active = False
                step.due_ms = None
            if condition.alarm_id is not None:
                at_ms = self._course.now_ms
                self._ledger.become(condition, ChangeKind.CLOSED, at_ms, state=AlarmState.NORMAL,
                                    returned_ms=at_ms)  # fmt: skip
            if condition.feeds is not None:
                condition.feeds.sources.remove(condition)
                self._course.scope_changed(condition.feeds, self._course.now_ms)
            if condition.heads is not None:
                self._course.scope_changed(condition.heads, self._course.now_ms)
            for scope in condition.scopes:
                scope.parked.pop(condition, None)
            key = (subject.school, subject.node, subject.device or "", condition.metric)
            if (watch := self._watches.pop(key, None)) is not None:
                watch.conditions = []  # whoever still holds it observes nothing
                watch.refresh()

    # -- what people decide --------------------------------------------------------------------------

    def acknowledge(self, alarm_id: str, by: str, comment: str | None, now_ms: int) -> bool:
        """Notes who took the alarm on; False if it is not open here or somebody already did."""
        self._course.advance(now_ms)
        alarm = self._ledger.open.get(alarm_id)
        if alarm is None or alarm.acknowledged_ms is not None:
            return False
        state = acknowledged_state(alarm.state)
        self._ledger.become(self._ledger.holder[alarm_id], ChangeKind.ACKNOWLEDGED, now_ms, state=state,
                            acknowledged_ms=now_ms, acknowledged_by=by, comment=comment)  # fmt: skip
        return True

    def follow(self, decided: Alarm, now_ms: int) -> None:
        """Takes over what people decided about an alarm, as the database has it: taken on, put on a shelf.

        The instants of the decisions are those of the database, so that nothing is told twice.
        """
        self._course.advance(now_ms)
        if decided.acknowledged_ms is not None and decided.acknowledged_by is not None:
            self.acknowledge(decided.id, decided.acknowledged_by, decided.comment, decided.acknowledged_ms)
        alarm = self._ledger.open.get(decided.id)
        if alarm is None or decided.shelved_until_ms is None or decided.shelved_ms is None:
            return
        condition, until_ms = self._ledger.holder[decided.id], decided.shelved_until_ms
        if until_ms > self._course.now_ms:
            if (alarm.shelved_ms, alarm.shelved_until_ms) != (decided.shelved_ms, until_ms):
                self._course.shelve(condition, decided.shelved_by or "", decided.shelved_why,
                                    decided.shelved_ms, until_ms)  # fmt: skip
        elif condition.shelved:
            self._course.unshelve(condition, until_ms, shelved_until_ms=until_ms)

    def load(self, open_alarms: Iterable[Alarm], now_ms: int) -> None:
        """Takes up the alarms that were open before a restart; call it first, it gives no changes.

        They stay as they are until their subject is heard of again.
        """
        self._course.now_ms = max(self._course.now_ms, now_ms)
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
            self._course.resume(condition, alarm)
        for name, condition in self._ledger.holder.items():
            alarm = self._ledger.open[name]
            if alarm.state is AlarmState.SUPPRESSED and self._ledger.cover(condition) is None:
                scope = condition.scopes[0]  # its parent returned just before the restart
                scope.grace_id = alarm.suppressed_by
                self._course.deadlines.arm(scope, self._course.now_ms + GRACE_MS)

    # -- changes out ---------------------------------------------------------------------------------

    def due(self, now_ms: int) -> list[AlarmChange]:
        """Everything that changed since the last call, deadlines up to `now_ms` included, oldest first."""
        self._course.advance(now_ms)
        changes, self._ledger.changes = self._ledger.changes, []
        return changes

    def next_due_ms(self) -> int | None:
        """When `due` could next have something to tell without new facts; None if never."""
        return self._course.deadlines.next_ms

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
