"""What was changed from afar stays only if the agent still reaches the hub afterwards.

A trial is on disk from before the change until it is decided, so that it goes on after a restart or a crash.
Time is counted while the agent runs: its clock may be wrong, and what a power cut takes is nobody's fault.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal, TypeAlias

log = logging.getLogger(__name__)

FILE = "trial.json"
STARTS_MOST = 3
"""A change after which the agent had to be started more often than this is taken back."""
_LOOK_S = 0.2
_WRITE_EVERY_S = 5.0

Verdict: TypeAlias = Literal["keep", "wait", "roll_back"]


@dataclass(frozen=True, slots=True)
class Trial:
    """A change on trial: `request` asked for it, `left_s` are left, `starts` of the agent since."""

    what: Literal["configuration", "update"]
    request: str
    version: str
    left_s: float
    previous: str = ""
    starts: int = 0
    over: bool = False
    """It was taken back already; that is still to be told."""


def verdict(trial: Trial, contact: bool) -> Verdict:
    """Decide: contact with the hub proves the change, and what runs out of time or starts did not."""
    if trial.over:
        return "roll_back"
    if contact:
        return "keep"
    return "roll_back" if trial.left_s <= 0 or trial.starts > STARTS_MOST else "wait"


def spent(trial: Trial, seconds: float) -> Trial:
    """The trial after some more time; never more left than before."""
    return replace(trial, left_s=max(0.0, trial.left_s - max(0.0, seconds)))


class TrialFile:
    """The trial on disk; a file that cannot be read is none, and is removed."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE

    def read(self) -> Trial | None:
        """The trial that is under way."""
        try:
            found: Trial = Trial(**json.loads(self.path.read_bytes()))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError) as error:
            log.error("%s cannot be read (%s) and is dropped", self.path, error)
            self.drop()
            return None
        return found

    def write(self, trial: Trial) -> None:
        """Put a trial there, durable on return. Raises OSError."""
        write_durably(self.path, json.dumps(asdict(trial)).encode())

    def drop(self) -> None:
        """End it."""
        with contextlib.suppress(OSError):
            self.path.unlink(missing_ok=True)


async def watch(
    trial: Trial,
    file: TrialFile,
    contact: Callable[[], bool],
    decide: Callable[[Trial, Verdict], Awaitable[Any]],
    stop: asyncio.Event,
) -> None:
    """Follow a trial until it is decided, or until `stop`: then it goes on with the next start."""
    loop = asyncio.get_running_loop()
    seen_s = written_s = loop.time()
    while (said := verdict(trial, contact())) == "wait" and not stop.is_set():
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), _LOOK_S)
        trial, seen_s = spent(trial, loop.time() - seen_s), loop.time()
        if seen_s - written_s >= _WRITE_EVERY_S:
            written_s = seen_s
            with contextlib.suppress(OSError):  # a full disk only makes the trial longer
                file.write(trial)
    if said == "wait":
        with contextlib.suppress(OSError):
            file.write(trial)
        return
    await decide(trial, said)


def write_durably(path: Path, content: bytes) -> None:
    """Exchange a file's content at once: after a crash it is the old or the new one. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.new")
    try:
        with open(new, "wb", opener=_private) as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
        directory = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
    except OSError:
        with contextlib.suppress(OSError):
            new.unlink(missing_ok=True)
        raise


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
