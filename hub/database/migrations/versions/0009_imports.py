"""Imports under way and done, and the state of each school's sources."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), server_default="", nullable=False)


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), server_default="0", nullable=False)


def upgrade() -> None:
    op.create_table(
        "import_run",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("unit_code", sa.String(length=64), nullable=True),
        sa.Column("scope", sa.JSON(), nullable=True),
        sa.Column("file", sa.Text(), nullable=False),
        sa.Column("stored", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("encoding", sa.String(length=32), server_default="", nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        _number("done"),
        _number("total"),
        sa.Column("summary", sa.JSON(), nullable=False),
        sa.Column("digest", sa.String(length=64), server_default="", nullable=False),
        sa.Column("problem", sa.JSON(), nullable=True),
        sa.Column("account_id", ROW_ID, nullable=True),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("roles", sa.JSON(), nullable=False),
        sa.Column("holder", sa.String(length=128), server_default="", nullable=False),
        sa.Column("beat_ms", sa.BigInteger(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("finished_ms", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name="fk_import_run_account_id", ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_import_run"),
    )
    op.create_index("ix_import_run_state", "import_run", ["state"])
    op.create_index("ix_import_run_account_id", "import_run", ["account_id"])
    op.create_table(
        "import_row",
        sa.Column("import_id", ROW_ID, nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("file", sa.Text(), nullable=False),
        sa.Column("row", sa.Integer(), nullable=False),
        sa.Column("action", sa.String(length=8), nullable=False),
        sa.Column("warned", sa.Boolean(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("changes", sa.JSON(), nullable=False),
        sa.Column("problems", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["import_id"], ["import_run.id"], name="fk_import_row_import_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("import_id", "position", name="pk_import_row"),
    )
    op.create_table(
        "sync_source",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("unit_code", sa.String(length=64), nullable=False),
        sa.Column("location", sa.Text(), nullable=False),
        sa.Column("every_s", sa.Integer(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        _text("version"),
        sa.Column("next_ms", sa.BigInteger(), nullable=False),
        _number("failures"),
        sa.Column("last_try_ms", sa.BigInteger(), nullable=True),
        sa.Column("last_success_ms", sa.BigInteger(), nullable=True),
        _text("error"),
        sa.Column("import_id", ROW_ID, nullable=True),
        _text("by"),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["unit_code"], ["unit.code"], name="fk_sync_source_unit_code"),
        sa.ForeignKeyConstraint(
            ["import_id"], ["import_run.id"], name="fk_sync_source_import_id", ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_sync_source"),
    )
    op.create_index("ix_sync_source_next_ms", "sync_source", ["next_ms"])
    op.create_table(
        "sync_state",
        sa.Column("school_code", sa.String(length=64), nullable=False),
        sa.Column("domain", sa.String(length=16), nullable=False),
        sa.Column("last_success_ms", sa.BigInteger(), nullable=True),
        sa.Column("last_try_ms", sa.BigInteger(), nullable=False),
        _text("error"),
        _text("origin"),
        sa.ForeignKeyConstraint(["school_code"], ["unit.code"], name="fk_sync_state_school_code"),
        sa.PrimaryKeyConstraint("school_code", "domain", name="pk_sync_state"),
    )
    op.create_table(
        "academic_session",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("unit_code", sa.String(length=64), nullable=False),
        sa.Column("sourced_id", sa.String(length=128), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("type", sa.String(length=32), nullable=False),
        sa.Column("school_year", sa.Integer(), nullable=False),
        sa.Column("starts", sa.Date(), nullable=False),
        sa.Column("ends", sa.Date(), nullable=False),
        sa.Column("parent_id", sa.String(length=128), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["unit_code"], ["unit.code"], name="fk_academic_session_unit_code"),
        sa.PrimaryKeyConstraint("id", name="pk_academic_session"),
        sa.UniqueConstraint("unit_code", "sourced_id", name="uq_academic_session_unit_code_sourced_id"),
    )
    op.create_table(
        "school_class",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("school_code", sa.String(length=64), nullable=False),
        sa.Column("sourced_id", sa.String(length=128), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("grade", sa.String(length=64), server_default="", nullable=False),
        _text("course"),
        _text("sessions"),
        sa.Column("room", sa.String(length=64), server_default="", nullable=False),
        _number("pupils"),
        _number("teachers"),
        sa.ForeignKeyConstraint(["school_code"], ["unit.code"], name="fk_school_class_school_code"),
        sa.PrimaryKeyConstraint("id", name="pk_school_class"),
        sa.UniqueConstraint("school_code", "sourced_id", name="uq_school_class_school_code_sourced_id"),
    )


def downgrade() -> None:
    for table in (
        "school_class",
        "academic_session",
        "sync_state",
        "sync_source",
        "import_row",
        "import_run",
    ):
        op.drop_table(table)
