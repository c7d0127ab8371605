"""The order of one edge node's messages: sequence numbers 0–255, a short wait for late ones, gaps.

Pure: time comes in as `now_ms`, and what to do comes out. Source: Sparkplug 3.0, 5.4 "message ordering".
"""

from __future__ import annotations

from enum import StrEnum
from typing import Generic, TypeVar

T = TypeVar("T")

MODULUS = 256


class Order(StrEnum):
    """What became of a message that was offered."""

    IN_ORDER = "in_order"
    HELD = "held"
    REPEATED = "repeated"
    UNBORN = "unborn"


class SequenceTracker(Generic[T]):
    """Releases one node's messages in order of `seq`.

    `expected` is the number to come next, None before the first birth. On the hot path a caller may
    compare with `expected` itself while `held` is empty, and write `expected = (seq + 1) & 255`.
    """

    __slots__ = ("deadline_ms", "expected", "gaps", "held", "reorder_ms", "reordered", "repeated")

    def __init__(self, reorder_ms: int = 2000) -> None:
        self.reorder_ms = reorder_ms
        self.expected: int | None = None
        self.held: dict[int, T] = {}  # bounded: at most half of the 256 numbers lie ahead
        self.deadline_ms: int | None = None
        self.gaps = 0
        self.reordered = 0
        self.repeated = 0

    def birth(self, seq: int = 0) -> list[T]:
        """Start a session at an NBIRTH; returns (in order) what was held of the session before."""
        left = self._release_all()
        self.expected = (seq + 1) % MODULUS
        return left

    def death(self) -> list[T]:
        """End the session; returns what was held."""
        left = self._release_all()
        self.expected = None
        return left

    def offer(self, seq: int, item: T, now_ms: int) -> tuple[Order, list[T]]:
        """Take a message; returns its order and the messages that may now be applied, oldest first.

        UNBORN and REPEATED items are not among them: the caller decides (a repeated one may be a
        straggler that `expire` gave up on).
        """
        if self.expected is None:
            return Order.UNBORN, []
        seq %= MODULUS  # there are nodes that count on beyond 255
        ahead = (seq - self.expected) % MODULUS
        if ahead == 0:
            ready = [item]
            self.expected = (seq + 1) % MODULUS
            while self.held and self.expected in self.held:
                ready.append(self.held.pop(self.expected))
                self.reordered += 1
                self.expected = (self.expected + 1) % MODULUS
            if len(ready) > 1 or not self.held:
                # progress was made: what is still missing gets its own full wait
                self.deadline_ms = now_ms + self.reorder_ms if self.held else None
            return Order.IN_ORDER, ready
        if ahead >= MODULUS // 2 or seq in self.held:
            self.repeated += 1
            return Order.REPEATED, []
        self.held[seq] = item
        if self.deadline_ms is None:
            self.deadline_ms = now_ms + self.reorder_ms
        return Order.HELD, []

    def expire(self, now_ms: int) -> list[T] | None:
        """None while all is well; once the wait is over the held messages, and a rebirth is due.

        The tracker then goes on after the newest of them.
        """
        if self.deadline_ms is None or now_ms < self.deadline_ms:
            return None
        self.gaps += 1
        newest = self._ahead_order()[-1]
        released = self._release_all()
        self.expected = (newest + 1) % MODULUS
        return released

    def _ahead_order(self) -> list[int]:
        start = self.expected or 0
        return sorted(self.held, key=lambda seq: (seq - start) % MODULUS)

    def _release_all(self) -> list[T]:
        released = [self.held[seq] for seq in self._ahead_order()]
        self.held.clear()
        self.deadline_ms = None
        return released
