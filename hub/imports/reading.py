"""Rows of a file, read by a process of its own and handed over in batches."""

from __future__ import annotations

import signal
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from hub.imports.cells import Cell
from hub.imports.reading_process import OUT_OF_MEMORY
from hub.sheets import FileTrouble

Row = tuple[int, list[Cell]]
_LONGEST_FRAME_BYTES = 1 << 30


class Rows:
    """The rows of a file with their numbers; `encoding` and `total` are known once it is entered.

    It is used in a thread: reading blocks. Iterating raises `FileTrouble` where the file cannot be read on.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.encoding = ""
        self.total = 0

    def __enter__(self) -> Rows:
        command = [sys.executable, "-m", "hub.imports.reading_process", str(self._path)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
        first = self._frame()
        if first is None:
            raise self._ended()
        if "trouble" in first:
            self.__exit__()
            raise FileTrouble(**first["trouble"])
        self.encoding, self.total = first["encoding"], first["total"]
        return self

    def __iter__(self) -> Iterator[Row]:
        while (frame := self._frame()) is not None:
            if isinstance(frame, dict):
                raise FileTrouble(**frame["trouble"])
            yield from frame
        if self._process.wait():
            raise self._ended()

    def __exit__(self, *_error: object) -> None:
        self._process.kill()
        self._process.wait()
        if self._process.stdout:
            self._process.stdout.close()

    def _frame(self) -> Any:
        assert self._process.stdout is not None
        head = self._process.stdout.read(4)
        if len(head) < 4:
            return None
        (size,) = struct.unpack(">I", head)
        body = self._process.stdout.read(min(size, _LONGEST_FRAME_BYTES))
        return msgspec.msgpack.decode(body) if len(body) == size else None

    def _ended(self) -> FileTrouble:
        """Says why the process ended early: by its limit, a signal or an abort of a library, or by a bug."""
        assert self._process.stdout is not None
        code = self._process.wait()
        self._process.stdout.close()
        if code not in (OUT_OF_MEMORY, -signal.SIGKILL, -signal.SIGABRT, -signal.SIGSEGV):
            return FileTrouble("damaged", "reading the file failed", "save it again, or as CSV")
        return FileTrouble("needs_too_much_memory", "reading the file needs more memory than the hub allows",
                           "divide the file, or save it as CSV")  # fmt: skip
