"""What the routes of discovery take and give."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Method = Literal["mdns", "ssdp", "snmp", "pjlink", "mqtt"]
State = Literal["open", "claimed", "dismissed"]
DeviceId = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f/+#]+$")]


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ScanIn(_In):
    """A search: by all methods and in the agent's own networks unless others are named."""

    methods: list[Method] = Field(default_factory=list, max_length=5)
    networks: list[Annotated[str, Field(max_length=32, pattern=r"^[0-9./]+$")]] = Field(
        default_factory=list, max_length=16, description="such as 10.12.3.0/24; private ones"
    )


class ProposalOut(BaseModel):
    """Something an agent found; empty texts are not known. A claimed one is the device `device`."""

    id: int
    group: str
    node: str
    school: str
    method: str
    protocol: str
    address: str
    kind: str | None
    name: str
    maker: str
    model: str
    serial: str
    mac: str
    options: dict[str, Any]
    first_ms: int
    seen_ms: int
    state: State
    device: str | None
    by: str
    changed_ms: int


class ClaimIn(_In):
    """Where a thing is and what it is called; its asset is linked, or entered as new."""

    room: str = Field(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f/+#]+$", description="or - for none")
    kind: str | None = Field(None, max_length=64, description="another kind of device than the found one")
    device_id: DeviceId | None = None
    name: Annotated[str, Field(max_length=200, pattern=r"^[^\x00]*$")] = ""
    options: dict[str, Any] = Field(
        default_factory=dict, max_length=30, description="what its driver needs besides, such as a password"
    )
    asset_id: int | None = Field(None, ge=1, le=2**63 - 1)
    new_asset: bool = False

    @model_validator(mode="after")
    def _one_asset(self) -> "ClaimIn":
        if self.asset_id is not None and self.new_asset:
            raise ValueError("give asset_id or new_asset, not both")
        return self


class DeedIn(_In):
    """Nothing needs to be said."""
