"""When the faults of a scenario begin and end, and whom they strike. Pure."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from simulators.scenario import FaultSpec, Target
from simulators.school_day import DAY_S, chance

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class FaultEvent:
    """A fault that begins or ends: the same `occurrence` on both sides, so that its victims are the same."""

    fault: FaultSpec
    occurrence: int
    begins: bool


@dataclass(frozen=True, slots=True)
class Place:
    """What a target chooses from: a school and the codes of its rooms."""

    school: str
    district: str
    level: str
    rooms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Victim:
    """One school that is struck, by its index, and the rooms that are."""

    index: int
    rooms: tuple[str, ...]


class Timeline:
    """Hands out the events of a scenario in order as school time passes."""

    def __init__(self, faults: Iterable[FaultSpec], start_second_of_day: float) -> None:
        self._heap: list[tuple[float, int, int, FaultEvent]] = []
        for fault in faults:
            at_s = fault.at_s
            if at_s is None:
                at_s = ((fault.at_second_of_day or 0) - start_second_of_day) % DAY_S
            self._push(at_s, FaultEvent(fault, 0, True))

    def _push(self, at_s: float, event: FaultEvent) -> None:
        # at the same instant ends come first, so that a fault which repeats without a gap is never doubled
        heapq.heappush(self._heap, (at_s, int(event.begins), event.fault.number, event))

    def due(self, elapsed_s: float) -> list[FaultEvent]:
        """The events up to `elapsed_s` school seconds after the start that were not handed out yet."""
        events: list[FaultEvent] = []
        while self._heap and self._heap[0][0] <= elapsed_s:
            at_s, _, _, event = heapq.heappop(self._heap)
            events.append(event)
            fault = event.fault
            if event.begins:
                self._push(at_s + fault.for_s, FaultEvent(fault, event.occurrence, False))
                if fault.every_s and (not fault.times or event.occurrence + 1 < fault.times):
                    self._push(at_s + fault.every_s, FaultEvent(fault, event.occurrence + 1, True))
        return events


def _lucky(items: Sequence[T], wanted: int, *parts: object) -> list[T]:
    """`wanted` of the items, the same ones for the same parts."""
    ranked = sorted(range(len(items)), key=lambda index: chance(*parts, index))
    return [items[index] for index in sorted(ranked[:wanted])]


def victims(target: Target, places: Sequence[Place], seed: int, fault: int, occurrence: int) -> list[Victim]:
    """The schools and rooms a target names; a share or a count is drawn anew for every occurrence."""
    chosen = [
        index
        for index, place in enumerate(places)
        if (not target.schools or place.school in target.schools)
        and (not target.indexes or index in target.indexes)
        and (not target.districts or place.district in target.districts)
        and (not target.level or place.level == target.level)
    ]
    if target.share or target.count:
        wanted = max(target.count, round(target.share * len(chosen)))
        chosen = _lucky(chosen, wanted, seed, fault, occurrence, "schools")
    struck: list[Victim] = []
    for index in chosen:
        rooms = [room for room in places[index].rooms if not target.rooms or room in target.rooms]
        if target.rooms_per_school:
            rooms = _lucky(rooms, target.rooms_per_school, seed, fault, occurrence, places[index].school)
        if rooms or not target.rooms:
            struck.append(Victim(index, tuple(rooms)))
    return struck
