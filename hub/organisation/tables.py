"""Tables of units, of who belonged to whom when, and of rooms."""

from datetime import date

from sqlalchemy import JSON, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from hub.database import Base


class Unit(Base):
    """A department, district, office, school or college; its code never changes and means nothing."""

    __tablename__ = "unit"

    code: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(String(16), index=True)
    levels: Mapped[list[str]] = mapped_column(JSON)
    district_code: Mapped[str | None] = mapped_column(String(64), index=True)
    valid_from: Mapped[date | None]
    valid_to: Mapped[date | None]


class Placement(Base):
    """A unit belonged to a parent from a day (included) to a day (not included)."""

    __tablename__ = "placement"
    __table_args__ = (Index(None, "parent_code"),)

    unit_code: Mapped[str] = mapped_column(ForeignKey("unit.code"), primary_key=True)
    valid_from: Mapped[date] = mapped_column(primary_key=True)
    valid_to: Mapped[date | None]
    parent_code: Mapped[str] = mapped_column(ForeignKey("unit.code"))


class Room(Base):
    """A room of a school."""

    __tablename__ = "room"

    school_code: Mapped[str] = mapped_column(ForeignKey("unit.code"), primary_key=True)
    code: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(Text, server_default="")
    type: Mapped[str] = mapped_column(String(32), server_default="")
    seats: Mapped[int | None]
