"""Where the break is: the first step of the way that is not ok."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from hub.live.path import (
    AT_ONCE_MS,
    STATES,
    Cut,
    DevicesSight,
    Neighbours,
    NodeSight,
    SchoolSight,
    Step,
    UplinkSight,
    local_steps,
    neighbours,
    school_state,
    way,
)

T0 = 1_764_000_000_000
HERE = NodeSight("a1", "born", True, T0, ("đã kết nối", "came up"))
GONE = NodeSight("a1", "dead", False, T0 + 5, ("mất kết nối", "lost"))
LINE = UplinkSight(True, True, T0, 34.2, 12.0)
WELL = SchoolSight((HERE,), LINE, DevicesSight(20))
ALONE = Neighbours(9, 1, 1)

moments = st.one_of(st.none(), st.integers(T0, T0 + 10 * AT_ONCE_MS))
nodes = st.builds(
    NodeSight,
    node=st.sampled_from(["a1", "a2"]),
    state=st.sampled_from(["born", "stale", "dead"]),
    there=st.booleans(),
    since_ms=st.integers(T0, T0 + 1000),
    orderly=st.booleans(),
    skew_ms=st.integers(-100_000, 100_000),
    alarm_id=st.sampled_from([None, "a"]),
)
sights = st.builds(
    SchoolSight,
    nodes=st.lists(nodes, max_size=3).map(tuple),
    uplink=st.one_of(
        st.none(), st.builds(UplinkSight, there=st.booleans(), link_up=st.sampled_from([None, True, False]))
    ),
    devices=st.integers(0, 20).flatmap(
        lambda total: st.builds(DevicesSight, total=st.just(total), away=st.integers(0, total))
    ),
    cut=st.one_of(
        st.none(), st.builds(Cut, st.just("c"), st.integers(T0, T0 + 1000), st.just(("đứt", "cut")))
    ),
)


def broken(steps: list[Step]) -> str:
    return next((step.id for step in steps if step.state != "ok"), "nowhere")


def at(sight: SchoolSight, district: Neighbours = ALONE, province: Neighbours = ALONE) -> str:
    return broken(way(sight, district=district, province=province))


def test_the_break_is_where_one_would_look() -> None:
    assert at(WELL) == "nowhere"
    assert at(replace(WELL, nodes=(GONE,))) == "school_uplink"
    assert at(replace(WELL, nodes=(replace(GONE, orderly=True),))) == "agent"
    assert at(replace(WELL, nodes=(HERE, GONE))) == "agent"
    assert at(replace(WELL, cut=Cut("c", T0))) == "school_uplink"
    assert at(replace(WELL, uplink=replace(LINE, link_up=False))) == "school_uplink"
    assert at(replace(WELL, uplink=None)) == "nowhere"
    assert at(replace(WELL, nodes=(replace(HERE, skew_ms=3_600_000),))) == "agent"
    assert at(replace(WELL, devices=DevicesSight(20, 3))) == "devices"
    assert at(SchoolSight()) == "school_uplink"


def test_most_of_a_district_at_once_is_the_districts_link() -> None:
    cut = replace(WELL, nodes=(GONE,))
    steps = way(cut, district=Neighbours(60, 58, 57), province=Neighbours(445, 60, 58))
    assert broken(steps) == "district"
    assert steps[1].detail_en == "57 of 60 schools of the district went away at once"
    assert {step.state for step in steps[2:]} == {"unknown"}
    assert at(cut, Neighbours(60, 58, 57), Neighbours(445, 400, 399)) == "province"
    assert at(cut, Neighbours(60, 58, 2), Neighbours(445, 60, 2)) == "school_uplink"  # not at once
    assert at(WELL, Neighbours(60, 58, 0), Neighbours(445, 58, 0)) == "nowhere"  # this one is there
    assert at(cut, Neighbours(1, 1, 1), Neighbours(1, 1, 1)) == "school_uplink"  # one says nothing of others


def test_a_hub_that_hears_nothing_says_so() -> None:
    steps = way(WELL, district=ALONE, province=ALONE, blind=True)
    assert (broken(steps), steps[0].state) == ("province", "unknown")


@settings(deadline=None)
@given(moments, st.lists(moments, max_size=20))
def test_neighbours_are_counted(since_ms: int | None, others: list[int | None]) -> None:
    found = neighbours(since_ms, [since_ms, *others])
    assert found.together <= found.away <= found.heard == len(others) + 1
    assert (found.together >= 1) is (since_ms is not None)
    if found.share_a_break:
        assert 2 * found.away > found.heard


@settings(deadline=None)
@given(sights, moments, st.lists(moments, max_size=8), st.lists(moments, max_size=8), st.booleans())
def test_every_school_has_a_way_that_fits_its_state(
    sight: SchoolSight, since_ms: int | None, near: list[int | None], far: list[int | None], blind: bool
) -> None:
    own_ms = sight.away_since_ms
    district, province = neighbours(own_ms, [own_ms, *near]), neighbours(own_ms, [own_ms, *near, *far])
    steps = way(sight, district=district, province=province, blind=blind)
    assert [s.id for s in steps] == [
        "province",
        "district",
        "school_uplink",
        *["agent"] * len(sight.nodes),
        "devices",
    ]
    assert all(
        step.state in STATES and step.detail_vi and step.detail_en for step in steps if step.id != "agent"
    )
    state, _ = school_state(sight)
    inside = [step.state for step in local_steps(sight)]
    if state == "ok":
        assert set(inside) == {"ok"}
    if state == "down" and not blind:
        assert any(step.state == "down" for step in steps)
        # what is behind the break is not claimed to be anything
        first = next(i for i, step in enumerate(steps) if step.state == "down")
        if steps[first].id != "agent":
            assert {step.state for step in steps[first + 1 :]} <= {"unknown"}
    if state == "degraded":
        assert set(inside) - {"ok"}
    if steps[1].state == "down":
        assert state == "down"
