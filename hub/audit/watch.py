"""Proves what was added to the log and notes its head in a file, so that a log cut off at the end shows.

The control role does it every minute. A head is noted only if everything up to it holds and the head noted
before is still there; else the file stays as it is, the fault is logged and `hub_audit_broken` says 1.
"""

import asyncio
import contextlib
import json
import logging
import os
import random
from collections.abc import Callable
from pathlib import Path

from prometheus_client import Gauge

from hub.audit import service
from hub.audit.rules import START, Break, Head
from hub.database import Database

log = logging.getLogger(__name__)

BROKEN = Gauge("hub_audit_broken", "1 while the audit log does not hold together")
EVERY_S = 60.0
FILE = "audit-head.json"


def noted_head(folder: Path) -> Head | None:
    """Reads the head noted in a data directory; None if none is. Raises `ValueError`."""
    try:
        found = json.loads((folder / FILE).read_text(encoding="utf-8"))
        return Head(int(found["id"]), str(found["hash"]))
    except FileNotFoundError:
        return None
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{folder / FILE} is not what the hub writes there: {error}") from None


def note_head(folder: Path, head: Head, at_ms: int) -> None:
    """Writes the head into the data directory; the file is the old one or the new one, never half of one."""
    folder.mkdir(parents=True, exist_ok=True)
    new = folder / f"{FILE}.new"
    with new.open("w", encoding="utf-8") as file:
        json.dump({"id": head.id, "hash": head.hash, "noted_ms": at_ms}, file)
        file.flush()
        os.fsync(file.fileno())
    new.replace(folder / FILE)


async def keep_watch(
    database: Database,
    folder: Path,
    now_ms: Callable[[], int],
    leading: Callable[[], bool],
    stop: asyncio.Event,
) -> None:
    """Proves and notes while this process leads, until `stop`."""
    while not stop.is_set():
        if leading():
            broken = await prove_and_note(database, folder, now_ms())
            BROKEN.set(bool(broken))
            for each in broken[:3]:
                log.error("the audit log is broken: %s; run `hub audit verify`", each.detail)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), EVERY_S * random.uniform(0.8, 1.0))


async def prove_and_note(database: Database, folder: Path, at_ms: int) -> tuple[Break, ...]:
    """Proves the entries behind the noted head and notes the new one; gives what does not hold."""
    noted = await asyncio.to_thread(noted_head, folder) or START
    async with database.read() as session:
        gone = await service.holds(session, noted)
        if gone is not None:
            return (gone,)
        verdict = await service.verify(session, noted)
    if not verdict.breaks and verdict.head != noted:
        await asyncio.to_thread(note_head, folder, verdict.head, at_ms)
    return verdict.breaks
