"""What the API takes and tells about commands, groups, scenes and what is wanted."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Plain = bool | int | float | str | None
Source = Literal["person", "scene", "group", "plan", "automation"]
CommandState = Literal[
    "queued", "sent", "delivered", "succeeded", "failed", "refused", "timed_out", "expired", "cancelled"
]
BatchState = Literal["running", "done", "aborted", "cancelled"]
Word = Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=r"^[^\x00]*$")]
ClientId = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[^\x00]*$")]
Whole = Annotated[int, Field(ge=-(2**63), le=2**63 - 1)]
Sent = (
    bool
    | Whole
    | Annotated[float, Field(allow_inf_nan=False)]
    | Annotated[str, StringConstraints(max_length=255, pattern=r"^[^\x00]*$")]
)


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid")


class CommandIn(_In):
    """What a device is told; the same `client_id` again gives the same command."""

    command: Word
    value: Sent
    expires_s: Annotated[int, Field(ge=1, le=86_400)] = 30
    client_id: ClientId | None = None


class Command(BaseModel):
    """A command with its life; times are UTC epoch ms.

    `detail` is a stable code of why it ended as it did, empty if as wished.
    """

    id: str
    group: str
    node: str
    device: str
    school: str
    room: str
    name: str
    kind: str
    command: str
    metric: str
    value: Plain
    label_vi: str
    label_en: str
    source: Source
    by: str
    state: CommandState
    detail: str
    created_ms: int
    expires_ms: int
    sent_ms: int | None
    delivered_ms: int | None
    ended_ms: int | None
    tries: int
    observed_value: Plain
    batch_id: str | None


class WantedOut(BaseModel):
    """What is wanted of a metric beside what is observed; drift is told after a while."""

    metric: str
    wanted: Plain
    observed: Plain
    since_ms: int
    until_ms: int
    drift_since_ms: int | None
    command_id: str


class GroupScope(_In):
    """Which devices: below a unit, in a school, in a room of it, in rooms of a type."""

    unit: Word | None = None
    school: Word | None = None
    room: Word | None = None
    room_type: Word | None = None


class GroupIn(_In):
    """A command to all devices of a kind in a scope; `dry_run` only counts them."""

    scope: GroupScope
    kind: Word
    command: Word
    value: Sent
    expires_s: Annotated[int, Field(ge=1, le=86_400)] = 30
    rate_per_s: Annotated[int, Field(ge=1, le=1000)] = 50
    abort_percent: Annotated[int, Field(ge=1, le=100)] = 20
    dry_run: bool = False
    client_id: ClientId | None = None


class Batch(BaseModel):
    """A group with its progress: `done` = all that ended, `failed` = those that ended otherwise than wished.

    Cancelled commands are in `done` and neither succeeded nor failed. The id of a dry run is empty.
    """

    id: str
    title: str
    source: Source
    unit: str
    school: str | None
    room: str | None
    room_type: str | None
    kind: str | None
    command: str | None
    value: Plain
    scene: str | None
    rate_per_s: int
    abort_percent: int
    by: str
    created_ms: int
    ended_ms: int | None
    state: BatchState
    detail: str
    total: int
    done: int
    succeeded: int
    failed: int
    waiting: int


class BatchDetail(Batch):
    """A group with the commands that failed, the newest first, at most a hundred."""

    failures: list[Command]


class SceneStep(_In):
    """What is told to all devices of a kind in the room."""

    kind: Word
    command: Word
    value: Sent


class SceneIn(_In):
    """A scene of a school."""

    school: Word
    name_vi: Word
    name_en: Word
    steps: Annotated[list[SceneStep], Field(min_length=1, max_length=30)]


class SceneChange(_In):
    """What is to be changed of a scene."""

    name_vi: Word | None = None
    name_en: Word | None = None
    steps: Annotated[list[SceneStep], Field(min_length=1, max_length=30)] | None = None


class SceneRun(_In):
    """The same `client_id` again does the scene once."""

    client_id: ClientId | None = None


class SceneOut(BaseModel):
    """A scene; `school` is null for those that every school has."""

    id: str
    name_vi: str
    name_en: str
    steps: list[SceneStep]
    school: str | None
