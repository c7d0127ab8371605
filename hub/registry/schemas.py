"""What the API takes and tells about claims, presence and quarantine."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

MAX_REPLAYED = 200
RowNumber = Annotated[int, Field(ge=1, le=2**63 - 1)]


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
    """A change of presence; `device` is null for the node itself.

    It held until `until_ms`, null if it still does. `reason` is a stable code; what a device said in words of
    its own is `other` with those words.
    """

    group: str
    node: str
    device: str | None
    state: str
    reason: str
    since_ms: int
    until_ms: int | None
    reason_vi: str
    reason_en: str


class QuarantineOut(BaseModel):
    """A payload that could not be used, without its bytes.

    `tried_ms` and `outcome` say when it was read again last and what came of it: `stored`, or why not.
    """

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
    tried_ms: int | None
    outcome: str | None
    outcome_detail: str


class QuarantineDetail(QuarantineOut):
    """A payload that could not be used: its first bytes, and as much of it as can be read.

    `payload_hex` may be only the beginning (`truncated`); `decoded` is null if nothing can be read.
    """

    school: str
    payload_hex: str
    truncated: bool
    decoded: dict[str, Any] | None


class ReplayIn(BaseModel):
    """Which payloads to read again."""

    model_config = ConfigDict(extra="forbid")

    ids: Annotated[list[RowNumber], Field(min_length=1, max_length=MAX_REPLAYED)]


class ReplaysOut(BaseModel):
    """The payloads that will be read again, and those that are no longer there."""

    requested: list[int]
    missing: list[int]


class ReplayOut(BaseModel):
    """The payload will be read again; `replayed_ms` in the list says when it was used."""

    id: int
    requested: Literal[True] = True
