"""What of an agent's findings is believed, which are one thing, and what a claim makes of one; pure."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from devices.sections import SECRETS

ANY_KIND = "network_device"
"""The kind of what has an address and nothing else that could be asked."""
FOUND_MOST = 1000
OPTIONS_MOST_CHARACTERS = 2000
_TEXTS = {"method": 32, "protocol": 32, "address": 255}
_FACTS = ("name", "maker", "model", "serial", "mac")
_FACT_MOST = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One thing an agent found; an empty text is not known."""

    method: str
    protocol: str
    address: str
    kind: str = ""
    name: str = ""
    maker: str = ""
    model: str = ""
    serial: str = ""
    mac: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)


def found_in(text: object, kinds: Collection[str]) -> tuple[list[Found], int]:
    """Reads what an agent said it found, and counts what of it cannot be read.

    The text is `Agent/Discovered`, or the answer to a search as `Agent/Result`; another one has found
    nothing. A kind that the hub does not know is left out, and so is every secret.
    """
    try:
        said = json.loads(text) if isinstance(text, str) else None
    except ValueError:
        return [], 1
    entries = said.get("found") if isinstance(said, dict) else None
    if not isinstance(entries, list):
        return [], 0
    read = [_found(each, kinds) for each in entries[:FOUND_MOST]]
    good = [each for each in read if each is not None]
    return good, len(entries) - len(good)


def _found(entry: object, kinds: Collection[str]) -> Found | None:
    if not isinstance(entry, dict):
        return None
    texts = {name: _text(entry.get(name), most) for name, most in _TEXTS.items()}
    options = entry.get("options") or {}
    if not all(texts.values()) or not isinstance(options, dict):
        return None
    options = {name: value for name, value in options.items() if not str(name).startswith(SECRETS)}
    if len(json.dumps(options)) > OPTIONS_MOST_CHARACTERS:
        return None
    facts = {name: _text(entry.get(name), _FACT_MOST) for name in _FACTS}
    kind = entry.get("kind")
    return Found(
        **texts, **facts, kind=kind if isinstance(kind, str) and kind in kinds else "", options=options
    )


def _text(value: object, most: int) -> str:
    if not isinstance(value, str):
        return ""
    return "".join(each for each in value if each.isprintable()).strip()[:most]


def is_weak(kind: str) -> bool:
    """Whether a kind says little more than that something is there."""
    return kind in {"", ANY_KIND}


def same(one: Found, other: Found) -> bool:
    """Tells whether two findings of one agent are the same thing.

    A serial number decides, then the hardware address, then where it is. Two protocols are two things,
    unless one of them only tells that something is there.
    """
    if one.protocol != other.protocol and not (is_weak(one.kind) or is_weak(other.kind)):
        return False
    for name in ("serial", "mac"):
        mine, theirs = getattr(one, name), getattr(other, name)
        if mine and theirs:
            return bool(mine.lower() == theirs.lower())
    return one.address == other.address


def completed(before: Found, now: Found) -> Found:
    """Gives what is known after a thing was found again: what says more is believed, nothing is forgotten."""
    if is_weak(now.kind) and not is_weak(before.kind):
        before, now = now, before
    facts = {name: getattr(now, name) or getattr(before, name) for name in (*_FACTS, "kind")}
    return Found(
        method=now.method, protocol=now.protocol, address=now.address, options=now.options or before.options,
        **facts,
    )  # fmt: skip


def state_again(state: str, device: str, devices: Collection[str]) -> str:
    """Gives the state of a thing that is found again: a claimed one that is no device any more is open."""
    return "open" if state == "claimed" and device not in devices else state


def device_id(room: str, kind: str, taken: Iterable[str]) -> str:
    """Gives an id for a device such as `p101-projector`, or `p101-projector-2` if that is taken."""
    words = f"{room} {kind}".lower() if room != "-" else kind
    base = re.sub(r"[^a-z0-9]+", "-", words).strip("-")[:56] or "device"
    known = {each.lower() for each in taken}
    number = 1
    while (found := base if number == 1 else f"{base}-{number}") in known:
        number += 1
    return found


def section(
    found: Found, *, kind: str, device: str, room: str, room_type: str, name: str, options: Mapping[str, Any]
) -> dict[str, Any]:
    """Gives the device of an agent's configuration that a claim makes.

    Of another kind than the found one only its address is taken over.
    """
    known = dict(found.options) if kind == found.kind else {}
    if "host" in found.options:
        known["host"] = found.options["host"]
    elif "://" not in found.address:
        known.setdefault("host", found.address.partition(":")[0])
    made = {"id": device, "kind": kind, "room": room, "options": {**known, **options}}
    return made | {key: value for key, value in (("room_type", room_type), ("name", name)) if value}


def with_device(content: Mapping[str, Any], device: Mapping[str, Any]) -> dict[str, Any]:
    """Gives a configuration with one more device."""
    return {**content, "devices": [*(content.get("devices") or []), dict(device)]}
