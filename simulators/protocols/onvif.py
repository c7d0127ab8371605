"""A camera that speaks ONVIF: SOAP and a snapshot over a real HTTP socket."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal

Fault = Literal["", "silent", "garbage", "half", "reset"]
_DEVICE, _MEDIA = "http://www.onvif.org/ver10/device/wsdl", "http://www.onvif.org/ver10/media/wsdl"
_MEDIA2 = "http://www.onvif.org/ver20/media/wsdl"
_SCHEMA, _SOAP = "http://www.onvif.org/ver10/schema", "http://www.w3.org/2003/05/soap-envelope"
JPEG = b"\xff\xd8\xff\xe0 a grey wall \xff\xd9"
_OPEN = {"GetSystemDateAndTime", "GetServices", "GetCapabilities"}


@dataclass
class Camera:
    """Its state can be set; `asked` keeps the operations and paths that were asked for."""

    username: str = "hub"
    clock_off_s: int = 0
    firmware: str = "V5.7.3"
    shutter: bool | None = False
    """Closed or open; None for a camera without privacy masks."""
    fault: Fault = ""
    port: int = 0
    asked: list[str] = field(default_factory=list)
    _server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen on a free loopback port."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    def stop(self) -> None:
        """Go away."""
        if self._server is not None:
            self._server.close()

    def answer(self, operation: str, body: str) -> str:
        """The body of the SOAP answer."""
        if operation not in _OPEN and f">{self.username}</" not in body:
            return (
                "<s:Fault><s:Code><s:Value>s:Sender</s:Value><s:Subcode><s:Value>ter:NotAuthorized"
                "</s:Value></s:Subcode></s:Code><s:Reason>"
                '<s:Text xml:lang="en">Sender not authorized</s:Text></s:Reason>'
                "</s:Fault>"
            )
        now = datetime.now(UTC) + timedelta(seconds=self.clock_off_s)
        here = f"http://127.0.0.1:{self.port}"
        found = {
            "GetSystemDateAndTime": "<d:SystemDateAndTime><t:DateTimeType>NTP</t:DateTimeType>"
            "<t:DaylightSavings>false</t:DaylightSavings><t:UTCDateTime>"
            f"<t:Time><t:Hour>{now.hour}</t:Hour><t:Minute>{now.minute}</t:Minute><t:Second>{now.second}</t:Second>"
            f"</t:Time><t:Date><t:Year>{now.year}</t:Year><t:Month>{now.month}</t:Month><t:Day>{now.day}</t:Day>"
            "</t:Date></t:UTCDateTime></d:SystemDateAndTime>",
            "GetServices": "".join(
                f"<d:Service><d:Namespace>{name}</d:Namespace><d:XAddr>{here}/{path}</d:XAddr>"
                "<d:Version><t:Major>2</t:Major><t:Minor>6</t:Minor></d:Version></d:Service>"
                for name, path in self._services()
            ),
            "GetMasks": '<m2:Masks token="shutter"><m2:ConfigurationToken>v</m2:ConfigurationToken>'
            "<m2:Polygon>"
            + "".join(f'<t:Point x="{x}" y="{y}"/>' for x, y in ((-1, -1), (1, -1), (1, 1), (-1, 1)))
            + "</m2:Polygon><m2:Type>Color</m2:Type>"
            f"<m2:Enabled>{str(bool(self.shutter)).lower()}</m2:Enabled></m2:Masks>",
            "GetDeviceInformation": "<d:Manufacturer>Acme</d:Manufacturer><d:Model>C1</d:Model>"
            f"<d:FirmwareVersion>{self.firmware}</d:FirmwareVersion><d:SerialNumber>1</d:SerialNumber>"
            "<d:HardwareId>1</d:HardwareId>",
            "GetProfiles": "".join(
                f'<m:Profiles token="{token}" fixed="true"><t:Name>{token}</t:Name>'
                '<t:VideoEncoderConfiguration token="e"><t:Name>e</t:Name><t:UseCount>1</t:UseCount>'
                "<t:Encoding>H264</t:Encoding><t:Resolution><t:Width>1920</t:Width><t:Height>1080</t:Height>"
                "</t:Resolution><t:Quality>4</t:Quality><t:RateControl><t:FrameRateLimit>25</t:FrameRateLimit>"
                "<t:EncodingInterval>1</t:EncodingInterval><t:BitrateLimit>2048</t:BitrateLimit></t:RateControl>"
                "</t:VideoEncoderConfiguration></m:Profiles>"
                for token in ("main", "sub")
            ),
            "GetSnapshotUri": f"<m:MediaUri><t:Uri>{here}/snapshot.jpg</t:Uri>"
            "<t:InvalidAfterConnect>false</t:InvalidAfterConnect><t:InvalidAfterReboot>false</t:InvalidAfterReboot>"
            "<t:Timeout>PT0S</t:Timeout></m:MediaUri>",
        }[operation]
        prefix = {"GetProfiles": "m", "GetSnapshotUri": "m", "GetMasks": "m2"}.get(operation, "d")
        return f"<{prefix}:{operation}Response>{found}</{prefix}:{operation}Response>"

    def _services(self) -> list[tuple[str, str]]:
        there = [(_DEVICE, "onvif/device_service"), (_MEDIA, "onvif/media")]
        return there if self.shutter is None else [*there, (_MEDIA2, "onvif/media2")]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            length = re.search(r"(?i)content-length: *(\d+)", head)
            body = (await reader.readexactly(int(length[1]))).decode() if length else ""
            if self.fault == "silent":
                await reader.read()
            elif self.fault == "reset":
                writer.transport.abort()
            else:
                writer.write(self._reply(head, body))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def _reply(self, head: str, body: str) -> bytes:
        if head.startswith("GET /snapshot.jpg"):
            self.asked.append("snapshot.jpg")
            return _http(JPEG, "image/jpeg")
        operation = re.search(r"Body>\s*<(?:\w+:)?(\w+)", body)
        if operation is None or self.fault == "garbage":
            return _http(b"<html>busy", "text/html")
        self.asked.append(operation[1])
        inside = self.answer(operation[1], body)
        text = (
            f'<?xml version="1.0"?><s:Envelope xmlns:s="{_SOAP}" xmlns:d="{_DEVICE}" xmlns:m="{_MEDIA}" '
            f'xmlns:m2="{_MEDIA2}" '
            f'xmlns:t="{_SCHEMA}" xmlns:ter="http://www.onvif.org/ver10/error"><s:Body>{inside}</s:Body></s:Envelope>'
        )
        said = _http(text.encode(), "application/soap+xml")
        return said[: len(said) // 2] if self.fault == "half" else said


def _http(body: bytes, kind: str) -> bytes:
    head = (
        f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body
