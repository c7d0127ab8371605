"""What the API tells about changes."""

from typing import Any

from pydantic import BaseModel

from hub.audit.rules import ActorKind


class AuditOut(BaseModel):
    """One change; `hash` covers it and everything before it."""

    id: int
    at_ms: int
    actor: str
    actor_kind: ActorKind
    address: str
    action: str
    object: str
    unit: str | None
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    text: str
    hash: str


class HeadOut(BaseModel):
    """The newest entry; 0 and zeros before the first."""

    id: int
    hash: str
    at_ms: int | None
