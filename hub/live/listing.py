"""Lists of devices: which of them, in which order, where a page goes on, and how many of what there are."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

from devices.kind import Limit
from hub.live.documents import Mirrored
from hub.live.inventory import Entry, Inventory, Sort, order_of
from hub.live.rules import SEVERITIES
from hub.live.search import words
from hub.live.tiles import icon, known_kind, tile

State: TypeAlias = Literal["born", "stale", "dead"]
Severity: TypeAlias = Literal["critical", "major", "minor", "none"]
STATES: tuple[State, ...] = ("born", "stale", "dead")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a list is asked for; None does not matter. `schools` is what the asker may see."""

    schools: frozenset[str] | None = None
    group: str | None = None
    node: str | None = None
    q: str | None = None
    school: str | None = None
    district: str | None = None
    kind: str | None = None
    presence: State | None = None
    severity: Severity | None = None
    claimed: bool | None = None
    simulated: bool | None = None


def found(entries: Sequence[Entry], wanted: Wanted) -> Sequence[Entry]:
    """The devices that are wanted, in the order given."""
    if wanted.schools is not None:
        mine = wanted.schools
        entries = [e for e in entries if e.document.school in mine and e.document.claimed]
    if wanted.school is not None:
        entries = [e for e in entries if e.document.school == wanted.school]
    if wanted.group is not None:
        entries = [e for e in entries if e.key[0] == wanted.group]
    if wanted.node is not None:
        entries = [e for e in entries if e.key[1] == wanted.node]
    if wanted.district is not None:
        entries = [e for e in entries if e.district == wanted.district]
    if wanted.kind is not None:
        entries = [e for e in entries if e.document.kind == wanted.kind]
    if wanted.presence is not None:
        entries = [e for e in entries if e.document.presence.state == wanted.presence]
    if wanted.severity is not None:
        rank = SEVERITIES.index(wanted.severity)
        entries = [e for e in entries if e.rank == rank]
    if wanted.claimed is not None:
        entries = [e for e in entries if e.document.claimed is wanted.claimed]
    if wanted.simulated is not None:
        entries = [e for e in entries if e.document.simulated is wanted.simulated]
    for word in words(wanted.q):
        entries = [e for e in entries if word in e.text]
    return entries


def page_after(
    entries: Sequence[Entry], sort: Sort, after: tuple[Any, ...] | None, limit: int
) -> tuple[Sequence[Entry], tuple[Any, ...] | None]:
    """A page of a list in this order, and the key to go on after (None at the end).

    The key is a place in the order, not a number: whatever comes or goes meanwhile, a device that keeps its
    place is on exactly one page.
    """
    order = order_of(sort)
    start = 0 if after is None else bisect_right(entries, after, key=order)
    shown = entries[start : start + limit]
    more = start + limit < len(entries)
    return shown, order(shown[-1]) if more else None


def row(entry: Entry) -> dict[str, Any]:
    """A device as lists show it."""
    document, key = entry.document, entry.key
    return {
        "group": key[0],
        "node": key[1],
        "device": key[2],
        "school": document.school,
        "school_name": entry.school_name or None,
        "district": entry.district or None,
        "room": document.room,
        "kind": document.kind,
        "name": document.name,
        "claimed": document.claimed,
        "simulated": document.simulated,
        "published_ms": document.published_ms,
        "presence": document.presence,
        "alarms": document.alarms,
        "severity": SEVERITIES[entry.rank] if entry.rank else None,
        "suppressed": entry.suppressed,
        "icon": icon(document),
        "tile": tile(document),
    }


def facets(inventory: Inventory, wanted: Wanted) -> dict[str, Any]:
    """Counts by kind, district, presence and severity.

    Each is counted under all filters but its own, so that it says what one would get by choosing another.
    """
    whole = inventory.in_order("place")
    base = found(whole, replace(wanted, kind=None, district=None, presence=None, severity=None))

    def others(**own: None) -> Sequence[Entry]:
        chosen = Wanted(
            kind=wanted.kind, district=wanted.district, presence=wanted.presence, severity=wanted.severity
        )
        return found(base, replace(chosen, **own))

    kinds = Counter(e.document.kind or "" for e in others(kind=None))
    places = Counter(e.district for e in others(district=None))
    states = Counter(e.document.presence.state for e in others(presence=None))
    ranks = Counter(e.rank for e in others(severity=None))
    return {
        "kinds": [_kind(kind_id, count) for kind_id, count in sorted(kinds.items())],
        "districts": [
            {"code": code, "name": inventory.districts.get(code, code), "count": count}
            for code, count in sorted(places.items())
            if code
        ],
        "presence": {state: states[state] for state in STATES},
        "severity": {name: ranks[rank] for rank, name in reversed(list(enumerate(SEVERITIES)))},
    }


def _kind(kind_id: str, count: int) -> dict[str, Any]:
    known = known_kind(kind_id)
    vi, en = (known.label_vi, known.label_en) if known else (kind_id, kind_id)
    return {"id": kind_id, "label_vi": vi, "label_en": en, "count": count}


def described(document: Mirrored) -> list[dict[str, Any]]:
    """The metrics of a device with what its kind says of them: words, limits, states, decimals."""
    kind = known_kind(document.kind)
    metrics = []
    for name, reading in document.metrics.items():
        known = kind.metric(name) if kind else None
        metrics.append(
            {
                "name": name,
                "value": reading.value,
                "unit": reading.unit,
                "ts_ms": reading.ts_ms,
                "quality": reading.quality,
                "severity": reading.severity,
                "label_vi": known.label_vi if known else name,
                "label_en": known.label_en if known else name,
                "decimals": known.decimals if known else None,
                "limits": [_limit(limit) for limit in known.limits] if known else [],
                "states": [
                    {"value": value, "label_vi": vi, "label_en": en}
                    for value, (vi, en) in (known.states or {}).items()
                ]
                if known
                else [],
            }
        )
    return metrics


def _limit(limit: Limit) -> dict[str, Any]:
    bounds = {name: getattr(limit, name) for name in ("above", "below", "equals", "not_equals")}
    return {
        "severity": str(limit.severity),
        **{name: bound for name, bound in bounds.items() if bound is not None},
        "hysteresis": limit.hysteresis,
        "on_delay_s": limit.on_delay_s,
        "title_vi": limit.title_vi,
        "title_en": limit.title_en,
    }
