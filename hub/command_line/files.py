"""`hub import` and `hub export`: spreadsheets and bundles by hand, and the shipped province."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from hub.command_line.configured import configured
from hub.command_line.records import import_province

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from hub.imports.planning import Whole
    from hub.web.principal import Schools

_SHOWN = 20


def bring(
    file: Annotated[
        Path | None, typer.Argument(help="XLSX, CSV or OneRoster bundle; none: the province.")
    ] = None,
    kind: Annotated[str, typer.Option(help="units, rooms, equipment, users, counts or oneroster")] = "",
    unit: Annotated[str | None, typer.Option(help="Only this unit and what is below it.")] = None,
    apply: Annotated[bool, typer.Option("--apply/--dry-run", help="Do it, or only tell [tell].")] = False,
    schools: Annotated[
        int | None, typer.Option(min=1, help="Of the province only so many, evenly chosen [all].")
    ] = None,
) -> None:
    """Tell what a file would change, and with --apply do it; without a file fill in the shipped province."""
    if file is None:
        if kind or unit or apply:
            _refuse("--kind, --unit and --apply are for a file; name one: hub import FILE --kind …")
        import_province(schools)
        return
    from hub.imports.carrying import KINDS
    from hub.sheets import FileTrouble

    if schools is not None:
        _refuse("--schools is for the shipped province, which is filled in without a file")
    if kind not in KINDS:
        _refuse(f"--kind is one of {', '.join(KINDS)}")
    if not file.is_file():
        _refuse(f"there is no file {file}")
    try:
        whole = asyncio.run(_carry(file, kind, unit, apply))
    except FileTrouble as trouble:
        where = f" row {trouble.row}" if trouble.row else ""
        print(f"error: {file}{where}: {trouble.message}; {trouble.fix}", file=sys.stderr)
        raise typer.Exit(1) from None
    _show(whole, applied=apply)


def give(
    kind: Annotated[str, typer.Argument(help="units, rooms, equipment, users, counts or oneroster")],
    file: Annotated[Path, typer.Argument(help="Where to write: .csv, .xlsx, for OneRoster .zip")],
    unit: Annotated[str | None, typer.Option(help="Only this unit and what is below it.")] = None,
) -> None:
    """Write what the hub holds as a file that can be brought in again."""
    from hub.imports.carrying import KINDS
    from hub.sheets import FileTrouble

    if kind not in KINDS:
        _refuse(f"there is no kind {kind}; it is one of {', '.join(KINDS)}")
    endings = (".zip",) if kind == "oneroster" else (".csv", ".xlsx")
    if file.suffix.lower() not in endings:
        _refuse(f"a file of {kind} ends in {' or '.join(endings)}")
    try:
        asyncio.run(_write(kind, file, unit))
    except FileTrouble as trouble:
        print(f"error: {trouble.message}; {trouble.fix}", file=sys.stderr)
        raise typer.Exit(1) from None
    except OSError as error:
        print(f"error: {file}: {error.strerror}", file=sys.stderr)
        raise typer.Exit(1) from None


def _refuse(words: str) -> NoReturn:
    print(f"error: {words}", file=sys.stderr)
    raise typer.Exit(2)


async def _carry(file: Path, kind: str, unit: str | None, apply: bool) -> Whole:
    from hub import clock
    from hub.audit.trail import by_command, record
    from hub.database import Database, migrate
    from hub.imports import carrying
    from hub.sheets import By
    from hub.web.principal import PERMISSIONS

    url = configured().database_url
    await migrate(url)
    database = Database(url)

    def tell(done: int, total: int) -> None:
        if sys.stderr.isatty():
            print(f"\r{done} / {total}", end="", file=sys.stderr)

    try:
        async with database.read() as session:
            where = await _below(session, unit)
        entry = by_command("import.apply", f"file:{file.name}", unit=unit)
        by = By(entry.actor, None, where, dict.fromkeys(PERMISSIONS, where), clock.now_ms(), clock.today())
        whole = await carrying.check(database, kind, file, file.name, by, tell)
        if apply and carrying.refusal(whole) is None:
            await carrying.prepare(database, whole, by)
            async with database.write() as session:
                await carrying.apply(session, whole, by, file.name, tell)
                after = {"kind": kind, **whole.summary}
                await record(session, by_command(entry.action, entry.object, unit=unit, after=after))
        return whole
    finally:
        await database.close()


async def _below(session: AsyncSession, unit: str | None) -> Schools:
    """Gives the units below one, None for all; raises `FileTrouble` if there is no such unit."""
    from hub import clock
    from hub.organisation.trees import load, scope
    from hub.sheets import FileTrouble

    where = None if unit is None else scope(await load(session), unit, clock.today())
    if where == frozenset():
        raise FileTrouble("outside", f"there is no unit {unit}", "write the code of a unit")
    return where


async def _write(kind: str, file: Path, unit: str | None) -> None:
    from hub import clock
    from hub.database import Database, migrate
    from hub.imports import oneroster
    from hub.imports.carrying import SHEETS
    from hub.imports.writing import csv_parts, xlsx_parts

    url = configured().database_url
    await migrate(url)
    database = Database(url)
    try:
        async with database.read() as session:
            where = await _below(session, unit)
            if kind == "oneroster":
                bundle = await oneroster.export(session, where, clock.today().isoformat())
                await asyncio.to_thread(file.write_bytes, bundle)
                return
            sheet = SHEETS[kind]
            rows = sheet.existing(session, where)
            csv = file.suffix.lower() == ".csv"
            parts = csv_parts(sheet.columns, rows) if csv else xlsx_parts(sheet.columns, rows, sheet.vi)
            with file.open("wb") as out:
                async for part in parts:
                    out.write(part)
    finally:
        await database.close()


def _show(whole: Whole, *, applied: bool) -> None:
    sums = whole.summary
    problems = [row for plan in whole.plans for row in plan.shown if row.problems]
    for row in problems[:_SHOWN]:
        for problem in row.problems:
            sign = "warning" if problem["warning"] else "error"
            print(f"{sign}: {row.file} row {row.row}, {problem['column'] or '-'} ({problem['value']}):"
                  f" {problem['message']}; {problem['fix']}", file=sys.stderr)  # fmt: skip
    if len(problems) > _SHOWN:
        print(f"… and {len(problems) - _SHOWN} more rows", file=sys.stderr)
    counts = ", ".join(f"{sums[name]} {name}" for name in ("rows", "new", "changed", "same", "errors"))
    if sums["errors"]:
        print(f"{counts}. Nothing was changed: mend the errors and try again.")
        raise typer.Exit(1)
    print(f"{counts}. {'Done.' if applied else 'Nothing was changed; --apply does it.'}")
