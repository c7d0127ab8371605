"""Tables of alarms and of everything that happened to them."""

from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, SmallInteger, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from hub.database import Base, Milliseconds, RowId


class AlarmRow(Base):
    """An alarm as it is now; closed ones stay as history with state `normal`.

    `rank` orders by severity, `search` holds what is searched for without diacritics, `changed_ms` is the
    instant of the latest change.
    """

    __tablename__ = "alarm"
    __table_args__ = (
        Index(None, "state", "raised_ms"),
        Index(None, "school", "raised_ms"),
        Index(None, "node", "raised_ms"),
        Index(None, "raised_ms", "id"),
        Index(None, "state", "rank", "raised_ms"),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    school: Mapped[str] = mapped_column(String(255))
    room: Mapped[str] = mapped_column(String(255))
    node: Mapped[str] = mapped_column(String(255))
    device: Mapped[str | None] = mapped_column(String(255))
    kind: Mapped[str] = mapped_column(String(255))
    metric: Mapped[str] = mapped_column(String(255))
    condition: Mapped[str] = mapped_column(String(16))
    severity: Mapped[str] = mapped_column(String(16))
    state: Mapped[str] = mapped_column(String(32))
    title_vi: Mapped[str] = mapped_column(Text)
    title_en: Mapped[str] = mapped_column(Text)
    detail_vi: Mapped[str] = mapped_column(Text)
    detail_en: Mapped[str] = mapped_column(Text)
    value: Mapped[Any] = mapped_column(JSON(none_as_null=True), nullable=True)
    limit: Mapped[Any] = mapped_column(JSON(none_as_null=True), nullable=True)
    unit: Mapped[str | None] = mapped_column(String(32))
    raised_ms: Mapped[Milliseconds]
    returned_ms: Mapped[Milliseconds | None]
    acknowledged_ms: Mapped[Milliseconds | None]
    acknowledged_by: Mapped[str | None] = mapped_column(Text)
    comment: Mapped[str | None] = mapped_column(Text)
    suppressed_by: Mapped[str | None] = mapped_column(String(32))
    raised_count: Mapped[int] = mapped_column(server_default="1")
    flapping_since_ms: Mapped[Milliseconds | None]
    shelved_ms: Mapped[Milliseconds | None]
    shelved_until_ms: Mapped[Milliseconds | None]
    shelved_by: Mapped[str | None] = mapped_column(Text)
    shelved_why: Mapped[str | None] = mapped_column(Text)
    changed_ms: Mapped[Milliseconds] = mapped_column(server_default="0")
    rank: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    search: Mapped[str] = mapped_column(Text, server_default="")


class AlarmEvent(Base):
    """One step in an alarm's life; never changed, never deleted before its alarm.

    `cause` is the alarm that suppressed it.
    """

    __tablename__ = "alarm_event"
    __table_args__ = (UniqueConstraint("alarm_id", "ts_ms", "kind"),)

    id: Mapped[RowId]
    alarm_id: Mapped[str] = mapped_column(ForeignKey("alarm.id", ondelete="CASCADE"))
    ts_ms: Mapped[Milliseconds]
    kind: Mapped[str] = mapped_column(String(16))
    state: Mapped[str] = mapped_column(String(32))
    severity: Mapped[str] = mapped_column(String(16))
    by: Mapped[str | None] = mapped_column(Text)
    comment: Mapped[str | None] = mapped_column(Text)
    cause: Mapped[str | None] = mapped_column(String(32))
