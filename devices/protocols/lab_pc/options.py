"""What is needed of a PC."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr, model_validator

from devices.protocols.options import HOST_FIX, PORT_FIX, Host, HostOptions, Port


def _mac(text: str) -> str:
    digits = text.replace(":", "").replace("-", "").lower()
    if len(digits) != 12 or any(digit not in "0123456789abcdef" for digit in digits):
        raise ValueError("not a hardware address")
    return ":".join(digits[at : at + 2] for at in range(0, 12, 2))


class PcOptions(HostOptions):
    """A PC. Without `username` only its presence is known, without `mac` it cannot be woken."""

    mac: Annotated[str, AfterValidator(_mac)] | None = Field(
        None, description="its hardware address, such as 3c:52:82:11:22:33"
    )
    wake_address: Host = Field("255.255.255.255", description=f"where the packet that wakes goes: {HOST_FIX}")
    wake_port: Port = Field(9, description=PORT_FIX)
    system: Literal["windows", "linux"] = Field("windows", description='"windows" or "linux"')
    port: Port = Field(22, description=f"of SSH; without it, of anything that listens: {PORT_FIX}")
    username: str = Field("", max_length=64, description="an account of the hub's own on the PC")
    key_file: Path | None = Field(None, description="a readable file with the private key of that account")
    password: SecretStr | None = Field(None, description="text, better a key_file")
    host_key: str | None = Field(
        None, description='the PC\'s public key as ssh-keyscan prints it, such as "ssh-ed25519 AAAA…"'
    )
    presence: Literal["ping", "ssh"] = Field(
        "ping",
        description='"ping", or "ssh" where something else answers pings for a PC that is off, such as its '
        "management controller; then it is on when SSH answers",
    )
    answer_s: float = Field(2.0, ge=0.05, le=30, description="seconds between 0.05 and 30")

    @model_validator(mode="after")
    def _who_is_whom(self) -> PcOptions:
        if not self.username:
            if self.presence == "ssh":
                raise ValueError('presence = "ssh" needs an account; set username, or presence = "ping"')
            return self
        if self.key_file is None and self.password is None:
            raise ValueError("username needs a key_file (or a password); set one, or remove username")
        if self.host_key is None:
            raise ValueError(
                "username needs host_key, or another machine could pose as this one; set host_key"
            )
        return self
