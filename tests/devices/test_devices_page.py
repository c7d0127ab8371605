"""The page of supported devices says what the kinds say, and its example is one that an agent takes."""

import re
import subprocess
import sys
from pathlib import Path

from edge_agents.settings import load

ROOT = Path(__file__).parents[2]


def test_the_page_is_made_from_the_kinds() -> None:
    ran = subprocess.run([sys.executable, ".ci/check_devices.py"], cwd=ROOT, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_the_example_of_the_page_is_taken(tmp_path: Path) -> None:
    example = re.search(r"```toml\n(.*?)```", (ROOT / "docs/devices.md").read_text(), re.DOTALL)
    assert example is not None
    file = tmp_path / "agent.toml"
    file.write_text('[agent]\ngroup = "D703-THPT-02"\nnode = "D703-THPT-02-a1"\n' + example[1])
    settings = load(file)
    assert {device.kind for device in settings.devices} == {
        "projector",
        "wall_cell",
        "ups",
        "air_conditioner",
    }
