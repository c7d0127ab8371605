"""The names and addresses under which this machine may be reached."""

import ipaddress
import re
import socket
from urllib.parse import urlsplit

import psutil

from hub.settings import Settings

_DNS_NAME = re.compile(
    r"(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?)*"
)


def names_of_host(settings: Settings) -> frozenset[str]:
    """Gives what a certificate of this hub has to cover: its own names and addresses, and the configured."""
    host = socket.gethostname().lower()
    names = {"localhost", "127.0.0.1", "::1", host, f"{host}.local", *addresses()}
    names |= {name.strip().lower() for name in settings.tls_names}
    if public := urlsplit(settings.public_url).hostname:
        names.add(public)
    names.add(settings.http_host.lower())
    return frozenset(name for name in names if _usable(name))


def addresses() -> list[str]:
    """Gives the addresses by which other machines of the network may reach this one, IPv4 first."""
    found = set()
    for interface in psutil.net_if_addrs().values():
        for each in interface:
            if each.family in {socket.AF_INET, socket.AF_INET6} and "%" not in each.address:
                found.add(ipaddress.ip_address(each.address))
    reachable = [each for each in found if not (each.is_loopback or each.is_link_local or each.is_multicast)]
    return [str(each) for each in sorted(reachable, key=lambda each: (each.version, int(each)))]


def _usable(name: str) -> bool:
    try:
        return not ipaddress.ip_address(name).is_unspecified
    except ValueError:
        return _DNS_NAME.fullmatch(name.removeprefix("*.")) is not None
