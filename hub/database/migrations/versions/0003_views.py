"""Saved views, and what came of reading a quarantined payload again."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "saved_view",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("account_id", ROW_ID, nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("page", sa.String(length=16), nullable=False),
        sa.Column("query", sa.Text(), nullable=False),
        sa.Column("changed_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name="fk_saved_view_account_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_saved_view"),
        sa.UniqueConstraint("account_id", "name", name="uq_saved_view_account_id_name"),
    )
    op.add_column("quarantine", sa.Column("tried_ms", sa.BigInteger(), nullable=True))
    op.add_column("quarantine", sa.Column("outcome", sa.String(length=64), server_default="", nullable=False))
    op.add_column("quarantine", sa.Column("outcome_detail", sa.Text(), server_default="", nullable=False))


def downgrade() -> None:
    for name in ("outcome_detail", "outcome", "tried_ms"):
        op.drop_column("quarantine", name)
    op.drop_table("saved_view")
