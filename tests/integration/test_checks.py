"""The checks of ours that `./run check` makes do find what they are for."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COMPOSE = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")


def _check_compose(text: str, folder: Path) -> subprocess.CompletedProcess[str]:
    file = folder / "docker-compose.yml"
    file.write_text(text, encoding="utf-8")
    (folder / "Dockerfile").touch()
    (folder / "config").symlink_to(ROOT / "config")
    return subprocess.run(
        [sys.executable, ROOT / ".ci" / "check_compose.py", file],
        capture_output=True,
        text=True,
        timeout=30,
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT)},
    )


def test_our_compose_file_passes(tmp_path: Path) -> None:
    ended = _check_compose(COMPOSE, tmp_path)
    assert ended.returncode == 0, ended.stderr


@pytest.mark.parametrize(
    ("right", "wrong", "found"),
    [
        ("HUB_MQTT_URL:", "HUB_MQTT_ADDRESS:", "HUB_MQTT_ADDRESS is not a setting"),
        ("compose.conf:", "missing.conf:", "does not exist"),
        ("condition: service_healthy", "condition: service_healthy\n    redis: {}", "no service redis"),
        ("image: postgres:17", "image: postgres", "has no version"),
        ("127.0.0.1:8000:8000", "8000:8000", "loopback"),
        ("  schools-data:\n", "", "schools-data is not declared"),
    ],
)
def test_a_broken_compose_file_does_not(right: str, wrong: str, found: str, tmp_path: Path) -> None:
    before, there, after = COMPOSE.rpartition(right)
    assert there
    ended = _check_compose(before + wrong + after, tmp_path)
    assert ended.returncode == 1
    assert found in ended.stderr


@pytest.mark.parametrize(
    ("english", "found"),
    [
        ('msgid "Rooms: %(n)s"\nmsgstr "Rooms: %(n)s"\n', ""),
        ('msgid "Rooms: %(n)s"\nmsgstr ""\n', "not translated"),
        ('msgid "Rooms: %(n)s"\nmsgstr "Rooms: %(m)s"\n', "other placeholders"),
        ('msgid "Else"\nmsgstr "Else"\n', "is missing"),
    ],
)
def test_catalogues(english: str, found: str, tmp_path: Path) -> None:
    for language, text in (("vi", 'msgid "Rooms: %(n)s"\nmsgstr "Phòng: %(n)s"\n'), ("en", english)):
        folder = tmp_path / "dashboards" / "locale" / language / "LC_MESSAGES"
        folder.mkdir(parents=True)
        (folder / "dashboards.po").write_text(
            'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n\n' + text, encoding="utf-8"
        )
    ended = subprocess.run(
        [sys.executable, ROOT / ".ci" / "check_catalogues.py"],
        capture_output=True,
        text=True,
        timeout=30,
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT)},
    )
    assert ended.returncode == (1 if found else 0), ended.stderr
    assert found in ended.stderr
