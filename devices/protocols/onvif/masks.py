"""Whether a camera's picture is hidden: the privacy masks of ONVIF's Media2 service.

ONVIF has no word for a shutter. What it has are masks; a camera with a shutter, or with privacy switched on,
shows one that is enabled and lies over the whole picture. Source: ONVIF Media2 Service Specification, 5.8.
"""

from __future__ import annotations

from typing import Any

from lxml import etree

from devices.simulation import UnreachableError

MEDIA2 = "http://www.onvif.org/ver20/media/wsdl"
_SOAP, _SCHEMA = "http://www.w3.org/2003/05/soap-envelope", "http://www.onvif.org/ver10/schema"
_ASK = f'<s:Envelope xmlns:s="{_SOAP}"><s:Body><m:GetMasks xmlns:m="{MEDIA2}"/></s:Body></s:Envelope>'
_HEADERS = {"Content-Type": f'application/soap+xml; charset=utf-8; action="{MEDIA2}/GetMasks"'}
_PARSER = etree.XMLParser(resolve_entities=False, no_network=True)
COVERED_FROM = 0.95
"""Share of the picture under one mask from which it counts as hidden."""


class Masks:
    """Asks one camera. The library has no description of Media2, so the question is written here."""

    def __init__(self, service: Any, address: str) -> None:
        self._client = service.zeep_client
        self._address = address

    @classmethod
    def of(cls, service: Any, address: str | None) -> Masks | None:
        """None for a camera without Media2, of which nothing is known. `service` is any other one of it."""
        return cls(service, address) if address else None

    async def cover(self) -> bool | None:
        """True if one enabled mask hides the picture; None if the camera cannot tell."""
        envelope = etree.fromstring(_ASK.encode())
        headers = dict(_HEADERS)
        if (wsse := self._client.wsse) is not None:
            envelope, headers = wsse.apply(envelope, headers)
        answer = await self._client.transport.post(self._address, etree.tostring(envelope), headers)
        if answer.status_code != 200:
            return None  # not every camera with Media2 has masks
        try:
            return covered(etree.fromstring(answer.content, _PARSER))
        except etree.XMLSyntaxError as error:
            raise UnreachableError("protocol_error", f"no XML: {error}") from error


def covered(answer: Any) -> bool | None:
    """What an answer to GetMasks means; None if it is none."""
    if answer.find(f".//{{{MEDIA2}}}GetMasksResponse") is None:
        return None
    for mask in answer.iter(f"{{{MEDIA2}}}Masks"):
        if _text(mask, "Enabled") in ("true", "1") and _share(mask) >= COVERED_FROM:
            return True
    return False


def _share(mask: Any) -> float:
    """The part of the picture, which reaches from -1 to 1 both ways, inside a mask's polygon."""
    points = []
    for point in mask.iter(f"{{{_SCHEMA}}}Point"):
        try:
            points.append((float(point.get("x", "")), float(point.get("y", ""))))
        except ValueError:
            return 0.0
    ends = zip(points, points[1:] + points[:1], strict=True)
    doubled = sum(x * next_y - next_x * y for (x, y), (next_x, next_y) in ends)
    return abs(doubled) / 2 / 4


def _text(mask: Any, name: str) -> str:
    return (mask.findtext(f"{{{MEDIA2}}}{name}") or "").strip()
