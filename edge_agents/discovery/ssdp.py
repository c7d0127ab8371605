"""Devices that answer a search of UPnP; each is asked for its description once.

A description is fetched only from the host that answered, by plain HTTP, up to 64 KiB; one with a document
type is not read: its entities could be anything. Source: UPnP Device Architecture 1.1, sections 1.3 and 2.3.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Mapping
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET

from edge_agents.discovery.asked import Report, Wish
from edge_agents.discovery.recognising import by_upnp
from edge_agents.discovery.rules import Found

GROUP = "239.255.255.250"
DESCRIPTIONS_MOST = 256
DESCRIPTION_MOST_BYTES = 64 * 1024
_FETCH_S = 3.0
_AT_ONCE = 8
_LOCATION = re.compile(r"^location:\s*(\S+)\s*$", re.IGNORECASE | re.MULTILINE)
_ABOUT = (
    "deviceType", "friendlyName", "manufacturer", "modelName", "modelNumber", "modelDescription",
    "serialNumber",
)  # fmt: skip


async def search(wish: Wish, report: Report) -> None:
    """Ask twice for root devices, then each that answered for its description."""
    port = wish.ports.ssdp
    question = (
        f'M-SEARCH * HTTP/1.1\r\nHOST: {GROUP}:{port}\r\nMAN: "ssdp:discover"\r\n'
        "MX: 1\r\nST: upnp:rootdevice\r\n\r\n"
    ).encode()
    places: dict[str, str] = {}
    async with contextlib.AsyncExitStack() as stack:
        lines = [await stack.enter_async_context(wish.asking(source)) for source in wish.where.sources]
        alone = await stack.enter_async_context(wish.asking())
        for _ in range(2):
            for line in lines:
                line.ask(question, GROUP, port)
            await alone.ask_all((question, host, port) for host in wish.where.far)
            await asyncio.sleep(wish.listen_s / 2)
        for line in (*lines, alone):
            report.asked += line.asked
            report.bad += line.ears.dropped
            for data, host, _ in line.ears.take():
                if (place := location(data, host)) is None:
                    report.bad += 1
                elif len(places) < DESCRIPTIONS_MOST:
                    places[place] = host
    report.answered = len(set(places.values()))
    free = asyncio.Semaphore(_AT_ONCE)

    async def describe(place: str, host: str) -> Found | None:
        async with free:
            about = await fetched(place)
        report.bad += about is None
        return by_upnp(host, about) if about is not None else None

    described = await asyncio.gather(*(describe(place, host) for place, host in places.items()))
    report.found += [one for one in described if one is not None]


def location(data: bytes, host: str) -> str | None:
    """Where the description is; None for what is no answer, or points to somebody else."""
    said = data[:4096].decode("utf-8", "replace")
    found = _LOCATION.search(said) if said.startswith("HTTP/1.") and " 200 " in said[:20] else None
    if found is None:
        return None
    try:
        parts = urlsplit(found[1])
        usable = parts.scheme == "http" and parts.hostname == host and (parts.port or 80) > 0
    except ValueError:
        return None
    return found[1] if usable and not parts.username else None


async def fetched(place: str) -> Mapping[str, str] | None:
    """The texts of a description's root device; None if it cannot be had, or read."""
    parts = urlsplit(place)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    writer: asyncio.StreamWriter | None = None
    try:
        async with asyncio.timeout(_FETCH_S):
            reader, writer = await asyncio.open_connection(parts.hostname, parts.port or 80)
            writer.write(f"GET {path} HTTP/1.0\r\nHost: {parts.netloc}\r\n\r\n".encode())
            said = b""
            while len(said) <= DESCRIPTION_MOST_BYTES and (more := await reader.read(8192)):
                said += more
    except (OSError, TimeoutError, ValueError):
        return None
    finally:
        if writer is not None:
            writer.close()
    head, _, body = said.partition(b"\r\n\r\n")
    if not re.match(rb"HTTP/1\.[01] 200\b", head) or len(said) > DESCRIPTION_MOST_BYTES:
        return None
    return described(body)


def described(body: bytes) -> dict[str, str] | None:
    """The root device of a description; None for what is none."""
    try:
        said = body.decode("utf-8-sig")
        if "<!DOCTYPE" in said:
            return None
        root = ET.fromstring(said)  # noqa: S314 — without a document type there are no entities
    except (ET.ParseError, ValueError, LookupError):
        return None
    device = next((one for one in root.iter() if one.tag.rpartition("}")[2] == "device"), None)
    if device is None:
        return None
    texts = {one.tag.rpartition("}")[2]: (one.text or "").strip()[:200] for one in device}
    return {name: texts[name] for name in _ABOUT if texts.get(name)}
