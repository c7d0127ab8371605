"""Tables of nodes, devices, presence and quarantine."""

from sqlalchemy import ForeignKeyConstraint, Index, LargeBinary, String, Text, UniqueConstraint, false
from sqlalchemy.orm import Mapped, mapped_column

from hub.database import Base, Milliseconds, RowId


class Node(Base):
    """An edge node the hub has heard of, claimed into a school or not yet."""

    __tablename__ = "node"

    group_code: Mapped[str] = mapped_column(String(255), primary_key=True)
    node: Mapped[str] = mapped_column(String(255), primary_key=True)
    claimed_school: Mapped[str | None] = mapped_column(String(64), index=True)
    claimed_room: Mapped[str | None] = mapped_column(String(64))
    first_seen_ms: Mapped[Milliseconds]
    simulated: Mapped[bool] = mapped_column(server_default=false())
    software: Mapped[str] = mapped_column(Text, server_default="")


class Device(Base):
    """A device of a node, with its kind and room."""

    __tablename__ = "device"
    __table_args__ = (ForeignKeyConstraint(["group_code", "node"], ["node.group_code", "node.node"]),)

    group_code: Mapped[str] = mapped_column(String(255), primary_key=True)
    node: Mapped[str] = mapped_column(String(255), primary_key=True)
    device: Mapped[str] = mapped_column(String(255), primary_key=True)
    kind: Mapped[str] = mapped_column(String(255), server_default="")
    room_code: Mapped[str] = mapped_column(String(255), server_default="")
    name: Mapped[str] = mapped_column(Text, server_default="")
    claimed: Mapped[bool] = mapped_column(server_default=false())


class PresenceEvent(Base):
    """A change of presence; `device` is empty for the node itself."""

    __tablename__ = "presence_event"
    __table_args__ = (
        UniqueConstraint("group_code", "node", "device", "since_ms", "state"),
        Index(None, "since_ms"),
    )

    id: Mapped[RowId]
    group_code: Mapped[str] = mapped_column(String(255))
    node: Mapped[str] = mapped_column(String(255))
    device: Mapped[str] = mapped_column(String(255), server_default="")
    state: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str] = mapped_column(String(64), server_default="")
    since_ms: Mapped[Milliseconds]


class Quarantine(Base):
    """A payload that could not be used, with its raw bytes.

    `tried_ms` and `outcome` say when it was read again last and what came of it (`stored` or a reason);
    `replayed_ms` when it could be used.
    """

    __tablename__ = "quarantine"

    id: Mapped[RowId]
    received_ms: Mapped[Milliseconds] = mapped_column(index=True)
    group_code: Mapped[str] = mapped_column(String(255), server_default="")
    node: Mapped[str] = mapped_column(String(255), server_default="")
    device: Mapped[str] = mapped_column(String(255), server_default="")
    topic: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(String(64))
    detail: Mapped[str] = mapped_column(Text, server_default="")
    size: Mapped[int]
    payload: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    journal_key: Mapped[str] = mapped_column(String(128), unique=True)
    replayed_ms: Mapped[Milliseconds | None]
    tried_ms: Mapped[Milliseconds | None]
    outcome: Mapped[str] = mapped_column(String(64), server_default="")
    outcome_detail: Mapped[str] = mapped_column(Text, server_default="")
