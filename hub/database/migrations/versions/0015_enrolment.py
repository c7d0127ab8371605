"""Enrolment codes and the certificates of nodes."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "enrolment_code",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("group_code", sa.String(length=64), nullable=False),
        sa.Column("node", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("created_by", sa.String(length=255), server_default="", nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("expires_ms", sa.BigInteger(), nullable=False),
        sa.Column("used_ms", sa.BigInteger(), nullable=True),
        sa.Column("revoked_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_enrolment_code")),
        sa.UniqueConstraint("hash", name=op.f("uq_enrolment_code_hash")),
    )
    op.create_index("ix_enrolment_code_group_code", "enrolment_code", ["group_code"])
    op.create_index("ix_enrolment_code_node", "enrolment_code", ["node"])
    op.create_table(
        "node_certificate",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("serial", sa.String(length=40), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("group_code", sa.String(length=64), nullable=False),
        sa.Column("node", sa.String(length=64), nullable=False),
        sa.Column("issued_ms", sa.BigInteger(), nullable=False),
        sa.Column("not_after_ms", sa.BigInteger(), nullable=False),
        sa.Column("renewal_of", sa.String(length=40), nullable=True),
        sa.Column("revoked_ms", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("ended_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_node_certificate")),
        sa.UniqueConstraint("serial", name=op.f("uq_node_certificate_serial")),
    )
    op.create_index("ix_node_certificate_group_code", "node_certificate", ["group_code"])
    op.create_index("ix_node_certificate_node", "node_certificate", ["node"])


def downgrade() -> None:
    op.drop_table("node_certificate")
    op.drop_table("enrolment_code")
