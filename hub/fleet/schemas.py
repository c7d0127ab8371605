"""What the routes of the fleet take and give."""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from devices.sections import AgentOptions, Configuration
from hub.fleet.rules import ConfigState, MemberState, RequestState
from hub.live.schemas import Presence

Name = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f/+#]+$")]


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ConfigStanding(BaseModel):
    """Which version an agent should have and which it says it has."""

    wanted_version: int | None
    reported_version: int | None
    state: ConfigState
    detail: str = ""


class UpdateStanding(BaseModel):
    """The version an agent was asked last to change to, and how that request stands."""

    wanted: str | None
    state: RequestState | None
    detail: str = ""


class Agent(BaseModel):
    """An agent as the live picture and the hub's records know it."""

    group: str
    node: str
    school: str
    school_name: str
    version: str
    last_contact_ms: int | None
    presence: Presence | None
    reason: str
    outbox_depth: int | None
    clock_offset_ms: int | None
    certificate_end_ms: int | None
    config: ConfigStanding
    update: UpdateStanding
    problem: str
    devices: int
    devices_online: int
    simulated: bool


class ConfigurationIn(Configuration):
    """A new version; `base_version` is the version it was made from, 0 for the first.

    A secret that is sent back as "(kept)" stays what it was.
    """

    base_version: int = Field(ge=0, description="the version this was made from, 0 for the first")
    note: str = Field("", max_length=500, description="text of at most 500 characters")


class ConfigurationVersion(BaseModel):
    """A version of an agent's configuration, without its content."""

    version: int
    hash: str
    note: str
    by: str
    created_ms: int
    state: ConfigState
    detail: str
    devices: int | None


class ConfigurationOut(ConfigurationVersion):
    """A version with its content; secrets are shown as "(kept)"."""

    content: dict[str, Any]


class RollbackIn(_In):
    """The earlier version that is wanted again."""

    version: int = Field(ge=1)


class Target(_In):
    """Which agents: all of a unit and below it, or those named as `group/node`."""

    unit: Name | None = None
    nodes: list[Annotated[str, Field(max_length=129, pattern=r"^[^/]+/[^/]+$")]] | None = Field(
        None, min_length=1, max_length=5000
    )

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.unit is None) == (self.nodes is None):
            raise ValueError("give either unit or nodes")
        return self


class DeviceChange(_In):
    """What a roll-out changes of devices."""

    room_type: str | None = Field(None, max_length=32)
    poll_s: float | None = Field(None, ge=0.1, le=3600)
    timeout_s: float | None = Field(None, ge=0.1, le=600)
    options: dict[str, Any] | None = None


class Change(_In):
    """What a roll-out of configuration changes: `options` of agents, `set` of their devices of `kind`."""

    options: AgentOptions | None = None
    kind: Name | None = None
    set: DeviceChange | None = None

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.options is None and self.set is None:
            raise ValueError("give options or set")
        return self


class RolloutIn(_In):
    """A roll-out to begin: of a change of configuration, or of a package."""

    kind: Literal["configuration", "update"]
    title: str = Field("", max_length=200)
    target: Target
    stages_percent: list[Annotated[int, Field(ge=1, le=100)]] = Field(
        [1, 10, 50, 100], min_length=1, max_length=10
    )
    abort_percent: int = Field(10, ge=0, le=100)
    patience_s: int = Field(600, ge=1, le=7 * 86_400)
    package: Annotated[str, Field(max_length=64)] | None = None
    change: Change | None = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.stages_percent != sorted(set(self.stages_percent)) or self.stages_percent[-1] != 100:
            raise ValueError("stages_percent must rise and end with 100")
        needed = self.package if self.kind == "update" else self.change
        other = self.change if self.kind == "update" else self.package
        if needed is None or other is not None:
            raise ValueError("an update needs package alone, a configuration change alone")
        return self


class Stage(BaseModel):
    """How the agents of one stage stand."""

    percent: int
    total: int
    waiting: int
    pending: int
    in_step: int
    failed: int
    skipped: int


class RolloutMember(BaseModel):
    """One agent of a roll-out."""

    group: str
    node: str
    stage: int
    state: MemberState
    detail: str
    changed_ms: int


class RolloutOut(BaseModel):
    """A roll-out with its stages; `stage` counts from 1."""

    id: int
    kind: Literal["configuration", "update"]
    title: str
    package: str | None
    change: dict[str, Any] | None
    abort_percent: int
    patience_s: int
    state: Literal["running", "done", "aborted"]
    detail: str
    stage: int
    stages: list[Stage]
    by: str
    created_ms: int
    ended_ms: int | None


class RolloutDetail(RolloutOut):
    """A roll-out with each of its agents (5,000 at most)."""

    agents: list[RolloutMember]


class PackageOut(BaseModel):
    """A package of the agent's software."""

    version: str
    sha256: str
    signature: str
    size: int
    note: str
    by: str
    created_ms: int


class DiagnoseIn(_In):
    """What to find out: the end of the agent's log, whether a device answers its driver, or the network."""

    what: Literal["log", "driver", "network"]
    device: Name | None = None
    lines: int = Field(200, ge=1, le=1000)
    host: Annotated[str, Field(max_length=253, pattern=r"^[A-Za-z0-9.:_-]+$")] | None = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if (self.what == "driver") != (self.device is not None):
            raise ValueError("driver needs device, and nothing else has one")
        return self


class AgentRequestOut(BaseModel):
    """A request to an agent; `result` is what it answered."""

    id: str
    group: str
    node: str
    kind: str
    state: RequestState
    detail: str
    result: dict[str, Any] | None
    by: str
    created_ms: int
    expires_ms: int
    sent_ms: int | None
    taken_ms: int | None
    ended_ms: int | None
    tries: int
