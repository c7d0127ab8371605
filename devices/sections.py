"""A device as a configuration tells it, checked alike by the agent that runs it and the hub that wants it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator

from devices.kind import kinds
from devices.protocols.options import Drivers
from devices.wire.topics import check_id

SECRETS = ("password", "community", "auth_key", "privacy_key", "pin")
"""Names of options begin with one of these where their value is nobody else's business."""
CONFIGURATION_MOST_BYTES = 256 * 1024


def _id(text: str) -> str:
    check_id(text)
    return text


Id = Annotated[str, AfterValidator(_id)]
ID_FIX = "letters, digits, - and _; no + / # and no control characters"


class Section(BaseModel):
    """A table of a configuration; what it does not know is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class DeviceSection(Section):
    """One device."""

    id: Id = Field(description=f"unique in the school, such as p101-air: {ID_FIX}")
    kind: str = Field(description="a known kind of device")
    room: Id = Field(description="the room's code, such as P101, or - for the whole school")
    room_type: str = Field("", max_length=32, description="such as computer_lab, or leave it out")
    name: str = Field("", max_length=200, description="text of at most 200 characters")
    driver: Literal["simulated", "kind"] = Field(
        "kind", description='"kind" for the kind\'s own driver, "simulated" for none'
    )
    poll_s: float = Field(10, ge=0.1, le=3600, description="seconds between 0.1 and 3600")
    timeout_s: float = Field(5, ge=0.1, le=600, description="seconds between 0.1 and 600")
    seed: int = Field(1, description="a whole number; another one, another simulated device")
    options: dict[str, Any] = Field(default_factory=dict, description="a table of what the driver needs")

    @field_validator("kind")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in kinds():
            raise ValueError(f"known kinds are {', '.join(sorted(kinds()))}")
        return name


def check_devices(devices: Sequence[DeviceSection]) -> None:
    """Raises ValueError for an id that is used twice, or a kind that no driver speaks to."""
    # a host may fold case: Sparkplug wants ids that differ in more than that
    ids = [device.id.lower() for device in devices]
    if twice := sorted({one for one in ids if ids.count(one) > 1}):
        raise ValueError(f"these ids are used more than once: {', '.join(twice)}")
    for device in devices:
        if device.driver == "kind" and kinds()[device.kind].driver is None:
            raise ValueError(f'{device.id}: kind {device.kind} has no driver; set driver = "simulated"')


class AgentOptions(Section):
    """What the hub may say about an agent itself; what is left out stays as the agent's file has it."""

    heartbeat_s: float | None = Field(None, ge=5, le=3600, description="seconds between 5 and 3600")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] | None = Field(
        None, description="one of DEBUG, INFO, WARNING, ERROR"
    )
    mqtt_url: str | None = Field(
        None,
        max_length=255,
        pattern=r"^mqtts?://[^/@\s]+$",
        description="mqtt://host:port, or mqtts://host:port with TLS",
    )


class Configuration(Section):
    """What the hub wants an agent to be; `devices` None leaves the agent the devices that it has."""

    devices: list[DeviceSection] | None = Field(None, max_length=500, description="at most 500 devices")
    options: AgentOptions = Field(default_factory=AgentOptions, description="a table of settings")

    @field_validator("devices")
    @classmethod
    def _unique(cls, devices: list[DeviceSection] | None) -> list[DeviceSection] | None:
        check_devices(devices or [])
        return devices


@dataclass(frozen=True, slots=True)
class Wrong:
    """One thing that a configuration cannot say: where, what was found (secrets hidden), why, and the fix."""

    field: str
    value: str
    why: str
    fix: str

    def __str__(self) -> str:
        if not self.fix:  # two options contradict each other: the reason says what to do
            return f"{self.field}: {self.why}."
        return f"{self.field} = {self.value}: {self.why}. Fix: {self.fix}."


def wrong_options(devices: Iterable[DeviceSection]) -> list[Wrong]:
    """What drivers cannot be told; asks their options only, so no protocol's library is loaded."""
    known, found = kinds(), []
    for number, device in enumerate(devices):
        drivers = known[device.kind].driver
        if device.driver != "kind" or not isinstance(drivers, Drivers):
            continue
        try:
            drivers.check(device.options)
        except ValidationError as error:
            first = error.errors()[0]["loc"]
            model = drivers.choose(device.options).options if "protocol" not in first else None
            found += [explain(one, model, [f"devices[{number}]", "options"]) for one in error.errors()]
    return found


def explain(error: Any, model: Any, within: Sequence[str] = ()) -> Wrong:
    """Put one of pydantic's errors into words; the descriptions of the model's fields are the fixes."""
    names = list(within)
    fix = ""
    for part in error["loc"]:
        if isinstance(part, int):
            names[-1] += f"[{part}]"
            continue
        names.append(str(part))
        described = getattr(model, "model_fields", {}).get(part)
        fix = (described.description or "") if described else "remove it, or correct its name"
        model = _section_of(described.annotation) if described else None
    value = "missing" if error["type"] == "missing" else repr(error["input"])
    if names and names[-1].startswith(SECRETS):
        value = "(not shown)"
    if within and not error["loc"]:
        return Wrong(".".join(names), "", error["msg"].removeprefix("Value error, "), "")
    said = error["msg"].removeprefix("Value error, ").removeprefix("Input ")
    return Wrong(".".join(names) or "file", value, said[:1].lower() + said[1:], fix or "see the example")


def read_configuration(content: Mapping[str, Any]) -> tuple[Configuration | None, list[Wrong]]:
    """The configuration, or all that is wrong with it."""
    size = len(canonical(content).encode())
    if size > CONFIGURATION_MOST_BYTES:
        fix = f"at most {CONFIGURATION_MOST_BYTES // 1024} KiB"
        return None, [Wrong("configuration", f"{size // 1024} KiB", "is too large", fix)]
    try:
        found = Configuration.model_validate(content)
    except ValidationError as error:
        return None, [explain(one, Configuration) for one in error.errors()]
    wrong = wrong_options(found.devices or [])
    return (None, wrong) if wrong else (found, [])


def canonical(content: Any) -> str:
    """JSON with names in order, so that equal contents are equal texts."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def configuration_hash(content: Mapping[str, Any]) -> str:
    """The SHA-256 (hex) of a configuration's devices and options, whatever the order of their names."""
    wanted = {"devices": content.get("devices"), "options": content.get("options") or {}}
    return hashlib.sha256(canonical(wanted).encode()).hexdigest()


def _section_of(annotation: Any) -> Any:
    inner = getattr(annotation, "__args__", None)
    return inner[0] if inner else annotation
