"""What a camera is told."""

from __future__ import annotations

from pydantic import Field, SecretStr

from devices.protocols.options import PORT_FIX, HostOptions, Port


class CameraOptions(HostOptions):
    """A camera and an ONVIF user on it; the role User is enough, snapshots need no more."""

    port: Port = Field(80, description=PORT_FIX)
    username: str = Field("", max_length=64, description="an ONVIF user of the camera, or leave it out")
    password: SecretStr = Field(SecretStr(""), description="that user's password")
    answer_s: float = Field(2.0, ge=0.05, le=30, description="seconds between 0.05 and 30")
