"""The arithmetic of acknowledgement, against a plain set."""

from hypothesis import given
from hypothesis import strategies as st

from hub.ingest.positions import Positions


@given(st.lists(st.integers(1, 60), max_size=120))
def test_positions_are_a_set_whatever_the_order(arrivals: list[int]) -> None:
    positions, known = Positions(), set[int]()
    for position in arrivals:
        assert positions.holds(position) == (position in known)
        assert positions.add(position) == (position not in known)
        known.add(position)
        through = 0
        while through + 1 in known:
            through += 1
        assert positions.through == through
        above = {p for a, b in positions.beyond for p in range(a, b + 1)}
        assert above == {p for p in known if p > through}
        assert all(b + 1 < c for (_, b), (c, _) in zip(positions.beyond, positions.beyond[1:], strict=False))


@given(st.sets(st.integers(1, 40)), st.integers(1, 45))
def test_what_a_node_no_longer_holds_and_never_came_is_counted_as_lost(arrived: set[int], first: int) -> None:
    positions = Positions()
    for position in sorted(arrived):
        positions.add(position)
    missing = set(range(1, first)) - arrived
    assert positions.declare_first(first) == len(missing) == positions.lost
    assert positions.through >= first - 1
    assert positions.declare_first(first) == 0


def test_a_first_that_says_nothing_new_changes_nothing() -> None:
    positions = Positions()
    for position in (1, 2, 5):
        positions.add(position)
    assert positions.declare_first(3) == 0
    assert (positions.through, positions.beyond) == (2, [(5, 5)])
