"""The alarm book told as stories: delays, steps of severity, suppression, restart."""

from __future__ import annotations

from devices.kind import Limit, Metric, OfflineRule, Severity
from devices.wire.datatypes import DataType
from hub.alarms.rules import GRACE_MS, AlarmBook, AlarmChange, AlarmState, ChangeKind, Subject

CO2 = Metric(
    name="CO2", datatype=DataType.Int32, label_vi="CO₂", label_en="CO₂", unit="ppm",
    limits=tuple(
        Limit(severity=severity, title_vi="CO₂ cao", title_en="High CO₂", above=above, hysteresis=100,
              on_delay_s=60, off_delay_s=30)
        for severity, above in ((Severity.MINOR, 1000), (Severity.MAJOR, 1500), (Severity.CRITICAL, 2500))
    ),
)  # fmt: skip
LEAK = Metric(
    name="Water Leak", datatype=DataType.Boolean, label_vi="Nước", label_en="Water",
    limits=(Limit(severity=Severity.CRITICAL, title_vi="Ngập nước", title_en="Flood", equals=True),),
)  # fmt: skip
LINK = Metric(
    name="Link Up", datatype=DataType.Boolean, label_vi="Đường truyền", label_en="Link",
    limits=(Limit(severity=Severity.CRITICAL, title_vi="Đứt", title_en="Down", equals=False, on_delay_s=10),),
)  # fmt: skip
OFFLINE = OfflineRule(severity=Severity.MINOR, on_delay_s=30, title_vi="Mất kết nối", title_en="Offline")

SCHOOL = "D703-THPT-02"
AIR = Subject(SCHOOL, "P101", "a1", "p101-air", "room_air")
SCREEN = Subject(SCHOOL, "P102", "a2", "p102-screen", "interactive_display")
UPLINK = Subject(SCHOOL, "-", "a1", "uplink", "uplink")
GATEWAY = Subject(SCHOOL, "-", "a1", None, "edge_node")
OTHER_NODE = Subject(SCHOOL, "-", "a2", None, "edge_node")
T0 = 1_764_000_000_000


def kinds(changes: list[AlarmChange]) -> list[tuple[ChangeKind, str]]:
    return [(change.kind, change.alarm.condition) for change in changes]


def test_rising_co2_is_one_alarm_whose_severity_changes() -> None:
    book = AlarmBook()
    watch = book.watch(AIR, CO2)
    assert watch is not None
    assert (watch.quiet_low, watch.quiet_high) == (float("-inf"), 1000)
    book.observe(watch, 1200, T0, T0)
    assert book.due(T0 + 59_999) == []
    [raised] = book.due(T0 + 60_000)
    assert (raised.kind, raised.alarm.severity, raised.alarm.raised_ms) == ("raised", "minor", T0 + 60_000)
    assert raised.alarm.detail_vi == "1.200 ppm · ngưỡng 1.000 ppm"
    assert watch.severity is Severity.MINOR
    assert watch.quiet_high == 1500
    assert 900 < watch.quiet_low < 900.001
    book.observe(watch, 3000, T0 + 70_000, T0 + 70_000)
    [worse] = book.due(T0 + 130_000)
    assert (worse.kind, worse.alarm.severity, worse.alarm.id) == ("severity", "critical", raised.alarm.id)
    book.observe(watch, 1600, T0 + 140_000, T0 + 140_000)
    [better] = book.due(T0 + 170_000)
    assert (better.kind, better.alarm.severity) == ("severity", "major")
    book.observe(watch, 950, T0 + 180_000, T0 + 180_000)  # within the hysteresis of the mildest step
    [milder] = book.due(T0 + 1_000_000)
    assert milder.alarm.severity is Severity.MINOR
    book.observe(watch, 900, T0 + 1_000_000, T0 + 1_000_000)
    [back] = book.due(T0 + 1_030_000)
    assert (back.kind, back.alarm.state) == (ChangeKind.RETURNED, AlarmState.RETURNED_UNACKNOWLEDGED)
    assert book.acknowledge(raised.alarm.id, "Lan", "đã mở cửa sổ", T0 + 1_040_000)
    [closed] = book.due(T0 + 1_040_000)
    assert closed.alarm.state is AlarmState.NORMAL
    assert not book.open()


