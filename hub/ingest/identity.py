"""Two agents that say they are one node: an installation that was copied, or an id given twice.

Pure: time comes in as `now_ms`. Each agent has a life of its own: the epoch of its outbox or, where there is
no outbox, the count of its connections (bdSeq). One agent goes from a life to the next and never back.
"""

from __future__ import annotations

from collections import deque

from devices.kind import Limit, Metric, Severity
from devices.wire.datatypes import DataType

SHARED = Metric(
    name="Identity/Shared",
    datatype=DataType.Boolean,
    label_vi="Trùng danh tính",
    label_en="Identity shared",
    limits=(
        Limit(
            severity=Severity.MAJOR,
            equals=True,
            title_vi="Hai tác nhân cùng một danh tính",
            title_en="Two agents with one identity",
        ),
    ),
)
"""What the hub itself observes of a node, with the alarm that comes of it."""

WINDOW_MS = 600_000
_LIVES = 8


class Identity:
    """What one node's messages say of who sends them."""

    __slots__ = ("_births", "_current", "_past", "_returns", "is_said")

    def __init__(self) -> None:
        self._current = 0
        self._past: deque[int] = deque(maxlen=_LIVES)
        self._returns: deque[int] = deque(maxlen=2)
        self._births: deque[tuple[int, int]] = deque(maxlen=4)
        self.is_said: bool | None = None

    def epoch_seen(self, epoch: int, now_ms: int) -> None:
        """Take the epoch of an outbox; one that comes back after another came between is somebody else's."""
        if epoch == self._current:
            return
        if epoch in self._past:
            self._returns.append(now_ms)
        if self._current and self._current not in self._past:
            self._past.append(self._current)
        self._current = epoch

    def birth_seen(self, bd_seq: int, now_ms: int) -> None:
        """Take the bdSeq of a birth of a node without outbox; two counts that alternate are two agents."""
        births = self._births
        births.append((bd_seq, now_ms))
        if len(births) < 4 or now_ms - births[0][1] > WINDOW_MS:
            return
        (a, _), (b, _), (c, _), (d, _) = births
        if _follows(a, c) and _follows(b, d) and not _follows(a, b) and not _follows(b, c):
            self._returns.extend((now_ms, now_ms))

    def is_shared(self, now_ms: int) -> bool:
        """Tell whether two agents were seen lately; once may be an old copy that was put back."""
        return len(self._returns) == 2 and now_ms - self._returns[0] <= WINDOW_MS


def _follows(before: int, after: int) -> bool:
    return (after - before) % 256 in (0, 1)
