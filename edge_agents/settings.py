"""The agent's configuration file: TOML, checked at start; an error names setting, value and fix."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationError, field_validator

from devices.packages import is_public_key
from devices.sections import (
    ID_FIX,
    DeviceSection,
    Id,
    Section,
    check_devices,
    explain,
    wrong_options,
)
from edge_agents.connection import MqttSettings
from edge_agents.discovery.section import DiscoverySection
from edge_agents.enrolment_line import EnrolmentError, HubLine
from edge_agents.identity import Identity
from edge_agents.node import Timing

__all__ = ["AgentSettings", "DeviceSection", "SettingsError", "load"]


class SettingsError(ValueError):
    """The configuration cannot be used; the text names each setting, its value and how to put it right."""


class AgentSection(Section):
    """Who this agent is."""

    group: Id = Field(description=f"the school's code, such as D703-THPT-02: {ID_FIX}")
    node: Id = Field(
        description=f"this agent's id, unique in the province, such as D703-THPT-02-a1: {ID_FIX}"
    )
    host_id: Id = Field("hub", description=f"the id of the hub's STATE topic: {ID_FIX}")
    heartbeat_s: float = Field(30, ge=5, le=3600, description="seconds between 5 and 3600")
    simulated: bool = Field(False, description="true if the devices are simulated, else false")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="one of DEBUG, INFO, WARNING, ERROR"
    )


class MqttSection(Section):
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


class OutboxSection(Section):
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


class EnrolmentSection(Section):
    """Where the certificate is renewed, which is `cert_file` of [mqtt]; `hub agent enrol` writes both."""

    hub_url: str = Field(description="https://host[:port] of the hub that gave the certificate")

    @field_validator("hub_url")
    @classmethod
    def _usable(cls, url: str) -> str:
        try:
            return HubLine(url).url
        except EnrolmentError as error:
            raise ValueError(str(error)) from None


class UpdateSection(Section):
    """Whose packages this agent takes, and how long it tries what was changed from afar."""

    public_keys: list[str] = Field(
        default_factory=list, description="public keys of `hub package key`; without one nothing is taken"
    )
    ca_file: Path | None = Field(
        None, description="a readable PEM file with the hub's authority; else that of [mqtt] counts"
    )
    max_mib: int = Field(200, ge=1, le=200, description="mebibytes between 1 and 200")
    probation_s: float = Field(300, ge=1, le=86_400, description="seconds between 1 and 86400")

    @field_validator("public_keys")
    @classmethod
    def _are_keys(cls, keys: list[str]) -> list[str]:
        if any(not is_public_key(key) for key in keys):
            raise ValueError("one is no public key")
        return keys


class AgentSettings(Section):
    """The whole file."""

    agent: AgentSection = Field(description="add a section [agent]")
    mqtt: MqttSection = Field(default_factory=MqttSection, description="a section [mqtt]")
    enrolment: EnrolmentSection | None = Field(
        None, description="a section [enrolment], or leave it out: run `hub agent enrol`"
    )
    outbox: OutboxSection = Field(default_factory=OutboxSection, description="a section [outbox]")
    update: UpdateSection = Field(default_factory=UpdateSection, description="a section [update]")
    discovery: DiscoverySection = Field(default_factory=DiscoverySection, description="a section [discovery]")
    devices: list[DeviceSection] = Field(default_factory=list, description="sections [[devices]]")

    @field_validator("devices")
    @classmethod
    def _unique(cls, devices: list[DeviceSection]) -> list[DeviceSection]:
        check_devices(devices)
        return devices

    def identity(self) -> Identity | None:
        """The identity that an enrolment gave this agent; None if it was never enrolled."""
        file = self.mqtt.cert_file
        return Identity(file.parent) if self.enrolment is not None and file is not None else None

    def mqtt_settings(self) -> MqttSettings:
        """What the connection needs, with the password read from its file."""
        section = self.mqtt
        password = section.password.get_secret_value() if section.password else None
        if section.password_file is not None:
            password = section.password_file.read_text(encoding="utf-8").strip()
        identity = self.identity()
        about = identity.about() if identity is not None else None
        return MqttSettings.from_url(
            section.url,
            username=section.username,
            password=password,
            ca_file=section.ca_file,
            cert_file=section.cert_file,
            key_file=section.key_file,
            keepalive_s=section.keepalive_s,
            earliest_ms=about.begin_ms if about is not None else 0,
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
        raise SettingsError(
            "\n".join(f"{path}: {explain(one, AgentSettings)}" for one in error.errors())
        ) from error
    if wrong := wrong_options(settings.devices):
        raise SettingsError("\n".join(f"{path}: {one}" for one in wrong))
    outbox = settings.outbox.model_copy(update={"path": path.parent / settings.outbox.path})
    return settings.model_copy(update={"outbox": outbox})
