"""`hub simulate` refuses what it cannot do, in words that say how to do it right."""

from pathlib import Path

import pytest

from devices.kind import kinds
from simulators.main import DEFAULT_SCENARIO, check_details, command, find_scenario
from simulators.scenario import ScenarioError, read_scenario


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["--schools", "0"], "--schools 0: write a number from 1 to 445"),
        (["--poll-s", "0"], "--poll-s 0: write a number from 0.2"),
        (["--clock", "noon"], 'clock: "noon" is not a clock; write real'),
        (["--scenario", "earthquake"], "write a path, none, or one of"),
        (["--wings"], "unrecognized arguments: --wings"),
        (["--schools", "many"], "invalid int value"),
        (["--mqtt-url", "http://127.0.0.1:1"], "--mqtt-url"),
    ],
)
def test_wrong_arguments_are_named(argv: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(argv) == 2
    assert said in capsys.readouterr().err


def test_help_ends_well(capsys: pytest.CaptureFixture[str]) -> None:
    assert command(["--help"]) == 0
    assert "--changes-per-s" in capsys.readouterr().out


def test_scenarios_are_found_by_name_and_by_path() -> None:
    assert find_scenario(None) == find_scenario(DEFAULT_SCENARIO)
    assert find_scenario("config/scenarios/flood.toml") == find_scenario("flood")
    assert not find_scenario("none").faults


def test_faults_must_exist_in_the_kind_they_strike() -> None:
    known = dict(kinds())
    for path in sorted(Path("config/scenarios").glob("*.toml")):
        check_details(find_scenario(str(path)), known)
    wrong = {"fault": "equipment", "detail": "lamp", "at_s": 1, "target": {"kind": "relay"}}
    with pytest.raises(ScenarioError, match=r"fault\[1\]\.detail = 'lamp': write one of .*overload"):
        check_details(read_scenario({"title": "t", "fault": [wrong]}), known)
    wrong = {"fault": "unplugged", "at_s": 1, "target": {"kind": "toaster"}}
    with pytest.raises(ScenarioError, match=r"target\.kind = 'toaster': write one of .*projector"):
        check_details(read_scenario({"title": "t", "fault": [wrong]}), known)
