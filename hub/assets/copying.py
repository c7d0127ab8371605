"""Many rows at once into PostgreSQL: by COPY, several times as fast as statements; never commits."""

# ruff: noqa: S608 — statements are made of names of ours

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Table, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession


def is_postgres(session: AsyncSession) -> bool:
    """Tells whether the session's engine takes rows by COPY."""
    return session.get_bind().dialect.name == "postgresql"


async def next_ids(session: AsyncSession, table: Table, count: int) -> list[int]:
    """Takes so many numbers for rows to come."""
    sequence = func.nextval(func.pg_get_serial_sequence(table.name, "id"))
    query = select(sequence).select_from(func.generate_series(1, count))
    return list((await session.execute(query)).scalars())


async def copy_into(session: AsyncSession, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Inserts rows that all have the same columns; a dict becomes JSON."""
    if rows:
        await _copy(session, table.name, list(rows[0]), rows)


async def update_from(session: AsyncSession, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Sets the given columns of rows told by their `id`, in one statement."""
    columns = list(rows[0])
    quoted = [_quoted(name) for name in columns]
    new = f"{table.name}_new"
    await session.execute(
        text(
            f"CREATE TEMPORARY TABLE IF NOT EXISTS {new} ON COMMIT DROP AS"
            f" SELECT {', '.join(quoted)} FROM {table.name} WITH NO DATA"
        )
    )
    await _copy(session, new, columns, rows)
    changes = ", ".join(f"{name} = {new}.{name}" for name in quoted if name != _quoted("id"))
    await session.execute(
        text(f"UPDATE {table.name} SET {changes} FROM {new} WHERE {table.name}.id = {new}.id")
    )
    await session.execute(text(f"TRUNCATE {new}"))


async def _copy(session: AsyncSession, name: str, columns: list[str], rows: Sequence[dict[str, Any]]) -> None:
    raw = await (await session.connection()).get_raw_connection()
    driver: Any = raw.driver_connection
    statement = f"COPY {name} ({', '.join(map(_quoted, columns))}) FROM STDIN"
    async with driver.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            values = (row[column] for column in columns)
            await copy.write_row([json.dumps(v) if isinstance(v, dict) else v for v in values])


def _quoted(name: str) -> str:
    return f'"{name}"'
