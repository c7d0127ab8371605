"""Projectors of PJLink class 2: they answer a broadcast with their hardware address.

Source: PJLink Class 2 specification, JBMIA, version 2.10, section on search; class 1 has no search.
"""

from __future__ import annotations

import asyncio
import re
from typing import Any

from edge_agents.discovery.asked import Report, Wish
from edge_agents.discovery.recognising import at
from edge_agents.discovery.rules import Found

SEARCH = b"%2SRCH\r"
_ACKNOWLEDGED = re.compile(rb"%2ACKN=([0-9A-Fa-f]{2}(?:[:-][0-9A-Fa-f]{2}){5})\r?\n?")
_ASKED_MOST = 64
_ABOUT_S = 2.0
_AT_ONCE = 8


async def search(wish: Wish, report: Report) -> None:
    """Ask twice by broadcast, then each that answered for maker, model, name and serial number."""
    port = wish.ports.pjlink
    seen: dict[str, str] = {}
    # the specification lets a projector answer to the port of its own rather than to the one that asked
    async with wish.asking(local_port=port if port == 4352 else 0) as asking:
        for _ in range(2):
            await asking.ask_all((SEARCH, host, port) for host in (*wish.where.broadcasts, *wish.where.far))
            report.asked = asking.asked
            await asyncio.sleep(wish.listen_s / 2)
        for data, host, _ in asking.ears.take():
            said = _ACKNOWLEDGED.fullmatch(data)
            if said is not None:
                seen[host] = said[1].decode()
            elif data != SEARCH:  # one's own broadcast comes back
                report.bad += 1
        report.bad += asking.ears.dropped
    report.answered = len(seen)
    free = asyncio.Semaphore(_AT_ONCE)

    async def ask(host: str, mac: str) -> Found:
        async with free:
            about = await facts(host, wish.ports.pjlink)
        return at("pjlink", host, "projector", "pjlink", **about, mac=mac)

    hosts = list(seen)[:_ASKED_MOST]
    report.found += await asyncio.gather(*(ask(host, seen[host]) for host in hosts))
    report.found += [
        at("pjlink", host, "projector", "pjlink", mac=mac) for host, mac in list(seen.items())[_ASKED_MOST:]
    ]


async def facts(host: str, port: int) -> dict[str, Any]:
    """What a projector without a password tells of itself; nothing if it wants one."""
    found: dict[str, Any] = {}
    writer: asyncio.StreamWriter | None = None
    try:
        async with asyncio.timeout(_ABOUT_S):
            reader, writer = await asyncio.open_connection(host, port, limit=512)
            if not (await reader.readuntil(b"\r")).startswith(b"PJLINK 0"):
                return found
            for name, question in _QUESTIONS:
                writer.write(f"{question} ?\r".encode())
                said = (await reader.readuntil(b"\r")).decode("utf-8", "replace").rstrip("\r")
                value = said.removeprefix(f"{question}=")
                if value != said and value and not re.fullmatch(r"ERR[1-4A]", value):
                    found[name] = value
    except (OSError, TimeoutError, EOFError, asyncio.LimitOverrunError):
        pass  # it is there: what it did not tell stays unknown
    finally:
        if writer is not None:
            writer.close()
    return found


_QUESTIONS = (("maker", "%1INF1"), ("model", "%1INF2"), ("name", "%1NAME"), ("serial", "%2SNUM"))
