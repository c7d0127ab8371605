"""What most commands begin with: the settings and logging by them, or a transaction of the database."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

import typer

from hub.settings import Settings, load_settings, unknown_variables

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

T = TypeVar("T")


def configured() -> Settings:
    """Reads the settings, sets up logging, and keeps what is written from now on to the own account."""
    settings = load_settings()
    os.umask(0o077)  # what others are to read, such as the broker's files, says so itself
    logging.basicConfig(
        level=settings.log_level.upper(),
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        stream=sys.stderr,
    )
    for chatty in ("alembic", "httpx"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    for warning in unknown_variables():
        logging.getLogger(__name__).warning("%s", warning)
    return settings


def in_database(change: Callable[[AsyncSession], Awaitable[T]]) -> T:
    """Makes one change in one transaction of the configured database, brought up to date first."""
    from sqlalchemy.exc import IntegrityError

    import hub.organisation.tables  # noqa: F401  accounts refer to units
    from hub.database import Database, migrate
    from hub.errors import Problem

    async def run(url: str) -> T:
        await migrate(url)
        database = Database(url)
        try:
            async with database.write() as session:
                return await change(session)
        finally:
            await database.close()

    try:
        return asyncio.run(run(configured().database_url))
    except Problem as error:
        print(f"error: {error}" + (f"; {error.fix}" if error.fix else ""), file=sys.stderr)
    except IntegrityError:
        print("error: there is no such unit; `hub import` fills in the province's", file=sys.stderr)
    raise typer.Exit(1)
