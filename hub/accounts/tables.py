"""Tables of accounts, what they are granted, tokens (only their hashes) and second factors."""

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint, false
from sqlalchemy.orm import Mapped, mapped_column

from hub.database import Base, Milliseconds, RowId


class Account(Base):
    """A person who can log in; one without a password hash only through a provider."""

    __tablename__ = "account"

    id: Mapped[RowId]
    username: Mapped[str] = mapped_column(String(64), unique=True)
    name: Mapped[str] = mapped_column(Text)
    password_hash: Mapped[str] = mapped_column(Text)
    language: Mapped[str] = mapped_column(String(8), server_default="vi")
    search: Mapped[str] = mapped_column(Text, default="", server_default="")
    """User name and name as people type them when they search."""
    created_ms: Mapped[Milliseconds] = mapped_column(default=0, server_default="0")
    disabled_ms: Mapped[Milliseconds | None]
    last_login_ms: Mapped[Milliseconds | None]
    must_change_password: Mapped[bool] = mapped_column(default=False, server_default=false())
    """The password is a temporary one: until it is changed nothing else is permitted."""


class Grant(Base):
    """An account has a role in a unit and everything below it."""

    __tablename__ = "account_grant"
    __table_args__ = (UniqueConstraint("account_id", "role", "unit_code"),)

    id: Mapped[RowId]
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"))
    role: Mapped[str] = mapped_column(String(32))
    unit_code: Mapped[str] = mapped_column(ForeignKey("unit.code"), index=True)


class AccessToken(Base):
    """A login session, an API token or a wall screen's token; the secret itself is nowhere.

    With `role` set the token has that role in `unit_code`, else the grants of its account. One with both
    belongs to the account: it never permits more than the account has, and ends with it.
    """

    __tablename__ = "access_token"
    __table_args__ = (Index(None, "expires_ms"),)

    id: Mapped[RowId]
    hash: Mapped[str] = mapped_column(String(64), unique=True)
    kind: Mapped[str] = mapped_column(String(16))
    name: Mapped[str] = mapped_column(Text)
    account_id: Mapped[int | None] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"), index=True)
    role: Mapped[str | None] = mapped_column(String(32))
    unit_code: Mapped[str | None] = mapped_column(ForeignKey("unit.code"))
    created_ms: Mapped[Milliseconds]
    expires_ms: Mapped[Milliseconds | None]
    last_used_ms: Mapped[Milliseconds | None]
    """Of a login session, to within a few minutes."""
    address: Mapped[str] = mapped_column(Text, default="", server_default="")
    agent: Mapped[str] = mapped_column(Text, default="", server_default="")
    """The browser of a login session, as it calls itself."""
    wall: Mapped[str | None] = mapped_column(String(64))


class SecondFactor(Base):
    """What an account's authenticator app shares with the hub; it counts once it is confirmed."""

    __tablename__ = "second_factor"

    account_id: Mapped[int] = mapped_column(
        ForeignKey("account.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    sealed_secret: Mapped[str] = mapped_column(Text)
    confirmed_ms: Mapped[Milliseconds | None]
    last_step: Mapped[Milliseconds] = mapped_column(default=0, server_default="0")
    """The 30 s step of the newest code used: none up to it is accepted again."""


class RecoveryCode(Base):
    """The hash of a code that stands once for the authenticator app; a used one is gone."""

    __tablename__ = "recovery_code"
    __table_args__ = (UniqueConstraint("account_id", "hash"),)

    id: Mapped[RowId]
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"))
    hash: Mapped[str] = mapped_column(String(64))
