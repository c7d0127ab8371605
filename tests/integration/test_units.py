"""The systemd units of the hub: they start commands that exist, and systemd takes them."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from hub.app import ROLES

ROOT = Path(__file__).parents[2]
UNITS = ROOT / "config" / "systemd"


def test_every_role_has_its_unit_and_ends_with_the_target() -> None:
    wanted = re.search(r"^Wants=(.*)$", (UNITS / "hub.target").read_text(), re.MULTILINE)
    assert wanted is not None
    assert set(wanted[1].split()) == {f"hub@{role}.service" for role in ROLES}
    assert "PartOf=hub.target" in (UNITS / "hub@.service").read_text()


def test_systemd_takes_the_units(tmp_path: Path) -> None:
    if (verify := shutil.which("systemd-analyze")) is None:
        pytest.skip("systemd is not installed")
    for unit in UNITS.iterdir():
        text = unit.read_text().replace("/opt/hub/venv/bin/hub", "/bin/true")  # which must be there
        (tmp_path / unit.name.replace("@", "@web")).write_text(text)
    checked = [str(tmp_path / name) for name in ("hub@web.service", "hub-backup.service", "hub-backup.timer")]
    ended = subprocess.run([verify, "verify", *checked], capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stderr) == (0, "")
