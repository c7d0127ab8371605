"""What agents found on their networks."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text(), nullable=False, server_default="") for name in names]


def upgrade() -> None:
    op.create_table(
        "proposal",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("group_code", sa.String(64), nullable=False),
        sa.Column("node", sa.String(64), nullable=False),
        sa.Column("method", sa.String(32), nullable=False),
        sa.Column("protocol", sa.String(32), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(64), nullable=False, server_default=""),
        *_texts("name", "maker", "model", "serial", "mac"),
        sa.Column("options", sa.Text(), nullable=False, server_default="{}"),
        sa.Column("first_ms", sa.BigInteger(), nullable=False),
        sa.Column("seen_ms", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("device", sa.String(64), nullable=False, server_default=""),
        sa.Column("by", sa.String(255), nullable=False, server_default=""),
        sa.Column("changed_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_proposal"),
    )
    op.create_index("ix_proposal_group_code_node", "proposal", ["group_code", "node"])
    op.create_index("ix_proposal_state_id", "proposal", ["state", "id"])


def downgrade() -> None:
    op.drop_table("proposal")
