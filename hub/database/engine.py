"""Engines and sessions for SQLite (one file, WAL) and PostgreSQL, alike to everything above."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine

BUSY_TIMEOUT_S = 10
_READ_ONLY = "hub_read_only"


def create_engine_from(url: str) -> AsyncEngine:
    """Makes the engine of `sqlite+aiosqlite:///file` or `postgresql+psycopg://…`.

    The directory of a SQLite file is made when missing. Transactions of SQLite take the write lock when they
    begin (unless the session is read-only), so that they wait for each other instead of failing half-way.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return create_async_engine(parsed, pool_pre_ping=True, pool_size=5, max_overflow=10)
    make_directory(parsed)
    # the driver must not begin transactions on its own: it would begin them late and without the lock
    arguments: dict[str, Any] = {"isolation_level": None, "timeout": BUSY_TIMEOUT_S}
    engine = create_async_engine(parsed, connect_args=arguments)
    event.listen(engine.sync_engine, "connect", set_sqlite_pragmas)
    event.listen(engine.sync_engine, "begin", _begin_sqlite)
    return engine


def session_factory(engine: AsyncEngine, *, read_only: bool = False) -> async_sessionmaker[AsyncSession]:
    """Makes sessions of the engine; objects stay usable after commit.

    On SQLite read-only sessions see one snapshot and never wait for writers.
    """
    bind = engine.execution_options(**{_READ_ONLY: True}) if read_only else engine
    return async_sessionmaker(bind, expire_on_commit=False)


class Database:
    """An engine with its two kinds of transaction: `write()` and `read()`."""

    def __init__(self, url: str) -> None:
        self.engine = create_engine_from(url)
        self._write = session_factory(self.engine)
        self._read = session_factory(self.engine, read_only=True)

    def write(self) -> AbstractAsyncContextManager[AsyncSession]:
        """Opens a session in a transaction that commits at the end, or rolls back on any exception."""
        return self._write.begin()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncSession]:
        """Opens a session on one consistent state; nothing is committed."""
        async with self._read() as session:
            yield session

    async def ping(self) -> None:
        """Asks the database for one row; raises what the driver raises."""
        async with self.read() as session:
            await session.execute(text("SELECT 1"))

    async def close(self) -> None:
        """Closes all connections."""
        await self.engine.dispose()


def make_directory(url: URL) -> None:
    """Makes the directory of a SQLite file."""
    if url.database and url.database != ":memory:":
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)


def set_sqlite_pragmas(connection: Any, _record: object) -> None:
    """Prepares a new SQLite connection: WAL, durable commits, foreign keys checked."""
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "temp_store=MEMORY"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    read_only = connection.get_execution_options().get(_READ_ONLY, False)
    connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")
