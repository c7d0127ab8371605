"""Tables of the equipment register: assets, what happened to them, their documents, and stock-taking."""

from datetime import date
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    ColumnElement,
    ForeignKey,
    Index,
    Integer,
    SmallInteger,
    String,
    Text,
    UniqueConstraint,
    and_,
    false,
    func,
    or_,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from hub.database import Base, Milliseconds, RowId


class Asset(Base):
    """A piece of equipment as it is now; an empty text is not known.

    `gaps` is a bit for each field that a complete record needs and that is missing (`rules.REQUIRED`), 0 is
    complete; `search` is the folded text that a search looks into, beginning with the name.
    A `twin` has a tag that differs by case alone from another's, of a time when that made two.
    """

    __tablename__ = "asset"
    __table_args__ = (
        # the order of the register with all that filters look at: a scan never reads the rows themselves
        Index("ix_asset_place", "school_code", "room_code", "id", "type", "status", "gaps", "node"),
        Index("ix_asset_facets", "type", "status", "gaps", "node", "school_code", "room_code", "search"),
        Index(
            "ix_asset_linked",
            *("type", "school_code", "room_code", "status", "group_code", "node", "device", "id"),
            sqlite_where=text("node IS NOT NULL"),
            postgresql_where=text("node IS NOT NULL"),
        ),
        Index("ix_asset_name", "search", "id", "node"),
        Index("ix_asset_type", "type", "school_code", "room_code", "id"),
        Index("ix_asset_status", "status", "school_code", "room_code", "id"),
        Index("ix_asset_changed_ms", "changed_ms", "id"),
        Index("ix_asset_serial", "serial"),
        Index(
            "ux_asset_tag_any_case",
            text("lower(tag)"),
            unique=True,
            sqlite_where=text("twin = 0"),
            postgresql_where=text("NOT twin"),
        ),
        UniqueConstraint("group_code", "node", "device"),
    )

    id: Mapped[RowId]
    tag: Mapped[str] = mapped_column(String(64), unique=True)
    type: Mapped[str] = mapped_column(String(32), server_default="")
    name: Mapped[str] = mapped_column(Text)
    serial: Mapped[str] = mapped_column(String(128), server_default="")
    maker: Mapped[str] = mapped_column(Text, server_default="")
    model: Mapped[str] = mapped_column(Text, server_default="")
    school_code: Mapped[str] = mapped_column(ForeignKey("unit.code"))
    room_code: Mapped[str] = mapped_column(String(64), server_default="")
    acquired: Mapped[date | None]
    fund_source: Mapped[str] = mapped_column(Text, server_default="")
    supplier: Mapped[str] = mapped_column(Text, server_default="")
    price_vnd: Mapped[int | None] = mapped_column(BigInteger)
    warranty_until: Mapped[date | None]
    status: Mapped[str] = mapped_column(String(16), server_default="")
    condition: Mapped[str] = mapped_column(String(16), server_default="")
    note: Mapped[str] = mapped_column(Text, server_default="")
    group_code: Mapped[str | None] = mapped_column(String(255))
    node: Mapped[str | None] = mapped_column(String(255))
    device: Mapped[str | None] = mapped_column(String(255))
    gaps: Mapped[int] = mapped_column(SmallInteger)
    search: Mapped[str] = mapped_column(Text)
    created_ms: Mapped[Milliseconds]
    changed_ms: Mapped[Milliseconds]
    seen_ms: Mapped[int | None] = mapped_column(BigInteger)
    twin: Mapped[bool] = mapped_column(server_default=false(), default=False)

    @classmethod
    def tagged(cls, tag: str) -> ColumnElement[bool]:
        """Tells whom a tag means, in whatever case it is written; a twin answers to its own letters only."""
        return or_(cls.tag == tag, and_(func.lower(cls.tag) == tag.lower(), ~cls.twin))


