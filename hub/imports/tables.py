"""Tables of imports and what they would change, of sources fetched by the clock, and of classes by count."""

from datetime import date
from typing import Any

from sqlalchemy import JSON, BigInteger, Boolean, ForeignKey, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from hub.database import Base, Milliseconds, RowId


class ImportRun(Base):
    """A file that somebody brought: what it is, how far it is, and what it would change or has changed."""

    __tablename__ = "import_run"
    __table_args__ = (Index(None, "state"), Index(None, "account_id"))

    id: Mapped[RowId]
    kind: Mapped[str] = mapped_column(String(16))
    unit_code: Mapped[str | None] = mapped_column(String(64))
    scope: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True))
    file: Mapped[str] = mapped_column(Text)
    stored: Mapped[str] = mapped_column(Text)
    size: Mapped[int] = mapped_column(BigInteger)
    encoding: Mapped[str] = mapped_column(String(32), server_default="")
    state: Mapped[str] = mapped_column(String(16))
    done: Mapped[int] = mapped_column(Integer, server_default="0")
    total: Mapped[int] = mapped_column(Integer, server_default="0")
    summary: Mapped[dict[str, int]] = mapped_column(JSON)
    digest: Mapped[str] = mapped_column(String(64), server_default="")
    problem: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    account_id: Mapped[int | None] = mapped_column(ForeignKey("account.id", ondelete="SET NULL"))
    by: Mapped[str] = mapped_column(Text)
    roles: Mapped[list[Any]] = mapped_column(JSON)
    holder: Mapped[str] = mapped_column(String(128), server_default="")
    beat_ms: Mapped[Milliseconds]
    created_ms: Mapped[Milliseconds]
    finished_ms: Mapped[int | None] = mapped_column(BigInteger)


class ImportRow(Base):
    """What one row of a file would do, or what is wrong with it; only so many of each are kept."""

    __tablename__ = "import_row"

    import_id: Mapped[int] = mapped_column(ForeignKey("import_run.id", ondelete="CASCADE"), primary_key=True)
    position: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    file: Mapped[str] = mapped_column(Text)
    row: Mapped[int] = mapped_column(Integer)
    action: Mapped[str] = mapped_column(String(8))
    warned: Mapped[bool] = mapped_column(Boolean)
    key: Mapped[str] = mapped_column(Text)
    changes: Mapped[list[Any]] = mapped_column(JSON)
    problems: Mapped[list[Any]] = mapped_column(JSON)


class SyncSource(Base):
    """A folder or address that is looked at by the clock and imported when it has changed."""

    __tablename__ = "sync_source"
    __table_args__ = (Index(None, "next_ms"),)

    id: Mapped[RowId]
    name: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(String(16))
    unit_code: Mapped[str] = mapped_column(ForeignKey("unit.code"))
    location: Mapped[str] = mapped_column(Text)
    every_s: Mapped[int] = mapped_column(Integer)
    enabled: Mapped[bool] = mapped_column(Boolean)
    version: Mapped[str] = mapped_column(Text, server_default="")
    next_ms: Mapped[Milliseconds]
    failures: Mapped[int] = mapped_column(Integer, server_default="0")
    last_try_ms: Mapped[int | None] = mapped_column(BigInteger)
    last_success_ms: Mapped[int | None] = mapped_column(BigInteger)
    error: Mapped[str] = mapped_column(Text, server_default="")
    import_id: Mapped[int | None] = mapped_column(ForeignKey("import_run.id", ondelete="SET NULL"))
    by: Mapped[str] = mapped_column(Text, server_default="")
    account_id: Mapped[int | None] = mapped_column(ForeignKey("account.id", ondelete="SET NULL"))
    token_id: Mapped[int | None] = mapped_column(ForeignKey("access_token.id", ondelete="SET NULL"))
    """Who added or last changed it: it brings in what they may, as of then."""
    created_ms: Mapped[Milliseconds]


class SyncState(Base):
    """When a school's data of a domain last came in, and what went wrong since."""

    __tablename__ = "sync_state"

    school_code: Mapped[str] = mapped_column(ForeignKey("unit.code"), primary_key=True)
    domain: Mapped[str] = mapped_column(String(16), primary_key=True)
    last_success_ms: Mapped[int | None] = mapped_column(BigInteger)
    last_try_ms: Mapped[Milliseconds]
    error: Mapped[str] = mapped_column(Text, server_default="")
    origin: Mapped[str] = mapped_column(Text, server_default="")


class AcademicSession(Base):
    """A school year, term or grading period of a unit, as its school-information system names it."""

    __tablename__ = "academic_session"
    __table_args__ = (UniqueConstraint("unit_code", "sourced_id"),)

    id: Mapped[RowId]
    unit_code: Mapped[str] = mapped_column(ForeignKey("unit.code"))
    sourced_id: Mapped[str] = mapped_column(String(128))
    title: Mapped[str] = mapped_column(Text)
    type: Mapped[str] = mapped_column(String(32))
    school_year: Mapped[int] = mapped_column(Integer)
    starts: Mapped[date]
    ends: Mapped[date]
    parent_id: Mapped[str] = mapped_column(String(128), server_default="")


class SchoolClass(Base):
    """A class of a school with the numbers of its pupils and teachers; names of people are nowhere."""

    __tablename__ = "school_class"
    __table_args__ = (UniqueConstraint("school_code", "sourced_id"),)

    id: Mapped[RowId]
    school_code: Mapped[str] = mapped_column(ForeignKey("unit.code"))
    sourced_id: Mapped[str] = mapped_column(String(128))
    title: Mapped[str] = mapped_column(Text)
    grade: Mapped[str] = mapped_column(String(64), server_default="")
    course: Mapped[str] = mapped_column(Text, server_default="")
    sessions: Mapped[str] = mapped_column(Text, server_default="")
    room: Mapped[str] = mapped_column(String(64), server_default="")
    pupils: Mapped[int] = mapped_column(Integer, server_default="0")
    teachers: Mapped[int] = mapped_column(Integer, server_default="0")
