"""Commands, groups, scenes and what is wanted."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

NAME = sa.String(length=255)
ID = sa.String(length=32)


def upgrade() -> None:
    op.create_table(
        "command_group",
        sa.Column("id", ID, nullable=False),
        sa.Column("client_id", sa.String(length=64), nullable=True),
        sa.Column("source", sa.String(length=16), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("unit", sa.String(length=64), nullable=False),
        sa.Column("school", NAME, nullable=True),
        sa.Column("room", NAME, nullable=True),
        sa.Column("room_type", sa.String(length=32), nullable=True),
        sa.Column("kind", NAME, nullable=True),
        sa.Column("command", NAME, nullable=True),
        sa.Column("value", sa.JSON(), nullable=True),
        sa.Column("scene", ID, nullable=True),
        sa.Column("rate_per_s", sa.Integer(), nullable=False),
        sa.Column("abort_percent", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("detail", sa.Text(), server_default="", nullable=False),
        sa.Column("by", NAME, nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("ended_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_command_group")),
        sa.UniqueConstraint("by", "client_id", name=op.f("uq_command_group_by_client_id")),
    )
    op.create_index("ix_command_group_unit", "command_group", ["unit"])
    op.create_index("ix_command_group_state", "command_group", ["state"])
    op.create_table(
        "command",
        sa.Column("id", ID, nullable=False),
        sa.Column("client_id", sa.String(length=64), nullable=True),
        sa.Column("batch_id", ID, nullable=True),
        sa.Column("group_code", NAME, nullable=False),
        sa.Column("node", NAME, nullable=False),
        sa.Column("device", NAME, nullable=False),
        sa.Column("school", NAME, nullable=False),
        sa.Column("room", NAME, nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("kind", NAME, nullable=False),
        sa.Column("command", NAME, nullable=False),
        sa.Column("metric", NAME, nullable=False),
        sa.Column("datatype", sa.SmallInteger(), nullable=False),
        sa.Column("value", sa.JSON(), nullable=False),
        sa.Column("source", sa.String(length=16), nullable=False),
        sa.Column("by", NAME, nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("detail", sa.Text(), server_default="", nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("expires_ms", sa.BigInteger(), nullable=False),
        sa.Column("patience_ms", sa.BigInteger(), nullable=False),
        sa.Column("sent_ms", sa.BigInteger(), nullable=True),
        sa.Column("resent_ms", sa.BigInteger(), nullable=True),
        sa.Column("delivered_ms", sa.BigInteger(), nullable=True),
        sa.Column("done_ms", sa.BigInteger(), nullable=True),
        sa.Column("ended_ms", sa.BigInteger(), nullable=True),
        sa.Column("before_ms", sa.BigInteger(), nullable=True),
        sa.Column("proves", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("tries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("observed", sa.JSON(), nullable=True),
        sa.ForeignKeyConstraint(
            ["batch_id"], ["command_group.id"], ondelete="CASCADE",
            name=op.f("fk_command_batch_id_command_group"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_command")),
        sa.UniqueConstraint("by", "client_id", name=op.f("uq_command_by_client_id")),
    )  # fmt: skip
    op.create_index("ix_command_group_code_node_device_id", "command", ["group_code", "node", "device", "id"])
    op.create_index("ix_command_state_id", "command", ["state", "id"])
    op.create_index("ix_command_batch_id_state", "command", ["batch_id", "state"])
    op.create_table(
        "wanted",
        sa.Column("group_code", NAME, nullable=False),
        sa.Column("node", NAME, nullable=False),
        sa.Column("device", NAME, nullable=False),
        sa.Column("metric", NAME, nullable=False),
        sa.Column("kind", NAME, nullable=False),
        sa.Column("value", sa.JSON(), nullable=False),
        sa.Column("command_id", ID, nullable=False),
        sa.Column("since_ms", sa.BigInteger(), nullable=False),
        sa.Column("until_ms", sa.BigInteger(), nullable=False),
        sa.Column("drift_since_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("group_code", "node", "device", "metric", name=op.f("pk_wanted")),
    )
    op.create_index("ix_wanted_until_ms", "wanted", ["until_ms"])
    op.create_table(
        "scene",
        sa.Column("id", ID, nullable=False),
        sa.Column("school", NAME, nullable=False),
        sa.Column("name_vi", sa.Text(), nullable=False),
        sa.Column("name_en", sa.Text(), nullable=False),
        sa.Column("steps", sa.JSON(), nullable=False),
        sa.Column("by", NAME, nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_scene")),
    )
    op.create_index("ix_scene_school", "scene", ["school"])


def downgrade() -> None:
    op.drop_table("scene")
    op.drop_table("wanted")
    op.drop_table("command")
    op.drop_table("command_group")
