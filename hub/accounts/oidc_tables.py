"""The table of identities that a provider vouches for."""

from sqlalchemy import ForeignKey, String, Text, UniqueConstraint, false
from sqlalchemy.orm import Mapped, mapped_column

from hub.database import Base, Milliseconds, RowId


class ExternalIdentity(Base):
    """An account's name at a provider: opaque, and nothing else of what the provider knows of the person."""

    __tablename__ = "external_identity"
    __table_args__ = (UniqueConstraint("issuer", "subject"),)

    id: Mapped[RowId]
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"), index=True)
    provider: Mapped[str] = mapped_column(String(32))
    issuer: Mapped[str] = mapped_column(Text)
    subject: Mapped[str] = mapped_column(String(255))
    verified: Mapped[bool] = mapped_column(default=False, server_default=false())
    """The person has logged in with it; before that, an administrator only wrote it down."""
    managed: Mapped[bool] = mapped_column(default=False, server_default=false())
    """The account was made by this login: its roles follow the provider's claims at each one."""
    linked_ms: Mapped[Milliseconds]
    last_login_ms: Mapped[Milliseconds | None]
