from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.province import LEVELS, districts, org_units, schools, select_schools


def test_the_whole_province() -> None:
    everything = schools()
    assert len({school.code for school in everything}) == len(everything) == 445
    assert {school.level for school in everything} == set(LEVELS)
    assert schools(10_000) == everything
    assert len(districts()) == 9
    assert {school.district_code for school in everything} == {district.code for district in districts()}
    assert {district.short for district in districts()} >= {"TP. Tây Ninh", "TX. Hòa Thành", "Gò Dầu"}
    assert [unit.code for unit in org_units() if unit.parent is None] == ["SGDDT"]


def test_twenty_four_are_of_all_kinds_and_all_districts() -> None:
    chosen = schools(24)
    levels = Counter(school.level for school in chosen)
    places = Counter(school.district_code for school in chosen)
    assert set(levels) == set(LEVELS)
    assert max(levels.values()) - min(levels.values()) <= 2
    assert len(places) == 9
    assert max(places.values()) - min(places.values()) <= 1
    assert "D703-THPT-02" in {school.code for school in chosen}  # has a conference site


@given(st.integers(1, 445), st.integers(1, 445))
def test_a_smaller_selection_is_part_of_a_larger_one(a: int, b: int) -> None:
    small, large = schools(min(a, b)), schools(max(a, b))
    assert len(small) == min(a, b)
    assert set(small) <= set(large)
    assert small == [school for school in schools() if school in set(small)]


def test_fewer_than_one_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        schools(0)
    assert select_schools([], 3) == []
