"""Settings of every role: environment `HUB_*` over `config/hub.toml` over the defaults written here.

Each setting is documented where an operator meets it, in `config/hub.toml`; a test keeps the two alike.
A wrong setting stops the program at start with a `SettingsError` that names the setting, its value and
what to write instead.
"""

import difflib
import os
import re
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import parse_qs, urlsplit

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from devices.packages import is_public_key
from hub.advice import told, wanted
from hub.login_providers import ProviderId, ProviderSettings

ENV_PREFIX = "HUB_"
DEFAULT_CONFIG = Path("config/hub.toml")

Port = Annotated[int, Field(ge=1, le=65535)]


class IngestSettings(BaseModel):
    """Knobs of the ingest hot path (section `[ingest]`, environment `HUB_INGEST__<NAME>`)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    batch_messages: int = Field(2_000, ge=1, le=1_000_000)
    inbox_messages: int = Field(200_000, ge=1, le=10_000_000)
    commit_interval_ms: int = Field(20, ge=0, le=10_000)
    reorder_ms: int = Field(2_000, ge=0, le=60_000)
    rebirth_cooldown_s: float = Field(60, ge=0)
    rebirth_per_s: float = Field(20, gt=0)
    rebirth_burst: int = Field(40, ge=1)
    mirror_interval_ms: int = Field(500, ge=50, le=60_000)
    journal_keep_s: float = Field(120, ge=0)
    spool_limit_mb: int = Field(4000, ge=1)


class TelemetrySettings(BaseModel):
    """How long history is kept (section `[telemetry]`, environment `HUB_TELEMETRY__<NAME>`)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    keep_raw_days: int = Field(30, ge=2, le=36_600)
    keep_5m_days: int = Field(180, ge=2, le=36_600)
    keep_1h_days: int = Field(1_100, ge=2, le=36_600)
    keep_1d_days: int = Field(3_660, ge=2, le=36_600)

    @property
    def days(self) -> dict[str, int]:
        """Gives the days by what the API calls the tier."""
        kept: dict[str, int] = self.model_dump()
        return {name.removeprefix("keep_").removesuffix("_days"): days for name, days in kept.items()}

    @model_validator(mode="after")
    def _coarse_outlives_fine(self) -> Self:
        days = [(name, getattr(self, name)) for name in type(self).model_fields]
        for (name, shorter), (other, longer) in pairwise(days):
            if longer < shorter:
                raise ValueError(
                    f"{other} = {longer} is less than {name} = {shorter}; keep coarser tiers longer"
                )
        return self


class AccountSettings(BaseModel):
    """How long logins last, and the key of second factors (section `[accounts]`)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    session_idle_minutes: int = Field(720, ge=5, le=43_200)
    session_longest_hours: int = Field(168, ge=1, le=8_760)
    key_file: str = ""


class EnrolmentSettings(BaseModel):
    """Where agents with a certificate go, and how the broker learns of them (section `[enrolment]`)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    mqtt_url: str = ""
    broker_dir: str = ""
    reload_pid_file: str = ""
    reload_command: str = ""

    @field_validator("mqtt_url")
    @classmethod
    def _is_mqtts(cls, value: str) -> str:
        return value and _checked_url(value, {"mqtts"}, "mqtts://hub.school.example:8883", host_needed=True)


