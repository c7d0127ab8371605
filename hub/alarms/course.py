"""How conditions run their course: delays, severities, parents and children, coming and going."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from devices.kind import Severity
from hub.alarms import words
from hub.alarms.alarm import Alarm, AlarmState, ChangeKind, Plain
from hub.alarms.conditions import Condition, Flap, Scope, Shelf, Step, Watch
from hub.alarms.deadlines import Deadlines
from hub.alarms.flapping import FlapRule, worth_telling
from hub.alarms.ledger import Ledger, unshelved_state
from hub.alarms.places import Places

GRACE_MS = 20_000  # after a parent returned: births are jittered, its children must not flash up meanwhile


class Course:
    """What becomes of conditions whose steps flip, as time goes on."""

    def __init__(self, flap_rules: Mapping[str, FlapRule]) -> None:
        self.now_ms = 0
        self.deadlines = Deadlines()
        self.ledger = Ledger()
        self.places = Places()
        self.watches: dict[tuple[str, str, str, str], Watch] = {}
        self._flap_rules = flap_rules
        self._usual = FlapRule()

    def advance(self, now_ms: int) -> None:
        """Lets every deadline up to now happen, instant by instant, parents before children."""
        self.now_ms = max(self.now_ms, now_ms)
        while (instant := self.deadlines.pop(self.now_ms)) is not None:
            at_ms, due = instant
            conditions: dict[Condition, None] = {}
            for timed in due:
                if isinstance(timed, Step):
                    timed.switch(at_ms)
                    conditions[timed.condition] = None
            for condition in sorted(conditions, key=lambda c: (c.feeds is None, c.heads is None)):
                self.settle(condition, at_ms)
                watch = self.watches.get((condition.subject.school, condition.subject.node,
                                          condition.subject.device or "", condition.metric))  # fmt: skip
                if watch is not None:
                    watch.refresh()
            scopes = [timed for timed in due if isinstance(timed, Scope)]
            for scope in scopes:
                scope.grace_id = None
            for scope in scopes:
                self.ledger.refresh_members(scope, at_ms)
            for timed in due:
                if isinstance(timed, Flap) and timed.due_ms is None:
                    self._calm(timed, at_ms)
                elif isinstance(timed, Shelf) and timed.condition.shelf is timed and timed.due_ms is None:
                    self.unshelve(timed.condition, at_ms)

    def attach(self, condition: Condition, steps: list[Step]) -> None:
        """Gives a condition its steps, mildest first; one known from before a restart goes on as active."""
        condition.steps = sorted(steps, key=lambda s: s.severity.rank)
        if condition.ghost:
            alarm = self.ledger.alarm(condition)
            rank = alarm.severity.rank if alarm else Severity.CRITICAL.rank
            for index, step in enumerate(condition.steps):
                step.violated = step.active = index == 0 or step.severity.rank <= rank
                step.since_ms = alarm.raised_ms if alarm else self.now_ms
            condition.ghost = False

    def flip(self, step: Step, since_ms: int, observed_ms: int) -> None:
        """A limit began or ceased to be violated: start its delay, or forget the one that was running."""
        step.violated = not step.violated
        if step.violated == step.active:
            step.due_ms = None
            return
        if step.violated and not step.condition.active:
            step.condition.began_ms = min(observed_ms, self.now_ms)
        at_ms = since_ms + (step.on_ms if step.violated else step.off_ms)
        if at_ms <= self.now_ms:
            step.switch(at_ms)
        else:
            self.deadlines.arm(step, at_ms)

    def settle(self, condition: Condition, at_ms: int) -> None:
        """Makes the condition's alarm say what its steps say."""
        if condition.feeds is None or condition.alarm_id is not None:
            self._settle_own(condition, at_ms)
        for scope in (condition.feeds, condition.heads):
            if scope is not None:
                self.scope_changed(scope, at_ms)

    def _settle_own(self, condition: Condition, at_ms: int) -> None:
        step = condition.worst()
        if step is None:
            for scope in condition.scopes:
                scope.parked.pop(condition, None)
            if not condition.ghost:
                self._fall(condition, at_ms)
            return
        if self.ledger.standing(condition) is None and condition.name == "offline":
            held = [s for s in condition.scopes if s.pending and s.down_id is None]
            if held:
                held[0].parked[condition] = None
                return
        self._rise(condition, step.severity, step.since_ms, at_ms, words.said(condition, step))

    # -- coming and going ----------------------------------------------------------------------------

    def _rise(
        self, condition: Condition, severity: Severity, since_ms: int, at_ms: int, said: dict[str, Plain]
    ) -> None:
        """The condition is wrong: raise its alarm, or make the standing one say how severe it is."""
        standing, flap = self.ledger.standing(condition), condition.flap
        if standing is None:
            self.ledger.raise_(condition, severity, since_ms, said)
            self._count_rise(condition, at_ms)
        elif flap is not None and standing.flapping_since_ms is not None:
            if not flap.wrong:
                self._count_rise(condition, at_ms)
            if severity.rank > standing.severity.rank:  # getting better is believed when it is steady
                self.ledger.become(condition, ChangeKind.SEVERITY, at_ms, severity=severity, **said)
        elif standing.severity is not severity:
            self.ledger.become(condition, ChangeKind.SEVERITY, at_ms, severity=severity, **said)

    def _fall(self, condition: Condition, at_ms: int) -> None:
        """The condition is over: so is its alarm, unless it is flapping and shown until it is quiet."""
        standing, flap = self.ledger.standing(condition), condition.flap
        if flap is not None:
            flap.wrong = False
        if standing is not None and (flap is None or standing.flapping_since_ms is None):
            self.ledger.return_(condition, at_ms)

    def _count_rise(self, condition: Condition, at_ms: int) -> None:
        flap = condition.flap
        if flap is None:
            rule = self._flap_rules.get(condition.name, self._usual)
            flap = condition.flap = Flap(condition, rule)
        flap.wrong = True
        if condition.name == "offline" and self.ledger.cover(condition) is not None:
            return  # its parent comes and goes: not a habit of its own
        often = flap.rise(condition.began_ms or at_ms)
        alarm = self.ledger.standing(condition)
        assert alarm is not None
        if alarm.flapping_since_ms is not None:
            flap.count += 1
            self.deadlines.arm(flap, at_ms + flap.rule.hold_ms)
            if worth_telling(flap.count):
                self.ledger.become(condition, ChangeKind.FLAPPING, at_ms, raised_count=flap.count)
        elif often:
            flap.count = max(alarm.raised_count, flap.rule.rises)
            self.deadlines.arm(flap, at_ms + flap.rule.hold_ms)
            self.ledger.become(condition, ChangeKind.FLAPPING, at_ms, flapping_since_ms=flap.rises_ms[0],
                               raised_count=flap.count)  # fmt: skip

    def _calm(self, flap: Flap, at_ms: int) -> None:
        """Nothing rose for the hold time: the alarm says again what is so."""
        condition = flap.condition
        standing = self.ledger.standing(condition)
        if standing is None or standing.flapping_since_ms is None:
            return
        self.ledger.become(condition, ChangeKind.STEADY, at_ms, flapping_since_ms=None,
                           raised_count=flap.count)  # fmt: skip
        if condition.name == "school_down":
            self.scope_changed(self.places.school(condition.subject.school), at_ms)
        else:
            self.settle(condition, at_ms)

    def resume(self, condition: Condition, alarm: Alarm) -> None:
        """Goes on with an alarm from before a restart: its shelf, and how often it came and went."""
        rule = self._flap_rules.get(condition.name, self._usual)
        flap = condition.flap = Flap(condition, rule, wrong=alarm.returned_ms is None)
        flap.rise(alarm.raised_ms)
        if alarm.flapping_since_ms is not None:
            flap.count = alarm.raised_count
            self.deadlines.arm(flap, self.now_ms + rule.hold_ms)
        until_ms = alarm.shelved_until_ms
        covered = alarm.state is AlarmState.SUPPRESSED
        if until_ms is not None and (
            alarm.state is AlarmState.SHELVED or (covered and until_ms > self.now_ms)
        ):
            self._put_on_shelf(condition, until_ms)

    # -- shelves -------------------------------------------------------------------------------------

    def shelve(self, condition: Condition, by: str, why: str | None, shelved_ms: int, until_ms: int) -> None:
        """Puts the condition's alarm aside until then, or moves the end of its shelf."""
        alarm = self.ledger.alarm(condition)
        assert alarm is not None
        state = alarm.state if alarm.state is AlarmState.SUPPRESSED else AlarmState.SHELVED
        self._put_on_shelf(condition, until_ms)
        self.ledger.become(condition, ChangeKind.SHELVED, shelved_ms, state=state, shelved_ms=shelved_ms,
                           shelved_until_ms=until_ms, shelved_by=by, shelved_why=why)  # fmt: skip

    def _put_on_shelf(self, condition: Condition, until_ms: int) -> None:
        if condition.shelf is None:
            condition.shelf = Shelf(condition)
        self.deadlines.arm(condition.shelf, until_ms)

    def unshelve(self, condition: Condition, at_ms: int, **changed: object) -> None:
        """Ends the shelf of a condition's alarm."""
        alarm = self.ledger.alarm(condition)
        if condition.shelf is not None:
            condition.shelf.due_ms = None
            condition.shelf = None
        if alarm is not None:
            self.ledger.become(
                condition, ChangeKind.UNSHELVED, at_ms, state=unshelved_state(alarm), **changed
            )

    # -- parents -------------------------------------------------------------------------------------

    def scope_changed(self, scope: Scope, at_ms: int) -> None:
        """Makes the alarm of a school follow its sources, and the alarms of a scope follow its parent."""
        head = scope.head
        pending = scope.pending
        if scope.is_school:
            cause = next((s for s in scope.sources if s.active), None)
            if cause is not None:
                since_ms = max((s.since_ms for s in cause.steps if s.active), default=at_ms)
                if self.ledger.standing(head) is None:
                    head.subject, head.metric = replace(cause.subject, room="-"), cause.metric
                head.began_ms = cause.began_ms
                self._rise(head, Severity.CRITICAL, since_ms, at_ms, words.school_said(cause))
            elif not pending:
                self._fall(head, at_ms)
        down = self.ledger.standing(head)
        if down is not None and down.flapping_since_ms is not None and head.flap and not head.flap.wrong:
            down = None  # its alarm goes on, but what is behind it can be heard and must not be hidden
        down_id = down.id if down is not None else None
        if down_id != scope.down_id:
            if down_id is not None:
                scope.grace_id, scope.due_ms = None, None
            else:
                scope.grace_id = scope.down_id
                self.deadlines.arm(scope, at_ms + GRACE_MS)
            scope.down_id = down_id
            self.ledger.refresh_members(scope, at_ms)
        if scope.parked and (down_id is not None or not pending):
            parked, scope.parked = scope.parked, {}
            for condition in parked:
                self.settle(condition, at_ms)
