"""The table of saved views."""

from sqlalchemy import ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from hub.database import Base, Milliseconds, RowId


class SavedView(Base):
    """A person's filters of a page under a name."""

    __tablename__ = "saved_view"
    __table_args__ = (UniqueConstraint("account_id", "name"),)

    id: Mapped[RowId]
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(60))
    page: Mapped[str] = mapped_column(String(16))
    query: Mapped[str] = mapped_column(Text)
    changed_ms: Mapped[Milliseconds]
