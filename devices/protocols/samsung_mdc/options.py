"""What a display's driver can be told."""

from __future__ import annotations

from pydantic import Field, SecretStr

from devices.protocols.options import PORT_FIX, HostOptions, Port

INPUTS_FIX = (
    'names with the display\'s own name each, such as {"HDMI 1" = "HDMI1"}; known are HDMI1-HDMI4, '
    "DISPLAY_PORT_1-3, DVI, PC, PLUG_IN_MODE, INTERNAL_USB, IWB, MAGIC_INFO, URL_LAUNCHER, WEB_BROWSER"
)


class SamsungMdcOptions(HostOptions):
    """A display's address, its number on the line, its PIN for TLS, and what its inputs are called here."""

    port: Port = Field(1515, description=PORT_FIX)
    display_id: int = Field(
        1, ge=0, le=253, description="the ID set in the display's menu, between 0 and 253"
    )
    pin: SecretStr | None = Field(
        None, description='the display\'s PIN, such as "0000", if its menu says "secured protocol"'
    )
    answer_s: float = Field(
        2, ge=0.05, le=30, description="seconds between 0.05 and 30 within which it answers one question"
    )
    inputs: dict[str, str] = Field(
        {
            "DisplayPort": "DISPLAY_PORT_1",
            "HDMI 1": "HDMI1",
            "HDMI 2": "HDMI2",
            "OPS": "PLUG_IN_MODE",
            "Android": "IWB",
        },
        description=INPUTS_FIX,
    )
