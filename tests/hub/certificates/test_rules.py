"""When a certificate is made anew."""

from hypothesis import given
from hypothesis import strategies as st

from hub.certificates.rules import DAY_MS, Leaf, covers, leaf_end_ms, reason_to_issue, renewal_ms

NAMES = st.frozensets(st.sampled_from(["localhost", "hub.example", "127.0.0.1", "10.0.0.5"]))


@given(st.integers(0, 10**13), st.integers(1, 4000 * DAY_MS))
def test_renewal_lies_inside_the_life_and_leaves_a_third(begin_ms: int, life_ms: int) -> None:
    at_ms = renewal_ms(begin_ms, begin_ms + life_ms)
    assert begin_ms <= at_ms <= begin_ms + life_ms
    assert begin_ms + life_ms - at_ms == life_ms // 3


@given(NAMES, NAMES, st.integers(-10, 100))
def test_a_leaf_is_kept_exactly_while_it_covers_and_is_young(
    has: frozenset[str], wanted: frozenset[str], day: int
) -> None:
    leaf = Leaf(0, 90 * DAY_MS, has, b"ca")
    kept = reason_to_issue(leaf, wanted, b"ca", day * DAY_MS) == ""
    assert kept is (wanted <= has and 0 <= day < 60)
    assert reason_to_issue(leaf, wanted, b"other", day * DAY_MS)
    assert reason_to_issue(None, wanted, b"ca", 0)


@given(st.integers(0, 10**13), st.integers(0, 10**13))
def test_no_certificate_outlives_its_authority(now_ms: int, ca_end_ms: int) -> None:
    assert leaf_end_ms(now_ms, ca_end_ms) <= ca_end_ms


def test_names_are_compared_as_browsers_do() -> None:
    assert covers(["Hub.example"], "hub.EXAMPLE.")
    assert covers(["*.school.example"], "hub.school.example")
    assert not covers(["*.school.example"], "a.hub.school.example")
    assert not covers(["*.example"], "example")
    assert covers(["::1"], "0:0:0:0:0:0:0:1")
    assert not covers(["10.0.0.1"], "10.0.0.10")
