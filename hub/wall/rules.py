"""The wall's figures as pure functions of what is known: schools, rooms, alarms, uplinks, minutes."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from statistics import median_low
from typing import Any, NamedTuple

from hub.alarms.counting import count
from hub.live.rules import Document, is_present, is_standing, is_there

SEVERITY_RANK = {"critical": 3, "major": 2, "minor": 1}
SHOWN_ALARMS = 200
SHOWN_UPLINKS = 12
HISTORY = (
    "schools_online",
    "rooms_online",
    "devices_online",
    "rx_kbps",
    "alarms_open",
    "alarms_unacknowledged",
)


@dataclass(frozen=True, slots=True)
class SchoolFacts:
    """A school of the organisation; `district` is a code of `DistrictFacts`."""

    code: str
    name: str
    level: str
    district: str

    def shown(self, row: tuple[str, int, int, int, int]) -> Document:
        """The school as a snapshot shows it, with its row of counts."""
        state, rooms_online, rooms, devices_online, devices = row
        return {"code": self.code, "name": self.name, "level": self.level, "district": self.district,
                "state": state, "rooms": rooms, "rooms_online": rooms_online, "devices": devices,
                "devices_online": devices_online}  # fmt: skip


@dataclass(frozen=True, slots=True)
class DistrictFacts:
    """A district with its full name and the short one for the map."""

    code: str
    name: str
    short: str


@dataclass(slots=True)
class Tally:
    """What is there of one school: counts that every changed document moves by one.

    `rooms` has (devices online, devices) by room, `nodes` has (presence state, reason) by node.
    """

    devices: int = 0
    devices_online: int = 0
    rooms_online: int = 0
    rooms: dict[str, list[int]] = field(default_factory=dict)
    nodes: dict[str, tuple[str, str]] = field(default_factory=dict)
    standing: Counter[str] = field(default_factory=Counter)
    down: int = 0

    def count(self, room: str, online: bool, step: int) -> None:
        """Adds (`step` 1) or takes away (-1) one device."""
        self.devices += step
        self.devices_online += step * online
        if room in ("-", ""):  # of the whole school: in no room
            return
        here = self.rooms.setdefault(room, [0, 0])
        before = here[0] > 0
        here[0] += step * online
        here[1] += step
        self.rooms_online += (here[0] > 0) - before
        if not here[1]:
            del self.rooms[room]

    def row(self) -> tuple[str, int, int, int, int]:
        """State, rooms online, rooms, devices online, devices: what a delta says of a school.

        In a school that cannot be reached nothing is online, whatever its devices said last.
        """
        state = school_state(self)
        if state in UNREACHABLE:
            return state, 0, len(self.rooms), 0, self.devices
        return state, self.rooms_online, len(self.rooms), self.devices_online, self.devices


UNREACHABLE = ("unknown", "offline")
UNKNOWN_ROW = ("unknown", 0, 0, 0, 0)


def school_state(tally: Tally) -> str:
    """`unknown` if never heard, `offline` if nothing of it can be heard, else its worst standing alarm."""
    if tally.down:
        return "offline"
    if not tally.nodes:
        return "unknown" if not tally.devices else worst(tally.standing)
    if not any(is_there(state, reason) for state, reason in tally.nodes.values()):
        return "offline" if any(state == "dead" for state, _ in tally.nodes.values()) else "unknown"
    return worst(tally.standing)


class SchoolClock(NamedTuple):
    """A node's time: `factor` · UTC + `offset_ms`, all of it true or simulated."""

    simulated: bool
    factor: float
    offset_ms: int


def school_time(clocks: Collection[SchoolClock]) -> SchoolClock:
    """Whether anything is simulated, and the clock that most of the nodes have.

    The median: a node with another clock among many moves nothing.
    """
    factor, offset_ms = median_low((clock.factor, clock.offset_ms) for clock in clocks)
    return SchoolClock(any(clock.simulated for clock in clocks), factor, offset_ms)


def worst(standing: Mapping[str, int]) -> str:
    """The most severe of the standing alarms, `ok` if there is none."""
    return next((severity for severity in SEVERITY_RANK if standing.get(severity, 0) > 0), "ok")


