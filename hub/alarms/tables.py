"""Tables of alarms and of everything that happened to them."""

from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from hub.database import Base, Milliseconds, RowId


class AlarmRow(Base):
    """An alarm as it is now; closed ones stay as history with state `normal`."""

    __tablename__ = "alarm"
    __table_args__ = (Index(None, "state", "raised_ms"), Index(None, "school", "raised_ms"))

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


class AlarmEvent(Base):
    """One step in an alarm's life; never changed, never deleted before its alarm."""

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
