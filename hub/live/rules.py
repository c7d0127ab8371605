"""What the words of the live picture mean, for everybody who counts: there, open, standing, cut off."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from hub.alarms.counting import cuts_off, is_open, is_standing
from hub.live.documents import Document

__all__ = [
    "SEVERITIES",
    "SEVERITY_RANK",
    "Document",
    "cuts_off",
    "is_open",
    "is_present",
    "is_standing",
    "is_there",
    "unreachable",
]

SEVERITIES = ("none", "minor", "major", "critical")
"""By rank, the least first."""
SEVERITY_RANK = {name: rank for rank, name in enumerate(SEVERITIES) if rank}


def is_there(state: str, reason: str) -> bool:
    """Whether a device or node counts as there.

    What was there before the hub restarted, or is in the middle of a rebirth, still is: if not, ingest says
    so within seconds, and a wall that goes dark at every restart cries wolf.
    """
    return state == "born" or reason in ("hub_restart", "rebirth")


def is_present(document: Document) -> bool:
    """The same of a document of the live mirror."""
    presence = document["presence"]
    return is_there(presence["state"], presence.get("reason", ""))


def unreachable(nodes: Collection[Document], alarms: Iterable[Document]) -> set[str]:
    """The schools that are cut off, or of whose nodes none is there: nothing in them is online."""
    heard, there = {n["school"] for n in nodes}, {n["school"] for n in nodes if is_present(n)}
    cut = {alarm["school"] for alarm in alarms if cuts_off(alarm)}
    return (heard - there) | cut
