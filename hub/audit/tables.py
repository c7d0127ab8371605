"""The table of the log; triggers of the database refuse to change or remove its rows."""

from sqlalchemy import BigInteger, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from hub.database import Base, Milliseconds

# SQLite keeps a table in the order of such a key
_NUMBER = BigInteger().with_variant(Integer, "sqlite")


class AuditEntry(Base):
    """One change. Numbers count without gaps; `before` and `after` keep the very text that was hashed."""

    __tablename__ = "audit_entry"

    id: Mapped[int] = mapped_column(_NUMBER, primary_key=True, autoincrement=False)
    at_ms: Mapped[Milliseconds]
    actor: Mapped[str] = mapped_column(Text)
    actor_kind: Mapped[str] = mapped_column(String(16))
    address: Mapped[str] = mapped_column(Text)
    action: Mapped[str] = mapped_column(String(64))
    object: Mapped[str] = mapped_column(Text)
    unit: Mapped[str | None] = mapped_column(String(64))
    before: Mapped[str | None] = mapped_column(Text)
    after: Mapped[str | None] = mapped_column(Text)
    text: Mapped[str] = mapped_column(Text)
    previous: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64))
    search: Mapped[str] = mapped_column(Text)
    """What is searched, without diacritics; made of the rest and not hashed."""

    __table_args__ = (
        Index(None, "at_ms"),
        Index(None, "unit", "id"),
        Index(None, "actor", "id"),
        Index(None, "action", "id"),
        Index(None, "object", "id"),
    )