def test_value_back_within_the_delay_raises_nothing() -> None:
    book = AlarmBook()
    watch = book.watch(AIR, CO2)
    assert watch is not None
    book.observe(watch, 1200, T0, T0)
    book.observe(watch, 800, T0 + 59_000, T0 + 59_000)
    assert book.due(T0 + 600_000) == []
    assert book.next_due_ms() is None


def test_unknown_values_change_nothing() -> None:
    book = AlarmBook()
    watch = book.watch(AIR, CO2)
    assert watch is not None
    for value in (None, float("nan"), float("inf"), "many"):
        book.observe(watch, value, T0, T0)
    assert book.due(T0 + 600_000) == []


def test_flood_is_raised_at_once_and_rises_again_as_the_same_alarm() -> None:
    book = AlarmBook()
    watch = book.watch(AIR, LEAK)
    assert watch is not None
    assert watch.discrete
    book.observe(watch, True, T0, T0)
    [raised] = book.due(T0)
    book.observe(watch, False, T0 + 5, T0 + 5)
    book.observe(watch, True, T0 + 9, T0 + 9)
    returned, again = book.due(T0 + 9)
    assert (returned.kind, again.kind) == (ChangeKind.RETURNED, ChangeKind.REACTIVATED)
    assert again.alarm.id == raised.alarm.id
    assert again.alarm.returned_ms is None
    assert [a.id for a in book.alarms_of(AIR)] == [raised.alarm.id]


def test_cut_school_is_one_alarm_and_comes_back_quietly() -> None:
    book = AlarmBook()
    link, leak = book.watch(UPLINK, LINK), book.watch(AIR, LEAK)
    assert link is not None
    assert leak is not None
    book.observe(link, True, T0, T0)
    book.observe(leak, True, T0, T0)
    [flood] = book.due(T0)
    book.observe(link, False, T0 + 1_000, T0 + 1_000)
    for subject in (AIR, UPLINK, GATEWAY, SCREEN, OTHER_NODE):
        book.presence(subject, False, "silence", T0 + 1_000, T0 + 1_000, OFFLINE)
    changes = book.due(T0 + 40_000)
    shown = [a for a in book.open().values() if a.state is not AlarmState.SUPPRESSED]
    assert [(a.condition, a.title_vi, a.metric) for a in shown] == [
        ("school_down", "Trường mất kết nối", "Link Up")
    ]
    # nobody was told of any room before it was suppressed
    raised = [c.alarm for c in changes if c.kind is ChangeKind.RAISED and c.alarm.condition != "school_down"]
    assert {a.state for a in raised} == {AlarmState.SUPPRESSED}
    assert book.open()[flood.alarm.id].suppressed_by == shown[0].id
    assert [a.condition for a in book.alarms_of(UPLINK)] == ["school_down"]

    at = T0 + 100_000
    book.observe(link, True, at, at)
    for subject in (UPLINK, GATEWAY, AIR, OTHER_NODE):
        book.presence(subject, True, "birth", at, at, OFFLINE)
    book.due(at)
    assert book.open()[flood.alarm.id].state is AlarmState.SUPPRESSED  # grace
    changes = book.due(at + GRACE_MS)
    assert sorted((c.kind, c.alarm.device) for c in changes) == [
        (ChangeKind.UNSUPPRESSED, "p101-air"), (ChangeKind.UNSUPPRESSED, "p102-screen"),
    ]  # fmt: skip
    states = {a.state for a in book.open().values()}
    assert states == {AlarmState.UNACKNOWLEDGED, AlarmState.RETURNED_UNACKNOWLEDGED}


