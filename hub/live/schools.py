"""Schools as a whole, read off the inventory: what is seen of each, its counts, its neighbours."""

from __future__ import annotations

from typing import Any

from hub.live.documents import Document, Mirrored
from hub.live.inventory import Inventory, School
from hub.live.path import (
    Cut,
    DevicesSight,
    Neighbours,
    NodeSight,
    SchoolSight,
    UplinkSight,
    neighbours,
    school_state,
)
from hub.live.rules import SEVERITIES, SEVERITY_RANK, is_open, is_standing, is_there
from hub.registry.reasons import said

UPLINK = "uplink"
LINK_UP = "Link Up"


def sight(inventory: Inventory, code: str) -> SchoolSight:
    """Everything known about how a school is."""
    worst: dict[tuple[str, str], Document] = {}
    cut = None
    device_alarms = 0
    for alarm in inventory.alarms_of(code):
        if not is_standing(alarm):
            continue
        if alarm["condition"] == "school_down":
            cut = Cut(alarm["id"], alarm["raised_ms"], (alarm["detail_vi"], alarm["detail_en"]))
            continue
        about = alarm["node"], alarm["device"] or ""
        device_alarms += bool(about[1]) and alarm["kind"] != UPLINK
        if about not in worst or _rank(alarm) > _rank(worst[about]):
            worst[about] = alarm
    nodes = tuple(
        _node(node, worst.get((node.node, ""))) for node in inventory.nodes_of(code) if node.claimed
    )
    uplink, total, gone, gone_ms = None, 0, 0, None
    for entry in inventory.of_school(code):
        document = entry.document
        if not document.claimed:
            continue
        if document.kind == UPLINK:
            uplink = _uplink(document, worst.get((document.node, document.device or "")))
            continue
        total += 1
        if not _there(document):
            gone += 1
            gone_ms = min(filter(None, (gone_ms, document.presence.since_ms)), default=None)
    mine = [alarm for about, alarm in worst.items() if about[1] and alarm["kind"] != UPLINK]
    first = max(mine, key=_rank, default=None)
    since_ms = gone_ms if first is None else min(filter(None, (gone_ms, first["raised_ms"])))
    devices = DevicesSight(total, gone, since_ms, first["id"] if first else None, device_alarms)
    return SchoolSight(nodes, uplink, devices, cut)


def summary(inventory: Inventory, school: School) -> dict[str, Any]:
    """A school in a list: state and counts; nothing is online in a school that cannot be reached."""
    code = school.code
    seen = sight(inventory, code)
    state, since_ms = school_state(seen)
    entries = [entry for entry in inventory.of_school(code) if entry.document.claimed]
    reachable = state not in ("down", "unknown")
    alarms = [alarm for alarm in inventory.alarms_of(code) if is_open(alarm)]
    rank = max(map(_rank, alarms), default=0)
    return {
        **described(inventory, school),
        "state": state,
        "since_ms": since_ms,
        "rooms": len({entry.document.room for entry in entries} - {"-", ""}),
        "devices": len(entries),
        "devices_online": sum(_there(entry.document) for entry in entries) if reachable else 0,
        "nodes": len(seen.nodes),
        "nodes_online": sum(node.there for node in seen.nodes) if reachable else 0,
        "alarms_open": len(alarms),
        "severity": SEVERITIES[rank] if rank else None,
    }


def described(inventory: Inventory, school: School) -> dict[str, Any]:
    """What the organisation says of a school."""
    return {
        "code": school.code,
        "name": school.name,
        "level": school.level,
        "district": school.district,
        "district_name": inventory.districts.get(school.district),
    }


def around(inventory: Inventory, school: School, since_ms: int | None) -> tuple[Neighbours, Neighbours]:
    """How the schools of the district and of the province are, this one among them."""
    mine: list[int | None] = []
    others: list[int | None] = []
    for code in inventory.heard_schools():
        known = inventory.schools.get(code)
        if known is None:
            continue
        away_ms = _away_ms(inventory, code)
        (mine if known.district == school.district else others).append(away_ms)
    return neighbours(since_ms, mine), neighbours(since_ms, [*mine, *others])


def _away_ms(inventory: Inventory, code: str) -> int | None:
    """Since when a school is away, from its nodes and its one alarm alone."""
    cut = next(
        (a for a in inventory.alarms_of(code) if a["condition"] == "school_down" and is_standing(a)), None
    )
    nodes = tuple(_node(node, None) for node in inventory.nodes_of(code) if node.claimed)
    return SchoolSight(nodes, cut=Cut(cut["id"], cut["raised_ms"]) if cut else None).away_since_ms


def _there(document: Mirrored) -> bool:
    presence = document.presence
    return presence.state == "born" or is_there(presence.state, presence.reason)


def _node(node: Mirrored, alarm: Document | None) -> NodeSight:
    presence = node.presence
    return NodeSight(
        node.node,
        presence.state,
        _there(node),
        presence.since_ms,
        said(presence.reason),
        presence.reason == "goodbye",
        node.skew_ms or 0,
        alarm["id"] if alarm else None,
    )


def _uplink(document: Mirrored, alarm: Document | None) -> UplinkSight:
    link = document.metrics.get(LINK_UP)
    good = link is not None and link.quality == "good"
    return UplinkSight(
        _there(document),
        bool(link.value) if link is not None and good and link.value is not None else None,
        alarm["raised_ms"]
        if alarm
        else link.ts_ms
        if link is not None and good
        else document.presence.since_ms,
        _number(document, "Utilisation"),
        _number(document, "Latency"),
        alarm["id"] if alarm else None,
        (alarm["title_vi"], alarm["title_en"]) if alarm else ("", ""),
    )


def _number(document: Mirrored, name: str) -> float | None:
    reading = document.metrics.get(name)
    if reading is None or reading.quality != "good" or not isinstance(reading.value, int | float):
        return None
    return reading.value


def _rank(alarm: Document) -> int:
    return SEVERITY_RANK.get(alarm["severity"], 0)
