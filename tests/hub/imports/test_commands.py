"""`hub import` and `hub export` as an operator types them."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from hub.cli import app
from tests.hub.imports.conftest import csv_bytes

TOLD = "1 rows, 1 new, 0 changed, 0 same, 0 errors. Nothing was changed; --apply does it."


@pytest.fixture
def folder(
    migrated_sqlite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> Path:
    """A data folder with an empty database."""
    # what a command sets up for its process must not last in this one
    monkeypatch.setattr(logging, "basicConfig", lambda **_: None)
    for name in ("alembic", "httpx"):
        caplog.set_level(logging.WARNING, name)
    monkeypatch.setenv("HUB_DATA_DIR", str(tmp_path))
    shutil.copy(migrated_sqlite, tmp_path / "hub.db")
    return tmp_path


def run(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def school_of(folder: Path) -> str:
    assert run("export", "units", folder / "units.csv").exit_code == 0
    lines = (folder / "units.csv").read_text("utf-8-sig").splitlines()
    return next(line.split(",")[0] for line in lines if ",school," in line)


def test_a_file_is_told_of_first_and_applied_when_asked(folder: Path) -> None:
    assert "1 schools are in the database" in run("import", "--schools", "1").stdout
    school = school_of(folder)
    rooms = folder / "rooms.csv"
    rooms.write_bytes(csv_bytes(("school", "code"), (school, "P1")))
    for words in ((), ("--dry-run",)):
        told = run("import", rooms, "--kind", "rooms", "--unit", school, *words)
        assert (told.exit_code, told.stdout.strip()) == (0, TOLD)
    assert "Done." in run("import", rooms, "--kind", "rooms", "--apply").stdout
    assert "1 same" in run("import", rooms, "--kind", "rooms").stdout
    for ending in ("csv", "xlsx"):
        out = folder / f"out.{ending}"
        assert run("export", "rooms", out, "--unit", school).exit_code == 0
        assert "1 rows, 0 new, 0 changed, 1 same" in run("import", out, "--kind", "rooms").stdout
    assert run("export", "oneroster", folder / "out.zip").exit_code == 0
    assert "0 errors" in run("import", folder / "out.zip", "--kind", "oneroster").stdout

    rooms.write_bytes(csv_bytes(("school", "code"), (school, "P2"), ("NOPE", "P2")))
    wrong = run("import", rooms, "--kind", "rooms", "--apply")
    assert (wrong.exit_code, "Nothing was changed" in wrong.stdout) == (1, True)
    assert "rooms.csv row 3, school (NOPE)" in wrong.stderr
    assert "0 new" not in run("import", rooms, "--kind", "rooms").stdout


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ("import {f}/none.csv --kind rooms", 2, "there is no file"),
        ("import {f} --kind rooms", 2, "there is no file"),
        ("import {f}/a.csv", 2, "--kind is one of units, rooms"),
        ("import {f}/a.csv --kind chairs", 2, "--kind is one of units, rooms"),
        ("import {f}/a.csv --kind rooms --schools 3", 2, "--schools is for the shipped province"),
        ("import --kind rooms", 2, "name one: hub import FILE"),
        ("import {f}/a.csv --kind rooms --unit XX", 1, "there is no unit XX"),
        ("import {f}/a.csv --kind rooms", 1, "no row of headings with school, code"),
        ("export chairs {f}/b.csv", 2, "there is no kind chairs"),
        ("export rooms {f}/b.pdf", 2, "ends in .csv or .xlsx"),
        ("export oneroster {f}/b.csv", 2, "ends in .zip"),
        ("export rooms {f}/none/b.csv", 1, "No such file or directory"),
        ("export rooms {f}/b.csv --unit XX", 1, "there is no unit XX"),
    ],
)
def test_wrong_words_are_refused_with_what_to_write(folder: Path, words: str, code: int, said: str) -> None:
    (folder / "a.csv").write_text("x,y\n1,2\n")
    result = run(*words.format(f=folder).split())
    assert (result.exit_code, "Traceback" in result.stderr) == (code, False), result.output
    assert said in result.stderr
    assert not (folder / "b.csv").exists()
