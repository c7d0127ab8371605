"""The parts of an alarm condition: steps of severity with their delays, the watch of the hot path, scopes."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum

from devices.kind import Limit, Metric, Severity
from hub.alarms.alarm import Plain, Subject
from hub.alarms.flapping import FlapRule

INFINITY = math.inf


class Side(StrEnum):
    """On which side of its threshold a value is wrong; `offline`, `stale`, `drift` know no threshold."""

    ABOVE = "above"
    BELOW = "below"
    EQUALS = "equals"
    NOT_EQUALS = "not_equals"
    OFFLINE = "offline"
    STALE = "stale"
    DRIFT = "drift"


@dataclass(slots=True, eq=False)
class Timed:
    """Something that wants to be woken at `due_ms`; `queued_ms` is where it stands in the heap."""

    due_ms: int | None = field(default=None, init=False)
    queued_ms: int | None = field(default=None, init=False)


@dataclass(slots=True, eq=False)
class Step(Timed):
    """One limit of a condition: violated now, and active once it was violated for its on-delay.

    `violated` already contains the hysteresis; `since_ms` is when it became active.
    """

    condition: Condition
    severity: Severity
    side: Side
    threshold: Plain
    hysteresis: float
    on_ms: int
    off_ms: int
    title_vi: str
    title_en: str
    violated: bool = False
    active: bool = False
    since_ms: int = 0

    def violates(self, value: Plain) -> bool:
        """Whether this value is wrong, given that the last one was or was not."""
        side = self.side
        if side is Side.EQUALS:
            return value == self.threshold
        if side is Side.NOT_EQUALS:
            return value != self.threshold
        if not isinstance(value, (int, float)) or not isinstance(self.threshold, (int, float)):
            return self.violated
        slack = self.hysteresis if self.violated else 0.0
        if side is Side.ABOVE:
            return value > self.threshold - slack
        return value < self.threshold + slack

    def switch(self, at_ms: int) -> None:
        """Its delay is over: becomes active or ceases to be.

        Milder steps that are violated too come with it: a value that falls back from the severe limit to
        the mild one is the same alarm getting better, not its end.
        """
        self.active, self.since_ms, self.due_ms = self.violated, at_ms, None
        if self.active:
            for step in self.condition.steps:
                if step.violated and not step.active and step.severity.rank < self.severity.rank:
                    step.active, step.since_ms, step.due_ms = True, at_ms, None

    def quiet(self) -> tuple[float, float]:
        """The closed band of values that leave `violated` as it is."""
        assert isinstance(self.threshold, (int, float))
        if self.side is Side.ABOVE:
            if self.violated:
                return math.nextafter(self.threshold - self.hysteresis, INFINITY), INFINITY
            return -INFINITY, self.threshold
        if self.violated:
            return -INFINITY, math.nextafter(self.threshold + self.hysteresis, -INFINITY)
        return self.threshold, INFINITY


@dataclass(slots=True, eq=False)
class Flap(Timed):
    """The latest rises of one condition; woken when it has been quiet for long enough.

    `wrong` is whether it is so at this moment, which a flapping alarm does not show; `count` is how often it
    rose since it flaps.
    """

    condition: Condition
    rule: FlapRule
    wrong: bool = False
    count: int = 0
    rises_ms: deque[int] = field(default_factory=deque)

    def rise(self, at_ms: int) -> bool:
        """Notes a rise, never before the one before; tells whether there are too many within the window."""
        rises = self.rises_ms
        rises.append(max(at_ms, rises[-1]) if rises else at_ms)
        if len(rises) > self.rule.rises:
            rises.popleft()
        return len(rises) == self.rule.rises and rises[-1] - rises[0] <= self.rule.window_ms


@dataclass(slots=True, eq=False)
class Condition:
    """One way to be wrong of one subject: `high`, `low`, `state`, `stale`, `drift`, `offline`, `school_down`.

    It has at most one alarm, whose severity is that of its worst active step. `ghost` marks a condition
    known only from an alarm that was open before a restart: active until it is heard of again. `began_ms` is
    when what is observed last began to be wrong, by the time of the observation.
    """

    subject: Subject
    metric: str
    name: str
    steps: list[Step] = field(default_factory=list)
    definition: Metric | None = None
    value: Plain = None
    reason: str = ""
    alarm_id: str | None = None
    last_raised_ms: int = -1
    began_ms: int = 0
    flap: Flap | None = None
    shelf: Shelf | None = None
    ghost: bool = False
    scopes: tuple[Scope, ...] = ()
    heads: Scope | None = None
    feeds: Scope | None = None

    @property
    def shelved(self) -> bool:
        """Whether somebody put its alarm aside."""
        return self.shelf is not None

    @property
    def active(self) -> bool:
        """Whether any step outlasted its on-delay."""
        return self.ghost or any(step.active for step in self.steps)

    @property
    def pending(self) -> bool:
        """Whether an on-delay is running that would make it active."""
        return not self.active and any(step.violated for step in self.steps)

    def worst(self) -> Step | None:
        """The most severe active step."""
        return max((s for s in self.steps if s.active), key=lambda s: s.severity.rank, default=None)


@dataclass(slots=True, eq=False)
class Shelf(Timed):
    """Puts a condition's alarm aside until it is woken."""

    condition: Condition


