"""Sources remember for whom they import."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_ADDERS = (("account_id", "account"), ("token_id", "access_token"))


def upgrade() -> None:
    with op.batch_alter_table("sync_source") as table:
        for name, of in _ADDERS:
            table.add_column(sa.Column(name, ROW_ID, nullable=True))
            table.create_foreign_key(f"fk_sync_source_{name}", of, [name], ["id"], ondelete="SET NULL")


def downgrade() -> None:
    with op.batch_alter_table("sync_source") as table:
        for name, _ in _ADDERS:
            table.drop_constraint(f"fk_sync_source_{name}", type_="foreignkey")
            table.drop_column(name)
