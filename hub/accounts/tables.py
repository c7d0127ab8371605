"""Tables of accounts, what they are granted, and tokens (only their hashes)."""

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from hub.database import Base, Milliseconds, RowId


class Account(Base):
    """A person who can log in."""

    __tablename__ = "account"

    id: Mapped[RowId]
    username: Mapped[str] = mapped_column(String(64), unique=True)
    name: Mapped[str] = mapped_column(Text)
    password_hash: Mapped[str] = mapped_column(Text)
    language: Mapped[str] = mapped_column(String(8), server_default="vi")


class Grant(Base):
    """An account has a role in a unit and everything below it."""

    __tablename__ = "account_grant"
    __table_args__ = (UniqueConstraint("account_id", "role", "unit_code"),)

    id: Mapped[RowId]
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"))
    role: Mapped[str] = mapped_column(String(32))
    unit_code: Mapped[str] = mapped_column(ForeignKey("unit.code"))


class AccessToken(Base):
    """A login session, an API token or a wall screen's token; the secret itself is nowhere.

    With `role` set the token has that role in `unit_code`, else the grants of its account.
    """

    __tablename__ = "access_token"
    __table_args__ = (Index(None, "expires_ms"),)

    id: Mapped[RowId]
    hash: Mapped[str] = mapped_column(String(64), unique=True)
    kind: Mapped[str] = mapped_column(String(16))
    name: Mapped[str] = mapped_column(Text)
    account_id: Mapped[int | None] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"))
    role: Mapped[str | None] = mapped_column(String(32))
    unit_code: Mapped[str | None] = mapped_column(ForeignKey("unit.code"))
    created_ms: Mapped[Milliseconds]
    expires_ms: Mapped[Milliseconds | None]
