"""The camera as the kind `camera` shows it: device, clock and profiles."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

import aiohttp
from onvif import ONVIFCamera
from onvif.exceptions import ONVIFError
from zeep.exceptions import Error as SoapError
from zeep.exceptions import Fault

from devices.protocols.failures import RefusedError, unreachable
from devices.protocols.onvif.masks import MEDIA2, Masks
from devices.protocols.onvif.options import CameraOptions
from devices.simulation import UnreachableError

_T = TypeVar("_T")
_NOT_LET_IN = ("notauthorized", "not authorized", "unauthorized", "401")


class CameraDriver:
    """Reads facts about the camera. A picture is only ever fetched by `snapshot`, which no poll calls."""

    def __init__(self, options: CameraOptions) -> None:
        self._options = options
        self._camera: Any = None
        self._device: Any = None
        self._media: Any = None
        self._firmware: str | None = None
        self._profiles: list[Any] = []
        self._masks: Masks | None = None

    async def connect(self) -> None:
        """Find the camera's services; what does not change by itself is read here."""
        await self.close()
        options = self._options
        self._camera = ONVIFCamera(
            options.host,
            options.port,
            options.username or None,
            options.password.get_secret_value() or None,
            adjust_time=True,  # a camera whose clock is wrong still lets us in
            nat_override=True,  # cameras tell addresses that they had elsewhere
        )
        await self._said(self._camera.update_xaddrs())
        self._device = await self._said(self._camera.create_devicemgmt_service())
        self._media = await self._said(self._camera.create_media_service())
        self._masks = Masks.of(self._media, self._camera.xaddrs.get(MEDIA2))
        about = await self._said(self._device.GetDeviceInformation())
        self._firmware = str(about.FirmwareVersion or "")[:100] or None

    async def poll(self) -> Mapping[str, Any]:
        """Profiles, firmware and how wrong its clock is (s); what ONVIF does not tell stays unknown."""
        clock = await self._said(self._device.GetSystemDateAndTime())
        self._profiles = list(await self._said(self._media.GetProfiles()) or [])
        encoder = getattr(self._profiles[0], "VideoEncoderConfiguration", None) if self._profiles else None
        rate = getattr(encoder, "RateControl", None)
        return {
            "Firmware": self._firmware,
            "Profiles": len(self._profiles),
            "Clock Offset": _offset_s(clock),
            "Privacy": await self._said(self._masks.cover()) if self._masks else None,
            "Bitrate": getattr(rate, "BitrateLimit", None),
            "Frame Rate": None if rate is None else float(rate.FrameRateLimit),
        }

    async def snapshot(self) -> bytes:
        """One picture (JPEG) of the first profile, at somebody's explicit wish, which the caller records."""
        if not self._profiles:
            self._profiles = list(await self._said(self._media.GetProfiles()) or [])
        if not self._profiles:
            raise UnreachableError("protocol_error", "the camera has no profile")
        picture = await self._said(self._camera.get_snapshot(self._profiles[0].token))
        if not isinstance(picture, bytes) or not picture:
            raise UnreachableError("protocol_error", "the camera gives no picture")
        return picture

    async def write(self, metric: str, value: Any) -> None:
        """Nothing that ONVIF has in common for all cameras can be written. Raises RefusedError."""
        raise RefusedError(f"{metric} cannot be set by ONVIF")

    async def close(self) -> None:
        """Let go of the connections."""
        camera, self._camera = self._camera, None
        if camera is not None:
            await camera.close()

    async def _said(self, answer: Awaitable[_T]) -> _T:
        try:
            async with asyncio.timeout(self._options.answer_s):
                return await answer
        except Fault as error:
            said = f"{error.message} {error.subcodes}".lower().replace(" ", "")
            refused = any(word.replace(" ", "") in said for word in _NOT_LET_IN)
            raise UnreachableError("auth_failed" if refused else "protocol_error", str(error)) from error
        except (ONVIFError, SoapError, aiohttp.ClientError, OSError, AttributeError, ValueError) as error:
            if any(word in str(error).lower() for word in _NOT_LET_IN):
                raise UnreachableError("auth_failed", str(error)) from error
            raise unreachable(error) from error


def _offset_s(clock: Any) -> int | None:
    try:
        utc = clock.UTCDateTime
        day, time = utc.Date, utc.Time
        there = datetime(
            day.Year, day.Month, day.Day, time.Hour, time.Minute, min(59, time.Second), 500_000, tzinfo=UTC
        )  # it tells whole seconds, so it is half of one later on average
    except (AttributeError, TypeError, ValueError):
        return None
    return round((there - datetime.now(UTC)).total_seconds())
