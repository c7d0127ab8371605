"""Settings of OpenID Connect providers: sections `[oidc.<id>]`, environment `HUB_OIDC__<ID>__<NAME>`."""

import json
import re
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator
from pydantic_settings import NoDecode

ProviderId = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,32}$")]

_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_MAPPED = re.compile(r"^[a-z_]+@\S+$")


class ProviderSettings(BaseModel):
    """One provider that people may log in with."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1, max_length=60)
    issuer: str
    client_id: str = Field(min_length=1)
    client_secret: SecretStr | None = None
    client_secret_file: Path | None = None
    scopes: Annotated[list[str], NoDecode] = Field(default_factory=lambda: ["openid", "profile"])
    provision: Literal["linked", "create"] = "linked"
    role_claim: str = ""
    roles: dict[str, str] = Field(default_factory=dict)
    ask_again: bool = True
    ca_file: Path | None = None

    @field_validator("issuer")
    @classmethod
    def _is_issuer(cls, value: str) -> str:
        parts = urlsplit(value)
        secure = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
        if not secure or not parts.hostname or parts.query or parts.fragment:
            raise ValueError("must be the provider's address, https://… (http only on this machine)")
        return value

    @field_validator("scopes", mode="before")
    @classmethod
    def _split_scopes(cls, value: object) -> object:
        return value.replace(",", " ").split() if isinstance(value, str) else value

    @field_validator("scopes")
    @classmethod
    def _has_openid(cls, value: list[str]) -> list[str]:
        if "openid" not in value:
            raise ValueError("lacks openid, which makes it OpenID Connect")
        return value

    @field_validator("roles", mode="before")
    @classmethod
    def _roles_of_environment(cls, value: object) -> object:
        return json.loads(value) if isinstance(value, str) and value.startswith("{") else value

    @field_validator("roles")
    @classmethod
    def _are_roles(cls, value: dict[str, str]) -> dict[str, str]:
        for claimed, mapped in value.items():
            if not _MAPPED.match(mapped):
                raise ValueError(f"maps {claimed} to {mapped}; write role@unit, as in operations@SGDDT")
            if claimed.count("*") > 1 or (("@*" in mapped) != ("*" in claimed)):
                raise ValueError(
                    f"{claimed} = {mapped}: one * may stand for the unit, on both sides: a:* = school_admin@*"
                )
        return value

    @field_validator("client_secret_file", "ca_file")
    @classmethod
    def _is_readable(cls, value: Path | None) -> Path | None:
        try:
            if value is not None and not value.read_text(encoding="ascii").strip():
                raise ValueError("is empty; write into it what the provider gave")
        except (OSError, UnicodeDecodeError) as error:
            raise ValueError(
                f"cannot be read ({error}); name a file that the hub's account may read"
            ) from None
        return value

    @model_validator(mode="after")
    def _creates_with_roles(self) -> Self:
        if self.provision == "create" and not (self.role_claim and self.roles):
            raise ValueError(
                "provision = create needs role_claim and roles: who comes gets mapped roles only"
            )
        return self

    @property
    def secret(self) -> str:
        """The client's secret, from wherever it was given; "" for a public client."""
        if self.client_secret is not None:
            return self.client_secret.get_secret_value()
        file = self.client_secret_file
        return file.read_text(encoding="ascii").strip() if file is not None else ""
