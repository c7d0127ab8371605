"""Alarms can be searched, sorted, shelved and flapping."""

import unicodedata
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    columns: tuple[sa.Column[Any], ...] = (
        sa.Column("raised_count", sa.Integer(), server_default="1", nullable=False),
        *(
            sa.Column(name, sa.BigInteger(), nullable=True)
            for name in ("flapping_since_ms", "shelved_ms", "shelved_until_ms")
        ),
        sa.Column("shelved_by", sa.Text(), nullable=True),
        sa.Column("shelved_why", sa.Text(), nullable=True),
        sa.Column("changed_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("rank", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("search", sa.Text(), server_default="", nullable=False),
    )
    for column in columns:
        op.add_column("alarm", column)
    op.add_column("alarm_event", sa.Column("cause", sa.String(length=32), nullable=True))
    _fill(op.get_bind())
    op.create_index("ix_alarm_node_raised_ms", "alarm", ["node", "raised_ms"])
    op.create_index("ix_alarm_raised_ms_id", "alarm", ["raised_ms", "id"])
    op.create_index("ix_alarm_state_rank_raised_ms", "alarm", ["state", "rank", "raised_ms"])


def downgrade() -> None:
    for name in ("node_raised_ms", "raised_ms_id", "state_rank_raised_ms"):
        op.drop_index(f"ix_alarm_{name}", "alarm")
    op.drop_column("alarm_event", "cause")
    times = ("changed_ms", "shelved_until_ms", "shelved_ms", "flapping_since_ms", "raised_count")
    for name in ("search", "rank", "shelved_why", "shelved_by", *times):
        op.drop_column("alarm", name)


def _fill(connection: sa.Connection) -> None:
    names = ("school", "room", "node", "device", "kind", "metric", "title_vi", "title_en")
    times = ("raised_ms", "returned_ms", "acknowledged_ms", "changed_ms", "rank")
    alarm = sa.table("alarm", *map(sa.column, ("id", "severity", "search", *names, *times)))
    rank = sa.case((alarm.c.severity == "critical", 3), (alarm.c.severity == "major", 2), else_=1)
    changed_ms = sa.func.coalesce(alarm.c.returned_ms, alarm.c.acknowledged_ms, alarm.c.raised_ms)
    connection.execute(alarm.update().values(rank=rank, changed_ms=changed_ms))
    texts = sa.select(alarm.c.id, *(alarm.c[name] for name in names))
    found = [
        {"name": row[0], "words": _folded(" ".join(filter(None, row[1:])))}
        for row in connection.execute(texts)
    ]
    if found:
        update = alarm.update().where(alarm.c.id == sa.bindparam("name"))
        connection.execute(update.values(search=sa.bindparam("words")), found)


def _folded(text: str) -> str:
    plain = unicodedata.normalize("NFD", text.replace("đ", "d").replace("Đ", "D"))
    return "".join(letter for letter in plain if not unicodedata.combining(letter)).casefold()
