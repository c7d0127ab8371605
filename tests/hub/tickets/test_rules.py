"""Due times, states and levels of tickets, by what they promise."""

from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.errors import Conflict
from hub.tickets.rules import (
    ACTIVE,
    LOCAL,
    OVER,
    WORKING_DAYS,
    Level,
    Priority,
    State,
    Step,
    due_ms,
    is_overdue,
    is_working_day,
    level_above,
    state_after,
)

moments = st.integers(1_577_836_800_000, 2_524_608_000_000)  # 2020 to 2050
holidays = st.frozensets(st.dates(date(2020, 1, 1), date(2050, 12, 31)), max_size=20)


def local(ts_ms: int) -> datetime:
    return datetime.fromtimestamp(ts_ms / 1000, LOCAL)


@given(moments, st.sampled_from(Priority), holidays)
def test_a_ticket_is_due_at_five_after_so_many_working_days(
    since_ms: int, priority: Priority, free: frozenset[date]
) -> None:
    due = local(due_ms(since_ms, priority, free))
    assert (due.hour, due.minute, due.second) == (17, 0, 0)
    assert is_working_day(due.date(), free)
    first = local(since_ms).date()
    between = (first + timedelta(days=n) for n in range(1, (due.date() - first).days + 1))
    assert sum(is_working_day(day, free) for day in between) == WORKING_DAYS[priority]


@given(moments, moments, st.sampled_from(Priority), holidays, st.dates(date(2020, 1, 1), date(2050, 12, 31)))
def test_later_or_with_another_holiday_is_never_due_earlier(
    one: int, other: int, priority: Priority, free: frozenset[date], holiday: date
) -> None:
    early, late = sorted((one, other))
    assert due_ms(early, priority, free) <= due_ms(late, priority, free)
    assert due_ms(early, priority, free) <= due_ms(early, priority, free | {holiday})


def test_a_saturday_counts_and_a_sunday_does_not() -> None:
    friday_ms = round(datetime(2026, 5, 29, 23, 59, tzinfo=LOCAL).timestamp() * 1000)
    assert local(due_ms(friday_ms, Priority.URGENT)).date() == date(2026, 5, 30)
    saturday_ms = friday_ms + 86_400_000
    assert local(due_ms(saturday_ms, Priority.URGENT)).date() == date(2026, 6, 1)
    assert local(due_ms(saturday_ms, Priority.URGENT, {date(2026, 6, 1)})).date() == date(2026, 6, 2)


@given(st.lists(st.tuples(st.sampled_from(Step), st.booleans()), max_size=30))
def test_whatever_people_do_a_ticket_is_over_only_when_resolved_or_closed(
    steps: list[tuple[Step, bool]],
) -> None:
    state = State.OPEN
    for step, assigned in steps:
        try:
            after = state_after(step, state, assigned=assigned)
        except Conflict:
            continue
        if after in OVER and state in ACTIVE:
            assert step in (Step.RESOLVE, Step.CLOSE)
        if after in ACTIVE and state in OVER:
            assert step is Step.REOPEN
        if step in (Step.COMMENT, Step.ESCALATE):
            assert after is state
        state = after


@given(st.sampled_from(State))
def test_a_refused_step_says_the_state_and_a_comment_is_never_refused(state: State) -> None:
    assert state_after(Step.COMMENT, state, assigned=True) is state
    step = Step.REOPEN if state in ACTIVE else Step.START
    with pytest.raises(Conflict) as refused:
        state_after(step, state, assigned=False)
    assert refused.value.faults[0].value == state


@given(st.sampled_from(State), moments, moments)
def test_only_what_is_under_way_can_be_late(state: State, due: int, now_ms: int) -> None:
    assert is_overdue(state, due, now_ms) is (state in ACTIVE and now_ms > due)


def test_escalation_has_two_steps_and_an_end() -> None:
    assert level_above(level_above(Level.SCHOOL)) is Level.PROVINCE
    with pytest.raises(Conflict, match="highest"):
        level_above(Level.PROVINCE)
