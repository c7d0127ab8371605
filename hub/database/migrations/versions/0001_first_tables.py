"""First tables: units and rooms, accounts and tokens, nodes and devices, presence, quarantine, leases."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "account",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("username", sa.String(length=64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("language", sa.String(length=8), server_default="vi", nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_account"),
        sa.UniqueConstraint("username", name="uq_account_username"),
    )
    op.create_table(
        "lease",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("holder", sa.String(length=128), nullable=False),
        sa.Column("until_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_lease"),
    )
    op.create_table(
        "node",
        sa.Column("group_code", sa.String(length=255), nullable=False),
        sa.Column("node", sa.String(length=255), nullable=False),
        sa.Column("claimed_school", sa.String(length=64), nullable=True),
        sa.Column("claimed_room", sa.String(length=64), nullable=True),
        sa.Column("first_seen_ms", sa.BigInteger(), nullable=False),
        sa.Column("simulated", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("software", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("group_code", "node", name="pk_node"),
    )
    op.create_index("ix_node_claimed_school", "node", ["claimed_school"])

    op.create_table(
        "presence_event",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("group_code", sa.String(length=255), nullable=False),
        sa.Column("node", sa.String(length=255), nullable=False),
        sa.Column("device", sa.String(length=255), server_default="", nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=64), server_default="", nullable=False),
        sa.Column("since_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_presence_event"),
        sa.UniqueConstraint(
            "group_code",
            "node",
            "device",
            "since_ms",
            "state",
            name="uq_presence_event_group_code_node_device_since_ms_state",
        ),
    )
    op.create_index("ix_presence_event_since_ms", "presence_event", ["since_ms"])

    op.create_table(
        "quarantine",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("received_ms", sa.BigInteger(), nullable=False),
        sa.Column("group_code", sa.String(length=255), server_default="", nullable=False),
        sa.Column("node", sa.String(length=255), server_default="", nullable=False),
        sa.Column("device", sa.String(length=255), server_default="", nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("reason", sa.String(length=64), nullable=False),
        sa.Column("detail", sa.Text(), server_default="", nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("journal_key", sa.String(length=128), nullable=False),
        sa.Column("replayed_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_quarantine"),
        sa.UniqueConstraint("journal_key", name="uq_quarantine_journal_key"),
    )
    op.create_index("ix_quarantine_received_ms", "quarantine", ["received_ms"])

    op.create_table(
        "unit",
        sa.Column("code", sa.String(length=64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("levels", sa.JSON(), nullable=False),
        sa.Column("district_code", sa.String(length=64), nullable=True),
        sa.Column("valid_from", sa.Date(), nullable=True),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.PrimaryKeyConstraint("code", name="pk_unit"),
    )
    op.create_index("ix_unit_district_code", "unit", ["district_code"])
    op.create_index("ix_unit_kind", "unit", ["kind"])

    op.create_table(
        "access_token",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("account_id", ROW_ID, nullable=True),
        sa.Column("role", sa.String(length=32), nullable=True),
        sa.Column("unit_code", sa.String(length=64), nullable=True),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("expires_ms", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name="fk_access_token_account_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["unit_code"], ["unit.code"], name="fk_access_token_unit_code"),
        sa.PrimaryKeyConstraint("id", name="pk_access_token"),
        sa.UniqueConstraint("hash", name="uq_access_token_hash"),
    )
    op.create_index("ix_access_token_expires_ms", "access_token", ["expires_ms"])

    op.create_table(
        "account_grant",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("account_id", ROW_ID, nullable=False),
        sa.Column("role", sa.String(length=32), nullable=False),
        sa.Column("unit_code", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name="fk_account_grant_account_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["unit_code"], ["unit.code"], name="fk_account_grant_unit_code"),
        sa.PrimaryKeyConstraint("id", name="pk_account_grant"),
        sa.UniqueConstraint(
            "account_id", "role", "unit_code", name="uq_account_grant_account_id_role_unit_code"
        ),
    )
    op.create_table(
        "device",
        sa.Column("group_code", sa.String(length=255), nullable=False),
        sa.Column("node", sa.String(length=255), nullable=False),
        sa.Column("device", sa.String(length=255), nullable=False),
        sa.Column("kind", sa.String(length=255), server_default="", nullable=False),
        sa.Column("room_code", sa.String(length=255), server_default="", nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("claimed", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.ForeignKeyConstraint(
            ["group_code", "node"], ["node.group_code", "node.node"], name="fk_device_group_code_node"
        ),
        sa.PrimaryKeyConstraint("group_code", "node", "device", name="pk_device"),
    )
    op.create_table(
        "placement",
        sa.Column("unit_code", sa.String(length=64), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.Column("parent_code", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["parent_code"], ["unit.code"], name="fk_placement_parent_code"),
        sa.ForeignKeyConstraint(["unit_code"], ["unit.code"], name="fk_placement_unit_code"),
        sa.PrimaryKeyConstraint("unit_code", "valid_from", name="pk_placement"),
    )
    op.create_index("ix_placement_parent_code", "placement", ["parent_code"])

    op.create_table(
        "room",
        sa.Column("school_code", sa.String(length=64), nullable=False),
        sa.Column("code", sa.String(length=64), nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("type", sa.String(length=32), server_default="", nullable=False),
        sa.Column("seats", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["school_code"], ["unit.code"], name="fk_room_school_code"),
        sa.PrimaryKeyConstraint("school_code", "code", name="pk_room"),
    )


def downgrade() -> None:
    for name in ("room", "placement", "device", "account_grant", "access_token", "unit"):
        op.drop_table(name)
    for name in ("quarantine", "presence_event", "node", "lease", "account"):
        op.drop_table(name)
