"""Many schools cut off together are one line of the wall: pure rules.

Every one of them stays an alarm of its own, counted and listed as such; the wall has eight rows, and sixty
times the same sentence would hide everything else (an alarm flood in the words of ISA-18.2).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from hub.live.rules import is_standing

Alarm: TypeAlias = dict[str, Any]
"""As it was published."""

TOGETHER_MS = 60_000
FLOOD_LEAST = 5


def gathered(alarms: Iterable[Alarm], districts: Mapping[str, str], sizes: Mapping[str, int]) -> list[Alarm]:
    """Put schools that were cut off within a minute into one entry; give all others as they are.

    `districts` says where a school is, `sizes` how many schools a district has. An entry is the alarm that
    came first, with `members` (how many alarms it stands for), `unacknowledged` (how many of them nobody has
    taken on), and `districts`, most concerned first: `[{"code", "schools", "of"}]`.
    """
    shown: list[Alarm] = []
    cut: dict[bool, list[Alarm]] = {True: [], False: []}
    for alarm in alarms:
        if alarm["condition"] == "school_down":
            cut[is_standing(alarm)].append(alarm)
        else:
            shown.append(alarm)
    for together in (*_clusters(cut[True]), *_clusters(cut[False])):
        if len(together) < FLOOD_LEAST:
            shown += together
        else:
            shown.append(_entry(together, districts, sizes))
    return shown


def _clusters(alarms: list[Alarm]) -> list[list[Alarm]]:
    """Divide by time: a cluster begins with an alarm and takes in the minute after it."""
    clusters: list[list[Alarm]] = []
    for alarm in sorted(alarms, key=lambda each: (each["raised_ms"], each["id"])):
        if clusters and alarm["raised_ms"] - clusters[-1][0]["raised_ms"] <= TOGETHER_MS:
            clusters[-1].append(alarm)
        else:
            clusters.append([alarm])
    return clusters


def _entry(together: list[Alarm], districts: Mapping[str, str], sizes: Mapping[str, int]) -> Alarm:
    first = together[0]
    waiting = [alarm for alarm in together if alarm["acknowledged_ms"] is None]
    # whoever waits for an answer decides how the entry stands; taken on by all, it is
    state = (waiting or together)[0]["state"]
    concerned = Counter(districts.get(alarm["school"], "") for alarm in together)
    return {
        **first,
        "id": f"flood-{first['id']}",
        "state": state,
        "members": len(together),
        "unacknowledged": len(waiting),
        "districts": [
            {"code": code, "schools": schools, "of": sizes.get(code, schools)}
            for code, schools in sorted(concerned.items(), key=lambda item: (-item[1], item[0]))
        ],
    }
