"""What tests of all packages share: a broker of their own, and what happens where a program is missing."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest

from hub.broker import find_mosquitto, loopback_config
from hub.broker import unused_port as find_unused_port

# A missing program skips its tests on a developer's machine; in CI nothing may go untested unnoticed.
CI = os.environ.get("CI", "").lower() in {"1", "true", "yes"}


# what takes long begins first, or one worker would still be at it when the other has nothing left
LONG = ("tests/faults/", "tests/browser/", "tests/integration/", "tests/simulators/", "tests/edge_agents/")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts the folders of long tests in front; within a folder and among the others nothing moves."""
    order = {folder: place for place, folder in enumerate(LONG)}
    items.sort(key=lambda item: next((order[each] for each in LONG if each in f"{item.path}/"), len(LONG)))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turns every skip into a failure under CI; expected failures stay what they are."""
    report = yield
    if CI and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, which CI does not allow: {report.longreprtext}"
    return report


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Keeps the developer's own `HUB_*` settings out of the tests, and a command's umask in its own."""
    for name in [name for name in os.environ if name.startswith("HUB_")]:
        monkeypatch.delenv(name)
    mask = os.umask(0o022)
    os.umask(mask)
    yield
    os.umask(mask)


@pytest.fixture(scope="session")
def program() -> Callable[[str], Path]:
    """Returns a function that finds an installed program or skips the test that needs it."""

    def find(name: str) -> Path:
        folders = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
        found = shutil.which(name, path=folders)
        if found is None:
            pytest.skip(f"{name} is not installed")
        return Path(found)

    return find


@pytest.fixture
def unused_port() -> int:
    """A loopback TCP port that nobody listens on now."""
    return find_unused_port()


class Broker:
    """A Mosquitto of the test's own on loopback, with the product's configuration; nothing is persisted."""

    def __init__(self, program_path: Path, folder: Path) -> None:
        self._program = program_path
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0
        for _ in range(5):  # another process may take the port between finding and using it
            self.port = find_unused_port()
            with contextlib.suppress(RuntimeError):
                self.start()
                return
        raise RuntimeError(f"Mosquitto did not start: {self.log()}")

    @property
    def url(self) -> str:
        return f"mqtt://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        assert self._process is not None, "the broker is not running"
        return self._process.pid

    def log(self) -> str:
        path = self._folder / "mosquitto.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def start(self) -> None:
        """Starts it on its port and returns when it accepts connections."""
        config = self._folder / "mosquitto.conf"
        config.write_text(loopback_config(self.port))
        with (self._folder / "mosquitto.log").open("ab") as log:
            self._process = subprocess.Popen([self._program, "-c", config], stdout=log, stderr=log)
        deadline_s = time.monotonic() + 10
        while time.monotonic() < deadline_s:
            if self._process.poll() is not None:
                break
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return
            time.sleep(0.01)
        self.kill()
        raise RuntimeError(f"Mosquitto did not start on port {self.port}: {self.log()}")

    def stop(self) -> None:
        """Ends it as an operator would."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """Ends it as a power cut would."""
        self._end(signal.SIGKILL)

    def restart(self, *, down_s: float = 0.0) -> None:
        """Stops it, waits `down_s` seconds, and starts it on the same port with nothing remembered."""
        self.stop()
        time.sleep(down_s)
        self.start()

    def pause(self) -> None:
        """Freezes it: connections stay open, nothing answers."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def _end(self, with_signal: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(signal.SIGCONT)
        process.send_signal(with_signal)
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(5)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    """A Mosquitto of the test's own on a free loopback port."""
    found = find_mosquitto()
    if found is None:
        pytest.skip("mosquitto is not installed")
    folder = tmp_path / "broker"
    folder.mkdir()
    folder.chmod(0o755)  # Mosquitto gives up root before it opens files
    running = Broker(found, folder)
    try:
        yield running
    finally:
        running.kill()
