"""A small province, and files brought into it."""

from __future__ import annotations

import csv
import io
from collections.abc import Awaitable, Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from hub.database import Database
from hub.imports import carrying
from hub.imports.carrying import SHEETS
from hub.imports.planning import Whole
from hub.imports.writing import csv_parts, xlsx_parts
from hub.organisation.rules import LONG_AGO
from hub.organisation.tables import Placement, Room, Unit
from hub.sheets import By
from hub.web.principal import PERMISSIONS, PermissionName, Schools

NOW_MS = 1_760_000_000_000
TODAY = date(2025, 10, 9)
AN_CO = frozenset({"AC"})

Bring: TypeAlias = Callable[..., Awaitable[Whole]]


def by(scope: Schools = None) -> By:
    """Somebody who may do everything within a scope."""
    return By("lan", None, scope, dict.fromkeys(PERMISSIONS, scope), NOW_MS, TODAY)


def csv_bytes(*rows: tuple[Any, ...], encoding: str = "utf-8", separator: str = ",") -> bytes:
    """The bytes of a CSV file."""
    text = io.StringIO()
    csv.writer(text, delimiter=separator).writerows(rows)
    return text.getvalue().encode(encoding)


def problems(whole: Whole) -> list[tuple[int, str | None, str]]:
    """Where each error is, and its code."""
    return [
        (row.row, problem["column"], problem["code"])
        for plan in whole.plans
        for row in sorted(plan.shown, key=lambda each: each.row)
        for problem in row.problems
    ]


async def furnish(database: Database) -> None:
    """Enters a department, a district with two schools, and a room of each."""
    units = (("S", "Sở", "department", None), ("D1", "Tân Châu", "district", "S"),
             ("AC", "Trường THCS An Cơ", "school", "D1"),
             ("SD", "Trường THCS Suối Dây", "school", "D1"))  # fmt: skip
    async with database.write() as session:
        for code, name, kind, _ in units:
            session.add(Unit(code=code, name=name, kind=kind, levels=["THCS"] if kind == "school" else []))
        await session.flush()
        for code, _, _, parent in units:
            if parent:
                session.add(Placement(unit_code=code, parent_code=parent, valid_from=LONG_AGO))
        session.add_all(Room(school_code=code, code="P101", name="Phòng 101") for code in ("AC", "SD"))


@pytest.fixture
async def province(database: Database) -> Database:
    """The small province."""
    await furnish(database)
    return database


@pytest.fixture
def bring(database: Database, tmp_path: Path) -> Bring:
    """Brings a file into the database of the test, and applies it if asked and without errors."""

    async def brought(
        kind: str, content: bytes, *, apply: bool = False, scope: Schools = None, into: Database = database
    ) -> Whole:
        path = tmp_path / "file"
        path.write_bytes(content)
        whole = await carrying.check(into, kind, path, "file.csv", by(scope), lambda done, total: None)
        if apply:
            assert carrying.refusal(whole) is None, problems(whole)
            async with into.write() as session:
                await carrying.apply(session, whole, by(scope), "file.csv", lambda done, total: None)
        return whole

    return brought


async def exported(database: Database, kind: str, ending: str = "csv") -> bytes:
    """What the hub holds of a kind, as a file."""
    sheet = SHEETS[kind]
    async with database.read() as session:
        rows = sheet.existing(session, None)
        parts = (
            csv_parts(sheet.columns, rows) if ending == "csv" else xlsx_parts(sheet.columns, rows, sheet.vi)
        )
        return b"".join([part async for part in parts])


async def everything(
    _session: AsyncSession, _account: int | None, _token: int | None
) -> Mapping[PermissionName, Schools]:
    """The rights of somebody who may do everything."""
    return dict.fromkeys(PERMISSIONS)
