"""What a search may ask, and what it makes of the answers; no socket is opened here.

Several methods find the same thing: what they say of one address becomes one proposal. What is configured
already is left out. Networks are private, few and small, or the search does not begin.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from ipaddress import AddressValueError, IPv4Address, IPv4Interface, IPv4Network, collapse_addresses
from typing import Any
from urllib.parse import urlsplit

from devices.kind import DeviceKind
from devices.protocols.options import Drivers
from devices.sections import DeviceSection

METHODS = ("mqtt", "pjlink", "snmp", "mdns", "ssdp")
"""Strongest first: of two that say different things of one device, the earlier one is believed."""
ADDRESSES_MOST = 1024
PRIVATE = tuple(IPv4Network(one) for one in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"))
LOOPBACK = IPv4Network("127.0.0.0/8")
TEXT_MOST = 120
ANY_DEVICE = "network_device"
"""The kind of what has an address and nothing else that could be asked."""


class NetworkError(ValueError):
    """A network that may not be searched; the text names it and the fix."""


# ---------------------------------------------------------------- what was found


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One device, as a proposal tells it. None is what nobody said; `options` hold no secret.

    `address` is an IPv4 address, with a port if that is not the protocol's own; on a broker it is
    `mqtt://host:port/topic`.
    """

    method: str
    protocol: str
    address: str
    name: str | None = None
    maker: str | None = None
    model: str | None = None
    serial: str | None = None
    mac: str | None = None
    kind: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def host(self) -> str:
        """The address without its port; empty for what is on a broker."""
        return "" if "://" in self.address else self.address.partition(":")[0]

    @property
    def weak(self) -> bool:
        """Whether it says little more than that something is there."""
        return self.kind in (None, ANY_DEVICE)

    def document(self) -> dict[str, Any]:
        """As it goes over the wire."""
        return {name: getattr(self, name) for name in _WIRE}


_WIRE = ("method", "protocol", "address", "name", "maker", "model", "serial", "mac", "kind", "options")
_FACTS = ("name", "maker", "model", "serial", "mac")


def text(value: object) -> str | None:
    """What a device says of itself, as one bounded line; None for nothing."""
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if not isinstance(value, str):
        return None
    clean = " ".join("".join(one if one.isprintable() else " " for one in value).split())
    return clean[:TEXT_MOST] or None


def mac(value: object) -> str | None:
    """A hardware address as `3c:52:82:11:22:33`; None for what is none, or stands for many devices."""
    digits = "".join(one for one in value if one not in ":-. ").lower() if isinstance(value, str) else ""
    if len(digits) != 12 or any(one not in "0123456789abcdef" for one in digits):
        return None
    if digits in ("0" * 12, "f" * 12) or int(digits[:2], 16) & 1:
        return None
    return ":".join(digits[at : at + 2] for at in range(0, 12, 2))


# ---------------------------------------------------------------- where it is


def default_port(kind: DeviceKind | None, protocol: str) -> int | None:
    """The port that a driver uses if it is told none."""
    drivers = kind.driver if kind is not None else None
    for choice in drivers.choices if isinstance(drivers, Drivers) else ():
        described = choice.options.model_fields.get("port") if choice.protocol == protocol else None
        if described is not None:
            return int(described.default)
    return None


def at_host(host: str, port: int | None, usual: int | None) -> str:
    """The address of a thing: with its port if that is an unusual one."""
    return host if port is None or usual is None or port == usual else f"{host}:{port}"


def topic_of(protocol: str, options: Mapping[str, Any]) -> str | None:
    """Where a device is on its broker; None for one that is on none."""
    match protocol:
        case "zigbee2mqtt":
            return f"{options.get('base', 'zigbee2mqtt')}/{options.get('name')}"
        case "tasmota":
            return f"{options.get('topic')}"
        case "shelly":
            return f"{options.get('prefix')}"
        case "classroom":
            return f"classroom/{options.get('id')}"
    return None