class FleetSettings(BaseModel):
    """Who may sign packages of the agent's software (section `[fleet]`): public keys, with commas."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    package_keys: str = ""

    @field_validator("package_keys")
    @classmethod
    def _are_keys(cls, value: str) -> str:
        if any(not is_public_key(key.strip()) for key in value.split(",") if key.strip()):
            raise ValueError("holds something that is no public key of `hub package key`")
        return value

    @property
    def keys(self) -> tuple[str, ...]:
        """Gives the keys one by one."""
        return tuple(key.strip() for key in self.package_keys.split(",") if key.strip())


SECTIONS: dict[str, type[BaseModel]] = {
    "accounts": AccountSettings,
    "enrolment": EnrolmentSettings,
    "fleet": FleetSettings,
    "ingest": IngestSettings,
    "telemetry": TelemetrySettings,
}


class Settings(BaseSettings):
    """All settings of one hub process, checked and complete: no URL is left unset.

    Raises pydantic's `ValidationError`; programs call `load_settings`, which turns it into `SettingsError`.
    """

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True, env_ignore_empty=True
    )

    http_host: str = "127.0.0.1"
    http_port: Port = 8000
    http_redirect_port: Port | None = None
    public_url: str = ""
    tls: Literal["off", "own", "files"] = "off"
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    tls_names: Annotated[list[str], NoDecode] = Field(default_factory=list)
    mqtt_url: str = "mqtt://127.0.0.1:1883"
    data_dir: Path = Path("data")
    database_url: str = ""
    telemetry_url: str = ""
    telemetry_token: SecretStr | None = None
    telemetry_token_file: Path | None = None
    host_id: str = Field("hub", pattern=r"^[A-Za-z0-9_.-]{1,64}$")
    shard: str = Field("0", pattern=r"^[A-Za-z0-9_-]{1,32}$")
    schools: Annotated[list[str], NoDecode] = Field(default_factory=list)
    language: Literal["vi", "en"] = "vi"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    map_geojson: Path | None = None
    sync_private_addresses: bool = False
    demo: bool = False
    demo_token: SecretStr | None = None
    accounts: AccountSettings = Field(default_factory=AccountSettings)
    enrolment: EnrolmentSettings = Field(default_factory=EnrolmentSettings)
    fleet: FleetSettings = Field(default_factory=FleetSettings)
    ingest: IngestSettings = Field(default_factory=IngestSettings)
    telemetry: TelemetrySettings = Field(default_factory=TelemetrySettings)
    oidc: dict[ProviderId, ProviderSettings] = Field(default_factory=dict)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments win over the environment, the environment over the file."""
        return init_settings, env_settings, _TomlFile(settings_cls)

    @field_validator("schools", "tls_names", mode="before")
    @classmethod
    def _split_at_commas(cls, value: object) -> object:
        return (
            [each.strip() for each in value.split(",") if each.strip()] if isinstance(value, str) else value
        )

    @field_validator("public_url")
    @classmethod
    def _is_address(cls, value: str) -> str:
        example = "https://hub.school.example"
        checked = value and _checked_url(value, {"http", "https"}, example, host_needed=True)
        if urlsplit(checked).path.strip("/"):
            raise ValueError(f"has a path; write the address alone, as in {example}")
        return checked.rstrip("/")

    @field_validator("database_url", "telemetry_url", mode="before")
    @classmethod
    def _none_is_default(cls, value: object) -> object:
        return "" if value is None else value

    @field_validator("mqtt_url")
    @classmethod
    def _is_mqtt(cls, value: str) -> str:
        return _checked_url(value, {"mqtt", "mqtts"}, "mqtt://127.0.0.1:1883", host_needed=True)

    @field_validator("database_url")
    @classmethod
    def _is_database(cls, value: str) -> str:
        schemes = {"sqlite+aiosqlite", "postgresql+psycopg"}
        return value and _checked_url(value, schemes, "postgresql+psycopg://hub:secret@127.0.0.1/hub")

    @field_validator("telemetry_url")
    @classmethod
    def _is_telemetry(cls, value: str) -> str:
        if not value.startswith("influxdb"):
            schemes = {"sqlite", "influxdb", "influxdbs"}
            return value and _checked_url(value, schemes, "sqlite:////var/lib/hub/telemetry.db")
        example = "influxdb://127.0.0.1:8086/hub?org=school-office"
        _checked_url(value, {"influxdb", "influxdbs"}, example, host_needed=True)
        parts = urlsplit(value)
        if not parts.path.strip("/") or parts.path.startswith("//"):
            raise ValueError(
                f"names no bucket (on InfluxDB 1.x: database/retention-policy); write a URL like {example}"
            )
        if unknown := sorted(set(parse_qs(parts.query)) - {"org", "timeout_s", "rollups"}):
            raise ValueError(f"has the unknown option {unknown[0]}; there are org, timeout_s and rollups")
        return value

    @field_validator("telemetry_token_file")
    @classmethod
    def _is_readable_token(cls, value: Path | None) -> Path | None:
        try:
            if value is not None and not value.read_text(encoding="ascii").strip():
                raise ValueError("is empty; write the engine's token into it")
        except (OSError, UnicodeDecodeError) as error:
            raise ValueError(f"cannot be read ({error}); name a file that holds the engine's token") from None
        return value

    @property
    def telemetry_secret(self) -> str:
        """The token of the telemetry engine, from wherever it was given; "" where it stands in the URL."""
        if self.telemetry_token is not None:
            return self.telemetry_token.get_secret_value()
        file = self.telemetry_token_file
        return file.read_text(encoding="ascii").strip() if file is not None else ""

    @model_validator(mode="after")
    def _has_files(self) -> Self:
        if self.tls == "files" and not (self.tls_certificate and self.tls_key):
            missing = "tls_key" if self.tls_certificate else "tls_certificate"
            raise ValueError(f"tls = files needs {missing}: name the PEM file")
        return self

    @model_validator(mode="after")
    def _fill_urls(self) -> Self:
        # frozen keeps others from changing settings; filling defaults is part of making them
        if not self.database_url:
            object.__setattr__(self, "database_url", f"sqlite+aiosqlite:///{self.data_dir}/hub.db")
        if not self.telemetry_url:
            object.__setattr__(self, "telemetry_url", f"sqlite:///{self.data_dir}/telemetry.db")
        return self


@dataclass(frozen=True, slots=True)
class SettingProblem:
    """One wrong setting: its name, the value found, and what to write instead."""

    setting: str
    value: str
    fix: str

    def __str__(self) -> str:
        return f"{self.setting} = {self.value}: {self.fix}"


