"""The table of what agents found."""

from sqlalchemy import Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from hub.database import Base, Milliseconds, RowId


class Proposal(Base):
    """Something an agent found on its network; `options` is JSON, an empty text is not known.

    `state` is open, claimed (then it is the agent's device `device`) or dismissed.
    """

    __tablename__ = "proposal"
    __table_args__ = (Index(None, "group_code", "node"), Index(None, "state", "id"))

    id: Mapped[RowId]
    group_code: Mapped[str] = mapped_column(String(64))
    node: Mapped[str] = mapped_column(String(64))
    method: Mapped[str] = mapped_column(String(32))
    protocol: Mapped[str] = mapped_column(String(32))
    address: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(String(64), server_default="")
    name: Mapped[str] = mapped_column(Text, server_default="")
    maker: Mapped[str] = mapped_column(Text, server_default="")
    model: Mapped[str] = mapped_column(Text, server_default="")
    serial: Mapped[str] = mapped_column(Text, server_default="")
    mac: Mapped[str] = mapped_column(Text, server_default="")
    options: Mapped[str] = mapped_column(Text, server_default="{}")
    first_ms: Mapped[Milliseconds]
    seen_ms: Mapped[Milliseconds]
    state: Mapped[str] = mapped_column(String(16))
    device: Mapped[str] = mapped_column(String(64), server_default="")
    by: Mapped[str] = mapped_column(String(255), server_default="")
    changed_ms: Mapped[Milliseconds]
