"""What a codec's status documents mean, as pure functions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Media:
    """Counters over all channels of all calls, and the worst jitter (ms) and rates (kbit/s) now."""

    packets: int = 0
    lost: int = 0
    jitter_ms: float | None = None
    rx_kbps: int = 0
    tx_kbps: int = 0


def media_of(calls: Any) -> Media:
    """What `Status/MediaChannels/Call` says; loss and jitter are of what comes in."""
    packets, lost, rx_bps, tx_bps, jitters = 0, 0, 0, 0, []
    for channel in _channels(calls):
        stat = channel.get("Netstat")
        stat = stat if isinstance(stat, dict) else {}
        rate_bps = _whole(stat.get("ChannelRate"))
        if channel.get("Direction") == "Outgoing":
            tx_bps += rate_bps
            continue
        rx_bps += rate_bps
        packets += _whole(stat.get("Packets"))
        lost += _whole(stat.get("Loss"))
        if "Jitter" in stat:
            jitters.append(float(_whole(stat["Jitter"])))
    return Media(packets, lost, max(jitters, default=None), rx_bps // 1000, tx_bps // 1000)


def loss_percent(before: Media | None, after: Media) -> float | None:
    """Of the packets between two polls; None at the first, when nothing ran, or when a call began anew."""
    if before is None or after.packets < before.packets or after.lost < before.lost:
        return None
    lost, arrived = after.lost - before.lost, after.packets - before.packets
    return round(100 * lost / (lost + arrived), 2) if lost + arrived else None


def registered(registrations: Any) -> bool | None:
    """Whether any SIP registration stands; None if the codec does not say."""
    rows = registrations if isinstance(registrations, list) else [registrations]
    states = [row.get("Status") for row in rows if isinstance(row, dict)]
    return "Registered" in states if states else None


def on(value: Any) -> bool | None:
    """`On` or `Off`; None for anything else."""
    return {"On": True, "Off": False}.get(value) if isinstance(value, str) else None


def _channels(calls: Any) -> Iterator[Mapping[str, Any]]:
    for call in calls if isinstance(calls, list) else []:
        found = call.get("Channel") if isinstance(call, dict) else None
        yield from (one for one in found if isinstance(one, dict)) if isinstance(found, list) else ()


def _whole(value: Any) -> int:
    try:
        return max(0, int(value))
    except (TypeError, ValueError, OverflowError):
        return 0
