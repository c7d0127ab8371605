"""What a codec is told."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr

from devices.protocols.options import PORT_FIX, HostOptions, Port


class CodecOptions(HostOptions):
    """A codec and a local account on it with the role of integrator."""

    port: Port = Field(443, description=PORT_FIX)
    username: str = Field(min_length=1, description="a local user of the codec with the role Integrator")
    password: SecretStr = Field(description="that user's password")
    tls: bool = Field(True, description="true for wss, false for ws (NetworkServices HTTP Mode: HTTP+HTTPS)")
    check_certificate: bool = Field(
        True, description="false only for a codec with its self-signed certificate in a network of its own"
    )
    ca_file: Path | None = Field(None, description="a readable PEM file, or leave it out")
    answer_s: float = Field(2.0, ge=0.05, le=30, description="seconds between 0.05 and 30")
