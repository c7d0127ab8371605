"""`hub audit`: prove the log of changes, note its head, and take it out."""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from hub.command_line.configured import configured

if TYPE_CHECKING:
    from hub.database import Database

T = TypeVar("T")

audit = typer.Typer(no_args_is_help=True, help="The log of all changes.")


@audit.command()
def verify(
    head: Annotated[
        list[str] | None, typer.Option(help="A hash that `hub audit head` once said; must still be there.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one line of JSON.")] = False,
) -> None:
    """Prove that no entry was changed, removed, inserted, moved or cut off; 1 and which one, if so."""
    from dataclasses import asdict
    from json import dumps

    from hub.audit import service
    from hub.audit.rules import Break
    from hub.audit.watch import noted_head

    try:
        noted = noted_head(configured().data_dir)
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        raise typer.Exit(1) from None

    async def prove(database: "Database") -> service.Verdict:
        async with database.read() as session:
            verdict = await service.verify(session, noted=[noted] if noted else [])
            absent = [each for each in head or [] if not await service.has_hash(session, each)]
        lost = tuple(Break(0, f"no entry has the hash {each} that was noted as the head") for each in absent)
        return service.Verdict(verdict.entries, verdict.head, verdict.breaks + lost)

    started_s = time.perf_counter()
    verdict = _read(prove)
    took_s = time.perf_counter() - started_s
    if json:
        print(dumps({**asdict(verdict), "whole": not verdict.breaks, "seconds": round(took_s, 3)}))
    else:
        for each in verdict.breaks:
            print(each.detail)
        against = f", noted head {noted.id}" if noted else ", no head noted outside of the log"
        whole = "BROKEN" if verdict.breaks else "whole"
        print(f"{whole}: {verdict.entries} entries read in {took_s:.1f} s{against}")
        print(f"head: {verdict.head.id} {verdict.head.hash}")
    raise typer.Exit(1 if verdict.breaks else 0)


@audit.command()
def head() -> None:
    """Print number and hash of the newest entry: note them where nobody of the hub can write."""
    from hub.audit import service
    from hub.audit.rules import START

    async def newest(database: "Database") -> None:
        async with database.read() as session:
            found = await service.head(session)
        shown = found[0] if found else START
        print(shown.id, shown.hash)

    _read(newest)


@audit.command()
def export(
    format: Annotated[str, typer.Option(help="jsonl or csv")] = "jsonl",  # noqa: A002 - the option's name
    unit: Annotated[list[str] | None, typer.Option(help="Only of these units (codes).")] = None,
) -> None:
    """Write the log to standard output, the oldest entry first."""
    from hub.audit.export import MEDIA, parts
    from hub.audit.service import AuditFilter

    if format not in MEDIA:
        print(f"error: there is no format {format!r}; write {' or '.join(MEDIA)}", file=sys.stderr)
        raise typer.Exit(2)

    async def write(database: "Database") -> None:
        wanted = AuditFilter(frozenset(unit) if unit else None)
        async for part in parts(database, wanted, "csv" if format == "csv" else "jsonl"):
            sys.stdout.buffer.write(part)
        sys.stdout.buffer.flush()

    _read(write)


def _read(look: Callable[["Database"], Awaitable[T]]) -> T:
    """Lets `look` read the configured database, brought up to date first."""
    from hub.database import Database, migrate

    async def run(url: str) -> T:
        await migrate(url)
        database = Database(url)
        try:
            return await look(database)
        finally:
            await database.close()

    return asyncio.run(run(configured().database_url))
