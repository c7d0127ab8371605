"""Changes of the tree: whatever is done, the days before stay as they were and nothing contradicts itself."""

from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.errors import Conflict, Invalid
from hub.organisation.changes import Part, Wanted, outcome, plan
from hub.organisation.rules import LONG_AGO, PlacedFrom
from hub.organisation.tree import OPEN, Tree, UnitFacts, faults

START = date(2024, 1, 1)
DAYS = [START + timedelta(days=n) for n in range(0, 60, 3)]
ROOMS = {"S1": {"P1": True, "P2": True, "P3": False}, "S2": {"P1": True}}


def a_tree() -> Tree:
    units = [UnitFacts("ROOT", "department", "Sở")]
    places = [("D1", "ROOT"), ("D2", "ROOT"), ("C1", "D1"), ("C2", "D1"), ("C3", "D2")]
    for code, parent in places:
        kind = "district" if parent == "ROOT" else "commune"
        units.append(UnitFacts(code, kind, code, placed=(PlacedFrom(code, parent, LONG_AGO),)))
    for code, parent in (("S1", "C1"), ("S2", "C1"), ("S3", "C3")):
        placed = (PlacedFrom(code, parent, LONG_AGO),)
        units.append(UnitFacts(code, "school", f"Trường {code}", placed=placed, levels=("TH",)))
    return Tree(units)


CODES = st.sampled_from(["ROOT", "D1", "D2", "C1", "C2", "C3", "S1", "S2", "S3", "N1", "N2"])
DAY = st.sampled_from(DAYS)
CHANGES = st.one_of(
    st.builds(
        Wanted, st.just("rename"), DAY, unit=CODES, name=st.sampled_from(["A", "B", "C"])
    ),
    st.builds(Wanted, st.just("move"), DAY, unit=CODES, parent=CODES),
    st.builds(Wanted, st.just("end"), DAY, unit=CODES),
    st.builds(
        Wanted,
        st.just("begin"),
        DAY,
        unit=CODES,
        name=st.just("Mới"),
        parent=CODES,
        unit_kind=st.sampled_from(["commune", "school"]),
    ),
    st.builds(
        Wanted, st.just("merge"), DAY, units=st.lists(CODES, min_size=1, max_size=2).map(tuple), into=CODES
    ),
    st.builds(
        Wanted,
        st.just("split"),
        DAY,
        unit=CODES,
        parts=st.lists(st.builds(Part, CODES, name=st.just("Phần")), min_size=1, max_size=2).map(tuple),
        children=st.dictionaries(CODES, CODES, max_size=2),
    ),
)  # fmt: skip


def told(tree: Tree, day: date) -> dict[str, tuple[object, ...]]:
    """Everything that can be asked of the units of a day."""
    return {
        code: (unit.name_on(day), unit.parent_on(day), tree.path(code, day), tree.children(code, day))
        for code, unit in tree.units.items()
        if unit.there_on(day)
    }


@settings(max_examples=300, deadline=None)
@given(st.lists(CHANGES, min_size=1, max_size=12))
def test_no_change_contradicts_itself_or_touches_the_days_before_it(wanted: list[Wanted]) -> None:
    tree = a_tree()
    for each in wanted:
        try:
            made = outcome(tree, each, {})
        except (Invalid, Conflict):
            continue
        after = tree.changed(made.units.values())
        assert faults(after, after.units) == []
        for day in DAYS:
            if day < each.on:
                assert told(after, day) == told(tree, day)
            for unit in after.units.values():
                holding = [placed for placed in unit.placed if placed.holds_on(day)]
                assert len(holding) <= 1
                if holding and unit.there_on(day):
                    assert after.units[holding[0].parent].there_on(day)
                    assert after.path(unit.code, day)[0] == "ROOT"
                assert unit.there_on(day) or not holding
        for code, unit in made.units.items():
            for until, _ in unit.former:
                assert unit.valid_from < until < OPEN, code
        tree = after


def test_what_was_asked_for_holds_from_the_day_on() -> None:
    tree, day = a_tree(), date(2025, 7, 1)
    before = day - timedelta(days=1)

    def done(tree: Tree, wanted: Wanted) -> Tree:
        return tree.changed(outcome(tree, wanted, {}).units.values())

    moved = done(tree, Wanted("move", day, unit="S1", parent="C3"))
    assert (moved.units["S1"].parent_on(before), moved.units["S1"].parent_on(day)) == ("C1", "C3")
    renamed = done(moved, Wanted("rename", day, unit="S1", name="Trường mới"))
    assert renamed.units["S1"].name_on(before) == "Trường S1"
    assert renamed.units["S1"].name_on(day) == "Trường mới"
    # a name for some days in the middle, entered later, ends where the next was known to begin
    early = done(renamed, Wanted("rename", date(2025, 1, 1), unit="S1", name="Giữa"))
    names = [early.units["S1"].name_on(d) for d in (date(2024, 1, 1), date(2025, 3, 1), day)]
    assert names == ["Trường S1", "Giữa", "Trường mới"]
    merged = done(tree, Wanted("merge", day, units=("C1", "C2"), into="C3", name="Xã lớn"))
    assert merged.children("C3", day) == ["S1", "S2", "S3"]
    assert merged.children("C1", before) == ["S1", "S2"]
    assert not merged.units["C1"].there_on(day)
    assert merged.units["C3"].name_on(before) == "C3"
    assert merged.scope("D1", day) >= {"C1", "C2"}, "what ended stays in view of those above"


def test_a_merger_of_schools_takes_rooms_along_and_none_twice() -> None:
    tree = a_tree()
    wanted = Wanted("merge", date(2025, 7, 1), units=("S1",), into="S2")
    made = outcome(tree, wanted, ROOMS)
    assert [(room.code, room.to_school, room.to_code) for room in made.rooms] == [
        ("P1", "S2", "S1-P1"),
        ("P2", "S2", "P2"),
    ]
    steps = plan(tree, made, wanted.on)
    assert {"unit": "S1", "what": "end", "before": None, "after": "2025-07-01"} in steps
    assert {"unit": "S1", "what": "successor", "before": None, "after": "S2"} in steps


@pytest.mark.parametrize(
    ("wanted", "field", "says"),
    [
        (Wanted("begin", START, unit="S1", name="x", parent="C1", unit_kind="school"), "code", "taken"),
        (Wanted("move", START, unit="D1", parent="C1"), "parent", "belongs to D1 itself"),
        (Wanted("move", START, unit="D1", parent="D1"), "parent", "itself"),
        (Wanted("end", START, unit="C1"), "unit", "ends on 2024-01-01, before S1"),
        (Wanted("move", START, unit="S3", parent="S1"), "parent", "no units below"),
        (Wanted("move", START, unit="S3", parent="nobody"), "parent", "no such unit"),
        (Wanted("rename", START, unit="S3"), "name", "missing"),
        (Wanted("split", START, unit="S1", parts=(Part("S8", "A"), Part("S9", "B"))), "rooms", "P1, P2"),
        (Wanted("merge", START, units=("S1",), into="S1"), "units", "another that stays"),
        (Wanted("move", START, unit="ROOT", parent="D1"), "parent", "root"),
    ],
)
def test_what_cannot_be_names_field_and_fix(wanted: Wanted, field: str, says: str) -> None:
    with pytest.raises((Invalid, Conflict), match=says) as refused:
        outcome(a_tree(), wanted, ROOMS)
    assert refused.value.faults[0].field == field
    assert refused.value.faults[0].fix
