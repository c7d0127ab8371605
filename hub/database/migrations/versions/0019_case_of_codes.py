"""Tags and room codes are one in any case; a label that was read can be taken out of a stock-taking.

What already differs by case alone is kept as it is: the first one written has the code in any case, each
other is a `twin` and answers to its exact letters only. `hub doctor` counts them; a twin's history says it.
"""

# ruff: noqa: S608 — statements are made of names of ours

import logging
import time
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

_INDICES = {"asset": ("ux_asset_tag_any_case", ("lower(tag)",)),
            "room": ("ux_room_code_any_case", ("school_code", "lower(code)"))}  # fmt: skip
_log = logging.getLogger("hub.database")


def upgrade() -> None:
    op.add_column("stocktake_scan", sa.Column("withdrawn_ms", sa.BigInteger(), nullable=True))
    for table in _INDICES:
        op.add_column(table, sa.Column("twin", sa.Boolean(), nullable=False, server_default=sa.false()))
    _mark_assets()
    _mark_rooms()
    for table, (name, columns) in _INDICES.items():
        op.create_index(
            name, table, [sa.text(each) for each in columns], unique=True,
            sqlite_where=sa.text("twin = 0"), postgresql_where=sa.text("NOT twin"),
        )  # fmt: skip


def _mark_assets() -> None:
    rows = _alike(
        "SELECT id, tag, school_code, room_code, lower(tag) AS alike FROM asset", "lower(tag)", "id"
    )
    now_ms = time.time_ns() // 1_000_000
    for first, row in rows:
        _log.warning(
            "asset %s differs from %s by case alone; it answers to its exact tag only", row.tag, first.tag
        )
        _mark("asset", {"id": row.id})
        values = {
            "asset_id": row.id, "kind": "changed", "on": datetime.fromtimestamp(now_ms / 1000, UTC).date(),
            "at_ms": now_ms, "by": "hub", "school_code": row.school_code, "room_code": row.room_code,
            "text": f"tag differs from {first.tag} by case alone",
        }  # fmt: skip
        columns: list[sa.ColumnClause[Any]] = [sa.column(name) for name in values]
        op.get_bind().execute(sa.insert(sa.table("asset_event", *columns)).values(values))


def _mark_rooms() -> None:
    query = "SELECT school_code, code, lower(code) AS alike FROM room"
    for first, row in _alike(query, "lower(code)", "CASE WHEN valid_to IS NULL THEN 0 ELSE 1 END, code",
                             "school_code"):  # fmt: skip
        _log.warning("room %s of %s differs from %s by case alone; it answers to its exact code only",
                     row.code, row.school_code, first.code)  # fmt: skip
        _mark("room", {"school_code": row.school_code, "code": row.code})


def _alike(query: str, alike: str, order: str, within: str = "") -> list[tuple[Any, Any]]:
    """Gives each row that is like an earlier one, with that one."""
    of = f"{within}, {alike}" if within else alike
    table = query.rpartition(" ")[2]
    many = f"SELECT {alike} FROM {table} GROUP BY {of} HAVING count(*) > 1"
    firsts: dict[tuple[str, str], Any] = {}
    found = []
    for row in op.get_bind().execute(sa.text(f"{query} WHERE {alike} IN ({many}) ORDER BY {order}")).all():
        key = (getattr(row, within) if within else "", row.alike)
        first = firsts.setdefault(key, row)
        if first is not row:
            found.append((first, row))
    return found


def _mark(table: str, key: dict[str, Any]) -> None:
    where = " AND ".join(f"{name} = :{name}" for name in key)
    op.get_bind().execute(sa.text(f"UPDATE {table} SET twin = true WHERE {where}"), key)


def downgrade() -> None:
    for table, (name, _columns) in _INDICES.items():
        op.drop_index(name, table)
        op.drop_column(table, "twin")
    op.drop_column("stocktake_scan", "withdrawn_ms")