DEFAULT_BROKER = "mqtt://127.0.0.1:1883"


def broker_of(url: str) -> str:
    """A broker's address written always alike: with its port, and localhost as a number."""
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    port = parts.port or (8883 if parts.scheme == "mqtts" else 1883)
    return f"{parts.scheme}://{'127.0.0.1' if host == 'localhost' else host}:{port}"


def configured(
    devices: Iterable[DeviceSection],
    kinds: Mapping[str, DeviceKind],
    numbers: Mapping[str, str] = {},
) -> frozenset[tuple[str, str]]:
    """Protocol and address of all devices that are there already; `numbers` are addresses of their names.

    For one on a broker also its topic alone, for one with an address also `("", address)`.
    """
    found: set[tuple[str, str]] = set()
    for device in devices:
        kind = kinds.get(device.kind)
        if device.driver != "kind" or kind is None or not isinstance(kind.driver, Drivers):
            continue
        options = device.options
        protocol = str(options.get("protocol", kind.driver.choices[0].protocol))
        if (topic := topic_of(protocol, options)) is not None:
            found.add((protocol, f"{broker_of(str(options.get('url', DEFAULT_BROKER)))}/{topic}"))
            found.add((protocol, topic))
        elif isinstance(host := options.get("host"), str):
            host = numbers.get(host, host).lower()
            host = "127.0.0.1" if host == "localhost" else host
            port = options.get("port")
            usual = default_port(kind, protocol)
            found.add((protocol, at_host(host, port if isinstance(port, int) else None, usual)))
            found.add(("", host))
    return frozenset(found)


def unknown(found: Iterable[Found], known: frozenset[tuple[str, str]]) -> list[Found]:
    """What is not configured. A word that something is there is no news of an address that is known."""
    return [
        one
        for one in found
        if (one.protocol, one.address) not in known
        and not (one.weak and ("", one.host) in known)
        and not (one.host and (one.protocol, topic_of(one.protocol, one.options) or "") in known)
    ]


# ---------------------------------------------------------------- one out of many


def merged(found: Iterable[Found], macs: Mapping[str, str] = {}) -> list[Found]:
    """Each thing once, the order of what is told does not matter. `macs` are hardware addresses by host.

    What says only that something is there completes what says what it is, at the same host or with the
    same hardware address.
    """
    all_ = sorted(found, key=_rank)
    # whoever tells the hardware address of a host tells it for all that is said of the host
    of_host = {one.host: one.mac for one in reversed(all_) if one.host and one.mac}
    all_ = [one if one.mac else replace(one, mac=of_host.get(one.host, macs.get(one.host))) for one in all_]
    strong: dict[tuple[str, str], Found] = {}
    weak: list[Found] = []
    for one in all_:
        if one.weak:
            weak.append(one)
            continue
        key = (one.protocol, one.address)
        same = next(
            (k for k, other in strong.items() if one.mac and (other.protocol, other.mac) == (key[0], one.mac)
             and "://" in other.address + one.address),
            key,
        )  # fmt: skip
        strong[same] = _completed(strong[same], one) if same in strong else one
    rest: dict[str, Found] = {}
    for one in weak:
        same_host = [key for key, other in strong.items() if other.host == one.host]
        same_mac = [key for key, other in strong.items() if one.mac and other.mac == one.mac]
        if same_mac or same_host:
            if len(places := set(same_mac or same_host)) == 1:
                key = places.pop()
                strong[key] = _completed(strong[key], one)
        else:
            rest[one.host] = _completed(rest[one.host], one) if one.host in rest else one
    return sorted((*strong.values(), *rest.values()), key=lambda one: (one.address, one.protocol))


def _rank(one: Found) -> tuple[bool, int, str]:
    # a weak one that has a kind is better than one without
    return one.kind is None, METHODS.index(one.method), json.dumps(one.document(), sort_keys=True)


def _completed(one: Found, other: Found) -> Found:
    changes = {name: getattr(other, name) for name in _FACTS if getattr(one, name) is None}
    return replace(one, **changes)


