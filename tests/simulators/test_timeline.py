"""Faults begin and end in order, in pairs, and strike the same victims on both sides."""

from hypothesis import given
from hypothesis import strategies as st

from simulators.scenario import FaultKind, FaultSpec, Target
from simulators.timeline import Place, Timeline, victims

PLACES = [
    Place(
        f"D70{3 + number % 3}-TH-{number:02d}",
        str(703 + number % 3),
        "TH" if number % 2 else "THPT",
        ("P101", "P102"),
    )
    for number in range(30)
]
targets = st.builds(
    Target,
    indexes=st.lists(st.integers(0, 40), max_size=4).map(tuple),
    share=st.sampled_from([0.0, 0.1, 0.5, 1.0]),
    districts=st.lists(st.sampled_from(["703", "704"]), max_size=2).map(tuple),
    level=st.sampled_from(["", "TH"]),
    count=st.integers(0, 5),
    rooms=st.sampled_from([(), ("P102",)]),
    rooms_per_school=st.integers(0, 2),
)


@given(
    st.lists(st.tuples(st.floats(0, 500), st.floats(1, 60), st.sampled_from([0.0, 60.0, 100.0])), max_size=6),
    st.lists(st.floats(0, 700), min_size=1, max_size=20),
)
def test_what_begins_ends_once(faults: list[tuple[float, float, float]], looks: list[float]) -> None:
    specs = [
        FaultSpec(n, FaultKind.FLOOD, Target(), for_s, at_s, None, every_s, 3 if every_s else 0)
        for n, (at_s, for_s, every_s) in enumerate(faults)
    ]
    timeline = Timeline(specs, 0)
    open_now: set[tuple[int, int]] = set()
    for elapsed_s in [*sorted(looks), 10_000.0]:
        for event in timeline.due(elapsed_s):
            key = (event.fault.number, event.occurrence)
            assert (key in open_now) is not event.begins
            (open_now.add if event.begins else open_now.remove)(key)
    assert not open_now
    assert timeline.due(1e9) == []


def test_a_time_of_day_that_is_past_waits_for_tomorrow() -> None:
    spec = FaultSpec(1, FaultKind.FLOOD, Target(), 10, None, 9 * 3600 + 600)
    assert Timeline([spec], 9 * 3600).due(599) == []
    assert Timeline([spec], 9 * 3600).due(600)
    assert Timeline([spec], 10 * 3600).due(23 * 3600) == []
    assert Timeline([spec], 10 * 3600).due(23 * 3600 + 600)


def test_a_fault_without_times_repeats_for_ever() -> None:
    timeline = Timeline([FaultSpec(1, FaultKind.FLOOD, Target(), 10, 0, None, 10)], 0)
    assert sum(event.begins for event in timeline.due(99.9)) == 10


@given(targets, st.integers(0, 99), st.integers(0, 9))
def test_victims_are_among_those_named_and_stay_the_same(target: Target, seed: int, occurrence: int) -> None:
    struck = victims(target, PLACES, seed, 1, occurrence)
    assert struck == victims(target, PLACES, seed, 1, occurrence)
    for victim in struck:
        place = PLACES[victim.index]
        assert not target.indexes or victim.index in target.indexes
        assert not target.districts or place.district in target.districts
        assert not target.level or place.level == target.level
        assert set(victim.rooms) <= set(target.rooms or place.rooms)
        assert not target.rooms_per_school or len(victim.rooms) <= target.rooms_per_school


def test_a_share_moves_from_one_occurrence_to_the_next() -> None:
    drawn = {tuple(v.index for v in victims(Target(count=2), PLACES, 1, 1, n)) for n in range(8)}
    assert len(drawn) > 3
    assert len(victims(Target(share=0.5), PLACES, 1, 1, 0)) == 15
