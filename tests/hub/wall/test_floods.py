"""Schools that are cut off together are one entry, and none is lost on the way."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from hub.wall.floods import FLOOD_LEAST, TOGETHER_MS, gathered

DISTRICTS = {f"S{n}": "A" if n < 30 else "B" for n in range(60)}
SIZES = {"A": 30, "B": 30}


def alarm(number: int, raised_ms: int, **changed: Any) -> dict[str, Any]:
    return {
        "id": f"a{number}",
        "school": f"S{number % 60}",
        "condition": "school_down",
        "severity": "critical",
        "state": "unacknowledged",
        "raised_ms": raised_ms,
        "returned_ms": None,
        "acknowledged_ms": None,
        **changed,
    }


def test_a_district_that_goes_at_once_is_one_entry() -> None:
    alarms = [alarm(n, 1000 + n) for n in range(30)]
    (entry,) = gathered(alarms, DISTRICTS, SIZES)
    assert (entry["members"], entry["unacknowledged"], entry["raised_ms"]) == (30, 30, 1000)
    assert entry["districts"] == [{"code": "A", "schools": 30, "of": 30}]
    assert entry["id"] == "flood-a0"


def test_the_most_concerned_district_comes_first() -> None:
    (entry,) = gathered([alarm(n, 0) for n in range(20, 60)], DISTRICTS, SIZES)
    assert [(each["code"], each["schools"]) for each in entry["districts"]] == [("B", 30), ("A", 10)]


def test_few_schools_and_other_alarms_stay_as_they_are() -> None:
    few = [alarm(n, 0) for n in range(FLOOD_LEAST - 1)]
    others = [alarm(n, 0, condition="state") for n in range(40, 60)]
    shown = gathered(few + others, DISTRICTS, SIZES)
    assert sorted(shown, key=str) == sorted(few + others, key=str)
    assert all(any(each is one for one in few + others) for each in shown)


def test_two_floods_are_two_entries() -> None:
    early = [alarm(n, 0) for n in range(10)]
    late = [alarm(n, TOGETHER_MS + 1) for n in range(10, 25)]
    assert sorted(entry["members"] for entry in gathered(early + late, DISTRICTS, SIZES)) == [10, 15]


def test_an_entry_waits_until_all_are_taken_on() -> None:
    taken = [alarm(n, n, state="acknowledged", acknowledged_ms=5) for n in range(8)]
    (entry,) = gathered([*taken, alarm(9, 9)], DISTRICTS, SIZES)
    assert (entry["state"], entry["unacknowledged"]) == ("unacknowledged", 1)
    (entry,) = gathered(taken, DISTRICTS, SIZES)
    assert (entry["state"], entry["unacknowledged"]) == ("acknowledged", 0)


def test_those_that_are_back_are_an_entry_of_their_own() -> None:
    back = [alarm(n, n, state="returned_unacknowledged", returned_ms=99) for n in range(8)]
    away = [alarm(n, n) for n in range(10, 20)]
    shown = gathered(back + away, DISTRICTS, SIZES)
    assert {entry["state"]: entry["members"] for entry in shown} == {
        "returned_unacknowledged": 8,
        "unacknowledged": 10,
    }


@given(st.lists(st.tuples(st.integers(0, 300_000), st.booleans(), st.booleans()), max_size=80))
def test_every_alarm_is_counted_once(facts: list[tuple[int, bool, bool]]) -> None:
    alarms = [
        alarm(n, at_ms, condition="school_down" if cut else "high", returned_ms=at_ms if back else None)
        for n, (at_ms, cut, back) in enumerate(facts)
    ]
    shown = gathered(alarms, DISTRICTS, SIZES)
    assert sum(entry.get("members", 1) for entry in shown) == len(alarms)
    for entry in shown:
        assert entry.get("members", FLOOD_LEAST) >= FLOOD_LEAST
        assert sum(each["schools"] for each in entry.get("districts", [])) == entry.get("members", 0)
    assert len({entry["id"] for entry in shown}) == len(shown)
