"""Imports as the database knows them; never commits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, delete, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from hub.database import insert_into
from hub.errors import Conflict, NotFound
from hub.imports.planning import Whole
from hub.imports.tables import ImportRow, ImportRun
from hub.sheets import FileTrouble
from hub.web.principal import Schools
from hub.wording import said

MAX_WAITING = 20
WORKING = ("reading", "applying")
ENDED = ("applied", "failed", "discarded")
FILTERS = {
    "errors": ImportRow.action == "error",
    "warnings": ImportRow.warned,
    "new": ImportRow.action == "new",
    "changed": ImportRow.action == "change",
}


async def find(session: AsyncSession, run_id: int, account_id: int | None, scope: Schools) -> ImportRun:
    """Gives an import of the asker's own, or any if the asker may everywhere; `NotFound` for all others."""
    run = await session.get(ImportRun, run_id, populate_existing=True)
    mine = run is not None and account_id is not None and run.account_id == account_id
    if run is None or not (mine or scope is None):
        raise NotFound(said('there is no import {run_id}', run_id=run_id), field="id", value=run_id,
                       fix="use an id of GET /api/v1/imports")  # fmt: skip
    return run


async def list_runs(
    session: AsyncSession, account_id: int | None, scope: Schools, *, before: int | None, limit: int
) -> list[ImportRun]:
    """Gives imports of the asker's own, or all if the asker may everywhere, the newest first."""
    query = select(ImportRun).order_by(ImportRun.id.desc()).limit(limit)
    if scope is not None:
        query = query.where(ImportRun.account_id == account_id)
    if before is not None:
        query = query.where(ImportRun.id < before)
    return list((await session.execute(query)).scalars())


async def add(session: AsyncSession, run: ImportRun) -> ImportRun:
    """Queues an import; raises `Conflict` if too many wait."""
    waiting = select(func.count()).select_from(ImportRun).where(ImportRun.state.in_(WORKING))
    if (await session.scalar(waiting) or 0) >= MAX_WAITING:
        raise Conflict(
            said("{max_waiting} imports are waiting already", max_waiting=MAX_WAITING),
            fix="try again when some are done",
        )
    session.add(run)
    await session.flush()
    return run


async def ahead(session: AsyncSession, run: ImportRun) -> int:
    """Counts the imports that come before this one."""
    if run.state not in WORKING or run.holder:
        return 0
    query = select(func.count()).select_from(ImportRun)
    return await session.scalar(query.where(ImportRun.state.in_(WORKING), ImportRun.id < run.id)) or 0


async def claim(session: AsyncSession, holder: str, now_ms: int) -> list[ImportRun]:
    """Gives the imports that wait for somebody to do them, the oldest first."""
    waits = (ImportRun.state.in_(WORKING)) & (ImportRun.holder == "")
    return list((await session.execute(select(ImportRun).where(waits).order_by(ImportRun.id))).scalars())


async def take(session: AsyncSession, run_id: int, holder: str, now_ms: int) -> bool:
    """Takes an import that nobody has taken; false if another was quicker."""
    statement = update(ImportRun).where(ImportRun.id == run_id, ImportRun.holder == "")
    taken = await session.execute(statement.values(holder=holder, beat_ms=now_ms).returning(ImportRun.id))
    return taken.scalar_one_or_none() is not None


async def checked(session: AsyncSession, run_id: int, whole: Whole, problem: FileTrouble | None) -> None:
    """Stores what a file would do; it then waits for a person to decide."""
    await session.execute(delete(ImportRow).where(ImportRow.import_id == run_id))
    rows = [
        {"import_id": run_id, "file": each.file, "row": each.row, "action": each.action,
         "warned": each.warned,
         "key": each.key, "changes": each.changes, "problems": each.problems}
        for plan in whole.plans
        for each in sorted(plan.shown, key=lambda shown: shown.row)
    ]  # fmt: skip
    for position, row in enumerate(rows):
        row["position"] = position
    connection = await session.connection()
    for start in range(0, len(rows), 500):
        await connection.execute(insert_into(session, ImportRow), rows[start : start + 500])
    await settle(session, run_id, state="checked", summary=whole.summary, digest=whole.digest,
                 encoding=whole.encoding, problem=told(problem))  # fmt: skip


async def settle(session: AsyncSession, run_id: int, **values: Any) -> None:
    """Changes an import and lets go of it."""
    await session.execute(update(ImportRun).where(ImportRun.id == run_id).values(holder="", **values))


async def rows(
    session: AsyncSession, run_id: int, only: str | None, after: int | None, limit: int
) -> Sequence[ImportRow]:
    """Gives rows to show, in the order of the file."""
    query = select(ImportRow).where(ImportRow.import_id == run_id).order_by(ImportRow.position).limit(limit)
    if only:
        query = query.where(FILTERS[only])
    if after is not None:
        query = query.where(ImportRow.position > after)
    return (await session.execute(query)).scalars().all()


async def abandoned(session: AsyncSession, dead: ColumnElement[bool], before_ms: int) -> Sequence[ImportRun]:
    """Gives imports whose process is gone: of a name that is known to be dead, or silent for long."""
    silent = or_(dead, ImportRun.beat_ms < before_ms)
    query = select(ImportRun).where(ImportRun.state.in_(WORKING), ImportRun.holder != "", silent)
    return (await session.execute(query)).scalars().all()


def told(trouble: FileTrouble | None) -> dict[str, Any] | None:
    """Gives what is wrong with a file as the API tells it."""
    if trouble is None:
        return None
    return {"code": trouble.code, "message": trouble.message, "detail": trouble.message, "fix": trouble.fix,
            "row": trouble.row, "value": trouble.value}  # fmt: skip
