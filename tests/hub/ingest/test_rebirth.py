"""A restart of the broker is no storm."""

from hypothesis import given
from hypothesis import strategies as st

from hub.ingest.model import Node
from hub.ingest.rebirth import RebirthRequests


@given(st.integers(1, 300), st.integers(1, 50), st.integers(1, 50), st.integers(1, 40))
def test_never_more_than_the_bucket_allows(nodes: int, per_s: int, burst: int, seconds: int) -> None:
    requests = RebirthRequests(60, per_s, burst)
    for number in range(nodes):
        requests.want(Node("S", str(number)), "gap")
    asked = sum(len(requests.due(1_000_000 + tick * 250)) for tick in range(seconds * 4))
    assert asked <= burst + per_s * seconds
    assert asked + len(requests) == nodes
    if burst >= per_s and burst + per_s * (seconds - 1) >= nodes:
        assert asked == nodes


def test_a_pause_keeps_the_wish_and_a_birth_ends_it() -> None:
    requests = RebirthRequests(60, 10, 10)
    node = Node("S", "n")
    requests.want(node, "gap")
    assert requests.due(1000, paused=True) == []
    assert len(requests) == 1
    requests.satisfied(node)
    assert requests.due(2000) == []


def test_a_request_that_was_lost_is_made_again_long_before_the_cooldown() -> None:
    """Nothing of an unborn node can be read: a minute of silence for one lost message is too long."""
    requests = RebirthRequests(60, 10, 10)
    node = Node("S", "n")
    asked = []
    for second in range(200):
        requests.want(node, "unborn")
        asked += [second for _ in requests.due(second * 1000)]
    assert asked == [0, 15, 45, 105, 165]


def test_a_node_that_answers_is_not_asked_again_within_the_cooldown() -> None:
    requests = RebirthRequests(60, 10, 10)
    node = Node("S", "n")
    asked = []
    for second in range(130):
        requests.want(node, "unknown_metric")
        if requests.due(second * 1000):
            asked.append(second)
            requests.satisfied(node)
    assert asked == [0, 60, 120]
