"""Tables of wanted configurations, packages, roll-outs and requests to agents."""

from sqlalchemy import BigInteger, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from hub.database import Base, Milliseconds, RowId


class AgentConfiguration(Base):
    """A version of what one agent should be; the newest one is wanted. `content` is JSON.

    `state` is pending, in_step, refused or rolled_back, with the agent's own words in `detail`.
    """

    __tablename__ = "agent_configuration"
    __table_args__ = (UniqueConstraint("group_code", "node", "version"),)

    id: Mapped[RowId]
    group_code: Mapped[str] = mapped_column(String(64))
    node: Mapped[str] = mapped_column(String(64))
    version: Mapped[int] = mapped_column(BigInteger)
    hash: Mapped[str] = mapped_column(String(64))
    content: Mapped[str] = mapped_column(Text)
    note: Mapped[str] = mapped_column(Text, server_default="")
    by: Mapped[str] = mapped_column(String(255))
    created_ms: Mapped[Milliseconds]
    state: Mapped[str] = mapped_column(String(16), index=True)
    detail: Mapped[str] = mapped_column(Text, server_default="")
    state_ms: Mapped[Milliseconds]


class AgentPackage(Base):
    """A signed package of the agent's software; its file lies in the data directory under its digest."""

    __tablename__ = "agent_package"

    id: Mapped[RowId]
    version: Mapped[str] = mapped_column(String(64), unique=True)
    sha256: Mapped[str] = mapped_column(String(64))
    signature: Mapped[str] = mapped_column(String(128))
    size: Mapped[int] = mapped_column(BigInteger)
    note: Mapped[str] = mapped_column(Text, server_default="")
    by: Mapped[str] = mapped_column(String(255))
    created_ms: Mapped[Milliseconds]


class Rollout(Base):
    """A change brought to many agents in stages; `plan` and `change` are JSON, `stage` counts from 0."""

    __tablename__ = "rollout"

    id: Mapped[RowId]
    kind: Mapped[str] = mapped_column(String(16))
    title: Mapped[str] = mapped_column(Text, server_default="")
    plan: Mapped[str] = mapped_column(Text)
    change: Mapped[str] = mapped_column(Text)
    package: Mapped[str | None] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(16), index=True)
    detail: Mapped[str] = mapped_column(Text, server_default="")
    stage: Mapped[int]
    stage_ms: Mapped[Milliseconds]
    by: Mapped[str] = mapped_column(String(255))
    created_ms: Mapped[Milliseconds]
    ended_ms: Mapped[Milliseconds | None]


class RolloutAgent(Base):
    """One agent of a roll-out: waiting, pending, in_step, failed or skipped."""

    __tablename__ = "rollout_agent"
    __table_args__ = (UniqueConstraint("rollout_id", "group_code", "node"),)

    id: Mapped[RowId]
    rollout_id: Mapped[int] = mapped_column(ForeignKey("rollout.id"))
    group_code: Mapped[str] = mapped_column(String(64))
    node: Mapped[str] = mapped_column(String(64))
    stage: Mapped[int]
    state: Mapped[str] = mapped_column(String(16))
    detail: Mapped[str] = mapped_column(Text, server_default="")
    version: Mapped[int | None] = mapped_column(BigInteger)
    state_ms: Mapped[Milliseconds]


class AgentRequest(Base):
    """Something an agent was asked for; `content` and `result` are JSON.

    queued, sent, taken, then done, failed, refused or expired. `next_ms` is when it is sent (again).
    """

    __tablename__ = "agent_request"
    __table_args__ = (
        Index(None, "group_code", "node", "created_ms"),
        Index(None, "state", "next_ms"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    group_code: Mapped[str] = mapped_column(String(64))
    node: Mapped[str] = mapped_column(String(64))
    kind: Mapped[str] = mapped_column(String(16))
    content: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(16))
    detail: Mapped[str] = mapped_column(Text, server_default="")
    result: Mapped[str | None] = mapped_column(Text)
    by: Mapped[str] = mapped_column(String(255))
    created_ms: Mapped[Milliseconds]
    expires_ms: Mapped[Milliseconds]
    next_ms: Mapped[Milliseconds]
    tries: Mapped[int]
    sent_ms: Mapped[Milliseconds | None]
    taken_ms: Mapped[Milliseconds | None]
    ended_ms: Mapped[Milliseconds | None]
