"""Tables of tickets and of what happened to them."""

from sqlalchemy import BigInteger, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from hub.database import Base, Milliseconds, RowId


class Ticket(Base):
    """A fault as it stands now; `level_ms` is when it came to its level, from which its due time counts."""

    __tablename__ = "ticket"
    __table_args__ = (
        Index(None, "unit_code", "id"),
        Index(None, "state", "due_ms"),
        Index(None, "assignee_id", "id"),
        Index(None, "asset_id"),
        Index(None, "created_ms"),
    )

    id: Mapped[RowId]
    title: Mapped[str] = mapped_column(Text)
    text: Mapped[str] = mapped_column(Text)
    unit_code: Mapped[str] = mapped_column(ForeignKey("unit.code"))
    room_code: Mapped[str | None] = mapped_column(String(64))
    group_code: Mapped[str | None] = mapped_column(String(255))
    node: Mapped[str | None] = mapped_column(String(255))
    device: Mapped[str | None] = mapped_column(String(255))
    asset_id: Mapped[int | None] = mapped_column(ForeignKey("asset.id", ondelete="SET NULL"))
    priority: Mapped[str] = mapped_column(String(16))
    state: Mapped[str] = mapped_column(String(16))
    level: Mapped[str] = mapped_column(String(16))
    assignee_id: Mapped[int | None] = mapped_column(ForeignKey("account.id", ondelete="SET NULL"))
    raised_by: Mapped[str] = mapped_column(Text)
    created_ms: Mapped[Milliseconds]
    level_ms: Mapped[Milliseconds]
    due_ms: Mapped[Milliseconds]
    escalated_ms: Mapped[int | None] = mapped_column(BigInteger)
    resolved_ms: Mapped[int | None] = mapped_column(BigInteger)
    changed_ms: Mapped[Milliseconds]
    search: Mapped[str] = mapped_column(Text)


class TicketEvent(Base):
    """One step in a ticket's life, with its state and level afterwards."""

    __tablename__ = "ticket_event"
    __table_args__ = (Index(None, "ticket_id", "id"), Index(None, "event", "at_ms"))

    id: Mapped[RowId]
    ticket_id: Mapped[int] = mapped_column(ForeignKey("ticket.id"))
    at_ms: Mapped[Milliseconds]
    event: Mapped[str] = mapped_column(String(16))
    by: Mapped[str] = mapped_column(Text)
    text: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(16))
    level: Mapped[str] = mapped_column(String(16))
