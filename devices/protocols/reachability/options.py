"""What a probe is told."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from devices.protocols.options import PORT_FIX, HostOptions, Port


class PingOptions(HostOptions):
    """Whom to ask, and how."""

    by: Literal["auto", "icmp", "tcp"] = Field(
        "auto", description='"icmp", "tcp", or "auto" for ICMP where the system allows it'
    )
    port: Port = Field(80, description=f"asked with TCP; a refusal is an answer, too: {PORT_FIX}")
    probes: int = Field(3, ge=1, le=20, description="questions a poll, a number between 1 and 20")
    answer_s: float = Field(1.0, ge=0.05, le=10, description="seconds between 0.05 and 10")


class PingLineOptions(PingOptions):
    """A line, of which only a host beyond it is known."""

    capacity_kbps: int | None = Field(None, ge=1, description="what the line carries, in kbit/s")
