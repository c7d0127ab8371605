"""The journal: durable, in order, pruned; torn by nothing."""

import sqlite3
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.ingest.journal import Journal, pack, unpack
from hub.ingest.positions import Positions


@given(st.lists(st.tuples(st.binary(max_size=300), st.binary(max_size=3000)), max_size=20))
def test_packing_keeps_every_byte(messages: list[tuple[bytes, bytes]]) -> None:
    assert list(unpack(pack(messages))) == messages


def test_entries_come_back_in_order_with_their_positions(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.db")
    first = journal.append(5, [(b"t", b"1")], [("S/n", 7, 1, "[]", 0)])
    second = journal.append(6, [(b"t", b"2"), (b"t", b"3")], [("S/n", 7, 3, "[[5, 6]]", 2)])
    journal.close()
    again = Journal(tmp_path / "journal.db")
    assert [entry.id for entry in again.after(0, 10)] == [first, second] == [1, 2]
    assert again.after(first)[0].messages == [(b"t", b"2"), (b"t", b"3")]
    assert again.positions() == {("S/n", 7): Positions(3, [(5, 6)], 2)}
    assert again.last_id == 2
    again.close()


def test_pruning_keeps_what_a_follower_still_needs(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.db")
    for number in range(1, 11):
        journal.append(number * 1000, [(b"t", b"x")], [])
    assert journal.prune(through_id=6, received_before_ms=4001) == 4
    assert [entry.id for entry in journal.after(0, 20)] == [5, 6, 7, 8, 9, 10]
    assert journal.entries == 6
    assert journal.prune(through_id=6, received_before_ms=1 << 60) == 2
    journal.close()


def test_an_emptied_journal_does_not_count_from_one_again(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.db")
    assert journal.append(1, [(b"t", b"x")], [], after=41) == 42
    assert journal.append(1, [(b"t", b"x")], [], after=41) == 43
    assert journal.entries == 2
    journal.close()


def test_a_failed_commit_leaves_nothing_behind(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.db")
    journal.append(1, [(b"t", b"x")], [("S/n", 7, 1, "[]", 0)])
    with pytest.raises(sqlite3.Error):
        journal.append(2, [(b"t", b"y")], [("S/n", 7, 2, None, 0)])  # type: ignore[list-item]
    assert journal.last_id == 1
    assert journal.positions() == {("S/n", 7): Positions(1)}
    assert journal.append(3, [(b"t", b"z")], []) == 2
    journal.close()


def test_a_second_role_cannot_open_the_same_journal_and_a_backup_can_read_it(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.db")
    journal.append(1, [(b"t", b"x")], [])
    with pytest.raises(BlockingIOError, match="another ingest role works here"):
        Journal(tmp_path / "journal.db")
    other = sqlite3.connect(tmp_path / "journal.db", timeout=0.1)
    assert other.execute("SELECT count(*) FROM entry").fetchone() == (1,)
    other.close()
    journal.close()
    Journal(tmp_path / "journal.db").close()
