"""What a projector's driver can be told."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, SecretStr, StringConstraints

from devices.protocols.options import PORT_FIX, HostOptions, Port

InputCode = Annotated[str, StringConstraints(pattern=r"^[1-6][1-9A-Z]$")]


class PJLinkOptions(HostOptions):
    """A projector's address, its password if it wants one, and what its inputs are called here."""

    port: Port = Field(4352, description=PORT_FIX)
    password: SecretStr | None = Field(
        None, description="the PJLink password set in the projector, or leave it out"
    )
    answer_s: float = Field(
        2, ge=0.05, le=30, description="seconds between 0.05 and 30 within which it answers one question"
    )
    inputs: dict[str, InputCode] = Field(
        {"HDMI 1": "31", "HDMI 2": "32", "VGA": "11", "Network": "51"},
        description="names with two letters each: kind (1 RGB, 2 video, 3 digital, 4 storage, 5 network, "
        '6 internal) and number (1-9, A-Z), such as {"HDMI 1" = "31"}; the projector\'s manual lists them',
    )
