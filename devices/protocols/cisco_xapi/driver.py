"""The codec as the kind `conference_codec` shows it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from devices.protocols.cisco_xapi.client import XapiClient, XapiError
from devices.protocols.cisco_xapi.options import CodecOptions
from devices.protocols.cisco_xapi.rules import Media, loss_percent, media_of, on, registered
from devices.protocols.failures import RefusedError
from devices.simulation import UnreachableError

_COMMANDS = {
    ("Microphone Muted", True): "Audio/Microphones/Mute",
    ("Microphone Muted", False): "Audio/Microphones/Unmute",
    ("Camera On", True): "Video/Input/MainVideo/Unmute",
    ("Camera On", False): "Video/Input/MainVideo/Mute",
    ("Standby", True): "Standby/Activate",
    ("Standby", False): "Standby/Deactivate",
}


class CodecDriver:
    """Asks for a few paths a poll; numbers and addresses of those who call are never asked for."""

    def __init__(self, options: CodecOptions) -> None:
        self._client = XapiClient(options)
        self._media: Media | None = None

    async def connect(self) -> None:
        """Log in."""
        await self._client.close()
        self._media = None
        await self._client.open()

    async def poll(self) -> Mapping[str, Any]:
        """State, and quality while a call runs."""
        state = await self._get("SystemUnit", "State")
        if not isinstance(state, dict):
            raise UnreachableError("protocol_error", "no Status/SystemUnit/State")
        in_call = int(state.get("NumberOfActiveCalls") or 0) > 0
        muted = on(await self._get("Audio", "Microphones", "Mute"))
        dark = on(await self._get("Video", "Input", "MainVideoMute"))
        standby = await self._get("Standby", "State")
        values: dict[str, Any] = {
            "In Call": in_call,
            "Microphone Muted": muted,
            "Camera On": None if dark is None else not dark,
            "SIP Registered": registered(await self._get("SIP", "Registration")),
            "Standby": None if standby is None else standby not in ("Off", "Halfwake"),
            "Rx Rate": 0,
            "Tx Rate": 0,
            "Packet Loss": None,
            "Jitter": None,
        }
        media = media_of(await self._get("MediaChannels", "Call")) if in_call else None
        if media is not None:
            values |= {"Rx Rate": media.rx_kbps, "Tx Rate": media.tx_kbps, "Jitter": media.jitter_ms}
            values["Packet Loss"] = loss_percent(self._media, media)
        self._media = media
        return values

    async def write(self, metric: str, value: Any) -> None:
        """Microphone, camera and standby. Raises RefusedError if the codec would not."""
        command = _COMMANDS[metric, bool(value)]
        try:
            await self._client.call(f"xCommand/{command}", {})
        except XapiError as error:
            raise RefusedError(str(error)) from error

    async def close(self) -> None:
        """Hang up."""
        await self._client.close()

    async def _get(self, *path: str) -> Any:
        try:
            return await self._client.call("xGet", {"Path": ["Status", *path]})
        except XapiError:
            return None  # older software has no such path, and no call no channels