class AssetCount(Base):
    """How many assets of a school are alike, maybe 0; triggers of the database keep it, whoever writes."""

    __tablename__ = "asset_count"
    __table_args__ = {"sqlite_with_rowid": False}

    school_code: Mapped[str] = mapped_column(String(64), primary_key=True)
    type: Mapped[str] = mapped_column(String(32), primary_key=True)
    status: Mapped[str] = mapped_column(String(16), primary_key=True)
    gaps: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    linked: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    number: Mapped[int] = mapped_column(Integer)


class AssetEvent(Base):
    """Something that happened to an asset on a day, and where it stood afterwards; never changed again."""

    __tablename__ = "asset_event"
    __table_args__ = (Index(None, "asset_id", "id"),)

    id: Mapped[RowId]
    asset_id: Mapped[int] = mapped_column(ForeignKey("asset.id"))
    kind: Mapped[str] = mapped_column(String(16))
    on: Mapped[date]
    at_ms: Mapped[Milliseconds]
    by: Mapped[str] = mapped_column(Text)
    school_code: Mapped[str] = mapped_column(String(64))
    room_code: Mapped[str] = mapped_column(String(64), server_default="")
    before: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    after: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    text: Mapped[str] = mapped_column(Text, server_default="")


class AssetDocument(Base):
    """A file about an asset; its bytes are kept in the data directory under their hash."""

    __tablename__ = "asset_document"
    __table_args__ = (UniqueConstraint("asset_id", "sha256"),)

    id: Mapped[RowId]
    asset_id: Mapped[int] = mapped_column(ForeignKey("asset.id"))
    name: Mapped[str] = mapped_column(Text)
    media_type: Mapped[str] = mapped_column(String(128))
    size: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(String(64))
    at_ms: Mapped[Milliseconds]
    by: Mapped[str] = mapped_column(Text)


class Stocktake(Base):
    """One counting of a school's equipment, or of one room's (`room_code` empty: the whole school)."""

    __tablename__ = "stocktake"
    __table_args__ = (Index(None, "school_code", "id"),)

    id: Mapped[RowId]
    school_code: Mapped[str] = mapped_column(ForeignKey("unit.code"))
    room_code: Mapped[str] = mapped_column(String(64), server_default="")
    started_ms: Mapped[Milliseconds]
    started_by: Mapped[str] = mapped_column(Text)
    finished_ms: Mapped[int | None] = mapped_column(BigInteger)
    finished_by: Mapped[str] = mapped_column(Text, server_default="")


class StocktakeScan(Base):
    """One label read during stock-taking; `client_id` is the phone's own name for it, so twice is once.

    One taken back stays, so that a telephone that sends it again does not bring it back.
    """

    __tablename__ = "stocktake_scan"
    __table_args__ = (UniqueConstraint("stocktake_id", "client_id"),)

    id: Mapped[RowId]
    stocktake_id: Mapped[int] = mapped_column(ForeignKey("stocktake.id"))
    client_id: Mapped[str] = mapped_column(String(64))
    tag: Mapped[str] = mapped_column(String(64))
    asset_id: Mapped[int | None] = mapped_column(ForeignKey("asset.id"))
    room_code: Mapped[str] = mapped_column(String(64), server_default="")
    condition: Mapped[str] = mapped_column(String(16), server_default="")
    at_ms: Mapped[Milliseconds]
    by: Mapped[str] = mapped_column(Text)
    withdrawn_ms: Mapped[int | None] = mapped_column(BigInteger)


class StocktakeLine(Base):
    """What a finished stock-taking found of one asset, or of a label that is not the school's."""

    __tablename__ = "stocktake_line"
    __table_args__ = (Index(None, "stocktake_id", "outcome"),)

    id: Mapped[RowId]
    stocktake_id: Mapped[int] = mapped_column(ForeignKey("stocktake.id"))
    outcome: Mapped[str] = mapped_column(String(16))
    tag: Mapped[str] = mapped_column(String(64))
    asset_id: Mapped[int | None] = mapped_column(ForeignKey("asset.id"))
    room_code: Mapped[str] = mapped_column(String(64), server_default="")
    seen_room_code: Mapped[str] = mapped_column(String(64), server_default="")
