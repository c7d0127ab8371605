"""Disks that are full or read-only, for real: a small tmpfs, and files that nobody may write any more."""

from __future__ import annotations

import contextlib
import os
import subprocess
from pathlib import Path

import pytest

from tests.faults.rig import until


def _run(*command: str) -> str:
    """Run a program; returns what is wrong, or nothing."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    except OSError as error:
        return str(error)
    return "" if done.returncode == 0 else done.stderr.strip() or f"exit code {done.returncode}"


class SmallDisk:
    """A file system of a few megabytes at `path`; whoever may not mount skips the test."""

    def __init__(self, path: Path, megabytes: int = 8) -> None:
        path.mkdir(parents=True, exist_ok=True)
        problem = _run("mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(path))
        if problem:
            pytest.skip(f"a small disk cannot be mounted here: {problem}")
        self.path = path

    @property
    def _ballast(self) -> Path:
        return self.path / "ballast"

    def fill(self) -> None:
        """Take every free byte, again and again until none is left."""
        file = os.open(self._ballast, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        for size in (1 << 16, 1 << 12, 1):
            with contextlib.suppress(OSError):
                while True:
                    os.write(file, b"x" * size)
        os.close(file)

    def free(self) -> None:
        """Give the space back."""
        self._ballast.unlink()

    def unmount(self) -> None:
        _run("umount", "-l", str(self.path))


class ReadOnly:
    """Files that nobody may change, not even who has them open; needs root and a file system that can.

    Files of shared memory stay as they are: a write to mapped memory cannot be refused, it kills.
    """

    def __init__(self, *paths: Path) -> None:
        self._paths = [str(path) for path in paths if not path.name.endswith("-shm")]

    def __enter__(self) -> None:
        problem = _run("chattr", "+i", *self._paths)
        if problem:
            self._undo()
            pytest.skip(f"files cannot be made immutable here: {problem}")

    def __exit__(self, *error: object) -> None:
        self._undo()

    def _undo(self) -> None:
        for path in self._paths:
            _run("chattr", "-i", path)


__all__ = ["ReadOnly", "SmallDisk", "until"]
