"""Proves the log: what was added every minute, all of it a minute after the start and then every day.

Every minute the head is noted in a file, so that a log cut off at the end shows: only if everything up to it
holds and the head noted before is still there. The whole log is read in small parts with nine times as long
between them, so that nobody waits. What was found stands in the log itself (`audit.proven`, `audit.broken`),
from where `/readyz` and `hub doctor` tell it; `hub_audit_broken` says 1 while something does not hold.
"""

import asyncio
import contextlib
import json
import logging
import os
import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from prometheus_client import Gauge

from hub.audit import service
from hub.audit.rules import START, Break, Head, Proof
from hub.audit.service import BROKEN_ACTION, PROVEN_ACTION, AuditFilter
from hub.audit.trail import Entry, record
from hub.database import Database

log = logging.getLogger(__name__)

BROKEN = Gauge("hub_audit_broken", "1 while the audit log does not hold together")
EVERY_S = 60.0
WHOLE_AFTER_S = 60.0
WHOLE_EVERY_S = 86_400.0
PART_ENTRIES = 500
REST = 9
_SAID_AGAIN_MS = 72_000_000
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


class Watch:
    """Proves while this process leads; its two loops are run side by side."""

    def __init__(
        self, database: Database, folder: Path, now_ms: Callable[[], int], leading: Callable[[], bool]
    ) -> None:
        self._database, self._folder, self._now_ms, self._leading = database, folder, now_ms, leading
        self._broken: dict[str, bool] = {}

    async def run(self, stop: asyncio.Event) -> None:
        """Runs both loops until `stop`."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._every_minute(stop))
            tasks.create_task(self._every_day(stop))

    async def _every_minute(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            if self._leading():
                broken = await prove_and_note(self._database, self._folder, self._now_ms())
                if broken:
                    await self._say("new entries", broken, "")
                else:
                    self._count("new entries", broken=False)
            await _rest(stop, EVERY_S * random.uniform(0.8, 1.0))

    async def _every_day(self, stop: asyncio.Event) -> None:
        await _rest(stop, WHOLE_AFTER_S)
        while not stop.is_set():
            verdict = None
            if self._leading():
                verdict = await prove_whole(self._database, self._folder, self._leading, stop)
            if verdict is not None and verdict.entries:
                whole = f"entries 1 to {verdict.head.id} were read, and hold"
                await self._say("all entries", verdict.breaks, whole)
            # whoever takes over proves all of it soon
            await _rest(stop, WHOLE_EVERY_S if verdict is not None else EVERY_S)

    async def _say(self, what: str, broken: Sequence[Break], whole: str) -> None:
        self._count(what, broken=bool(broken))
        for each in broken[:3]:
            log.error("the audit log is broken: %s; run `hub audit verify`", each.detail)
        await say(self._database, broken, whole, self._now_ms())

    def _count(self, what: str, *, broken: bool) -> None:
        self._broken[what] = broken
        BROKEN.set(any(self._broken.values()))


async def prove_whole(
    database: Database, folder: Path, leading: Callable[[], bool], stop: asyncio.Event
) -> service.Verdict | None:
    """Proves all entries there are now, part by part; None if it was stopped or led no longer.

    Each part is a short reading of its own and followed by a rest: it takes a tenth of a core at most.
    """
    noted = await asyncio.to_thread(noted_head, folder)
    async with database.read() as session:
        newest = await service.head(session)
    until = newest[0].id if newest else 0
    proof = Proof(noted=[noted] if noted else [])
    while proof.last.id < until and len(proof.breaks) < service.MAX_BREAKS:
        started_s = time.perf_counter()
        async with database.read() as session:
            found = await service.read_on(
                session, AuditFilter(), after_id=proof.last.id, until_id=until, limit=PART_ENTRIES
            )
        for entry in found:
            proof.read(entry)
        await _rest(stop, REST * (time.perf_counter() - started_s))
        if stop.is_set() or not leading():
            return None
        if not found:
            break
    else:
        proof.end()
    return service.Verdict(proof.count, proof.last, tuple(proof.breaks))


async def say(database: Database, broken: Sequence[Break], whole: str, at_ms: int) -> None:
    """Writes into the log what was found, unless the same stands there since less than most of a day."""
    action = BROKEN_ACTION if broken else PROVEN_ACTION
    text = "; ".join(each.detail for each in broken[:3]) if broken else whole
    async with database.write() as session:
        last = await service.last_proof(session)
        same = last is not None and last.action == action and (not broken or last.text == text)
        if last is None or not same or at_ms - last.at_ms >= _SAID_AGAIN_MS:
            await record(session, Entry("hub:control", "loop", action, "audit", text=text, at_ms=at_ms))


async def _rest(stop: asyncio.Event, for_s: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), for_s)


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
