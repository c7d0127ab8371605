"""Changes of the tree remember which rooms move, for what has to follow them on their day."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("unit_change", sa.Column("moves", sa.JSON(), nullable=True))
    op.add_column("unit_change", sa.Column("followed_ms", sa.BigInteger(), nullable=True))
    # what was changed before was followed at once, or by nobody
    op.execute("UPDATE unit_change SET followed_ms = at_ms")


def downgrade() -> None:
    op.drop_column("unit_change", "followed_ms")
    op.drop_column("unit_change", "moves")
