"""The demo as a person meets it: it opens, says where to look, survives deaths, and leaves nothing behind."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import httpx
import psutil
import pytest

from hub.broker import port_is_free, unused_port
from hub.clock import LOCAL_TIME
from hub.demo import SCHOOL_MORNING, choose_clock

WITHOUT_MOSQUITTO = (
    "import hub.demo_children, hub.cli; hub.demo_children.find_mosquitto = lambda: None; hub.cli.main()"
)


class Demo:
    """`hub demo` in a process of its own, with what it has printed."""

    def __init__(self, data_dir: Path, program: list[str]) -> None:
        self.http_port, self.mqtt_port, self.printed = unused_port(), unused_port(), ""
        arguments = [
            "demo",
            "--schools",
            "2",
            "--data-dir",
            str(data_dir),
            "--http-port",
            str(self.http_port),
        ]
        self.process = psutil.Popen(
            [sys.executable, *program, *arguments, "--mqtt-port", str(self.mqtt_port)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "COLUMNS": "120", "PYTHONUNBUFFERED": "1"},
            start_new_session=True,
        )
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in self.process.stdout:
            self.printed += line

    def wait_for(self, text: str, within_s: float = 60) -> None:
        deadline_s = time.monotonic() + within_s
        while text not in self.printed:
            assert self.process.poll() is None, f"it ended: {self.printed}"
            assert time.monotonic() < deadline_s, f"no {text!r} in: {self.printed}"
            time.sleep(0.05)

    def child(self, role: str) -> psutil.Process:
        for process in self.process.children():
            with contextlib.suppress(psutil.Error):
                if role in process.cmdline():
                    found: psutil.Process = process
                    return found
        raise AssertionError(f"no {role} among {self.process.children()}")


@pytest.fixture
def open_demo(tmp_path: Path) -> Iterator[Callable[..., Demo]]:
    """Opens demos and makes sure that none of their processes outlives the test."""
    opened: list[psutil.Process] = []

    def start(program: list[str] | None = None) -> Demo:
        demo = Demo(tmp_path / "data", program or ["-m", "hub.cli"])
        opened.append(demo.process)
        return demo

    yield start
    for process in opened:
        with contextlib.suppress(psutil.Error):
            process.kill()


def _all_gone(processes: list[psutil.Process]) -> None:
    _, alive = psutil.wait_procs(processes, timeout=10)
    assert [process for process in alive if process.status() != psutil.STATUS_ZOMBIE] == []


@pytest.mark.mosquitto
def test_it_opens_shows_and_stops(open_demo: Callable[..., Demo]) -> None:
    demo = open_demo()
    demo.wait_for("Ctrl-C stops everything")
    address = f"http://127.0.0.1:{demo.http_port}"
    assert f"{address}/wall/main" in demo.printed
    assert httpx.get(f"{address}/readyz").status_code == 200
    assert httpx.get(f"{address}/wall/main", follow_redirects=True).status_code == 200

    # one account for each role, and each opens
    accounts = re.findall(r"^(\w+) +([\w-]+) +(\w{4}-\w{4}-\w{4}) ", demo.printed, re.MULTILINE)
    assert {role for role, _, _ in accounts} >= {"administrator", "operations", "technician", "inspector"}
    for _, username, password in accounts:
        answer = httpx.post(f"{address}/api/v1/session", json={"username": username, "password": password})
        assert answer.is_success, answer.text

    children = demo.process.children(recursive=True)
    assert len(children) == 5  # broker, three roles, schools
    demo.process.send_signal(signal.SIGINT)
    assert demo.process.wait(30) == 0
    _all_gone(children)
    assert port_is_free("127.0.0.1", demo.http_port)
    assert port_is_free("127.0.0.1", demo.mqtt_port)


@pytest.mark.mosquitto
def test_what_dies_is_started_again_and_a_killed_parent_leaves_nothing(
    open_demo: Callable[..., Demo],
) -> None:
    demo = open_demo()
    demo.wait_for("Ctrl-C stops everything")
    killed = demo.child("ingest")
    killed.kill()
    demo.wait_for("ingest failed", within_s=10)
    deadline_s = time.monotonic() + 10
    while not any("ingest" in process.cmdline() for process in demo.process.children()):
        assert time.monotonic() < deadline_s
        time.sleep(0.1)
    children = demo.process.children(recursive=True)
    demo.process.kill()
    _all_gone(children)


def test_it_opens_without_mosquitto(open_demo: Callable[..., Demo]) -> None:
    demo = open_demo(["-c", WITHOUT_MOSQUITTO])
    demo.wait_for("Ctrl-C stops everything")
    assert "Broker: embedded" in demo.printed
    children = demo.process.children(recursive=True)
    demo.process.terminate()
    assert demo.process.wait(30) == 0
    _all_gone(children)


def test_it_stops_while_it_is_starting(open_demo: Callable[..., Demo]) -> None:
    demo = open_demo()
    demo.wait_for("Records of")
    children = demo.process.children(recursive=True)
    demo.process.terminate()
    assert demo.process.wait(30) == 0
    _all_gone(children)


@pytest.mark.parametrize("option", ["--http-port", "--mqtt-port"])
def test_a_taken_port_is_named(option: str, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        ports = {"--http-port": str(unused_port()), "--mqtt-port": str(unused_port()), option: port}
        arguments = [text for pair in ports.items() for text in pair]
        ended = subprocess.run(
            [sys.executable, "-m", "hub.cli", "demo", "--data-dir", tmp_path, *arguments],
            capture_output=True,
            text=True,
            timeout=30,
        )
    assert ended.returncode == 2
    assert option in ended.stderr
    assert port in ended.stderr
    assert "choose another port" in ended.stderr


@pytest.mark.parametrize(
    ("local", "clock"),
    [
        ("2026-11-23 06:59", SCHOOL_MORNING),
        ("2026-11-23 07:00", "real"),
        ("2026-11-23 16:59", "real"),
        ("2026-11-23 17:00", SCHOOL_MORNING),
        ("2026-11-28 10:00", SCHOOL_MORNING),  # a Saturday
    ],
)
def test_outside_school_hours_it_shows_a_school_morning(local: str, clock: str) -> None:
    assert choose_clock(datetime.fromisoformat(local).replace(tzinfo=LOCAL_TIME)) == clock
