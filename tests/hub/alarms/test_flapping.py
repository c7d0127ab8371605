"""An alarm that comes and goes: one alarm, never hidden, never a flood, and steady again in the end."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from devices.kind import Limit, Metric, Severity
from devices.wire.datatypes import DataType
from hub.alarms.counting import count, cuts_off
from hub.alarms.flapping import FLAPPING, FlapRule
from hub.alarms.rules import GRACE_MS, AlarmBook, AlarmChange, AlarmState, ChangeKind
from tests.hub.alarms.test_book import AIR, LEAK, LINK, OFFLINE, OTHER_NODE, SCREEN, T0, UPLINK
from tests.hub.alarms.test_rules import School, stories

S = 1000
MINUTE = 60 * S
RULE = FlapRule()
ROSE = (ChangeKind.RAISED, ChangeKind.REACTIVATED)
DOOR = Metric(
    name="Door", datatype=DataType.Int32, label_vi="Cửa", label_en="Door",
    limits=(
        Limit(severity=Severity.MINOR, title_vi="n", title_en="m", above=1),
        Limit(severity=Severity.CRITICAL, title_vi="n", title_en="c", above=5),
    ),
)  # fmt: skip


def shaken(book: AlarmBook, times: int, every_ms: int, start_ms: int = T0) -> list[AlarmChange]:
    """A leak that comes and goes."""
    watch = book.watch(AIR, LEAK)
    assert watch is not None
    changes = []
    for turn in range(times):
        at = start_ms + turn * every_ms
        book.observe(watch, True, at, at)
        book.observe(watch, False, at + every_ms // 2, at + every_ms // 2)
        changes += book.due(at + every_ms // 2)
    return changes


def test_four_rises_within_ten_minutes_are_one_flapping_alarm_until_it_is_quiet() -> None:
    book = AlarmBook()
    changes = shaken(book, 100, 2 * S)
    assert [c.kind for c in changes if c.kind in ROSE] == [ChangeKind.RAISED] + 3 * [ChangeKind.REACTIVATED]
    [alarm] = book.open().values()
    assert (alarm.flapping_since_ms, alarm.returned_ms, alarm.raised_count) == (T0, None, 64)
    assert [c.alarm.raised_count for c in changes if c.kind is ChangeKind.FLAPPING] == [4, 8, 16, 32, 64]
    counts = count([{"state": alarm.state, "severity": alarm.severity, "flapping_since_ms": T0}])
    assert (counts.open, counts.standing, counts.flapping) == (1, 1, 1)
    last_rise = T0 + 99 * 2 * S
    assert book.due(last_rise + RULE.hold_ms - 1) == []
    steady, returned = book.due(last_rise + RULE.hold_ms)
    assert (steady.kind, steady.alarm.raised_count) == (ChangeKind.STEADY, 100)
    assert (returned.kind, returned.alarm.state) == (ChangeKind.RETURNED, AlarmState.RETURNED_UNACKNOWLEDGED)


def test_slow_comings_and_goings_are_alarms_of_their_own() -> None:
    book = AlarmBook()
    assert not [c for c in shaken(book, 20, RULE.window_ms // 3 + S) if c.kind is ChangeKind.FLAPPING]


def test_an_acknowledged_flapping_alarm_closes_when_it_is_quiet() -> None:
    book = AlarmBook()
    shaken(book, 5, 2 * S)
    [name] = book.open()
    assert book.acknowledge(name, "Lan", None, T0 + 20 * S)
    assert not [c for c in shaken(book, 5, 2 * S, T0 + 30 * S) if c.kind in ROSE]
    book.due(T0 + 60 * MINUTE)
    assert not book.open()


def test_flapping_that_gets_worse_says_so_at_once_and_better_when_it_is_quiet() -> None:
    book = AlarmBook()
    watch = book.watch(AIR, DOOR)
    assert watch is not None
    for turn, value in enumerate((2, 0, 2, 0, 2, 0, 2, 0, 9, 0, 2, 0, 2)):
        book.observe(watch, value, T0 + turn * S, T0 + turn * S)
    severities = [c.alarm.severity for c in book.due(T0 + MINUTE) if c.kind is ChangeKind.SEVERITY]
    assert severities == [Severity.CRITICAL]
    after = book.due(T0 + 12 * S + RULE.hold_ms)
    assert [(c.kind, c.alarm.severity) for c in after] == [
        (ChangeKind.STEADY, Severity.CRITICAL), (ChangeKind.SEVERITY, Severity.MINOR),
    ]  # fmt: skip


def test_a_flapping_line_hides_nothing_while_it_is_up() -> None:
    book = AlarmBook()
    link, leak = book.watch(UPLINK, LINK), book.watch(AIR, LEAK)
    assert link is not None
    assert leak is not None
    at = T0
    for _ in range(6):
        book.observe(link, False, at, at)
        book.due(at + 11 * S)
        book.observe(link, True, at + 20 * S, at + 20 * S)
        at += MINUTE
    [cut] = [a for a in book.open().values() if a.condition == "school_down"]
    assert cut.flapping_since_ms is not None
    assert not cuts_off({"condition": cut.condition, "returned_ms": None, "flapping_since_ms": 1})
    at += GRACE_MS
    book.observe(leak, True, at, at)
    [flood] = [c.alarm for c in book.due(at) if c.kind is ChangeKind.RAISED]
    assert flood.state is AlarmState.UNACKNOWLEDGED
    book.observe(link, False, at + S, at + S)
    book.due(at + 12 * S)
    assert book.open()[flood.id].suppressed_by == cut.id


def test_what_goes_with_its_parent_has_no_habit_of_its_own() -> None:
    book = AlarmBook()
    at = T0
    for _ in range(8):
        for subject in (OTHER_NODE, SCREEN):
            book.presence(subject, False, "will", at, at, OFFLINE)
        book.due(at + MINUTE)
        for subject in (OTHER_NODE, SCREEN):
            book.presence(subject, True, "birth", at + MINUTE, at + MINUTE, OFFLINE)
        at += 2 * MINUTE
    flapping = {a.device for a in book.open().values() if a.flapping_since_ms is not None}
    assert flapping == {None}
    book.due(at + FLAPPING["offline"].hold_ms)
    assert all(a.flapping_since_ms is None for a in book.open().values())


def test_a_restart_goes_on_flapping_and_ends_it() -> None:
    before = AlarmBook()
    shaken(before, 6, 2 * S)
    book = AlarmBook()
    book.load(before.open().values(), T0 + MINUTE)
    changes = shaken(book, 6, 2 * S, T0 + MINUTE)
    assert not [c for c in changes if c.kind in (*ROSE, ChangeKind.RETURNED)]
    book.due(T0 + 2 * MINUTE + RULE.hold_ms)
    [alarm] = book.open().values()
    assert (alarm.flapping_since_ms, alarm.state) == (None, AlarmState.RETURNED_UNACKNOWLEDGED)


shakes = st.lists(st.tuples(st.integers(1, 3 * MINUTE), st.booleans(), st.booleans()), max_size=120)


@given(shakes)
@settings(max_examples=150, deadline=None)
def test_rises_are_bounded_and_nothing_wrong_is_hidden(steps: list[tuple[int, bool, bool]]) -> None:
    book, now = AlarmBook(), T0
    risen: list[int] = []
    watch = book.watch(AIR, LEAK)
    assert watch is not None
    for wait, wet, acknowledge in steps:
        now += wait
        book.observe(watch, wet, now, now)
        risen += [change.ts_ms for change in book.due(now) if change.kind in ROSE]
        if wet:
            [alarm] = book.open().values()
            assert alarm.returned_ms is None
        for name in list(book.open()) if acknowledge else ():
            book.acknowledge(name, "Lan", None, now)
    most = RULE.rises + RULE.window_ms // RULE.hold_ms  # each time of quiet may end with one more
    for first in risen:
        assert sum(first <= at < first + RULE.window_ms for at in risen) <= most
    book.observe(watch, False, now + 1, now + 1)
    book.due(now + 1 + RULE.hold_ms)
    assert all(a.returned_ms is not None for a in book.open().values())


@given(stories, stories)
@settings(max_examples=60, deadline=None)
def test_a_replay_from_the_same_open_alarms_gives_the_same(one: list, two: list) -> None:  # type: ignore[type-arg]
    def told() -> list[AlarmChange]:
        school, now = School(), 1_000_000
        for wait, fact in one:
            now += wait
            school.tell(fact, now)
        again = School()
        again.book.load(school.book.open().values(), now)
        for wait, fact in two:
            now += wait
            again.tell(fact, now)
        return again.book.due(now + 60 * MINUTE)

    assert told() == told()
