"""The check of the assertions finds what it is for; the table is complete."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROWS = """tck_id\tchapter\tarea\tbinds\tlevel\tofficial_tck_tests\trequirement
tck-id-one\t1\ttopics\tEdge Node\tMUST\t-\tIt MUST do one | thing.
tck-id-two\t1\ttopics\tHost Application\tMUST NOT\t-\tIt MUST NOT do two.
tck-id-broker\t1\tmqtt-server\tBroker\tMUST\t-\tThe server MUST.
"""
VERDICTS = """not_applicable = [{why = "Binds the server.", ids = ["tck-id-broker"]}]
deviates = []
"""
TESTS = """
import pytest
@pytest.mark.sparkplug("tck-id-one")
@pytest.mark.sparkplug("tck-id-two")
async def test_both() -> None: ...
"""


def _check(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    program = ROOT / ".ci" / "check_sparkplug.py"
    return subprocess.run(
        [sys.executable, program, *arguments], capture_output=True, text=True, timeout=30, cwd=folder
    )


def _project(folder: Path, tests: str = TESTS, verdicts: str = VERDICTS) -> Path:
    (folder / "docs" / "sparkplug").mkdir(parents=True)
    (folder / "tests").mkdir()
    (folder / "docs" / "sparkplug" / "assertions.tsv").write_text(ROWS, encoding="utf-8")
    (folder / "docs" / "sparkplug" / "verdicts.toml").write_text(verdicts, encoding="utf-8")
    (folder / "tests" / "test_it.py").write_text(tests, encoding="utf-8")
    return folder


def test_a_complete_table_passes_and_a_stale_one_does_not(tmp_path: Path) -> None:
    project = _project(tmp_path)
    assert "out of date" in _check(project).stderr
    assert _check(project, "--write").returncode == 0
    assert _check(project).returncode == 0
    text = (project / "docs" / "sparkplug.md").read_text(encoding="utf-8")
    assert "**2 held**" in text
    assert "[both](../tests/test_it.py)" in text
    assert "one \\| thing" in text
    (project / "tests" / "test_it.py").write_text(
        TESTS.replace("test_both", "test_renamed"), encoding="utf-8"
    )
    assert "out of date" in _check(project).stderr


_SERVER = '"tck-id-broker"]'
_MORE = '@pytest.mark.sparkplug("tck-id-broker")\ndef test_more(): ...\n'
_BOTH = '[{why = "So.", ids = ["tck-id-one", "tck-id-two"]}]'


@pytest.mark.parametrize(
    ("tests", "verdicts", "found"),
    [
        ("", VERDICTS, "tck-id-one: no test holds it"),
        (TESTS.replace("tck-id-one", "tck-id-none"), VERDICTS, "names tck-id-none, which does not exist"),
        (TESTS + _MORE, VERDICTS, "does not apply, but"),
        (TESTS, VERDICTS.replace(_SERVER, '"tck-id-brook", ' + _SERVER), "tck-id-brook does not exist"),
        (TESTS, VERDICTS.replace(_SERVER, '"tck-id-broker", ' + _SERVER), "stands there twice"),
        (TESTS, VERDICTS.replace("Binds the server.", ""), "gives no reason"),
        (TESTS.replace("@", "@pytest.mark.skip()\n@", 1), VERDICTS, "tck-id-one: no test holds it"),
        ("", VERDICTS.replace("[]", _BOTH), "we deviate from a MUST"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, tests: str, verdicts: str, found: str) -> None:
    ended = _check(_project(tmp_path, tests, verdicts), "--write")
    assert ended.returncode == 1
    assert found in ended.stderr
