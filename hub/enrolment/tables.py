"""Tables of enrolment codes and of the certificates that nodes got."""

from sqlalchemy import String, Text
from sqlalchemy.orm import Mapped, mapped_column

from hub.database import Base, Milliseconds, RowId


class EnrolmentCode(Base):
    """A code that lets one node enrol once; of its secret part only the hash is kept."""

    __tablename__ = "enrolment_code"

    id: Mapped[RowId]
    group_code: Mapped[str] = mapped_column(String(64), index=True)
    node: Mapped[str] = mapped_column(String(64), index=True)
    hash: Mapped[str] = mapped_column(String(64), unique=True)
    created_by: Mapped[str] = mapped_column(String(255), server_default="")
    created_ms: Mapped[Milliseconds]
    expires_ms: Mapped[Milliseconds]
    used_ms: Mapped[Milliseconds | None]
    revoked_ms: Mapped[Milliseconds | None]


class NodeCertificate(Base):
    """A certificate of a node; `serial` and `fingerprint` (SHA-256) are in hexadecimal digits.

    `ended_ms` says when the broker was told of its revocation and the session that held it was ended.
    """

    __tablename__ = "node_certificate"

    id: Mapped[RowId]
    serial: Mapped[str] = mapped_column(String(40), unique=True)
    fingerprint: Mapped[str] = mapped_column(String(64))
    group_code: Mapped[str] = mapped_column(String(64), index=True)
    node: Mapped[str] = mapped_column(String(64), index=True)
    issued_ms: Mapped[Milliseconds]
    not_after_ms: Mapped[Milliseconds]
    renewal_of: Mapped[str | None] = mapped_column(String(40))
    revoked_ms: Mapped[Milliseconds | None]
    reason: Mapped[str] = mapped_column(Text, server_default="")
    ended_ms: Mapped[Milliseconds | None]
