"""What this machine knows of the networks it is in: its addresses, its neighbours, names."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable
from ipaddress import IPv4Interface
from pathlib import Path

import psutil

from edge_agents.discovery.rules import mac

_NOT_OF_THE_SCHOOL = ("docker", "veth", "virbr", "lxc", "cni", "tun", "tap", "wg", "tailscale", "zt", "ppp")
"""Interfaces of containers, and tunnels: at the other end of a tunnel may be all other schools."""
_RESOLVE_WITHIN_S = 3.0


def own_interfaces() -> list[IPv4Interface]:
    """Addresses of this machine in networks that devices may be in."""
    found: list[IPv4Interface] = []
    stats = psutil.net_if_stats()
    for name, addresses in psutil.net_if_addrs().items():
        about = stats.get(name)
        flags = about.flags.split(",") if about is not None else []
        if about is None or not about.isup or "loopback" in flags or "pointopoint" in flags:
            continue
        bridge_of_containers = name.startswith("br-") and len(name) == 15
        if name.startswith(_NOT_OF_THE_SCHOOL) or bridge_of_containers:
            continue
        found += [
            IPv4Interface(f"{one.address}/{one.netmask}")
            for one in addresses
            if one.family == socket.AF_INET and one.netmask
        ]
    return found


def neighbours(table: Path = Path("/proc/net/arp")) -> dict[str, str]:
    """Hardware addresses of the hosts that this machine spoke to lately, as far as the system tells."""
    try:
        lines = table.read_text().splitlines()[1:]
    except OSError:
        return {}
    rows = (line.split() for line in lines)
    return {row[0]: found for row in rows if len(row) >= 4 and (found := mac(row[3])) is not None}


async def numbers_of(names: Iterable[str]) -> dict[str, str]:
    """The addresses of names, of those that have one."""
    loop = asyncio.get_running_loop()
    found: dict[str, str] = {}

    async def look_up(name: str) -> None:
        infos = await loop.getaddrinfo(name, None, family=socket.AF_INET, type=socket.SOCK_DGRAM)
        found[name] = str(infos[0][4][0])

    try:
        async with asyncio.timeout(_RESOLVE_WITHIN_S):
            await asyncio.gather(*(look_up(name) for name in set(names)), return_exceptions=True)
    except TimeoutError:
        pass  # what has no address by now is compared by name
    return found
