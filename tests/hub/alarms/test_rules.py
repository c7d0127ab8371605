"""What must hold for the alarm book whatever is observed in whatever order."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from devices.kind import Limit, Metric, OfflineRule, Severity
from devices.wire.datatypes import DataType
from hub.alarms.rules import GRACE_MS, AlarmBook, AlarmChange, AlarmState, ChangeKind, Subject, Watch

S = 1000
TEMPERATURE = Metric(
    name="Temperature", datatype=DataType.Float, label_vi="Nhiệt độ", label_en="Temperature", unit="°C",
    limits=(
        Limit(severity=Severity.MINOR, title_vi="n", title_en="w", above=30, hysteresis=2, on_delay_s=5,
              off_delay_s=3),
        Limit(severity=Severity.MAJOR, title_vi="n", title_en="h", above=40, hysteresis=2, on_delay_s=2),
        Limit(severity=Severity.MINOR, title_vi="l", title_en="c", below=10, hysteresis=1, on_delay_s=5),
    ),
)  # fmt: skip
LINK = Metric(
    name="Link Up", datatype=DataType.Boolean, label_vi="Đường truyền", label_en="Link",
    limits=(Limit(severity=Severity.CRITICAL, title_vi="Đứt", title_en="Down", equals=False, on_delay_s=2),),
)  # fmt: skip
LEAK = Metric(
    name="Water Leak", datatype=DataType.Boolean, label_vi="Nước", label_en="Water",
    limits=(Limit(severity=Severity.CRITICAL, title_vi="Ngập", title_en="Flood", equals=True),),
)  # fmt: skip
OFFLINE = OfflineRule(severity=Severity.MINOR, on_delay_s=4, title_vi="Mất", title_en="Offline")
ROOM = Subject("D1-TH-01", "P1", "n1", "air", "room_air")
FAR = Subject("D1-TH-01", "P2", "n2", "far-air", "room_air")
UPLINK = Subject("D1-TH-01", "-", "n1", "uplink", "uplink")
NODES = (Subject("D1-TH-01", "-", "n1", None, "edge_node"), Subject("D1-TH-01", "-", "n2", None, "edge_node"))

values = st.one_of(st.floats(0, 50), st.sampled_from([28.0, 30.0, 30.5, 38.0, 40.0, 9.9, 10.0, 11.0, None]))
samples = st.lists(st.tuples(st.integers(0, 6 * S), values), max_size=40)

facts = st.one_of(
    st.tuples(st.just("temperature"), st.sampled_from([ROOM, FAR]), values),
    st.tuples(st.just("leak"), st.sampled_from([ROOM, FAR]), st.booleans()),
    st.tuples(st.just("link"), st.just(UPLINK), st.booleans()),
    st.tuples(st.just("presence"), st.sampled_from([ROOM, FAR, UPLINK, *NODES]), st.booleans()),
    st.tuples(st.just("acknowledge"), st.just(ROOM), st.booleans()),
)
stories = st.lists(st.tuples(st.integers(0, 8 * S), facts), max_size=50)


class School:
    """One school told facts in order of time."""

    def __init__(self) -> None:
        self.book = AlarmBook()
        self.changes: list[AlarmChange] = []
        self.link = self.watch(UPLINK, LINK)
        self.watches = {("temperature", s): self.watch(s, TEMPERATURE) for s in (ROOM, FAR)}
        self.watches |= {("leak", s): self.watch(s, LEAK) for s in (ROOM, FAR)}
        self.watches["link", UPLINK] = self.link

    def watch(self, subject: Subject, metric: Metric) -> Watch:
        watch = self.book.watch(subject, metric)
        assert watch is not None
        return watch

    def tell(self, fact: tuple[str, Subject, object], now_ms: int) -> None:
        what, subject, value = fact
        if what == "presence":
            self.book.presence(subject, bool(value), "silence", now_ms, now_ms, OFFLINE)
        elif what == "acknowledge":
            self.book.acknowledge("", "", None, now_ms)  # lets time pass up to now
            for alarm in sorted(self.book.open().values(), key=lambda a: a.id)[:1]:
                self.book.acknowledge(alarm.id, "Lan", None, now_ms)
        else:
            self.book.observe(self.watches[what, subject], value, now_ms, now_ms)  # type: ignore[arg-type]

    def down(self) -> str | None:
        down = [a for a in self.book.open().values() if a.condition == "school_down"]
        found = [a.id for a in down if a.returned_ms is None]
        assert len(found) <= 1
        return found[0] if found else None


@given(samples)
@settings(deadline=None)
def test_no_alarm_without_its_limit_violated_for_the_delay(
    steps: list[tuple[int, float | None]],
) -> None:
    book = AlarmBook()
    watch = book.watch(ROOM, TEMPERATURE)
    assert watch is not None
    now, series = 1_000_000, []
    for wait, value in steps:
        now += wait
        book.observe(watch, value, now, now)
        if value is not None:
            series.append((now, value))
    for change in book.due(now + 60 * S):
        if change.kind not in (ChangeKind.RAISED, ChangeKind.REACTIVATED):
            continue
        alarm = change.alarm
        delay = 2 * S if alarm.severity is Severity.MAJOR else 5 * S
        at = change.ts_ms
        seen = [v for t, v in series if at - delay < t < at] + [v for t, v in series if t <= at - delay][-1:]
        # beyond the limit, or (having gone beyond before) not back by the hysteresis
        if alarm.condition == "high":
            edge = 38 if alarm.severity is Severity.MAJOR else 28
            assert seen
            assert all(v > edge for v in seen)
            assert any(v > edge + 2 for t, v in series if t <= at - delay)
        else:
            assert all(v < 11 for v in seen)
            assert any(v < 10 for t, v in series if t <= at - delay)


def decided(series: list[tuple[int, float]], at_ms: int, low: float, high: float) -> set[bool]:
    """Whether the last value outside the hysteresis was above it; both if it changed in that millisecond."""
    outside = [(t, v > high) for t, v in series if t <= at_ms and not low < v <= high]
    before = [above for t, above in outside if t < at_ms]
    return {*before[-1:], *(above for t, above in outside if t == at_ms)}


@given(samples)
@settings(deadline=None)
def test_no_return_before_the_hysteresis_was_crossed(steps: list[tuple[int, float | None]]) -> None:
    book = AlarmBook()
    watch = book.watch(ROOM, TEMPERATURE)
    assert watch is not None
    now, series = 1_000_000, []
    for wait, value in steps:
        now += wait
        book.observe(watch, value, now, now)
        if value is not None:
            series.append((now, value))
    for change in book.due(now + 60 * S):
        if change.kind is ChangeKind.RETURNED and change.alarm.condition == "high":
            assert False in decided(series, change.ts_ms, 28, 30)
        if change.kind is ChangeKind.RETURNED and change.alarm.condition == "low":
            # 11 itself is back already
            assert True in decided(series, change.ts_ms, 9.999, 10.999)


@given(samples)
@settings(deadline=None)
def test_quiet_band_is_quiet(steps: list[tuple[int, float | None]]) -> None:
    """Skipping every value inside the band gives exactly the same alarms (but for the value they show)."""
    every, skipping = AlarmBook(), AlarmBook()
    full, sparse = every.watch(ROOM, TEMPERATURE), skipping.watch(ROOM, TEMPERATURE)
    assert full is not None
    assert sparse is not None
    now = 1_000_000
    for wait, value in steps:
        now += wait
        every.observe(full, value, now, now)
        if value is None or not sparse.quiet_low <= value <= sparse.quiet_high:
            skipping.observe(sparse, value, now, now)
    one, two = every.due(now + 60 * S), skipping.due(now + 60 * S)
    assert [(c.kind, c.ts_ms, c.alarm.id, c.alarm.state, c.alarm.severity) for c in one] == [
        (c.kind, c.ts_ms, c.alarm.id, c.alarm.state, c.alarm.severity) for c in two
    ]


@given(stories)
@settings(max_examples=150, deadline=None)
def test_suppression_is_complete_and_reversible(story: list[tuple[int, tuple[str, Subject, object]]]) -> None:
    school = School()
    now = 1_000_000
    for wait, fact in story:
        now += wait
        school.tell(fact, now)
        down = school.down()
        for alarm in school.book.open().values():
            if down is not None and alarm.condition != "school_down":
                assert alarm.suppressed_by == down
            assert (alarm.state is AlarmState.SUPPRESSED) == (alarm.suppressed_by is not None)
    # all comes back: after the grace nothing is suppressed and nothing is forgotten that still holds
    now += S
    for subject in (UPLINK, *NODES, ROOM, FAR):
        school.book.presence(subject, True, "birth", now, now, OFFLINE)
    school.book.observe(school.link, True, now, now)
    school.book.due(now + GRACE_MS)
    assert all(a.suppressed_by is None for a in school.book.open().values())
    leaking = {s.device for s in (ROOM, FAR) if school.watches["leak", s].severity is not None}
    leaks = [a for a in school.book.open().values() if a.metric == "Water Leak"]
    standing = {a.device for a in leaks if a.returned_ms is None}
    assert leaking == standing


@given(stories, st.lists(st.integers(0, 9 * S), max_size=10))
@settings(max_examples=150, deadline=None)
def test_replay_gives_the_same_changes_however_often_due_is_asked(
    story: list[tuple[int, tuple[str, Subject, object]]], asked: list[int]
) -> None:
    def told(asking: list[int]) -> list[AlarmChange]:
        school, now, changes = School(), 1_000_000, []
        for wait, fact in story:
            for early in asking:
                if early < wait:
                    changes += school.book.due(now + early)
            now += wait
            school.tell(fact, now)
        return changes + school.book.due(now + 60 * S)

    assert told([]) == told(sorted(asked))


@given(stories)
@settings(deadline=None)
def test_changes_tell_the_whole_story(story: list[tuple[int, tuple[str, Subject, object]]]) -> None:
    """Applying the changes in order gives what is open."""
    school = School()
    now = 1_000_000
    for wait, fact in story:
        now += wait
        school.tell(fact, now)
    changes = school.book.due(now)
    kept = {}
    for change in changes:
        kept[change.alarm.id] = change.alarm
    assert {i: a for i, a in kept.items() if a.is_open} == dict(school.book.open())
    for alarm in school.book.open().values():
        assert (alarm.state is AlarmState.ACKNOWLEDGED) <= (alarm.acknowledged_ms is not None)


@given(stories)
@settings(deadline=None)
def test_a_restart_forgets_no_open_alarm(story: list[tuple[int, tuple[str, Subject, object]]]) -> None:
    school = School()
    now = 1_000_000
    for wait, fact in story:
        now += wait
        school.tell(fact, now)
    again = AlarmBook()
    again.load(school.book.open().values(), now)
    assert dict(again.open()) == dict(school.book.open())
    assert again.due(now) == []
    again.due(now + GRACE_MS)
    assert set(again.open()) == set(school.book.open())