def alarm_order(alarm: Document) -> tuple[Any, ...]:
    """Standing before returned, then the worst, then what nobody has taken on, then the newest."""
    return (
        not is_standing(alarm),
        -SEVERITY_RANK.get(alarm["severity"], 0),
        alarm["state"] != "unacknowledged",
        -alarm["raised_ms"],
        alarm["id"],
    )


def top_alarms(alarms: Iterable[Document], count: int = SHOWN_ALARMS) -> list[Document]:
    """The alarms a wall lists, most pressing first."""
    return heapq.nsmallest(count, alarms, key=alarm_order)


@dataclass(slots=True)
class Uplink:
    """A school's line as last reported; None is unknown."""

    capacity_kbps: float | None = None
    rx_kbps: float | None = None
    tx_kbps: float | None = None
    utilisation: float | None = None
    latency_ms: float | None = None
    loss: float | None = None

    @classmethod
    def of(cls, document: Document) -> Uplink:
        """Reads an uplink's document; of a line that is not there only the capacity is known, never zeros."""
        metrics = document["metrics"]
        present = is_present(document)

        def known(name: str, decimals: int | None = None) -> Any:
            metric = metrics.get(name, {})
            value = metric.get("value")
            if metric.get("quality") == "bad" or not isinstance(value, (int, float)):
                return None
            return round(value, decimals)

        capacity = known("Capacity")
        if not present:
            return cls(capacity_kbps=capacity)
        return cls(capacity, known("Rx"), known("Tx"), known("Utilisation", 1), known("Latency", 1),
                   known("Loss", 2))  # fmt: skip

    def shown(self, school: str, name: str) -> dict[str, Any]:
        """The uplink as the wall shows it, without its history."""
        return {
            "school": school,
            "name": name,
            "capacity_kbps": self.capacity_kbps,
            "rx_kbps": self.rx_kbps,
            "tx_kbps": self.tx_kbps,
            "utilisation": self.utilisation,
            "latency_ms": self.latency_ms,
            "loss": self.loss,
        }


def top_uplinks(uplinks: Mapping[str, Uplink], count: int = SHOWN_UPLINKS) -> list[str]:
    """The schools with the busiest lines, busiest first; unknown lines are not shown."""
    known = ((-u.utilisation, code) for code, u in uplinks.items() if u.utilisation is not None)
    return [code for _, code in heapq.nsmallest(count, known)]


def figures(
    rows: Iterable[tuple[str, int, int, int, int]], alarms: Iterable[Document], uplinks: Iterable[Uplink]
) -> dict[str, Any]:
    """The figures of the wall's top row, without their history.

    Alarms are counted by `hub.alarms.counting`: `alarms_open` is what `GET /api/v1/alarms?state=open` lists,
    `alarms_by_severity` divides it, and so do `alarms_standing_by_severity` and `alarms_returned` together:
    those that are still so, and how many are over and only wait to be acknowledged.
    """
    total = rooms_online = rooms = devices_online = devices = online = 0
    for state, room_on, room_all, device_on, device_all in rows:
        total += 1
        online += state not in UNREACHABLE
        rooms_online += room_on
        rooms += room_all
        devices_online += device_on
        devices += device_all
    counts = count(alarms)
    known = list(uplinks)
    return {
        "schools_online": online,
        "schools_total": total,
        "rooms_online": rooms_online,
        "rooms_total": rooms,
        "devices_online": devices_online,
        "devices_total": devices,
        "rx_kbps": _sum(u.rx_kbps for u in known),
        "tx_kbps": _sum(u.tx_kbps for u in known),
        "capacity_kbps": _sum(u.capacity_kbps for u in known),
        "alarms_open": counts.open,
        "alarms_unacknowledged": counts.unacknowledged,
        "alarms_returned": counts.returned,
        "alarms_suppressed": counts.suppressed,
        "alarms_shelved": counts.shelved,
        "alarms_flapping": counts.flapping,
        "alarms_by_severity": counts.by_severity,
        "alarms_standing_by_severity": counts.standing_by_severity,
    }


def _sum(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None
