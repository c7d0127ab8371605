"""Maintenance tickets and what became of them."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "ticket",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("unit_code", sa.String(length=64), nullable=False),
        sa.Column("room_code", sa.String(length=64), nullable=True),
        sa.Column("group_code", sa.String(length=255), nullable=True),
        sa.Column("node", sa.String(length=255), nullable=True),
        sa.Column("device", sa.String(length=255), nullable=True),
        sa.Column("asset_id", ROW_ID, nullable=True),
        sa.Column("priority", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("level", sa.String(length=16), nullable=False),
        sa.Column("assignee_id", ROW_ID, nullable=True),
        sa.Column("raised_by", sa.Text(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("level_ms", sa.BigInteger(), nullable=False),
        sa.Column("due_ms", sa.BigInteger(), nullable=False),
        sa.Column("escalated_ms", sa.BigInteger(), nullable=True),
        sa.Column("resolved_ms", sa.BigInteger(), nullable=True),
        sa.Column("changed_ms", sa.BigInteger(), nullable=False),
        sa.Column("search", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_ticket"),
        sa.ForeignKeyConstraint(["unit_code"], ["unit.code"], name="fk_ticket_unit_code"),
        sa.ForeignKeyConstraint(["asset_id"], ["asset.id"], name="fk_ticket_asset_id", ondelete="SET NULL"),
        sa.ForeignKeyConstraint(
            ["assignee_id"], ["account.id"], name="fk_ticket_assignee_id", ondelete="SET NULL"
        ),
    )
    op.create_index("ix_ticket_unit_code_id", "ticket", ["unit_code", "id"])
    op.create_index("ix_ticket_state_due_ms", "ticket", ["state", "due_ms"])
    op.create_index("ix_ticket_assignee_id_id", "ticket", ["assignee_id", "id"])
    op.create_index("ix_ticket_asset_id", "ticket", ["asset_id"])
    op.create_index("ix_ticket_created_ms", "ticket", ["created_ms"])
    op.create_table(
        "ticket_event",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("ticket_id", ROW_ID, nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("event", sa.String(length=16), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("level", sa.String(length=16), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_ticket_event"),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"], name="fk_ticket_event_ticket_id"),
    )
    op.create_index("ix_ticket_event_ticket_id_id", "ticket_event", ["ticket_id", "id"])
    op.create_index("ix_ticket_event_event_at_ms", "ticket_event", ["event", "at_ms"])


def downgrade() -> None:
    op.drop_table("ticket_event")
    op.drop_table("ticket")
