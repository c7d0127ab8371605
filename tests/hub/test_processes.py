"""Child processes: started again, ended in order, and gone when their parent is."""

import asyncio
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from hub.processes import Child, Crew
from hub.supervision import Backoff

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]


async def _until_running(child: Child, not_pid: int | None = None) -> int:
    for _ in range(500):
        if child.pid and child.pid != not_pid:
            return child.pid
        await asyncio.sleep(0.01)
    raise AssertionError(f"{child.name} does not run")


def _expect_gone(process: psutil.Process) -> None:
    """A signal takes a moment; a zombie is gone but for its name."""
    deadline_s = time.monotonic() + 5
    while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline_s, f"{process} is still running"
        time.sleep(0.01)


async def test_a_killed_child_is_started_again_and_stop_leaves_none(tmp_path: Path) -> None:
    crew, child = Crew(Backoff(first_s=0.01)), Child("sleeper", SLEEP, tmp_path / "logs" / "sleeper.log")
    crew.start(child)
    first = await _until_running(child)
    psutil.Process(first).kill()
    second = await _until_running(child, not_pid=first)
    assert child.deaths == 1
    await crew.stop()
    assert not psutil.pid_exists(second)


async def test_a_child_that_ignores_the_request_and_what_it_started_are_ended(tmp_path: Path) -> None:
    program = (
        "import signal, subprocess, sys, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "print(subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']).pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    crew = Crew()
    child = Child("stubborn", [sys.executable, "-c", program], tmp_path / "log", stop_s=0.2)
    crew.start(child)
    await _until_running(child)
    while not child.last_lines():
        await asyncio.sleep(0.01)
    grandchild = psutil.Process(int(child.last_lines()))
    await crew.stop()
    _expect_gone(grandchild)


async def test_they_end_in_the_reverse_order(tmp_path: Path) -> None:
    said = tmp_path / "said"
    program = (
        "import signal, sys, time\n"
        "def end(*_):\n"
        "    open(sys.argv[1], 'a').write(sys.argv[2]); sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, end)\n"
        "print('up', flush=True)\n"
        "time.sleep(60)\n"
    )
    crew = Crew()
    for name in "abc":
        child = Child(name, [sys.executable, "-c", program, said, name], tmp_path / f"{name}.log")
        crew.start(child)
        while "up" not in child.last_lines():
            await asyncio.sleep(0.01)
    await crew.stop()
    assert said.read_text() == "cba"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the kernel's parent-death signal is Linux")
def test_killing_the_parent_leaves_nothing(tmp_path: Path) -> None:
    program = (
        "import asyncio, sys\n"
        "from pathlib import Path\n"
        "from hub.processes import Child, Crew\n"
        "async def main():\n"
        "    child = Child('sleeper', ['/bin/sleep', '60'], Path(sys.argv[1]))\n"
        "    Crew().start(child)\n"
        "    while not child.pid: await asyncio.sleep(0.01)\n"
        "    print(child.pid, flush=True)\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", program, tmp_path / "log"], stdout=subprocess.PIPE, text=True, cwd=root
    ) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        parent.send_signal(signal.SIGKILL)
        parent.wait(5)
    _expect_gone(child)