def fitting(found: Sequence[Found], most_bytes: int) -> tuple[list[dict[str, Any]], int]:
    """As many as fit, those with a kind first, and how many did not."""
    kept, left, size = [], 0, 2
    for one in sorted(found, key=lambda one: one.weak):
        document = one.document()
        more = len(json.dumps(document, ensure_ascii=False).encode()) + 2
        if size + more > most_bytes:
            left += 1
        else:
            size += more
            kept.append(document)
    return kept, left


# ---------------------------------------------------------------- where to look


@dataclass(frozen=True, slots=True)
class Where:
    """What a search asks: groups from `sources`, each of `hosts` one by one, and who may answer.

    `far` are those of the hosts whom no group reaches; `broadcasts` the addresses of whole networks.
    """

    sources: tuple[str, ...]
    hosts: tuple[str, ...]
    far: tuple[str, ...]
    broadcasts: tuple[str, ...]
    answering: tuple[IPv4Network, ...]

    def may_answer(self, host: str) -> bool:
        """Whether an answer from there is heard."""
        try:
            address = IPv4Address(host)
        except AddressValueError:
            return False
        return any(address in network for network in self.answering)


def where(own: Sequence[IPv4Interface], asked: Sequence[str]) -> Where:
    """The networks that were asked for, else the agent's own. Raises NetworkError.

    Own networks are narrowed to 1024 addresses around the agent; more than that cannot be asked for.
    """
    wanted = _asked(asked) if asked else _around(own)
    here = [one for one in own if any(one.network.overlaps(network) for network in wanted)]
    sources = [str(one.ip) for one in here]
    if any(network.overlaps(LOOPBACK) for network in wanted):
        sources.append("127.0.0.1")
    hosts = [str(host) for network in wanted for host in _hosts(network)]
    own_ones = [one.network for one in here]
    far = [host for host in hosts if not any(IPv4Address(host) in network for network in own_ones)]
    broadcasts = [str(network.broadcast_address) for network in wanted if network.prefixlen < 31]
    if not asked:
        broadcasts = [str(network.broadcast_address) for network in own_ones]
    answering = wanted if asked else own_ones
    return Where(tuple(sources), tuple(hosts), tuple(far), tuple(broadcasts), tuple(answering))


def check_networks(asked: Sequence[str]) -> list[str]:
    """The networks as they were given. Raises NetworkError for what may not be searched."""
    _asked(asked)
    return list(asked)


def _asked(asked: Sequence[str]) -> list[IPv4Network]:
    networks = []
    for one in asked:
        try:
            network = IPv4Network(one, strict=False)
        except ValueError:
            raise NetworkError(f"networks: {one!r} is none; write it as 10.12.3.0/24") from None
        if not any(network.subnet_of(allowed) for allowed in (*PRIVATE, LOOPBACK)):
            raise NetworkError(f"networks: {one} is not private; only 10/8, 172.16/12 and 192.168/16 are")
        networks.append(network)
    networks = list(collapse_addresses(networks))
    if (size := sum(one.num_addresses for one in networks)) > ADDRESSES_MOST:
        raise NetworkError(
            f"networks: {size} addresses are too many; at most {ADDRESSES_MOST} (a /22) together"
        )
    return networks


def _around(own: Sequence[IPv4Interface]) -> list[IPv4Network]:
    left, found = ADDRESSES_MOST, list[IPv4Network]()
    for one in own:
        if left and any(one.network.subnet_of(allowed) for allowed in PRIVATE):
            length = max(one.network.prefixlen, 33 - left.bit_length())
            narrowed = IPv4Network((int(one.ip), length), strict=False)
            if not any(narrowed.overlaps(other) for other in found):
                found.append(narrowed)
                left -= narrowed.num_addresses
    return found


def _hosts(network: IPv4Network) -> Iterable[IPv4Address]:
    return network.hosts() if network.prefixlen < 31 else network
