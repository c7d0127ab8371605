"""Edge nodes as lists and details show them."""

from __future__ import annotations

from bisect import bisect_right
from typing import Any

from hub.live.documents import Key, Mirrored, born, key_of
from hub.live.picture import Picture
from hub.live.schemas import CurrentMetric, Node, Outbox, Presence
from hub.live.tiles import shown


def agent_of(node: Mirrored) -> dict[str, Any]:
    """The edge node that reports a device: its presence, clock and outbox."""
    return {
        "node": node.node,
        "presence": node.presence,
        "software": node.software,
        "simulated": node.simulated,
        "clock_offset_ms": clock_offset_ms(node),
        "skew_ms": node.skew_ms,
        "last_heard_ms": node.heard_ms,
        "outbox": _outbox(node),
    }


def clock_offset_ms(node: Mirrored) -> int | None:
    """By how much the node's school time was ahead of UTC when its document was published."""
    if node.clock_offset_ms is None:
        return None
    return round(node.clock_offset_ms + (node.clock_factor - 1) * (node.published_ms or 0))


def _outbox(node: Mirrored) -> dict[str, Any] | None:
    box = node.outbox
    if box is None:
        return None
    return {
        "position": box.position,
        "stored": box.stored,
        "first": box.stored + 1 if box.position > box.stored else None,
        "unacknowledged": box.waiting,
        "lost": box.lost,
    }


def _metrics(document: Mirrored) -> list[CurrentMetric]:
    return [CurrentMetric(**shown(name, reading)) for name, reading in document.metrics.items()]


def node_shown(picture: Picture, key: Key, document: Mirrored) -> Node:
    """An edge node as lists show it."""
    keys = picture.sorted_keys()
    first = bisect_right(keys, key)
    mine = []
    for other in keys[first:]:
        if other[:2] != key[:2]:
            break
        mine.append(other)
    devices = [d for d in map(picture.get, mine) if d is not None]
    presence = document.presence
    return Node(
        group=key[0],
        node=key[1],
        school=document.school,
        claimed=document.claimed,
        simulated=document.simulated,
        software=document.software,
        clock_offset_ms=clock_offset_ms(document),
        skew_ms=document.skew_ms,
        presence=Presence(state=presence.state, reason=presence.reason, since_ms=presence.since_ms),
        alarms=list(document.alarms),
        devices=[key_of(d)[2] for d in devices],
        devices_online=sum(map(born, devices)),
        metrics=_metrics(document),
        outbox=Outbox(**box) if (box := _outbox(document)) else None,
    )
