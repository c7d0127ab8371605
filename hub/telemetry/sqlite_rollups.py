"""Roll-ups in one SQLite file beside the raw one: raw has ingest as its writer, this one the control role.

One row a device and window, all its metrics packed, in tables a local day (5 minutes), month (hours) or year
(days) long, which are dropped whole. Clustered by device, then time: the chart of a metric reads few pages.
"""

from __future__ import annotations

import contextlib
import re
import sqlite3
import sys
import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from hub.telemetry import rollup_rows, sqlite_tables
from hub.telemetry.port import Key, TelemetryError
from hub.telemetry.rollup import Rollup
from hub.telemetry.rollup_port import Progress, RollupRow
from hub.telemetry.tiers import LOCAL_OFFSET_MS, ROLLED, WIDTH_MS, Tier

_SCHEMA = f"""
{sqlite_tables.SERIES_SCHEMA}
CREATE TABLE IF NOT EXISTS progress (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""
_PARTITION = {Tier.FIVE_MINUTES: "%Y%m%d", Tier.HOUR: "%Y%m", Tier.DAY: "%Y"}
_TABLE = re.compile(r"rollup_(5m|1h|1d)_(\d{4,8})")
_SERIES_ID = "SELECT id FROM series WHERE (group_code, node, device) = (?, ?, ?)"


def _local(ts_ms: int) -> datetime:
    return datetime.fromtimestamp((ts_ms + LOCAL_OFFSET_MS) // 1000, UTC)


def _table(tier: Tier, start_ms: int) -> str:
    return f"rollup_{tier}_{_local(start_ms):{_PARTITION[tier]}}"


def _span(table: str) -> tuple[Tier, int, int]:
    """Return the tier of a table and the [start, end) of its windows, UTC epoch ms."""
    _, code, digits = table.split("_")
    year, month, day = int(digits[:4]), int(digits[4:6] or 1), int(digits[6:8] or 1)
    start = datetime(year, month, day, tzinfo=UTC)
    match Tier(code):
        case Tier.FIVE_MINUTES:
            end_s = start.timestamp() + 86_400
        case Tier.HOUR:
            end_s = start.replace(year=year + month // 12, month=month % 12 + 1).timestamp()
        case _:
            end_s = start.replace(year=year + 1).timestamp()
    return Tier(code), int(start.timestamp()) * 1000 - LOCAL_OFFSET_MS, int(end_s) * 1000 - LOCAL_OFFSET_MS


def _slot(tier: Tier, ts_ms: int) -> int:
    return (ts_ms + LOCAL_OFFSET_MS) // WIDTH_MS[tier]


def _start_ms(tier: Tier, slot: int) -> int:
    return slot * WIDTH_MS[tier] - LOCAL_OFFSET_MS


class SqliteRollups:
    """The roll-up file of a telemetry file; opened when first used, and made when first written to."""

    def __init__(self, raw_path: Path) -> None:
        self._raw_path = raw_path
        self.path = raw_path.with_name(f"{raw_path.stem}-rollup.db")
        self._lock = threading.Lock()
        self._db: sqlite3.Connection | None = None
        self._ids: dict[Key, int] = {}
        self._fields: dict[int, dict[str, tuple[int, int]]] = {}

    def write(self, rows: Mapping[Tier, Sequence[RollupRow]], progress: Progress | None = None) -> None:
        """Store rows and progress in one transaction."""
        with self._lock, self._transaction() as db:
            for tier, of_tier in rows.items():
                self._write_tier(db, tier, of_tier)
            if progress is not None:
                values = [(tier.value, str(through)) for tier, through in progress.through_ms.items()]
                db.executemany(
                    "INSERT OR REPLACE INTO progress VALUES (?,?)", [*values, ("late", progress.late)]
                )

    def _write_tier(self, db: sqlite3.Connection, tier: Tier, rows: Sequence[RollupRow]) -> None:
        width_ms = WIDTH_MS[tier]
        parts: dict[tuple[int, int], list[tuple[int, bytes]]] = defaultdict(list)
        for key, name, datatype, row in rows:
            series_id = self._ids.get(key) or self._number(db, key)
            known = self._fields[series_id].get(name)
            if known is None or known[1] != datatype:
                known = self._declare(db, series_id, name, datatype)
            parts[series_id, row.start_ms].append((known[0], rollup_rows.pack_part(row, width_ms)))
        packed: dict[str, list[tuple[int, int, bytes]]] = defaultdict(list)
        for (series_id, start_ms), of_row in parts.items():
            packed[_table(tier, start_ms)].append(
                (series_id, _slot(tier, start_ms), rollup_rows.pack(of_row))
            )
        for table, of_table in packed.items():
            db.execute(
                f"CREATE TABLE IF NOT EXISTS {table} (series_id INTEGER NOT NULL, slot INTEGER NOT NULL,"
                " packed BLOB NOT NULL, PRIMARY KEY (series_id, slot)) WITHOUT ROWID"
            )
            db.executemany(f"INSERT OR REPLACE INTO {table} VALUES (?,?,?)", of_table)  # noqa: S608  # ours

    def _number(self, db: sqlite3.Connection, key: Key) -> int:
        found = (
            db.execute(_SERIES_ID, key).fetchone()
            or db.execute(
                "INSERT INTO series (group_code, node, device) VALUES (?,?,?) RETURNING id", key
            ).fetchone()
        )
        series_id: int = found[0]
        fields = db.execute("SELECT name, place, datatype FROM field WHERE series_id=?", (series_id,))
        self._fields[series_id] = {sys.intern(name): (place, kind) for name, place, kind in fields}
        self._ids[key] = series_id
        return series_id

    def _declare(self, db: sqlite3.Connection, series_id: int, name: str, datatype: int) -> tuple[int, int]:
        fields = self._fields[series_id]
        place = fields[name][0] if name in fields else len(fields)
        db.execute("INSERT OR REPLACE INTO field VALUES (?,?,?,?)", (series_id, place, name, datatype))
        fields[sys.intern(name)] = (place, datatype)
        return fields[name]

    def rollups(
        self, tier: Tier, wanted: Sequence[tuple[Key, str | None]], start_ms: int, end_ms: int
    ) -> dict[tuple[Key, str], list[Rollup]]:
        """Return the rows of some metrics, ascending."""
        found: dict[tuple[Key, str], list[Rollup]] = {}
        names: dict[Key, set[str | None]] = defaultdict(set)
        for key, name in wanted:
            names[key].add(name)
        width_ms = WIDTH_MS[tier]
        # whole windows only: one that has begun before the start is not asked for
        slots = _slot(tier, start_ms + width_ms - 1), _slot(tier, end_ms + width_ms - 1)
        with self._lock, _errors_told(self.path):
            db = self._open()
            spans = [(table, _span(table)) for table in _tables(db)] if db is not None else []
        of_tier = [
            table for table, span in spans if span[0] == tier and span[1] < end_ms and span[2] > start_ms
        ]
        if db is None or not of_tier:
            return found
        for key, of_device in names.items():
            with self._lock, _errors_told(self.path):  # a device at a time: others ask too
                row = db.execute(_SERIES_ID, key).fetchone()
                if row is None:
                    continue
                places = {
                    place: found.setdefault((key, name), [])
                    for place, name in db.execute("SELECT place, name FROM field WHERE series_id=?", row)
                    if None in of_device or name in of_device
                }
                for table in of_tier:
                    for slot, packed in db.execute(
                        f"SELECT slot, packed FROM {table}"  # noqa: S608  # a name of ours
                        " WHERE series_id=? AND slot>=? AND slot<? ORDER BY slot",
                        (*row, *slots),
                    ):
                        start = _start_ms(tier, slot)
                        for place, rollup in rollup_rows.unpack(packed, start, width_ms, places):
                            places[place].append(rollup)
        return {metric: rows for metric, rows in found.items() if rows}

    def keys(self) -> list[Key]:
        """Return the devices that have roll-ups."""
        with self._lock, _errors_told(self.path):
            db = self._open()
            return [] if db is None else db.execute("SELECT group_code, node, device FROM series").fetchall()

    def datatypes(self, key: Key) -> dict[str, int]:
        """Return the metrics of a device with their datatypes."""
        with self._lock, _errors_told(self.path):
            db = self._open()
            if db is None:
                return {}
            return dict(
                db.execute(
                    "SELECT name, datatype FROM field JOIN series ON id = series_id"
                    " WHERE (group_code, node, device) = (?, ?, ?)",
                    key,
                )
            )

    def progress(self) -> Progress:
        """Return how far the job is."""
        with self._lock, _errors_told(self.path):
            db = self._open()
            values = {} if db is None else dict(db.execute("SELECT name, value FROM progress").fetchall())
        return Progress({tier: int(values.get(tier.value, 0)) for tier in ROLLED}, values.get("late", ""))

    def delete_before(self, tier: Tier, ts_ms: int) -> int:
        """Drop the tables that end at or before `ts_ms`; of the raw file also its late log so far."""
        if tier == Tier.RAW:
            return self._delete_raw_before(ts_ms, int(self.progress().late or 0))
        with self._lock, self._transaction() as db:
            gone = [table for table in _tables(db) if (span := _span(table))[0] == tier and span[2] <= ts_ms]
            for table in gone:
                db.execute(f"DROP TABLE {table}")
            return len(gone)

    def _delete_raw_before(self, ts_ms: int, late: int) -> int:
        if not self._raw_path.exists():
            return 0
        with _errors_told(self._raw_path):
            raw = sqlite3.connect(self._raw_path, isolation_level=None, timeout=10)
            try:
                gone = sqlite_tables.drop_before(raw, ts_ms)
                raw.execute("DELETE FROM late WHERE seq < ?", (late,))
            finally:
                raw.close()
        return len(gone)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            if self._db is not None:
                self._db.close()
                self._db = None

    def _open(self, *, make: bool = False) -> sqlite3.Connection | None:
        if self._db is None and (make or self.path.exists()):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            db = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False, timeout=10)
            db.execute("PRAGMA journal_mode=WAL")
            db.execute("PRAGMA synchronous=NORMAL")
            db.execute("PRAGMA wal_autocheckpoint=4000")
            db.execute("PRAGMA journal_size_limit=67108864")
            db.executescript(_SCHEMA)
            self._db = db
        return self._db

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with _errors_told(self.path):
            db = self._open(make=True)
            assert db is not None
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
                db.execute("COMMIT")
            except BaseException:
                db.execute("ROLLBACK")
                self._ids.clear()  # what was numbered in this transaction is not
                self._fields.clear()
                raise


@contextlib.contextmanager
def _errors_told(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise TelemetryError(f"{path}: {error}") from error


def _tables(db: sqlite3.Connection) -> list[str]:
    names = db.execute("SELECT name FROM sqlite_master WHERE type='table' ORDER BY name")
    return [name for (name,) in names if _TABLE.fullmatch(name)]
