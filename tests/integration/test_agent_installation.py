"""The agent is installed by its script, run for real below a folder; its unit and image are what they say."""

import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
AGENT = ROOT / "config" / "agent"
SCRIPT = AGENT / "install-agent.sh"
UNIT = AGENT / "smart-classroom-agent.service"
PROGRAM = """
import pathlib, sys
def main():
    with open({told!r}, "a") as told:
        print(*sys.argv[1:], file=told)
    if sys.argv[1:3] == ["agent", "enrol"]:
        assert "outbox" in pathlib.Path(sys.argv[7]).read_text()
        return 1 if sys.argv[3] == "SPENT" else 0
"""


def install(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", SCRIPT, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        env={"PATH": os.environ["PATH"], "PIP_NO_INDEX": "1", **environment},
    )


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    """A program small enough for a test that is installed by the real pip into a real environment."""
    file, about = tmp_path / "hub-1.0-py3-none-any.whl", "hub-1.0.dist-info/"
    with zipfile.ZipFile(file, "w") as out:
        out.writestr("tiny.py", PROGRAM.format(told=str(tmp_path / "told")))
        out.writestr(about + "METADATA", "Metadata-Version: 2.1\nName: hub\nVersion: 1.0\n")
        out.writestr(about + "WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        out.writestr(about + "entry_points.txt", "[console_scripts]\nhub = tiny:main\n")
        out.writestr(about + "RECORD", "")
    return file


def test_it_is_installed_enrolled_brought_up_to_date_and_removed(wheel: Path, tmp_path: Path) -> None:
    root = tmp_path / "root"
    settings = root / "etc" / "smart-classroom-agent" / "agent.toml"
    given = ("--root", root, "--from", wheel, "--hub", "https://hub.example", "--code")
    spent = install(*given, "SPENT", PYTHON=sys.executable)
    assert (spent.returncode, "repeat with a fresh code" in spent.stderr) == (1, True), spent.stderr
    assert not settings.exists(), "what is not enrolled must not look as if it were"
    done = install(*given, "FRESH", PYTHON=sys.executable)
    assert done.returncode == 0, done.stderr
    told = (tmp_path / "told").read_text().splitlines()
    assert told[-1] == f"agent enrol FRESH --hub https://hub.example --config {settings}"
    program = root / "opt" / "smart-classroom-agent"
    assert os.access(program / "venv" / "bin" / "hub", os.X_OK)
    assert (program / "docs" / "agents.md").read_text() == (ROOT / "docs" / "agents.md").read_text()
    assert (root / "etc" / "systemd" / "system" / UNIT.name).read_text() == UNIT.read_text()
    assert settings.read_text() == '[outbox]\npath = "/var/lib/smart-classroom-agent/outbox.db"\n'
    assert {one.stat().st_mode & 0o007 for one in (settings.parent, settings)} == {0}
    assert install("--root", root, "--uninstall").returncode == 0
    assert (program.exists(), settings.exists()) == (False, True)
    assert install("--root", root, "--uninstall", "--purge").returncode == 0
    assert not settings.exists()


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["--code", "X"], 2, "--code needs --hub"),
        (["--hub", "hub.example", "--code", "X"], 2, "write it with https://"),
        (["--purge"], 2, "goes with --uninstall"),
        (["--from"], 2, "--from needs a value"),
        (["--frm", "x"], 2, "--frm is not an option"),
        (["--from", "no.whl"], 1, "there is no such file"),
        (["--from", "/"], 1, "neither a wheel"),
    ],
)
def test_wrong_arguments_are_answered_with_what_to_write(
    arguments: list[str], code: int, says: str, tmp_path: Path
) -> None:
    ended = install("--root", tmp_path, *arguments)
    assert (ended.returncode, says in ended.stderr) == (code, True), ended.stderr
    assert list(tmp_path.iterdir()) == []


def test_an_interpreter_that_is_too_old_is_named(tmp_path: Path) -> None:
    old = tmp_path / "python"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    ended = install("--root", tmp_path / "root", PYTHON=str(old))
    assert (ended.returncode, "is not Python 3.11 or later" in ended.stderr) == (1, True)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze here")
def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    program = tmp_path / "hub"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    unit = tmp_path / UNIT.name
    start = "/opt/smart-classroom-agent/venv/bin/hub"
    unit.write_text(UNIT.read_text().replace(start, str(program)))
    ended = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stderr) == (0, "")
    text = UNIT.read_text()
    assert f"ExecStart={start} agent --config /etc/smart-classroom-agent/agent.toml" in text
    assert "Restart=always" in text
    assert "RestartPreventExitStatus=2" in text


def test_what_is_left_out_on_a_box_is_needed_by_the_hub_alone() -> None:
    [left_out] = re.findall(r"^HUB_ONLY='([^']+)'", SCRIPT.read_text(), re.MULTILINE)
    lock = (ROOT / "requirements.lock").read_text()
    assert [one for one in left_out.split("|") if f"\n{one}==" not in lock] == []
    modules = {"pillow": "PIL", "influxdb-client": "influxdb_client", "psycopg-binary": "psycopg_binary"}
    names = [modules.get(one, one.replace("-", "_")) for one in left_out.split("|")]
    program = (
        f"import sys; sys.modules.update(dict.fromkeys({names!r}))\n"
        "from devices.kind import kinds\n"
        "import hub.cli, edge_agents.main, edge_agents.doctor, edge_agents.enrolment, importlib, pkgutil\n"
        "import devices.protocols as all_\n"
        "found = pkgutil.walk_packages(all_.__path__, 'devices.protocols.')\n"
        "for one in found: importlib.import_module(one.name)\n"
        "sys.argv = ['hub', 'agent', '--help']; hub.cli.main()\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, cwd=ROOT
    )
    assert (ended.returncode, "Poll a school" in ended.stdout) == (0, True), ended.stderr


def test_the_image_runs_as_an_account_of_its_own_and_keeps_its_data() -> None:
    image = (AGENT / "Dockerfile").read_text()
    assert [line for line in image.splitlines() if line.startswith(("USER", "VOLUME", "ENTRYPOINT"))] == [
        "USER agent", "VOLUME /var/lib/agent", 'ENTRYPOINT ["hub", "agent"]',
    ]  # fmt: skip
    copied = re.findall(r"^COPY (\S+) ", image, re.MULTILINE)
    compose = yaml.safe_load((AGENT / "docker-compose.yml").read_text())
    agent = compose["services"]["agent"]
    context = AGENT / agent["build"]["context"]
    assert all((context / one).exists() for one in copied)
    assert (context / agent["build"]["dockerfile"]).samefile(AGENT / "Dockerfile")
    assert (agent["restart"], agent["read_only"], agent["network_mode"]) == ("always", True, "host")
    assert {one.split(":")[0] for one in agent["volumes"]} <= set(compose["volumes"])
