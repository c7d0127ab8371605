"""Child processes that never outlive their parent: started, watched, started again, ended in order."""

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hub.supervision import Backoff, supervise

_PR_SET_PDEATHSIG = 1
_LOG_LIMIT_BYTES = 10_000_000


class ChildDied(Exception):
    """A child process ended by itself."""


@dataclass(slots=True)
class Child:
    """One child process: what to run, where its output goes, and how long it may take to end.

    `user` names the account to run under (only root may change it).
    """

    name: str
    argv: Sequence[str | Path]
    log_path: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    user: str | None = None
    stop_s: float = 10.0
    deaths: int = 0
    pid: int | None = None

    async def run(self) -> None:
        """Runs the process until it ends (raises `ChildDied`) or this task is cancelled (ends it)."""
        self.log_path.parent.mkdir(parents=True, exist_ok=True)
        if self.log_path.exists() and self.log_path.stat().st_size > _LOG_LIMIT_BYTES:
            self.log_path.replace(self.log_path.with_suffix(".old.log"))
        with self.log_path.open("ab") as output:
            process = await asyncio.create_subprocess_exec(
                *self.argv,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**os.environ, **self.environment},
                user=self.user,
                start_new_session=True,  # Ctrl-C reaches the parent alone, which then ends all in order
                preexec_fn=die_with_parent(os.getpid()),
            )
        self.pid = process.pid
        try:
            code = await process.wait()
            self.deaths += 1
            how = f"exit code {code}" if code >= 0 else f"signal {signal.Signals(-code).name}"
            raise ChildDied(f"{how}; its output is in {self.log_path}")
        finally:
            self.pid = None
            await _end(process, self.stop_s)

    def last_lines(self, count: int = 15) -> str:
        """Returns the end of its output."""
        try:
            with self.log_path.open("rb") as log:
                log.seek(max(0, self.log_path.stat().st_size - 8_192))
                return "\n".join(log.read().decode(errors="replace").splitlines()[-count:])
        except OSError:
            return ""


class Crew:
    """Several children, started one after the other and ended in the reverse order."""

    def __init__(self, backoff: Backoff | None = None) -> None:
        self._backoff = backoff or Backoff(first_s=0.5, limit_s=15.0, healthy_s=30.0)
        self._crew: list[tuple[Child, asyncio.Event, asyncio.Task[None]]] = []

    def start(self, child: Child) -> None:
        """Starts it and starts it again whenever it dies."""
        stop = asyncio.Event()
        watching = supervise(child.name, child.run, stop, self._backoff, grace_s=0)
        self._crew.append((child, stop, asyncio.create_task(watching, name=child.name)))

    async def stop(self) -> None:
        """Ends all, the last started first; returns when none is left."""
        while self._crew:
            _, stop, task = self._crew[-1]
            stop.set()
            await task
            self._crew.pop()


def die_with_parent(parent_pid: int) -> Callable[[], None] | None:
    """Returns what a new child runs so that the kernel ends it when its parent dies by whatever cause.

    Linux only; None elsewhere. It runs after a change of user, which would undo it.
    """
    if not sys.platform.startswith("linux"):
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl  # looked up before fork, where little is safe

    def arm() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent_pid:  # it died before the line above
            os._exit(1)

    return arm


async def _end(process: asyncio.subprocess.Process, stop_s: float) -> None:
    """Asks the process and all it started to end, then makes them."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), stop_s)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)  # its session's leader: also reaches what it left behind
    await process.wait()
