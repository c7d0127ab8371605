"""Drift from what was commanded is an alarm of the usual life, and survives a restart."""

from devices.kind import kinds
from hub.alarms.rules import AlarmBook, AlarmState, Subject

T0 = 1_795_000_000_000
SUBJECT = Subject("S", "P1", "S-a1", "pr", "projector")
POWER = kinds()["projector"].metric("Power")


def test_drift_is_raised_once_and_returns() -> None:
    assert POWER is not None
    book = AlarmBook()
    for at_ms in (T0, T0 + 30_000):
        book.drift(SUBJECT, POWER, "on", "off", T0 - 120_000, at_ms)
    [raised] = [change.alarm for change in book.due(T0 + 30_000)]
    assert (raised.condition, raised.metric, raised.limit, raised.value) == ("drift", "Power", "on", "off")
    assert raised.raised_ms == T0 - 120_000
    assert "on" not in raised.detail_vi.split(), "states have names"
    book.end_drift(raised, T0 + 60_000)
    [returned] = [change.alarm for change in book.due(T0 + 60_000)]
    assert returned.state is AlarmState.RETURNED_UNACKNOWLEDGED


def test_after_a_restart_it_goes_on_until_it_is_said_to_be_over() -> None:
    assert POWER is not None
    before = AlarmBook()
    before.drift(SUBJECT, POWER, "on", "off", T0, T0)
    before.due(T0)
    book = AlarmBook()
    book.load(before.open().values(), T0 + 1000)
    [alarm] = book.open().values()
    book.drift(SUBJECT, POWER, "on", "off", T0, T0 + 2000)
    assert book.due(T0 + 2000) == [], "it was told before"
    book.end_drift(alarm, T0 + 3000)
    assert [change.alarm.returned_ms for change in book.due(T0 + 3000)] == [T0 + 3000]
