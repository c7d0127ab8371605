"""The documents keep their word: what they point at is there, and the commands they show exist."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from hub.cli import main

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("**/*.md"))]
FOLDERS = {path.name for path in ROOT.iterdir() if path.is_dir()} - {"data"}
TOPICS = re.compile(r"hub/(?:changed|progress|request)/")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    targets = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", document.read_text(encoding="utf-8"))
    missing = [each for each in targets if "://" not in each and not (document.parent / each).exists()]
    assert missing == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_files_that_are_named_exist(document: Path) -> None:
    named = re.findall(r"`([\w./-]+/[\w./-]*)`", document.read_text(encoding="utf-8"))
    ours = [each for each in named if each.split("/")[0] in FOLDERS and not TOPICS.match(each)]
    assert [each for each in ours if not (ROOT / each).exists()] == []


def test_every_command_that_is_shown_exists(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "\n".join(document.read_text(encoding="utf-8") for document in DOCUMENTS)
    usage = subprocess.run([ROOT / "run", "help"], capture_output=True, text=True, check=True).stdout
    for name in set(re.findall(r"\./run ([a-z]+)", text)):
        assert re.search(rf"^  {name} ", usage, re.MULTILINE), f"./run {name}"
    shown = set(re.findall(r"(?:`|web )hub ([a-z]+)(?: ([a-z-]+))?", text))
    assert shown
    for name, word in shown:
        groups = [name, word] if name in {"user", "token"} else [name]
        monkeypatch.setattr(sys, "argv", ["hub", *groups, "--help"])
        with pytest.raises(SystemExit) as ended:
            main()
        assert not ended.value.code, f"hub {' '.join(groups)}"


@pytest.mark.parametrize("arguments", [[], ["nonsense"]])
def test_run_says_what_it_can_do(arguments: list[str]) -> None:
    ended = subprocess.run([ROOT / "run", *arguments], capture_output=True, text=True, timeout=30)
    assert ended.returncode != 0
    assert "demo" in ended.stderr
