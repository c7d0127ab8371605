"""Two agents with one identity are told from one agent that went on."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from hub.ingest.identity import WINDOW_MS, Identity
from hub.ingest.mirror import Mirror
from tests.hub.ingest.parts import START_MS, Parts, Sender, number


@given(st.lists(st.tuples(st.integers(1, 5), st.integers(1, 2**63)), max_size=30))
def test_one_agent_that_takes_new_epochs_is_one(lives: list[tuple[int, int]]) -> None:
    identity, seen = Identity(), set[int]()
    for messages, epoch in lives:
        if epoch not in seen:
            seen.add(epoch)
            for _ in range(messages):
                identity.epoch_seen(epoch, START_MS)
    assert not identity.is_shared(START_MS)


@given(st.integers(0, 255), st.lists(st.integers(0, 1), max_size=300))
def test_one_node_that_reconnects_and_is_born_again_is_one(first: int, steps: list[int]) -> None:
    identity = Identity()
    for step in steps:
        first = (first + step) % 256
        identity.birth_seen(first, START_MS)
    assert not identity.is_shared(START_MS)


@given(st.integers(0, 255), st.integers(2, 254), st.lists(st.integers(0, 1), min_size=4, max_size=4))
def test_two_counts_that_alternate_are_two(first: int, apart: int, steps: list[int]) -> None:
    identity, counts = Identity(), [first, (first + apart) % 256]
    for number_, step in enumerate(steps):
        counts[number_ % 2] = (counts[number_ % 2] + (step if 3 < apart < 250 else 0)) % 256
        identity.birth_seen(counts[number_ % 2], START_MS)
    assert identity.is_shared(START_MS)
    assert not identity.is_shared(START_MS + WINDOW_MS + 1)


def test_an_old_copy_that_was_put_back_once_is_no_twin() -> None:
    identity = Identity()
    for epoch in (1, 2, 1, 3, 3):
        identity.epoch_seen(epoch, START_MS)
    assert not identity.is_shared(START_MS)


def twins(parts: Parts) -> tuple[Sender, Sender]:
    one, other = Sender(parts).born("air"), Sender(parts)
    other.epoch = 78
    other.born("air")
    return one, other


def test_both_are_kept_apart_and_it_is_said(tmp_path: Path) -> None:
    parts = Parts(tmp_path)
    senders = twins(parts)
    for turn in range(20):
        for value, sender in zip((21.0, 31.0), senders, strict=True):
            sender.data("air", number("Temperature", value + turn / 10, ts_ms=parts.now_ms))
        parts.tick(1)
    parts.tick(5)
    node = parts.directory.nodes["S1/n1"]
    assert {epoch: known.through for epoch, known in node.positions.items()} == {77: 20, 78: 20}
    assert sum(len(row.values) for row in parts.rows) == 40, "nothing of either is lost"
    shown = Mirror(parts.directory, lambda topic, payload: None, 500).document(node.itself, parts.now_ms)
    assert shown["identity_shared"] is True
    titles = [change.alarm.title_en for change in parts.effects.alarms]
    assert titles.count("Two agents with one identity") == 1
    asked = len(parts.asked())
    assert asked <= 1, "no storm of rebirths"


def test_it_is_over_when_one_has_gone(tmp_path: Path) -> None:
    parts = Parts(tmp_path)
    senders = twins(parts)
    for _ in range(3):
        for sender in senders:
            sender.data("air", number("Temperature", 21.0, ts_ms=parts.now_ms))
        parts.tick(1)
    node = parts.directory.nodes["S1/n1"]
    assert node.identity.is_shared(parts.now_ms)
    for _ in range(WINDOW_MS // 60_000 + 1):
        senders[0].data("air", number("Temperature", 22.0, ts_ms=parts.now_ms))
        parts.tick(60)
    assert not node.identity.is_shared(parts.now_ms)
    last = [c.alarm for c in parts.effects.alarms if c.alarm.title_en == "Two agents with one identity"][-1]
    assert last.returned_ms is not None


def test_a_foreign_node_started_twice(tmp_path: Path) -> None:
    parts = Parts(tmp_path, schools=())
    stranger = Sender(parts, "Plant", "x", outbox=False)
    for bd_seq in (5, 90, 6, 91):
        stranger.born(bd_seq=bd_seq)
        parts.tick(1)
    assert parts.directory.nodes["Plant/x"].identity.is_shared(parts.now_ms)
