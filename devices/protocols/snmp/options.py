"""What an SNMP driver is told."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, SecretStr, model_validator

from devices.protocols.options import HOST_FIX, PORT_FIX, Host, HostOptions, Port

_KEY_FIX = "text of at least 8 characters, with version 3 only"


class SnmpOptions(HostOptions):
    """Where the agent of a device listens, and as whom it is asked."""

    port: Port = Field(161, description=PORT_FIX)
    version: Literal["2c", "3"] = Field("2c", description='"2c" or "3"')
    community: SecretStr = Field(SecretStr("public"), description="text; with version 2c only")
    user: str = Field("", max_length=32, description="text of 1 to 32 characters, with version 3 only")
    auth: Literal["none", "md5", "sha", "sha256", "sha512"] = Field(
        "sha", description="one of none, md5, sha, sha256, sha512"
    )
    auth_key: SecretStr | None = Field(None, min_length=8, description=_KEY_FIX)
    privacy: Literal["none", "des", "aes", "aes256"] = Field(
        "aes", description="one of none, des, aes, aes256"
    )
    privacy_key: SecretStr | None = Field(None, min_length=8, description=_KEY_FIX)
    context: str = Field("", max_length=255, description="text, with version 3 only; most devices want none")
    answer_s: float = Field(1.0, ge=0.05, le=30, description="seconds between 0.05 and 30")
    retries: int = Field(1, ge=0, le=5, description="a whole number between 0 and 5")

    @model_validator(mode="after")
    def _credentials_fit(self) -> SnmpOptions:
        if self.version == "2c":
            return self
        if not self.user:
            raise ValueError("version 3 needs a user; set user")
        if self.auth != "none" and self.auth_key is None:
            raise ValueError(f'auth = "{self.auth}" needs a key; set auth_key, or auth = "none"')
        if self.privacy != "none" and (self.privacy_key is None or self.auth == "none"):
            raise ValueError(
                f'privacy = "{self.privacy}" needs a key and authentication; set privacy_key and auth, '
                'or privacy = "none"'
            )
        return self


class SnmpLineOptions(SnmpOptions):
    """One interface of a gateway: the school's line."""

    interface: str = Field(min_length=1, description='the interface\'s name or number, such as "eth0" or "3"')
    capacity_kbps: int | None = Field(
        None, ge=1, description="what the line carries, in kbit/s; left out, what the interface says"
    )
    probe: Host | None = Field(None, description=f"a host beyond the line, to measure delay: {HOST_FIX}")
    probe_port: Port = Field(443, description=f"used where ICMP is not allowed: {PORT_FIX}")