@dataclass(slots=True, eq=False)
class Scope(Timed):
    """Everything that one parent silences: a school behind its uplink, or the devices of one edge node.

    While `down_id` is set every alarm in it is suppressed by that alarm. After the parent returned,
    `grace_id` keeps what was suppressed quiet until everything behind it had time to come back.
    """

    head: Condition
    sources: list[Condition] = field(default_factory=list)
    gateways: set[str] = field(default_factory=set)
    members: dict[Condition, None] = field(default_factory=dict)
    parked: dict[Condition, None] = field(default_factory=dict)
    down_id: str | None = None
    grace_id: str | None = None

    @property
    def is_school(self) -> bool:
        """A school's head has no limit of its own: it follows its sources."""
        return self.head.name == "school_down"

    @property
    def pending(self) -> bool:
        """Whether the parent may be about to go down."""
        return any(source.pending for source in self.sources)


@dataclass(slots=True, eq=False)
class Watch:
    """One metric under watch, made for the hot path.

    A numeric value with `quiet_low <= value <= quiet_high` changes nothing now and needs no `observe`; both
    bounds move after each `observe`. `discrete` metrics have no band: observe every change.
    `severity` is that of the worst active limit, None when all is well.
    """

    quiet_low: float
    quiet_high: float
    discrete: bool
    severity: Severity | None
    conditions: list[Condition]

    def refresh(self) -> None:
        """Recomputes band and severity from the steps."""
        low, high = -INFINITY, INFINITY
        worst: Severity | None = None
        for condition in self.conditions:
            for step in condition.steps:
                if not self.discrete:
                    step_low, step_high = step.quiet()
                    low, high = max(low, step_low), min(high, step_high)
                if step.active and (worst is None or step.severity.rank > worst.rank):
                    worst = step.severity
        self.severity = worst
        if not self.discrete:
            self.quiet_low, self.quiet_high = low, high


def sides(limit: Limit) -> list[tuple[str, Side, Plain]]:
    """The (condition name, side, threshold) that one declared limit stands for."""
    found: list[tuple[str, Side, Plain]] = []
    if limit.above is not None:
        found.append(("high", Side.ABOVE, limit.above))
    if limit.below is not None:
        found.append(("low", Side.BELOW, limit.below))
    if limit.equals is not None:
        found.append(("state", Side.EQUALS, limit.equals))
    if limit.not_equals is not None:
        found.append(("state", Side.NOT_EQUALS, limit.not_equals))
    return found
