"""Tells an outbox that went on from one that was copied or put back."""

from __future__ import annotations

import fcntl
import os
import secrets
from pathlib import Path

from edge_agents.ledger import Ledger


class OutboxBusyError(RuntimeError):
    """Another process has the outbox open."""


class Generation:
    """A token beside the outbox that changes with every start.

    The outbox remembers the token of its last start and the one before. If the file beside it says neither,
    then this outbox is not the one that ran here last: it is an old copy, or a clone that left the token
    behind. The token is written after the outbox's commit, so a kill in between leaves the one before.
    The file is also the lock: one process an outbox.
    """

    def __init__(self, outbox: Path) -> None:
        """Take the lock. Raises OutboxBusyError."""
        self.path = outbox.with_name(outbox.name + ".generation")
        self._fd = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._fd)
            raise OutboxBusyError(
                f"{outbox} is in use by another process; give each agent its own outbox"
            ) from None

    def went_on(self, ledger: Ledger) -> bool:
        """True if `ledger` is the outbox that ran here last; either way it is from now on."""
        token = os.pread(self._fd, 64, 0).decode("ascii", "replace")
        current, before = ledger.about("generation"), ledger.about("generation_before")
        here = f"{self._place()} {secrets.token_hex(8)}"
        same_place = current is None or current.split(" ")[0] == self._place()
        went_on = bool(token) and token in (current, before) and same_place
        ledger.remark(generation=here, generation_before=token or here)
        os.pwrite(self._fd, here.encode().ljust(64), 0)
        os.ftruncate(self._fd, len(here))
        os.fsync(self._fd)
        return went_on

    def close(self) -> None:
        """Give the lock back."""
        os.close(self._fd)

    def _place(self) -> str:
        """Machine and inode of the token file: a directory copied as a whole differs in one of them."""
        try:
            machine = Path("/etc/machine-id").read_text(encoding="ascii").strip()[:12]
        except OSError:
            machine = "-"
        return f"{machine}:{os.fstat(self._fd).st_ino}"
