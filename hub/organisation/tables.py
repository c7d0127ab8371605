"""Tables of units and how they changed, of sites, buildings and rooms, and of headcounts."""

from datetime import date
from typing import Any

from sqlalchemy import JSON, ColumnElement, ForeignKey, Index, String, Text, and_, false, func, or_, text
from sqlalchemy.engine.default import DefaultExecutionContext
from sqlalchemy.orm import Mapped, mapped_column

from hub.database import Base, Milliseconds, RowId
from hub.folding import folded

Code = String(64)


def _code_and_name(context: DefaultExecutionContext) -> str:
    row: dict[str, Any] = context.get_current_parameters()  # type: ignore[no-untyped-call]
    return search_text(row["code"], row.get("name") or "")


def search_text(*texts: str) -> str:
    """Makes what searches look in: the texts folded, no word spanning two of them."""
    return "\n".join(folded(text) for text in texts if text)


class Unit(Base):
    """A department, district, office, commune, school, centre or college; its code never changes.

    `name` is the last name it has or is to have; `FormerName` holds those before it.
    """

    __tablename__ = "unit"

    code: Mapped[str] = mapped_column(Code, primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(String(16), index=True)
    levels: Mapped[list[str]] = mapped_column(JSON)
    district_code: Mapped[str | None] = mapped_column(Code, index=True)
    valid_from: Mapped[date | None]
    valid_to: Mapped[date | None]
    address: Mapped[str] = mapped_column(Text, server_default="")
    phone: Mapped[str] = mapped_column(String(64), server_default="")
    search: Mapped[str] = mapped_column(Text, default=_code_and_name, server_default="")


class FormerName(Base):
    """A unit was called so until a day (not included), from the end of the name before it."""

    __tablename__ = "former_name"

    unit_code: Mapped[str] = mapped_column(ForeignKey("unit.code"), primary_key=True)
    until: Mapped[date] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(Text)


class Placement(Base):
    """A unit belonged to a parent from a day (included) to a day (not included)."""

    __tablename__ = "placement"
    __table_args__ = (Index(None, "parent_code"),)

    unit_code: Mapped[str] = mapped_column(ForeignKey("unit.code"), primary_key=True)
    valid_from: Mapped[date] = mapped_column(primary_key=True)
    valid_to: Mapped[date | None]
    parent_code: Mapped[str] = mapped_column(ForeignKey("unit.code"))


class TreeVersion(Base):
    """One row, counted up by triggers whenever a unit or a placement changes, whoever changes it."""

    __tablename__ = "tree_version"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    version: Mapped[Milliseconds]


class UnitChange(Base):
    """A rename, move, merger, split, beginning or end, as it was asked for and what it did.

    `moves` are rooms as [school, code, to school, to code]; equipment follows on the day (`followed_ms`).
    """

    __tablename__ = "unit_change"

    id: Mapped[RowId]
    at_ms: Mapped[Milliseconds]
    by: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(String(16))
    effective: Mapped[date]
    request: Mapped[dict[str, Any]] = mapped_column(JSON)
    plan: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    moves: Mapped[list[list[str]] | None] = mapped_column(JSON)
    followed_ms: Mapped[Milliseconds | None]


class ChangedUnit(Base):
    """A unit that a change touched."""

    __tablename__ = "changed_unit"

    change_id: Mapped[int] = mapped_column(ForeignKey("unit_change.id"), primary_key=True)
    unit_code: Mapped[str] = mapped_column(ForeignKey("unit.code"), primary_key=True, index=True)


class Succession(Base):
    """A unit went into another (merge), or came out of one (split), on a day."""

    __tablename__ = "succession"

    predecessor: Mapped[str] = mapped_column(ForeignKey("unit.code"), primary_key=True)
    successor: Mapped[str] = mapped_column(ForeignKey("unit.code"), primary_key=True, index=True)
    since: Mapped[date] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(16))


class Site(Base):
    """A place where a school has buildings."""

    __tablename__ = "site"

    school_code: Mapped[str] = mapped_column(ForeignKey("unit.code"), primary_key=True)
    code: Mapped[str] = mapped_column(Code, primary_key=True)
    name: Mapped[str] = mapped_column(Text, server_default="")
    address: Mapped[str] = mapped_column(Text, server_default="")


class Building(Base):
    """A building of a school, on one of its sites if it has several."""

    __tablename__ = "building"

    school_code: Mapped[str] = mapped_column(ForeignKey("unit.code"), primary_key=True)
    code: Mapped[str] = mapped_column(Code, primary_key=True)
    name: Mapped[str] = mapped_column(Text, server_default="")
    site_code: Mapped[str | None] = mapped_column(Code)
    floors: Mapped[int | None]


class Room(Base):
    """A room of a school; one that moved to another school ended here and began there.

    A `twin` has a code that differs by case alone from another's, of a time when that made two.
    """

    __tablename__ = "room"
    __table_args__ = (
        Index("ux_room_code_any_case", "school_code", text("lower(code)"), unique=True,
              sqlite_where=text("twin = 0"), postgresql_where=text("NOT twin")),
    )  # fmt: skip

    school_code: Mapped[str] = mapped_column(ForeignKey("unit.code"), primary_key=True)
    code: Mapped[str] = mapped_column(Code, primary_key=True)
    name: Mapped[str] = mapped_column(Text, server_default="")
    type: Mapped[str] = mapped_column(String(32), server_default="", index=True)
    seats: Mapped[int | None]
    site_code: Mapped[str | None] = mapped_column(Code)
    building_code: Mapped[str | None] = mapped_column(Code)
    floor: Mapped[str] = mapped_column(String(16), server_default="")
    opening: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list, server_default="[]")
    valid_from: Mapped[date | None]
    valid_to: Mapped[date | None]
    search: Mapped[str] = mapped_column(Text, default=_code_and_name, server_default="")
    twin: Mapped[bool] = mapped_column(server_default=false(), default=False)

    @classmethod
    def called(cls, code: str) -> ColumnElement[bool]:
        """Tells which room a code means, in whatever case; a twin answers to its own letters only."""
        return or_(cls.code == code, and_(func.lower(cls.code) == code.lower(), ~cls.twin))


class Headcount(Base):
    """How many people a school counted on a day; nobody's name, number or record is stored."""

    __tablename__ = "headcount"

    unit_code: Mapped[str] = mapped_column(ForeignKey("unit.code"), primary_key=True)
    as_of: Mapped[date] = mapped_column(primary_key=True)
    pupils: Mapped[int]
    pupils_with_id: Mapped[int]
    teachers: Mapped[int]
    teachers_with_record: Mapped[int]
    source: Mapped[str] = mapped_column(Text, server_default="")
    changed_ms: Mapped[Milliseconds]
