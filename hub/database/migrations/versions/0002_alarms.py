"""Alarms and their history."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    texts = ("title_vi", "title_en", "detail_vi", "detail_en")
    op.create_table(
        "alarm",
        sa.Column("id", sa.String(length=32), nullable=False),
        *(sa.Column(name, sa.String(length=255), nullable=False) for name in ("school", "room", "node")),
        sa.Column("device", sa.String(length=255), nullable=True),
        sa.Column("kind", sa.String(length=255), nullable=False),
        sa.Column("metric", sa.String(length=255), nullable=False),
        sa.Column("condition", sa.String(length=16), nullable=False),
        sa.Column("severity", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in texts),
        sa.Column("value", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("limit", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("unit", sa.String(length=32), nullable=True),
        sa.Column("raised_ms", sa.BigInteger(), nullable=False),
        sa.Column("returned_ms", sa.BigInteger(), nullable=True),
        sa.Column("acknowledged_ms", sa.BigInteger(), nullable=True),
        sa.Column("acknowledged_by", sa.Text(), nullable=True),
        sa.Column("comment", sa.Text(), nullable=True),
        sa.Column("suppressed_by", sa.String(length=32), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_alarm"),
    )
    op.create_index("ix_alarm_state_raised_ms", "alarm", ["state", "raised_ms"])
    op.create_index("ix_alarm_school_raised_ms", "alarm", ["school", "raised_ms"])
    op.create_table(
        "alarm_event",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("alarm_id", sa.String(length=32), nullable=False),
        sa.Column("ts_ms", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("severity", sa.String(length=16), nullable=False),
        sa.Column("by", sa.Text(), nullable=True),
        sa.Column("comment", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["alarm_id"], ["alarm.id"], name="fk_alarm_event_alarm_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_alarm_event"),
        sa.UniqueConstraint("alarm_id", "ts_ms", "kind", name="uq_alarm_event_alarm_id_ts_ms_kind"),
    )


def downgrade() -> None:
    op.drop_table("alarm_event")
    op.drop_table("alarm")