class SettingsError(Exception):
    """The settings cannot be used; `problems` names each setting, its value and the fix."""

    def __init__(self, problems: list[SettingProblem]) -> None:
        self.problems = problems
        super().__init__("\n".join(str(problem) for problem in problems))


def load_settings(**overrides: Any) -> Settings:
    """Reads the settings from arguments, environment and file; raises `SettingsError`."""
    try:
        return Settings(**overrides)
    except ValidationError as error:
        raise SettingsError([_problem(dict(detail)) for detail in error.errors()]) from None


def unknown_variables(environment: dict[str, str] | None = None) -> list[str]:
    """Warns of `HUB_*` variables that no setting reads, each with the nearest name that exists."""
    known = {f"{ENV_PREFIX}{name.upper()}" for name in Settings.model_fields} | {f"{ENV_PREFIX}CONFIG"}
    for section, fields in SECTIONS.items():
        known |= {f"{ENV_PREFIX}{section.upper()}__{name.upper()}" for name in fields.model_fields}
    for provider in _named_providers(os.environ if environment is None else environment):
        known |= {f"{provider}__{name.upper()}" for name in ProviderSettings.model_fields}
    found = []
    for name in sorted(os.environ if environment is None else environment):
        if name.startswith(ENV_PREFIX) and name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            found.append(f"{name} is not a setting" + (f": did you mean {near[0]}?" if near else ""))
    return found


def _named_providers(environment: Iterable[str]) -> set[str]:
    start = f"{ENV_PREFIX}OIDC__"
    return {"__".join(name.split("__")[:2]) for name in environment if name.startswith(start)}


class _TomlFile(PydanticBaseSettingsSource):
    """The configuration file: `HUB_CONFIG`, else `config/hub.toml` where there is one."""

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        return None, field_name, False  # the whole file is given at once, in __call__

    def __call__(self) -> dict[str, Any]:
        named = os.environ.get(f"{ENV_PREFIX}CONFIG")
        path = Path(named) if named else DEFAULT_CONFIG
        if not named and not path.is_file():
            return {}
        try:
            values = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            fix = f"the file cannot be read ({error.strerror}); name a readable TOML file"
            raise SettingsError([SettingProblem("HUB_CONFIG", str(path), fix)]) from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            fix = f"this is not TOML: {error}"
            raise SettingsError([SettingProblem("HUB_CONFIG", str(path), fix)]) from None
        return values


def _checked_url(value: str, schemes: set[str], example: str, *, host_needed: bool = False) -> str:
    parts = urlsplit(value)
    wanted = f"write a URL like {example}"
    if parts.scheme not in schemes:
        raise ValueError(
            f"must start with {' or '.join(f'{scheme}://' for scheme in sorted(schemes))}; {wanted}"
        )
    try:
        port = parts.port
    except ValueError:
        port = -1
    if port == -1 or port == 0 or (host_needed and not parts.hostname):
        raise ValueError(f"has no usable host and port; {wanted}")
    return value


def _fields_of(place: Sequence[object]) -> dict[str, FieldInfo]:
    """Give the settings among which one was looked for."""
    section = SECTIONS.get(str(place[0])) if len(place) > 1 else None
    if place[0] == "oidc" and len(place) > 2:
        return ProviderSettings.model_fields
    return (section or Settings).model_fields


def _bounds(place: tuple[str | int, ...]) -> Sequence[object]:
    field = _fields_of(place).get(str(place[-1]))
    return () if field is None else field.metadata


def _problem(detail: dict[str, Any]) -> SettingProblem:
    """Turns one of pydantic's errors into setting, value and fix; secrets never appear."""
    place = tuple(str(part) for part in detail["loc"] or ("tls",))  # only tls is judged with others
    setting = ENV_PREFIX + "__".join(part.upper() for part in place)
    if len(place) > 1 and place[0] in {"schools", "tls_names"}:
        setting = f"{ENV_PREFIX}{place[0].upper()}"
    if detail["type"] == "extra_forbidden":
        near = difflib.get_close_matches(place[-1], _fields_of(place), n=1)
        fix = "there is no such setting" + (f"; did you mean {near[0]}?" if near else "; remove it")
    else:
        advice = wanted(detail, _bounds(place))
        fix = f"write {advice}" if advice else told(detail)
    found = detail["input"]
    if isinstance(found, dict) and not detail["loc"]:
        found = found.get(place[0], "")  # judged with others: show the one that is named
    value = repr(found)
    if detail["type"] == "missing":
        value = "(not set)"
        fix = "it is needed; set it"
    elif {"demo_token", "telemetry_token", "client_secret"} & set(place):
        value = "(hidden)"
    elif isinstance(found, dict):
        value = "(this section)"
    elif "@" in value:  # a URL with a password
        value = re.sub(r"(?<=://).*@", "***@", value) if "://" in value else "(hidden)"
    return SettingProblem(setting, value, fix)
