"""Counts of equipment by school, type, status, gaps and link, kept by the database itself."""

# ruff: noqa: S608 — statements are made of names of ours

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_KEY = "school_code, type, status, gaps, linked"
_ALIKE = "school_code, type, status, gaps, CASE WHEN node IS NULL THEN 0 ELSE 1 END AS linked"
_WATCHED = ("school_code", "type", "status", "gaps", "node")

_LINKED = ("type", "school_code", "room_code", "status", "group_code", "node", "device", "id")


def upgrade() -> None:
    engine = op.get_bind().dialect.name
    op.create_table(
        "asset_count",
        sa.Column("school_code", sa.String(length=64), nullable=False),
        sa.Column("type", sa.String(length=32), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("gaps", sa.SmallInteger(), nullable=False),
        sa.Column("linked", sa.SmallInteger(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("school_code", "type", "status", "gaps", "linked", name="pk_asset_count"),
        sqlite_with_rowid=False,
    )
    op.execute(
        f"INSERT INTO asset_count ({_KEY}, number)"
        f" SELECT {_KEY}, count(*) FROM (SELECT {_ALIKE} FROM asset) AS each GROUP BY {_KEY}"
    )
    if engine == "postgresql":
        _statement_triggers()
    else:
        _row_triggers()
    op.drop_index("ix_asset_gaps", "asset")
    op.create_index(
        "ix_asset_linked", "asset", list(_LINKED),
        sqlite_where=sa.text("node IS NOT NULL"), postgresql_where=sa.text("node IS NOT NULL"),
    )  # fmt: skip


def _statement_triggers() -> None:
    """Once a statement, in the order of the key: who changes the same counts waits, never in a ring."""
    added, gone = (
        f"SELECT {_ALIKE}, {sign}1 AS each FROM {name}" for name, sign in (("added", "+"), ("gone", "-"))
    )
    for event, tables, changes in (
        ("insert", "NEW TABLE AS added", added),
        ("delete", "OLD TABLE AS gone", gone),
        ("update", "OLD TABLE AS gone NEW TABLE AS added", f"{added} UNION ALL {gone}"),
    ):
        op.execute(
            f"CREATE FUNCTION count_asset_{event}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            f" INSERT INTO asset_count ({_KEY}, number)"
            f" SELECT {_KEY}, sum(each) FROM ({changes}) AS changes GROUP BY {_KEY}"
            f" HAVING sum(each) <> 0 ORDER BY {_KEY}"
            f" ON CONFLICT ({_KEY}) DO UPDATE SET number = asset_count.number + excluded.number;"
            " RETURN NULL; END $$"
        )
        op.execute(
            f"CREATE TRIGGER asset_{event}_counted AFTER {event} ON asset REFERENCING {tables}"
            f" FOR EACH STATEMENT EXECUTE FUNCTION count_asset_{event}()"
        )


def _row_triggers() -> None:
    def by(row: str, number: int) -> str:
        values = ", ".join(f"{row}.{name}" for name in _WATCHED[:-1])
        return (
            f"INSERT INTO asset_count ({_KEY}, number) VALUES ({values}, {row}.node IS NOT NULL, {number})"
            f" ON CONFLICT ({_KEY}) DO UPDATE SET number = number + {number};"
        )

    differs = " OR ".join(f"old.{name} IS NOT new.{name}" for name in _WATCHED)
    for event, when, changes in (
        ("insert", "", by("new", 1)),
        ("delete", "", by("old", -1)),
        ("update", f"WHEN {differs}", by("old", -1) + " " + by("new", 1)),
    ):
        of = f" OF {', '.join(_WATCHED)}" if event == "update" else ""
        op.execute(
            f"CREATE TRIGGER asset_{event}_counted AFTER {event}{of} ON asset {when} BEGIN {changes} END"
        )


def downgrade() -> None:
    engine = op.get_bind().dialect.name
    op.drop_index("ix_asset_linked", "asset")
    op.create_index("ix_asset_gaps", "asset", ["school_code", "gaps", "status"])
    for event in ("insert", "delete", "update"):
        op.execute(f"DROP TRIGGER asset_{event}_counted" + (" ON asset" if engine == "postgresql" else ""))
        if engine == "postgresql":
            op.execute(f"DROP FUNCTION count_asset_{event}()")
    op.drop_table("asset_count")
