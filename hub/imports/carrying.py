"""Carries a file through: read, compared with what is there, and written in one transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from hub.accounts.sheet import UserSheet
from hub.assets.sheet import EquipmentSheet
from hub.database import Database, insert_into
from hub.fleet.sheet import DeviceSheet
from hub.imports import oneroster
from hub.imports.planning import Whole, make_plan
from hub.imports.reading import Rows
from hub.imports.tables import SyncState
from hub.organisation.sheet import CountSheet, RoomSheet, UnitSheet
from hub.sheets import By, FileTrouble, Key, Sheet, Values
from hub.web.principal import PermissionName

SHEETS: Mapping[str, Sheet] = {
    each.id: each
    for each in (UnitSheet(), RoomSheet(), EquipmentSheet(), UserSheet(), CountSheet(), DeviceSheet())
}
"""Kinds that are one spreadsheet each."""

KINDS = (*SHEETS, "oneroster")
PERMISSIONS: Mapping[str, PermissionName] = {
    **{name: sheet.permission for name, sheet in SHEETS.items()},
    "oneroster": "counts.write",
}
Progress = Callable[[int, int], None]


async def check(database: Database, kind: str, path: Path, name: str, by: By, tell: Progress) -> Whole:
    """Tells what a file would do, and changes nothing; raises `FileTrouble` for what cannot be read."""
    if kind == "oneroster":
        bundle = await asyncio.to_thread(oneroster.read, path, by.today)
        sources = [(sheet, f"{name}/{file}", rows) for sheet, file, rows in bundle]
        plans = []
        done, total = 0, sum(len(rows) for _, _, rows in sources)
        for sheet, file, rows in sources:
            existing, facts = await _known(database, sheet, by)
            plans.append(await asyncio.to_thread(make_plan, sheet, file, rows, existing, facts))
            done += len(rows)
            tell(done, total)
        return Whole(plans, "utf-8")
    sheet = SHEETS[kind]
    existing, facts = await _known(database, sheet, by)
    return await asyncio.to_thread(_read, sheet, path, name, existing, facts, tell)


def _read(
    sheet: Sheet, path: Path, name: str, existing: Mapping[Key, Values], facts: Any, tell: Progress
) -> Whole:
    with Rows(path) as rows:
        tell(0, rows.total)

        def told(done: int) -> None:
            tell(done, rows.total)

        plan = make_plan(sheet, name, rows, existing, facts, told)
        tell(plan.counts["rows"], plan.counts["rows"])
        return Whole([plan], rows.encoding)


async def _known(database: Database, sheet: Sheet, by: By) -> tuple[dict[Key, Values], Any]:
    async with database.read() as session:
        facts = await sheet.facts(session, by)
        existing = {}
        async for values in sheet.existing(session, by.scope):
            key = sheet.key_of(values)
            existing[sheet.exact_key_of(values) if values.get("_twin") else key] = values
        return existing, facts


async def prepare(database: Database, whole: Whole, by: By) -> None:
    """Makes what is to be written, before a transaction holds up everybody else's."""
    engine = database.engine.dialect.name
    whole.ready = await asyncio.to_thread(_ready, whole, engine, by)


def _ready(whole: Whole, engine: str, by: By) -> list[Sequence[Any]]:
    return [plan.sheet.ready(plan.changes, engine, by) for plan in whole.plans]


async def apply(session: AsyncSession, whole: Whole, by: By, origin: str, tell: Progress) -> None:
    """Writes all plans, and that schools were heard of; the caller commits or nothing happened."""
    if session.get_bind().dialect.name == "sqlite":
        # indices of a large table are written all over: its 2 MB of pages would go to disk again and again
        await session.execute(text("PRAGMA cache_size = -393216"))
    total = sum(len(plan.changes) for plan in whole.plans)
    before = 0
    ready = whole.ready or _ready(whole, session.get_bind().dialect.name, by)
    for plan, changes in zip(whole.plans, ready, strict=True):
        if changes:

            def told(done: int, start: int = before) -> None:
                tell(start + done, total)

            await plan.sheet.apply(session, changes, by, told)
            before += len(changes)
    await heard(session, {pair for plan in whole.plans for pair in plan.touched}, by.now_ms, origin)
    if session.get_bind().dialect.name == "sqlite":
        await session.execute(text("PRAGMA cache_size = -2000"))


async def heard(session: AsyncSession, pairs: set[tuple[str, str]], now_ms: int, origin: str) -> None:
    """Notes that data of (school, domain) pairs came in well."""
    rows = [
        {"school_code": school, "domain": domain, "last_success_ms": now_ms, "last_try_ms": now_ms,
         "error": "", "origin": origin}
        for school, domain in sorted(pairs)
    ]  # fmt: skip
    await _note(session, rows, ("last_success_ms", "last_try_ms", "error", "origin"))


async def missed(
    session: AsyncSession, pairs: Sequence[tuple[str, str]], now_ms: int, origin: str, error: str
) -> None:
    """Notes that data of (school, domain) pairs should have come in and did not."""
    rows = [
        {
            "school_code": school,
            "domain": domain,
            "last_try_ms": now_ms,
            "error": error[:500],
            "origin": origin,
        }
        for school, domain in pairs
    ]
    await _note(session, rows, ("last_try_ms", "error", "origin"))


async def _note(session: AsyncSession, rows: list[dict[str, Any]], columns: Sequence[str]) -> None:
    if not rows:
        return
    insert = insert_into(session, SyncState)
    statement = insert.on_conflict_do_update(
        index_elements=[SyncState.school_code, SyncState.domain],
        set_={name: insert.excluded[name] for name in columns},
    )
    await (await session.connection()).execute(statement, rows)


def refusal(whole: Whole) -> FileTrouble | None:
    """Says why a file may not be applied: all of it, or nothing."""
    errors = whole.summary["errors"]
    if errors:
        return FileTrouble("has_errors", f"{errors} rows have errors, so nothing was changed",
                           "mend them in the file and send it again")  # fmt: skip
    return None
