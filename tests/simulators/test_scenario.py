"""Scenario files are checked to the last field, and every shipped one is sound."""

from pathlib import Path
from typing import Any

import pytest

from simulators.scenario import FaultKind, ScenarioError, load_scenario, read_scenario

SHIPPED = sorted(Path("config/scenarios").glob("*.toml"))


def fault(**values: Any) -> dict[str, Any]:
    return {"title": "t", "fault": [{"fault": "flood", "at_s": 5, "for_s": 10} | values]}


def mistakes(content: dict[str, Any]) -> str:
    with pytest.raises(ScenarioError) as caught:
        read_scenario(content)
    return str(caught.value)


def test_a_fault_is_read_with_its_target() -> None:
    scenario = read_scenario(
        fault(every_s=60, times=3, target={"index": [0, 2], "rooms": ["P101"], "share": 0.5})
    )
    only = scenario.faults[0]
    assert (only.fault, only.at_s, only.for_s, only.every_s, only.times) == (FaultKind.FLOOD, 5, 10, 60, 3)
    assert (only.target.indexes, only.target.rooms, only.target.share) == ((0, 2), ("P101",), 0.5)


def test_a_time_of_day_is_seconds_of_the_day() -> None:
    content = fault(at="09:10")
    del content["fault"][0]["at_s"]
    assert read_scenario(content).faults[0].at_second_of_day == 9 * 3600 + 600


@pytest.mark.parametrize(
    ("values", "field", "value", "fix"),
    [
        ({"fault": "earthquake"}, "fault[1].fault", "'earthquake'", "fibre_cut"),
        ({"at_s": -1}, "fault[1].at_s", "-1", "from 0"),
        ({"at_s": True}, "fault[1].at_s", "True", "number of seconds"),
        ({"at": "25:00"}, "fault[1].at", "'25:00'", '"09:10"'),
        ({"for_s": 0}, "fault[1].for_s", "0", "from 1"),
        ({"every_s": 5}, "fault[1].every_s", "5", "at least for_s (10)"),
        ({"times": 2}, "fault[1].times", "2", "needs every_s"),
        ({"colour": "red"}, "fault[1].colour", "'red'", "no such field"),
        ({"target": {"share": 2}}, "fault[1].target.share", "2", "from 0 to 1"),
        ({"target": {"index": -1}}, "fault[1].target.index", "-1", "from 0 up"),
        ({"target": {"level": "PHD"}}, "fault[1].target.level", "'PHD'", "THCS"),
        ({"target": {"school": 7}}, "fault[1].target.school", "7", "quotes"),
        ({"target": 3}, "fault[1].target", "3", "[fault.target]"),
    ],
)
def test_every_mistake_names_field_value_and_fix(
    values: dict[str, Any], field: str, value: str, fix: str
) -> None:
    text = mistakes(fault(**values))
    line = next(line for line in text.splitlines() if line.startswith(field))
    assert value in line
    assert fix in line


def test_all_mistakes_come_at_once() -> None:
    text = mistakes(fault(fault="x", for_s=-3, nonsense=1))
    assert len(text.splitlines()) == 3


def test_a_file_that_is_missing_or_not_toml_is_named(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match=r"nowhere\.toml: cannot be read"):
        load_scenario(tmp_path / "nowhere.toml")
    broken = tmp_path / "broken.toml"
    broken.write_text("title =")
    with pytest.raises(ScenarioError, match=r"broken\.toml: is not TOML"):
        load_scenario(broken)
    broken.write_text('titel = "x"')
    with pytest.raises(ScenarioError, match=r"broken\.toml: titel = 'x': no such field"):
        load_scenario(broken)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_scenarios_are_sound(path: Path) -> None:
    assert load_scenario(path).title


def test_the_promised_scenarios_are_there() -> None:
    promised = {"normal_day", "morning_with_faults", "flood", "fibre_cut", "power_cut"}
    assert promised <= {path.stem for path in SHIPPED}


def test_a_scenario_says_what_the_province_is_made_of() -> None:
    plain = read_scenario({"title": "t"})
    assert (plain.offices, plain.devices_per_school) == (False, None)
    large = read_scenario({"title": "t", "offices": True, "devices_per_school": 20})
    assert (large.offices, large.devices_per_school) == (True, 20)
    with pytest.raises(ScenarioError, match=r"devices_per_school .*write a number of devices"):
        read_scenario({"title": "t", "devices_per_school": "many"})
