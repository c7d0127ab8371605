"""`hub import`: what is written into the database by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from hub import clock
from hub.command_line.configured import in_database

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession


def import_province(
    schools: Annotated[int | None, typer.Option(min=1, help="Only so many, evenly chosen [all].")] = None,
) -> None:
    """Bring the database up to date and fill in the province's schools and offices; again is harmless."""
    from hub.audit.trail import by_command, record
    from hub.organisation.service import seed_province

    async def seed(session: AsyncSession) -> list[str]:
        codes = await seed_province(session, clock.today(), schools)
        await record(session, by_command("organisation.seed", "province", after={"schools": len(codes)}))
        return codes

    codes = in_database(seed)
    print(f"{len(codes)} schools are in the database.")
