"""What the driver of a UPS can be told."""

from __future__ import annotations

from pydantic import Field, SecretStr

from devices.protocols.options import PORT_FIX, HostOptions, Port


class NutOptions(HostOptions):
    """Where upsd is, what it calls the UPS, and an account if upsd wants one."""

    port: Port = Field(3493, description=PORT_FIX)
    ups: str = Field(
        "ups",
        pattern=r"^[A-Za-z0-9_.-]{1,64}$",
        description="the UPS's name in upsd's ups.conf; upsc -l lists them",
    )
    username: str | None = Field(
        None,
        pattern=r"^[!-~]{1,64}$",
        description="an account of upsd.users, or leave it out; commands need one",
    )
    password: SecretStr | None = Field(None, description="that account's password, or leave it out")
    answer_s: float = Field(
        2, ge=0.05, le=30, description="seconds between 0.05 and 30 within which upsd answers one question"
    )
