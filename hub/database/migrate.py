"""Brings the schema up to date when a role starts; roles that start together wait for each other."""

import asyncio
import random
import threading
import time
from pathlib import Path

from sqlalchemy import Connection, Engine, NullPool, create_engine, event, inspect, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

from hub.database.engine import make_directory, set_sqlite_pragmas
from hub.database.trouble import NewerDatabase

MIGRATIONS = Path(__file__).parent / "migrations"
LOCK_TIMEOUT_S = 60
_ADVISORY_LOCK = 0x68756264  # any number, the same in every role of one database
_one_at_a_time = threading.Lock()  # Alembic keeps its context in module globals


async def migrate(url: str, revision: str = "head") -> None:
    """Upgrades the database at `url` to the newest schema, in one transaction; any role may call it.

    Raises `NewerDatabase` for a schema that this hub does not know.
    """
    await asyncio.to_thread(_upgrade, url, revision)


def _upgrade(url: str, revision: str) -> None:
    engine = _engine(url)
    try:
        if revision == "head" and _is_newest(engine):
            return
        from alembic import command  # 5 MB and a moment in every role, and seldom anything to do
        from alembic.config import Config

        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
        with _one_at_a_time, _connected(engine) as connection, connection.begin():
            if engine.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
            config.attributes["connection"] = connection
            command.upgrade(config, revision)
    finally:
        engine.dispose()


def revisions() -> list[str]:
    """Gives the schemas this hub knows, the newest last: files are named for theirs and count upwards."""
    return sorted(path.name.partition("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*_*.py"))


def newest() -> str:
    """Gives the newest revision."""
    return revisions()[-1]


def found_revision(connection: Connection) -> str | None:
    """Gives the schema of a database, None without one; raises `NewerDatabase` for an unknown one."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalars().first()
    known = revisions()
    if found is not None and found not in known:
        raise NewerDatabase(str(found), known[-1])
    return found


def _is_newest(engine: Engine) -> bool:
    with _connected(engine) as connection:
        return found_revision(connection) == newest()


def _engine(url: str) -> Engine:
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return create_engine(parsed, poolclass=NullPool)
    make_directory(parsed)
    arguments = {"isolation_level": None, "timeout": LOCK_TIMEOUT_S}
    engine = create_engine(
        parsed.set(drivername="sqlite+pysqlite"), poolclass=NullPool, connect_args=arguments
    )
    event.listen(engine, "connect", set_sqlite_pragmas)
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    return engine


def _connected(engine: Engine) -> Connection:
    """Connects; on a new SQLite file the switch to WAL does not wait for the other role, so we do."""
    deadline_s = time.monotonic() + LOCK_TIMEOUT_S
    while True:
        try:
            return engine.connect()
        except OperationalError as error:
            if "database is locked" not in str(error) or time.monotonic() > deadline_s:
                raise
            time.sleep(random.uniform(0.02, 0.1))
