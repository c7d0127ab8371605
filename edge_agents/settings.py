"""The agent's configuration file: TOML, checked at start; an error names setting, value and fix."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator

from devices.kind import kinds
from devices.protocols.options import Drivers
from devices.wire.topics import check_id
from edge_agents.connection import MqttSettings
from edge_agents.node import Timing


class SettingsError(ValueError):
    """The configuration cannot be used; the text names each setting, its value and how to put it right."""


def _id(text: str) -> str:
    check_id(text)
    return text


Id = Annotated[str, AfterValidator(_id)]
_SECRET = ("password", "community", "auth_key", "privacy_key", "pin")
_ID_FIX = "letters, digits, - and _; no + / # and no control characters"


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class AgentSection(_Section):
    """Who this agent is."""

    group: Id = Field(description=f"the school's code, such as D703-THPT-02: {_ID_FIX}")
    node: Id = Field(
        description=f"this agent's id, unique in the province, such as D703-THPT-02-a1: {_ID_FIX}"
    )
    host_id: Id = Field("hub", description=f"the id of the hub's STATE topic: {_ID_FIX}")
    heartbeat_s: float = Field(30, ge=5, le=3600, description="seconds between 5 and 3600")
    simulated: bool = Field(False, description="true if the devices are simulated, else false")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="one of DEBUG, INFO, WARNING, ERROR"
    )


class MqttSection(_Section):
    """Where the broker is."""

    url: str = Field("mqtt://127.0.0.1:1883", description="mqtt://host:port, or mqtts://host:port with TLS")
    username: str | None = Field(None, description="text, or leave it out")
    password_file: Path | None = Field(None, description="a readable file that holds the password alone")
    password: SecretStr | None = Field(None, description="text, better in password_file")
    ca_file: Path | None = Field(None, description="a readable PEM file with the broker's authority")
    cert_file: Path | None = Field(None, description="a readable PEM file with this agent's certificate")
    key_file: Path | None = Field(None, description="a readable PEM file with this agent's key")
    keepalive_s: int = Field(30, ge=5, le=600, description="seconds between 5 and 600")

    @field_validator("url")
    @classmethod
    def _usable(cls, url: str) -> str:
        MqttSettings.from_url(url)
        return url

    @field_validator("password_file", "ca_file", "cert_file", "key_file")
    @classmethod
    def _readable(cls, path: Path | None) -> Path | None:
        if path is not None and not path.is_file():
            raise ValueError("there is no such file")
        return path


class OutboxSection(_Section):
    """Where payloads wait until the hub has stored them."""

    path: Path = Field(Path("agent-data/outbox.db"), description="a file in a directory that may be written")
    max_payloads: int = Field(1_000_000, ge=100, description="at least 100")
    max_mib: int = Field(256, ge=1, description="mebibytes, at least 1")
    largest_payload_kib: int = Field(128, ge=1, le=16_384, description="kibibytes between 1 and 16384")
    commit_interval_ms: int = Field(
        100,
        ge=0,
        le=1000,
        description="milliseconds between 0 and 1000; changes that come this close share one write to disk",
    )
    backlog_per_s: float = Field(200, ge=1, le=10_000, description="payloads a second between 1 and 10000")
    resend_after_s: float = Field(5, ge=1, le=600, description="seconds between 1 and 600")


class DeviceSection(_Section):
    """One device."""

    id: Id = Field(description=f"unique in the school, such as p101-air: {_ID_FIX}")
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


class AgentSettings(_Section):
    """The whole file."""

    agent: AgentSection = Field(description="add a section [agent]")
    mqtt: MqttSection = Field(default_factory=MqttSection, description="a section [mqtt]")
    outbox: OutboxSection = Field(default_factory=OutboxSection, description="a section [outbox]")
    devices: list[DeviceSection] = Field(default_factory=list, description="sections [[devices]]")

    @field_validator("devices")
    @classmethod
    def _unique(cls, devices: list[DeviceSection]) -> list[DeviceSection]:
        # a host may fold case: Sparkplug wants ids that differ in more than that
        ids = [device.id.lower() for device in devices]
        if twice := sorted({one for one in ids if ids.count(one) > 1}):
            raise ValueError(f"these ids are used more than once: {', '.join(twice)}")
        for device in devices:
            if device.driver == "kind" and kinds()[device.kind].driver is None:
                raise ValueError(f'{device.id}: kind {device.kind} has no driver; set driver = "simulated"')
        return devices

    def mqtt_settings(self) -> MqttSettings:
        """What the connection needs, with the password read from its file."""
        section = self.mqtt
        password = section.password.get_secret_value() if section.password else None
        if section.password_file is not None:
            password = section.password_file.read_text(encoding="utf-8").strip()
        return MqttSettings.from_url(
            section.url,
            username=section.username,
            password=password,
            ca_file=section.ca_file,
            cert_file=section.cert_file,
            key_file=section.key_file,
            keepalive_s=section.keepalive_s,
        )

    def timing(self) -> Timing:
        """When the node speaks."""
        return Timing(
            heartbeat_s=self.agent.heartbeat_s,
            backlog_per_s=self.outbox.backlog_per_s,
            resend_after_s=self.outbox.resend_after_s,
        )


def load(path: Path) -> AgentSettings:
    """Read and check a file. Raises SettingsError; relative paths in it are relative to the file."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read ({error.strerror}); give a readable file") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: is not TOML: {error}") from error
    try:
        settings = AgentSettings.model_validate(document)
    except ValidationError as error:
        raise SettingsError("\n".join(_explain(path, one) for one in error.errors())) from error
    if wrong := _wrong_options(path, settings.devices):
        raise SettingsError("\n".join(wrong))
    outbox = settings.outbox.model_copy(update={"path": path.parent / settings.outbox.path})
    return settings.model_copy(update={"outbox": outbox})


def _wrong_options(path: Path, devices: list[DeviceSection]) -> list[str]:
    """What drivers cannot be told; asks their options only, so no protocol's library is loaded."""
    known, found = kinds(), []
    for number, device in enumerate(devices):
        drivers = known[device.kind].driver
        if device.driver != "kind" or not isinstance(drivers, Drivers):
            continue
        try:
            drivers.check(device.options)
        except ValidationError as error:
            model = drivers.choose(device.options).options if "protocol" not in _first(error) else None
            found += [_explain(path, one, model, [f"devices[{number}]", "options"]) for one in error.errors()]
    return found


def _first(error: ValidationError) -> tuple[int | str, ...]:
    return error.errors()[0]["loc"]


def _explain(path: Path, error: Any, model: Any = AgentSettings, within: list[str] | None = None) -> str:
    names = list(within or [])
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
    if names and names[-1].startswith(_SECRET):
        value = "(not shown)"
    if within and not error["loc"]:  # two options contradict each other: the message says what to do
        return f"{path}: {'.'.join(names)}: {error['msg'].removeprefix('Value error, ')}."
    said = error["msg"].removeprefix("Value error, ").removeprefix("Input ")
    said = said[:1].lower() + said[1:]
    return f"{path}: {'.'.join(names) or 'file'} = {value}: {said}. Fix: {fix or 'see the example'}."


def _section_of(annotation: Any) -> Any:
    inner = getattr(annotation, "__args__", None)
    return inner[0] if inner else annotation
