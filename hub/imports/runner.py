"""Works through imports one after the other, beside the pages.

One that is killed is read again, or has failed: what it wrote stood in one transaction, so it is never half.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import random
import socket
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.exc import SQLAlchemyError

from hub.audit.rules import ActorKind
from hub.audit.trail import Entry, record
from hub.database import Database
from hub.errors import Problem
from hub.imports import carrying, service
from hub.imports.tables import ImportRun
from hub.sheets import By, FileTrouble
from hub.web.principal import Schools

log = logging.getLogger(__name__)

LOOK_EVERY_S = 2.0
SILENT_MS = 120_000
BEAT_EVERY_S = 20.0
FORGET_MS = 30 * 86_400_000
DISCARD_MS = 7 * 86_400_000
Progress = dict[int, tuple[int, int]]


class Runner:
    """Carries out what waits in the database and has its file in this folder; `progress` is (done, total)."""

    def __init__(
        self, database: Database, folder: Path, now_ms: Callable[[], int], today: Callable[[], date]
    ) -> None:
        self._database, self.folder, self._now_ms, self._today = database, folder, now_ms, today
        self.progress: Progress = {}
        self.wake = asyncio.Event()
        self._host = socket.gethostname()[:60]
        self._holder = f"{self._host}:{os.getpid()}:{random.getrandbits(32):08x}"

    async def run(self, stop: asyncio.Event) -> None:
        """Works until `stop`."""
        self.folder.mkdir(parents=True, exist_ok=True)
        while not stop.is_set():
            await self._recover()
            while not stop.is_set() and await self.step():
                pass
            self.wake.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.wake.wait(), LOOK_EVERY_S)

    async def step(self) -> bool:
        """Carries out the oldest import that waits here; false if there is none."""
        async with self._database.read() as session:
            waiting = await service.claim(session, self._holder, self._now_ms())
        for run in waiting:
            if not self.path(run.stored).is_file():
                continue
            async with self._database.write() as session:
                if not await service.take(session, run.id, self._holder, self._now_ms()):
                    continue
            beating = asyncio.create_task(self._beat(run.id))
            try:
                await self._carry(run)
            finally:
                beating.cancel()
                self.progress.pop(run.id, None)
            return True
        return False

    def path(self, stored: str) -> Path:
        """Gives where an uploaded file is kept."""
        return self.folder / Path(stored).name

    async def _carry(self, run: ImportRun) -> None:
        try:
            await (self._check(run) if run.state == "reading" else self._apply(run))
        except FileTrouble as wrong:
            await self._fail(run, wrong)
        except Problem as problem:
            await self._fail(run, FileTrouble(problem.kind, str(problem), problem.fix))
        except Exception as error:  # one bad file must not stop the ones behind it
            log.warning("import %d failed", run.id, exc_info=error)
            trouble = FileTrouble("failed", f"nothing was changed: {type(error).__name__}",
                                  "send the file again, or tell the operators")  # fmt: skip
            await self._fail(run, trouble)

    async def _check(self, run: ImportRun) -> None:
        whole = await carrying.check(
            self._database, run.kind, self.path(run.stored), run.file, self._by(run), self._tell(run.id)
        )
        async with self._database.write() as session:
            await service.checked(session, run.id, whole, None)

    async def _apply(self, run: ImportRun) -> None:
        by = self._by(run)
        path = self.path(run.stored)
        whole = await carrying.check(self._database, run.kind, path, run.file, by, self._tell(run.id))
        if carrying.refusal(whole) or whole.digest != run.digest:
            changed = FileTrouble("changed_meanwhile", "the hub's data have changed since the check",
                                  "look at what it would do now, and apply it again")  # fmt: skip
            async with self._database.write() as session:
                await service.checked(session, run.id, whole, changed)
            return
        await carrying.prepare(self._database, whole, by)
        async with self._database.write() as session:
            await carrying.apply(session, whole, by, run.file, self._tell(run.id))
            await service.settle(
                session, run.id, state="applied", finished_ms=self._now_ms(), problem=None,
                done=sum(len(plan.changes) for plan in whole.plans),
            )  # fmt: skip
            await record(session, applied_entry(run, whole.summary))
        await asyncio.to_thread(path.unlink, missing_ok=True)

    async def _fail(self, run: ImportRun, trouble: FileTrouble) -> None:
        async with self._database.write() as session:
            await service.settle(
                session, run.id, state="failed", finished_ms=self._now_ms(), problem=service.told(trouble)
            )
        await asyncio.to_thread(self.path(run.stored).unlink, missing_ok=True)

    async def _recover(self) -> None:
        """Lets go of what dead processes held: reading begins again, applying left nothing behind."""
        now_ms = self._now_ms()
        dead = ImportRun.holder.like(f"{self._host}:%")
        async with self._database.write() as session:
            for run in await service.abandoned(session, dead, now_ms - SILENT_MS):
                if run.beat_ms >= now_ms - SILENT_MS and self._alive(run.holder):
                    continue
                if run.state == "reading":
                    await service.settle(session, run.id)
                else:
                    trouble = FileTrouble("interrupted", "the hub stopped meanwhile; nothing was changed",
                                          "send the file again")  # fmt: skip
                    await service.settle(
                        session, run.id, state="failed", finished_ms=now_ms, problem=service.told(trouble)
                    )
            old = select(ImportRun).where(
                ImportRun.state == "checked", ImportRun.created_ms < now_ms - DISCARD_MS
            )
            for run in (await session.execute(old)).scalars():
                run.state, run.finished_ms = "discarded", now_ms
                self.path(run.stored).unlink(missing_ok=True)
            ended = ImportRun.state.in_(service.ENDED)
            await session.execute(delete(ImportRun).where(ended, ImportRun.finished_ms < now_ms - FORGET_MS))

    def _alive(self, holder: str) -> bool:
        if holder == self._holder:
            return True
        pid = int(holder.split(":")[1])
        if pid == os.getpid():
            return False
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True
        return True

    async def _beat(self, run_id: int) -> None:
        while True:
            await asyncio.sleep(BEAT_EVERY_S)
            # on SQLite a write waits for the import's own transaction: it beats again after it
            with contextlib.suppress(SQLAlchemyError):
                async with self._database.write() as session:
                    run = await session.get(ImportRun, run_id)
                    if run is not None:
                        run.beat_ms = self._now_ms()
                        run.done, run.total = self.progress.get(run_id, (run.done, run.total))

    def _tell(self, run_id: int) -> carrying.Progress:
        def tell(done: int, total: int) -> None:
            self.progress[run_id] = done, max(done, total)

        return tell

    def _by(self, run: ImportRun) -> By:
        own: Any = {name: None if codes is None else frozenset(codes) for name, codes in run.roles}
        scope: Schools = None if run.scope is None else frozenset(run.scope)
        return By(run.by, run.account_id, scope, own, self._now_ms(), self._today())


def applied_entry(run: ImportRun, summary: dict[str, int]) -> Entry:
    """Makes the audit log's entry of an applied import."""
    kind: ActorKind = "account" if run.account_id is not None else "loop"
    return Entry(run.by, kind, "import.apply", f"import:{run.id}", run.unit_code,
                 after={"kind": run.kind, "file": run.file, **summary})  # fmt: skip
