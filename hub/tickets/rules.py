"""How a ticket goes from hand to hand, by when, and who hears of it if not; pure.

A ticket is due at 17:00 (local time) of the n-th working day after the day it came to its level; working days
are Monday to Saturday without holidays. One that is overdue goes a level up: school, department, province.
"""

from collections.abc import Collection
from datetime import UTC, date, datetime, time, timedelta, timezone
from enum import StrEnum

from hub.errors import Conflict
from hub.wording import said

LOCAL = timezone(timedelta(hours=7))  # Asia/Ho_Chi_Minh, which knows no summer time
END_OF_WORK = time(17)
SUNDAY = 7


class State(StrEnum):
    """Where a ticket stands."""

    OPEN = "open"
    ASSIGNED = "assigned"
    IN_PROGRESS = "in_progress"
    RESOLVED = "resolved"
    CLOSED = "closed"


class Level(StrEnum):
    """Who answers for a ticket."""

    SCHOOL = "school"
    DEPARTMENT = "department"
    PROVINCE = "province"


class Priority(StrEnum):
    """How soon it has to be mended."""

    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"
    URGENT = "urgent"


class Step(StrEnum):
    """What people do with a ticket."""

    ASSIGN = "assign"
    START = "start"
    RESOLVE = "resolve"
    CLOSE = "close"
    REOPEN = "reopen"
    ESCALATE = "escalate"
    COMMENT = "comment"


EVENT_OF = {
    Step.ASSIGN: "assigned",
    Step.START: "started",
    Step.RESOLVE: "resolved",
    Step.CLOSE: "closed",
    Step.REOPEN: "reopened",
    Step.ESCALATE: "escalated",
    Step.COMMENT: "commented",
}

ACTIVE = frozenset({State.OPEN, State.ASSIGNED, State.IN_PROGRESS})
OVER = frozenset({State.RESOLVED, State.CLOSED})
WORKING_DAYS = {Priority.URGENT: 1, Priority.HIGH: 3, Priority.NORMAL: 7, Priority.LOW: 15}

_FROM: dict[Step, frozenset[State]] = {
    Step.ASSIGN: ACTIVE,
    Step.START: frozenset({State.OPEN, State.ASSIGNED}),
    Step.RESOLVE: ACTIVE,
    Step.CLOSE: ACTIVE | {State.RESOLVED},
    Step.REOPEN: OVER,
    Step.ESCALATE: ACTIVE,
    Step.COMMENT: frozenset(State),
}
_TO = {
    Step.ASSIGN: State.ASSIGNED,
    Step.START: State.IN_PROGRESS,
    Step.RESOLVE: State.RESOLVED,
    Step.CLOSE: State.CLOSED,
}
_ABOVE = {Level.SCHOOL: Level.DEPARTMENT, Level.DEPARTMENT: Level.PROVINCE}


def state_after(step: Step, state: State, *, assigned: bool) -> State:
    """Gives the state after a step; raises `Conflict` for one that this state does not allow."""
    if state not in _FROM[step]:
        allowed = ", ".join(each for each in Step if state in _FROM[each])
        raise Conflict(
            said("a ticket that is {state} cannot be done this: {step}", state=state, step=step),
            field="state",
            value=state,
            fix=said("reload the ticket; now it allows {allowed}", allowed=allowed),
        )
    if step is Step.REOPEN:
        return State.ASSIGNED if assigned else State.OPEN
    return _TO.get(step, state)


def level_above(level: Level) -> Level:
    """Gives the level that a ticket is escalated to; raises `Conflict` at the highest."""
    if level not in _ABOVE:
        raise Conflict("the province is the highest level", field="level", value=level,
                       fix="resolve the ticket, or say in a comment what is missing")  # fmt: skip
    return _ABOVE[level]


def is_working_day(day: date, holidays: Collection[date] = ()) -> bool:
    """Tells whether people work on a day: Monday to Saturday, but for holidays."""
    return day.isoweekday() != SUNDAY and day not in holidays


def due_ms(since_ms: int, priority: Priority, holidays: Collection[date] = ()) -> int:
    """Gives by when (ms) a ticket has to be resolved that came to its level at `since_ms`.

    `holidays` must leave working days: of a year at most.
    """
    day = datetime.fromtimestamp(since_ms / 1000, LOCAL).date()
    left = WORKING_DAYS[priority]
    while left:
        day += timedelta(days=1)
        left -= is_working_day(day, holidays)
    end = datetime.combine(day, END_OF_WORK, LOCAL).astimezone(UTC)
    return round(end.timestamp() * 1000)


def is_overdue(state: State, due: int, now_ms: int) -> bool:
    """Tells whether a ticket should be resolved and is not."""
    return state in ACTIVE and now_ms > due
