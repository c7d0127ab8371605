"""Which positions of each node's outbox are durable here: the arithmetic of acknowledgement.

A node numbers its payloads 1, 2, 3 … under an epoch. `through` is the position up to which every one is
stored, quarantined or declared lost by the node; ranges above it wait for the gap below to close.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field


@dataclass(slots=True)
class Positions:
    """Durable positions of one epoch of one node: 1..through, and `beyond`, sorted disjoint (first, last)."""

    through: int = 0
    beyond: list[tuple[int, int]] = field(default_factory=list)
    lost: int = 0

    @property
    def highest(self) -> int:
        """The highest position that is durable."""
        return self.beyond[-1][1] if self.beyond else self.through

    @property
    def missing(self) -> int:
        """How many positions below the highest are not durable."""
        return self.highest - self.through - sum(last - first + 1 for first, last in self.beyond)

    def holds(self, position: int) -> bool:
        """Tell whether the position is durable already."""
        if position <= self.through:
            return True
        if not self.beyond:
            return False
        index = bisect_right(self.beyond, (position, 1 << 63)) - 1
        return index >= 0 and self.beyond[index][1] >= position

    def add(self, position: int) -> bool:
        """Note a position; False when it was known (a payload sent twice counts once)."""
        if position == self.through + 1:
            self.through = position
            if self.beyond:
                self._absorb()
            return True
        if self.holds(position):
            return False
        index = bisect_right(self.beyond, (position, 1 << 63))
        first = last = position
        if index < len(self.beyond) and self.beyond[index][0] == position + 1:
            last = self.beyond.pop(index)[1]
        if index and self.beyond[index - 1][1] == position - 1:
            first = self.beyond.pop(index - 1)[0]
            index -= 1
        self.beyond.insert(index, (first, last))
        return True

    def declare_first(self, first: int) -> int:
        """The node holds nothing before `first`: what is missing below is lost; return how many."""
        if first <= self.through + 1:
            return 0
        known = sum(min(b, first - 1) - a + 1 for a, b in self.beyond if a < first)
        missing = first - 1 - self.through - known
        self.lost += missing
        self.through = first - 1
        self._absorb()
        return missing

    def _absorb(self) -> None:
        while self.beyond and self.beyond[0][0] <= self.through + 1:
            self.through = max(self.through, self.beyond.pop(0)[1])
