"""Desired configurations, packages, roll-outs and requests to agents."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), server_default="", nullable=False)


def _ms(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=nullable)


def _of_agent() -> list[sa.Column[str]]:
    return [
        sa.Column("group_code", sa.String(length=64), nullable=False),
        sa.Column("node", sa.String(length=64), nullable=False),
    ]


def upgrade() -> None:
    op.create_table(
        "agent_configuration",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        *_of_agent(),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        _text("note"),
        sa.Column("by", sa.String(length=255), nullable=False),
        _ms("created_ms"),
        sa.Column("state", sa.String(length=16), nullable=False),
        _text("detail"),
        _ms("state_ms"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_agent_configuration")),
        sa.UniqueConstraint(
            "group_code", "node", "version", name=op.f("uq_agent_configuration_group_code_node_version")
        ),
    )
    op.create_index("ix_agent_configuration_state", "agent_configuration", ["state"])
    op.create_table(
        "agent_package",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("version", sa.String(length=64), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("signature", sa.String(length=128), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        _text("note"),
        sa.Column("by", sa.String(length=255), nullable=False),
        _ms("created_ms"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_agent_package")),
        sa.UniqueConstraint("version", name=op.f("uq_agent_package_version")),
    )
    op.create_table(
        "rollout",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        _text("title"),
        sa.Column("plan", sa.Text(), nullable=False),
        sa.Column("change", sa.Text(), nullable=False),
        sa.Column("package", sa.String(length=64), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        _text("detail"),
        sa.Column("stage", sa.Integer(), nullable=False),
        _ms("stage_ms"),
        sa.Column("by", sa.String(length=255), nullable=False),
        _ms("created_ms"),
        _ms("ended_ms", nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rollout")),
    )
    op.create_index("ix_rollout_state", "rollout", ["state"])
    op.create_table(
        "rollout_agent",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("rollout_id", ROW_ID, nullable=False),
        *_of_agent(),
        sa.Column("stage", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        _text("detail"),
        sa.Column("version", sa.BigInteger(), nullable=True),
        _ms("state_ms"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rollout_agent")),
        sa.ForeignKeyConstraint(
            ["rollout_id"], ["rollout.id"], name=op.f("fk_rollout_agent_rollout_id_rollout")
        ),
        sa.UniqueConstraint(
            "rollout_id", "group_code", "node", name=op.f("uq_rollout_agent_rollout_id_group_code_node")
        ),
    )
    op.create_table(
        "agent_request",
        sa.Column("id", sa.String(length=36), nullable=False),
        *_of_agent(),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        _text("detail"),
        sa.Column("result", sa.Text(), nullable=True),
        sa.Column("by", sa.String(length=255), nullable=False),
        _ms("created_ms"),
        _ms("expires_ms"),
        _ms("next_ms"),
        sa.Column("tries", sa.Integer(), nullable=False),
        _ms("sent_ms", nullable=True),
        _ms("taken_ms", nullable=True),
        _ms("ended_ms", nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_agent_request")),
    )
    op.create_index(
        "ix_agent_request_group_code_node_created_ms", "agent_request", ["group_code", "node", "created_ms"]
    )
    op.create_index("ix_agent_request_state_next_ms", "agent_request", ["state", "next_ms"])


def downgrade() -> None:
    op.drop_table("agent_request")
    op.drop_table("rollout_agent")
    op.drop_table("rollout")
    op.drop_table("agent_package")
    op.drop_table("agent_configuration")
