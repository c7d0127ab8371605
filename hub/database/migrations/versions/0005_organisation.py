"""Sites, buildings, names over time, changes of the tree, and headcounts."""

import unicodedata
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_WATCHED = ("unit", "placement")


def upgrade() -> None:
    for name in ("address", "search"):
        op.add_column("unit", sa.Column(name, sa.Text(), server_default="", nullable=False))
    op.add_column("unit", sa.Column("phone", sa.String(length=64), server_default="", nullable=False))
    for column in _room_columns():
        op.add_column("room", column)
    op.create_index("ix_room_type", "room", ["type"])
    _create_history()
    _create_places()
    connection = op.get_bind()
    for table, keys in (("unit", ("code",)), ("room", ("school_code", "code"))):
        _fill_search(connection, table, keys)
    # a unit that ended belongs to nobody after its end
    connection.execute(
        sa.text(
            "UPDATE placement SET valid_to = (SELECT valid_to FROM unit WHERE code = unit_code)"
            " WHERE EXISTS (SELECT 1 FROM unit WHERE code = unit_code AND unit.valid_to IS NOT NULL"
            " AND unit.valid_to > placement.valid_from"
            " AND (placement.valid_to IS NULL OR placement.valid_to > unit.valid_to))"
        )
    )
    _create_triggers(connection.dialect.name)


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        for table in _WATCHED:
            op.execute(f"DROP TRIGGER tree_changed ON {table}")
        op.execute("DROP FUNCTION count_tree_version()")
    else:
        for table in _WATCHED:
            for event in ("insert", "update", "delete"):
                op.execute(f"DROP TRIGGER {table}_{event}_tree_changed")
    tables = ("headcount", "building", "site", "succession", "changed_unit", "unit_change", "former_name")
    for name in (*tables, "tree_version"):
        op.drop_table(name)
    op.drop_index("ix_room_type", "room")
    for column in _room_columns():
        op.drop_column("room", column.name)
    for name in ("phone", "search", "address"):
        op.drop_column("unit", name)


def _room_columns() -> tuple[sa.Column[Any], ...]:
    return (
        sa.Column("site_code", sa.String(length=64), nullable=True),
        sa.Column("building_code", sa.String(length=64), nullable=True),
        sa.Column("floor", sa.String(length=16), server_default="", nullable=False),
        sa.Column("opening", sa.JSON(), server_default="[]", nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=True),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.Column("search", sa.Text(), server_default="", nullable=False),
    )


def _create_history() -> None:
    op.create_table(
        "former_name",
        sa.Column("unit_code", sa.String(length=64), nullable=False),
        sa.Column("until", sa.Date(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["unit_code"], ["unit.code"], name="fk_former_name_unit_code"),
        sa.PrimaryKeyConstraint("unit_code", "until", name="pk_former_name"),
    )
    version = op.create_table(
        "tree_version",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_tree_version"),
    )
    op.bulk_insert(version, [{"id": 1, "version": 1}])
    op.create_table(
        "unit_change",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("effective", sa.Date(), nullable=False),
        sa.Column("request", sa.JSON(), nullable=False),
        sa.Column("plan", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_unit_change"),
    )
    op.create_table(
        "changed_unit",
        sa.Column("change_id", ROW_ID, nullable=False),
        sa.Column("unit_code", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["change_id"], ["unit_change.id"], name="fk_changed_unit_change_id"),
        sa.ForeignKeyConstraint(["unit_code"], ["unit.code"], name="fk_changed_unit_unit_code"),
        sa.PrimaryKeyConstraint("change_id", "unit_code", name="pk_changed_unit"),
    )
    op.create_index("ix_changed_unit_unit_code", "changed_unit", ["unit_code"])
    op.create_table(
        "succession",
        sa.Column("predecessor", sa.String(length=64), nullable=False),
        sa.Column("successor", sa.String(length=64), nullable=False),
        sa.Column("since", sa.Date(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.ForeignKeyConstraint(["predecessor"], ["unit.code"], name="fk_succession_predecessor"),
        sa.ForeignKeyConstraint(["successor"], ["unit.code"], name="fk_succession_successor"),
        sa.PrimaryKeyConstraint("predecessor", "successor", "since", name="pk_succession"),
    )
    op.create_index("ix_succession_successor", "succession", ["successor"])


def _create_places() -> None:
    op.create_table(
        "site",
        sa.Column("school_code", sa.String(length=64), nullable=False),
        sa.Column("code", sa.String(length=64), nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("address", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["school_code"], ["unit.code"], name="fk_site_school_code"),
        sa.PrimaryKeyConstraint("school_code", "code", name="pk_site"),
    )
    op.create_table(
        "building",
        sa.Column("school_code", sa.String(length=64), nullable=False),
        sa.Column("code", sa.String(length=64), nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("site_code", sa.String(length=64), nullable=True),
        sa.Column("floors", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["school_code"], ["unit.code"], name="fk_building_school_code"),
        sa.PrimaryKeyConstraint("school_code", "code", name="pk_building"),
    )
    op.create_table(
        "headcount",
        sa.Column("unit_code", sa.String(length=64), nullable=False),
        sa.Column("as_of", sa.Date(), nullable=False),
        *(
            sa.Column(name, sa.Integer(), nullable=False)
            for name in ("pupils", "pupils_with_id", "teachers", "teachers_with_record")
        ),
        sa.Column("source", sa.Text(), server_default="", nullable=False),
        sa.Column("changed_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["unit_code"], ["unit.code"], name="fk_headcount_unit_code"),
        sa.PrimaryKeyConstraint("unit_code", "as_of", name="pk_headcount"),
    )


def _create_triggers(engine: str) -> None:
    """Counts every change of the tree, whoever makes it: caches of it ask for nothing but the count."""
    count = "UPDATE tree_version SET version = version + 1"
    if engine == "postgresql":
        op.execute(
            f"CREATE FUNCTION count_tree_version() RETURNS trigger LANGUAGE plpgsql AS"
            f" $$ BEGIN {count}; RETURN NULL; END $$"
        )
        for table in _WATCHED:
            op.execute(
                f"CREATE TRIGGER tree_changed AFTER INSERT OR UPDATE OR DELETE ON {table}"
                " FOR EACH STATEMENT EXECUTE FUNCTION count_tree_version()"
            )
        return
    for table in _WATCHED:
        for event in ("insert", "update", "delete"):
            op.execute(
                f"CREATE TRIGGER {table}_{event}_tree_changed AFTER {event} ON {table} BEGIN {count}; END"
            )


def _fill_search(connection: sa.Connection, name: str, keys: tuple[str, ...]) -> None:
    table = sa.table(name, *map(sa.column, (*keys, "name", "search")))
    rows = connection.execute(sa.select(*(table.c[key] for key in keys), table.c.name)).all()
    found = [
        {**{f"key_{key}": getattr(row, key) for key in keys}, "words": _folded(row.code, row.name)}
        for row in rows
    ]
    if found:
        update = table.update().where(*(table.c[key] == sa.bindparam(f"key_{key}") for key in keys))
        connection.execute(update.values(search=sa.bindparam("words")), found)


def _folded(*texts: str) -> str:
    folded = []
    for text in filter(None, texts):
        plain = unicodedata.normalize("NFD", text.replace("đ", "d").replace("Đ", "D"))
        folded.append("".join(letter for letter in plain if not unicodedata.combining(letter)).casefold())
    return "\n".join(folded)
