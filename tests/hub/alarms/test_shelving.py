"""Alarms put aside until a time: quiet, counted apart, back by themselves."""

from __future__ import annotations

from dataclasses import replace

from hub.alarms.alarm import Alarm
from hub.alarms.rules import AlarmBook, AlarmState, ChangeKind
from tests.hub.alarms.test_book import AIR, LEAK, LINK, T0, UPLINK

HOUR = 3_600_000


def shelved() -> tuple[AlarmBook, Alarm]:
    book = AlarmBook()
    watch = book.watch(AIR, LEAK)
    assert watch is not None
    book.observe(watch, True, T0, T0)
    [alarm] = book.open().values()
    decided = replace(alarm, shelved_ms=T0 + 1, shelved_until_ms=T0 + HOUR, shelved_by="Lan", shelved_why="x")
    book.follow(decided, T0 + 2)
    book.follow(decided, T0 + 3)  # told twice
    assert [(c.kind, c.ts_ms) for c in book.due(T0 + 4)] == [("raised", T0), ("shelved", T0 + 1)]
    return book, book.open()[alarm.id]


def flood(book: AlarmBook, wet: bool, at: int) -> None:
    watch = book.watch(AIR, LEAK)
    assert watch is not None
    book.observe(watch, wet, at, at)


def test_the_end_of_a_shelf_shows_what_still_stands() -> None:
    book, alarm = shelved()
    assert (alarm.state, alarm.shelved_by, alarm.shelved_why) == (AlarmState.SHELVED, "Lan", "x")
    assert book.due(T0 + HOUR - 1) == []
    [back] = book.due(T0 + HOUR)
    assert (back.kind, back.ts_ms, back.alarm.state) == ("unshelved", T0 + HOUR, AlarmState.UNACKNOWLEDGED)


def test_what_comes_and_goes_on_a_shelf_stays_there_and_ends_with_it() -> None:
    book, alarm = shelved()
    for at, wet in ((10, False), (20, True), (30, False)):
        flood(book, wet, T0 + at)
        assert book.open()[alarm.id].state is AlarmState.SHELVED
    book.due(T0 + HOUR)
    assert not book.open()


def test_taken_off_early_by_somebody() -> None:
    book, alarm = shelved()
    book.follow(replace(alarm, shelved_until_ms=T0 + 500), T0 + 510)
    [off] = book.due(T0 + 510)
    assert (off.kind, off.ts_ms, off.alarm.state) == ("unshelved", T0 + 500, AlarmState.UNACKNOWLEDGED)
    assert book.due(T0 + 2 * HOUR) == []


def test_a_longer_shelf_replaces_the_shorter() -> None:
    book, alarm = shelved()
    book.follow(replace(alarm, shelved_ms=T0 + 50, shelved_until_ms=T0 + 3 * HOUR), T0 + 50)
    assert [c.kind for c in book.due(T0 + 3 * HOUR)] == [ChangeKind.SHELVED, ChangeKind.UNSHELVED]


def test_a_restart_keeps_the_shelf_and_its_end() -> None:
    before, alarm = shelved()
    for loaded_ms in (T0 + 60_000, T0 + 2 * HOUR):
        book = AlarmBook()
        book.load(before.open().values(), loaded_ms)
        assert dict(book.open()) == {alarm.id: alarm}
        [off] = book.due(T0 + 2 * HOUR)
        assert (off.kind, off.ts_ms) == (ChangeKind.UNSHELVED, T0 + HOUR)


def test_a_cut_school_suppresses_what_is_shelved_and_gives_it_back() -> None:
    book, alarm = shelved()
    link = book.watch(UPLINK, LINK)
    assert link is not None
    book.observe(link, False, T0 + 1_000, T0 + 1_000)
    book.due(T0 + 60_000)
    assert book.open()[alarm.id].state is AlarmState.SUPPRESSED
    book.observe(link, True, T0 + 70_000, T0 + 70_000)
    book.due(T0 + 120_000)
    assert book.open()[alarm.id].state is AlarmState.SHELVED
