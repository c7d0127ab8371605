"""The equipment register with its history, documents and stock-taking."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

INDICES = {
    "ix_asset_place": ("school_code", "room_code", "id", "type", "status", "gaps", "node"),
    "ix_asset_facets": ("type", "status", "gaps", "node", "school_code", "room_code", "search"),
    "ix_asset_gaps": ("school_code", "gaps", "status"),
    "ix_asset_name": ("search", "id", "node"),
    "ix_asset_type": ("type", "school_code", "room_code", "id"),
    "ix_asset_status": ("status", "school_code", "room_code", "id"),
    "ix_asset_changed_ms": ("changed_ms", "id"),
    "ix_asset_serial": ("serial",),
}


def _known(name: str, kind: sa.types.TypeEngine[str]) -> sa.Column[str]:
    return sa.Column(name, kind, server_default="", nullable=False)


def _foreign(table: str, column: str, other: str, key: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{other}.{key}"], name=f"fk_{table}_{column}")


def upgrade() -> None:
    _assets()
    _stocktakes()


def _assets() -> None:
    op.create_table(
        "asset",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("tag", sa.String(length=64), nullable=False),
        _known("type", sa.String(length=32)),
        sa.Column("name", sa.Text(), nullable=False),
        _known("serial", sa.String(length=128)),
        _known("maker", sa.Text()),
        _known("model", sa.Text()),
        sa.Column("school_code", sa.String(length=64), nullable=False),
        _known("room_code", sa.String(length=64)),
        sa.Column("acquired", sa.Date(), nullable=True),
        _known("fund_source", sa.Text()),
        _known("supplier", sa.Text()),
        sa.Column("price_vnd", sa.BigInteger(), nullable=True),
        sa.Column("warranty_until", sa.Date(), nullable=True),
        _known("status", sa.String(length=16)),
        _known("condition", sa.String(length=16)),
        _known("note", sa.Text()),
        *(sa.Column(name, sa.String(length=255), nullable=True) for name in ("group_code", "node", "device")),
        sa.Column("gaps", sa.SmallInteger(), nullable=False),
        sa.Column("search", sa.Text(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("changed_ms", sa.BigInteger(), nullable=False),
        sa.Column("seen_ms", sa.BigInteger(), nullable=True),
        _foreign("asset", "school_code", "unit", "code"),
        sa.PrimaryKeyConstraint("id", name="pk_asset"),
        sa.UniqueConstraint("tag", name="uq_asset_tag"),
        sa.UniqueConstraint("group_code", "node", "device", name="uq_asset_group_code_node_device"),
    )
    for name, columns in INDICES.items():
        op.create_index(name, "asset", list(columns))
    op.create_table(
        "asset_event",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("asset_id", ROW_ID, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("on", sa.Date(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("school_code", sa.String(length=64), nullable=False),
        _known("room_code", sa.String(length=64)),
        sa.Column("before", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("after", sa.JSON(none_as_null=True), nullable=True),
        _known("text", sa.Text()),
        _foreign("asset_event", "asset_id", "asset", "id"),
        sa.PrimaryKeyConstraint("id", name="pk_asset_event"),
    )
    op.create_index("ix_asset_event_asset_id_id", "asset_event", ["asset_id", "id"])
    op.create_table(
        "asset_document",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("asset_id", ROW_ID, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("media_type", sa.String(length=128), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        _foreign("asset_document", "asset_id", "asset", "id"),
        sa.PrimaryKeyConstraint("id", name="pk_asset_document"),
        sa.UniqueConstraint("asset_id", "sha256", name="uq_asset_document_asset_id_sha256"),
    )


def _stocktakes() -> None:
    op.create_table(
        "stocktake",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("school_code", sa.String(length=64), nullable=False),
        _known("room_code", sa.String(length=64)),
        sa.Column("started_ms", sa.BigInteger(), nullable=False),
        sa.Column("started_by", sa.Text(), nullable=False),
        sa.Column("finished_ms", sa.BigInteger(), nullable=True),
        _known("finished_by", sa.Text()),
        _foreign("stocktake", "school_code", "unit", "code"),
        sa.PrimaryKeyConstraint("id", name="pk_stocktake"),
    )
    op.create_index("ix_stocktake_school_code_id", "stocktake", ["school_code", "id"])
    op.create_table(
        "stocktake_scan",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("stocktake_id", ROW_ID, nullable=False),
        sa.Column("client_id", sa.String(length=64), nullable=False),
        sa.Column("tag", sa.String(length=64), nullable=False),
        sa.Column("asset_id", ROW_ID, nullable=True),
        _known("room_code", sa.String(length=64)),
        _known("condition", sa.String(length=16)),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        _foreign("stocktake_scan", "stocktake_id", "stocktake", "id"),
        _foreign("stocktake_scan", "asset_id", "asset", "id"),
        sa.PrimaryKeyConstraint("id", name="pk_stocktake_scan"),
        sa.UniqueConstraint("stocktake_id", "client_id", name="uq_stocktake_scan_stocktake_id_client_id"),
    )
    op.create_table(
        "stocktake_line",
        sa.Column("id", ROW_ID, autoincrement=True, nullable=False),
        sa.Column("stocktake_id", ROW_ID, nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("tag", sa.String(length=64), nullable=False),
        sa.Column("asset_id", ROW_ID, nullable=True),
        _known("room_code", sa.String(length=64)),
        _known("seen_room_code", sa.String(length=64)),
        _foreign("stocktake_line", "stocktake_id", "stocktake", "id"),
        _foreign("stocktake_line", "asset_id", "asset", "id"),
        sa.PrimaryKeyConstraint("id", name="pk_stocktake_line"),
    )
    op.create_index("ix_stocktake_line_stocktake_id_outcome", "stocktake_line", ["stocktake_id", "outcome"])


def downgrade() -> None:
    # documents stay in the data directory: whoever upgrades again finds them by their hash
    for table in ("stocktake_line", "stocktake_scan", "stocktake", "asset_document", "asset_event", "asset"):
        op.drop_table(table)