def test_dead_gateway_is_the_school_but_another_dead_node_is_only_itself() -> None:
    book = AlarmBook()
    book.watch(UPLINK, LINK)
    book.presence(OTHER_NODE, False, "will", T0, T0, OFFLINE)
    book.presence(SCREEN, False, "will", T0, T0, OFFLINE)
    assert kinds(book.due(T0 + 30_000)) == [(ChangeKind.RAISED, "offline")] * 2
    assert {(a.device, a.state) for a in book.open().values()} == {
        (None, AlarmState.UNACKNOWLEDGED), ("p102-screen", AlarmState.SUPPRESSED)
    }  # fmt: skip
    book.presence(GATEWAY, False, "will", T0 + 40_000, T0 + 40_000, OFFLINE)
    book.due(T0 + 70_000)
    shown = [a for a in book.open().values() if a.state is not AlarmState.SUPPRESSED]
    assert [(a.condition, a.detail_vi) for a in shown] == [("school_down", "Nút biên mất kết nối đột ngột")]


def test_short_cut_announces_nothing() -> None:
    book = AlarmBook()
    link = book.watch(UPLINK, LINK)
    assert link is not None
    book.observe(link, False, T0, T0)
    book.presence(AIR, False, "timeout", T0 - 25_000, T0, OFFLINE)  # due while the link's fate is open
    assert book.due(T0 + 9_000) == []
    book.observe(link, True, T0 + 9_500, T0 + 9_500)
    [raised] = book.due(T0 + 9_500)
    assert (raised.alarm.device, raised.alarm.raised_ms) == ("p101-air", T0 + 5_000)


def test_restart_goes_on_where_it_was() -> None:
    before = AlarmBook()
    link, co2 = before.watch(UPLINK, LINK), before.watch(AIR, CO2)
    assert link is not None
    assert co2 is not None
    before.observe(co2, 3000, T0, T0)
    before.due(T0 + 60_000)
    before.observe(link, False, T0 + 70_000, T0 + 70_000)
    before.due(T0 + 80_000)
    held = list(before.open().values())

    book = AlarmBook()
    book.load(held, T0 + 90_000)
    assert list(book.open().values()) != []
    assert book.due(T0 + 90_000) == []
    link, co2 = book.watch(UPLINK, LINK), book.watch(AIR, CO2)
    assert link is not None
    assert co2 is not None
    assert co2.severity is Severity.CRITICAL
    book.presence(GATEWAY, True, "birth", T0 + 90_000, T0 + 90_000, OFFLINE)
    book.observe(link, False, T0 + 91_000, T0 + 91_000)
    book.observe(co2, 3000, T0 + 91_000, T0 + 91_000)
    assert book.due(T0 + 200_000) == []
    book.observe(link, True, T0 + 200_000, T0 + 200_000)
    book.observe(co2, 500, T0 + 200_000, T0 + 200_000)
    assert kinds(book.due(T0 + 240_000)) == [
        (ChangeKind.RETURNED, "school_down"),
        (ChangeKind.UNSUPPRESSED, "high"),
        (ChangeKind.RETURNED, "high"),
    ]  # fmt: skip


def test_forgotten_device_leaves_nothing_behind() -> None:
    book = AlarmBook()
    leak, link = book.watch(AIR, LEAK), book.watch(UPLINK, LINK)
    assert leak is not None
    assert link is not None
    book.observe(leak, True, T0, T0)
    book.observe(link, False, T0, T0)
    book.due(T0 + 10_000)
    book.forget(AIR, T0 + 11_000)
    book.forget(UPLINK, T0 + 12_000)
    assert kinds(book.due(T0 + 12_000)) == [
        (ChangeKind.CLOSED, "state"),
        (ChangeKind.RETURNED, "school_down"),
    ]
    book.observe(leak, False, T0 + 13_000, T0 + 13_000)
    book.observe(leak, True, T0 + 14_000, T0 + 14_000)
    assert book.due(T0 + 20_000) == []
    again = book.watch(AIR, LEAK)
    assert again is not None
    book.observe(again, True, T0 + 30_000, T0 + 30_000)
    assert kinds(book.due(T0 + 30_000)) == [(ChangeKind.RAISED, "state")]
