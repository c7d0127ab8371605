"""The relational database: engine, sessions, migrations, leases. Tables live with their feature."""

from hub.database.base import Base, Milliseconds, RowId
from hub.database.engine import Database, create_engine_from, session_factory
from hub.database.migrate import migrate
from hub.database.upsert import insert_into

__all__ = [
    "Base",
    "Database",
    "Milliseconds",
    "RowId",
    "create_engine_from",
    "insert_into",
    "migrate",
    "session_factory",
]
