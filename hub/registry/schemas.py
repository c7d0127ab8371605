"""What the API takes and tells about claims, presence and quarantine."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, StringConstraints


class ClaimIn(BaseModel):
    """Where a node belongs; room `-` is the school as a whole."""

    model_config = ConfigDict(extra="forbid")

    school: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    room: Annotated[str, StringConstraints(pattern=r"^(-|[\w][\w.-]{0,63})$")]


class ClaimOut(BaseModel):
    """A node and where it belongs now."""

    group: str
    node: str
    school: str
    room: str


class PresenceOut(BaseModel):
    """A change of presence; `device` is null for the node itself."""

    group: str
    node: str
    device: str | None
    state: str
    reason: str
    since_ms: int


class QuarantineOut(BaseModel):
    """A payload that could not be used, without its bytes."""

    id: int
    received_ms: int
    group: str
    node: str
    device: str | None
    topic: str
    reason: str
    detail: str
    size: int
    replayed_ms: int | None


class ReplayOut(BaseModel):
    """The payload will be read again; `replayed_ms` in the list says when it was used."""

    id: int
    requested: Literal[True] = True
