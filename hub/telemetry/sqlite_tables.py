"""The tables of a telemetry file: who reports, and one of samples a UTC day, so that a day goes whole."""

from __future__ import annotations

import re
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote, urlsplit

from hub.telemetry.port import TelemetryError

DAY_MS = 86_400_000
SERIES_SCHEMA = """
CREATE TABLE IF NOT EXISTS series (
    id INTEGER PRIMARY KEY, group_code TEXT NOT NULL, node TEXT NOT NULL, device TEXT NOT NULL,
    UNIQUE (group_code, node, device)
);
CREATE TABLE IF NOT EXISTS field (
    series_id INTEGER NOT NULL, place INTEGER NOT NULL, name TEXT NOT NULL, datatype INTEGER NOT NULL,
    PRIMARY KEY (series_id, place)
) WITHOUT ROWID;
"""
"""What telemetry and roll-up files have in common: who reports, and the places of their metrics in rows."""

_TABLE = re.compile(r"sample_(\d{8})")


def path_of(url: str) -> Path:
    """Return the file a `sqlite:///…` URL names (three slashes relative, four absolute)."""
    parts = urlsplit(url)
    if parts.scheme != "sqlite" or not parts.path[1:]:
        raise TelemetryError(f"telemetry_url = {url!r} names no file; write sqlite:///data/telemetry.db")
    return Path(unquote(parts.path[1:]))


def table_of(day: int) -> str:
    """Return the table of a day, counted from the epoch."""
    return f"sample_{datetime.fromtimestamp(day * 86_400, UTC):%Y%m%d}"


def day_of(table: str) -> int:
    """Return the day of a table, counted from the epoch."""
    return int(datetime.strptime(table[7:] + "+0000", "%Y%m%d%z").timestamp()) // 86_400


def tables(db: sqlite3.Connection) -> list[str]:
    """Return the tables there are, oldest first."""
    names = db.execute("SELECT name FROM sqlite_master WHERE type='table' ORDER BY name")
    return [name for (name,) in names if _TABLE.fullmatch(name)]


def drop_before(db: sqlite3.Connection, ts_ms: int) -> list[str]:
    """Drop the days that end at or before `ts_ms`; return their tables."""
    gone = [table for table in tables(db) if (day_of(table) + 1) * DAY_MS <= ts_ms]
    for table in gone:
        db.execute(f"DROP TABLE {table}")
    return gone
