"""One `INSERT … ON CONFLICT` for both engines."""

from typing import Any, cast

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase


def insert_into(session: AsyncSession, model: type[DeclarativeBase]) -> sqlite.Insert:
    """Starts an insert of the session's engine, with `excluded` and `on_conflict_do_…`.

    It is typed as SQLite's; PostgreSQL's has the same methods with the same meaning. Being made of the
    table, not of the mapped class, it runs a list of rows as one `executemany`.
    """
    table = cast(Table, model.__table__)
    make: Any = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    return cast(sqlite.Insert, make(table))
