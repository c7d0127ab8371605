"""Second factors, ends of sessions, and accounts that are switched off."""

import sqlalchemy as sa
from alembic import op

from hub.folding import folded

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


# plain ALTER TABLE throughout: a table that is made anew on SQLite takes what refers to it along
def account_columns() -> tuple[sa.Column[object], ...]:
    return (
        sa.Column("search", sa.Text(), server_default="", nullable=False),
        sa.Column("created_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("disabled_ms", sa.BigInteger(), nullable=True),
        sa.Column("last_login_ms", sa.BigInteger(), nullable=True),
        sa.Column("must_change_password", sa.Boolean(), server_default=sa.false(), nullable=False),
    )


def token_columns() -> tuple[sa.Column[object], ...]:
    return (
        sa.Column("last_used_ms", sa.BigInteger(), nullable=True),
        sa.Column("address", sa.Text(), server_default="", nullable=False),
        sa.Column("agent", sa.Text(), server_default="", nullable=False),
        sa.Column("wall", sa.String(length=64), nullable=True),
    )


def upgrade() -> None:
    for column in account_columns():
        op.add_column("account", column)
    op.create_index("ix_account_grant_unit_code", "account_grant", ["unit_code"])
    for column in token_columns():
        op.add_column("access_token", column)
    op.create_index("ix_access_token_account_id", "access_token", ["account_id"])
    op.create_table(
        "second_factor",
        sa.Column("account_id", ROW_ID, autoincrement=False, nullable=False),
        sa.Column("sealed_secret", sa.Text(), nullable=False),
        sa.Column("confirmed_ms", sa.BigInteger(), nullable=True),
        sa.Column("last_step", sa.BigInteger(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name="fk_second_factor_account_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("account_id", name="pk_second_factor"),
    )
    op.create_table(
        "recovery_code",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("account_id", ROW_ID, nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name="fk_recovery_code_account_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_recovery_code"),
        sa.UniqueConstraint("account_id", "hash", name="uq_recovery_code_account_id_hash"),
    )
    account = sa.table(
        "account", sa.column("id"), sa.column("username"), sa.column("name"), sa.column("search")
    )
    known = op.get_bind().execute(sa.select(account.c.id, account.c.username, account.c.name)).all()
    for row in known:
        op.execute(
            account.update().where(account.c.id == row.id).values(search=folded(f"{row.username} {row.name}"))
        )


def downgrade() -> None:
    op.drop_table("recovery_code")
    op.drop_table("second_factor")
    op.drop_index("ix_access_token_account_id", "access_token")
    for column in token_columns():
        op.drop_column("access_token", column.name)
    op.drop_index("ix_account_grant_unit_code", "account_grant")
    # who was switched off must not get in again because the columns that say so are gone
    op.execute(
        "DELETE FROM access_token WHERE account_id IN (SELECT id FROM account WHERE disabled_ms IS NOT NULL)"
    )
    op.execute("UPDATE account SET password_hash = '' WHERE disabled_ms IS NOT NULL")
    for column in account_columns():
        op.drop_column("account", column.name)
