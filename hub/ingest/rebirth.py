"""Which nodes are asked for a rebirth, and when: never a storm."""

from __future__ import annotations

from collections import Counter

from hub.ingest.model import Node

_UNANSWERED_MS = 15_000


class RebirthRequests:
    """A cooldown per node and one token bucket for all; time comes in as `now_ms`.

    A request that no birth answers was lost, or its births were: until they come nothing of the node can be
    read. It is asked again after 15 s, then 30 s, up to the cooldown.
    """

    def __init__(self, cooldown_s: float, per_s: float, burst: int) -> None:
        self.by_reason: Counter[str] = Counter()
        self._cooldown_ms = cooldown_s * 1000
        self._per_ms = per_s / 1000
        self._burst = float(burst)
        self._tokens = float(burst)
        self._filled_ms = 0
        self._wanted: dict[Node, str] = {}
        self._asked_ms: dict[Node, int] = {}
        self._unanswered: dict[Node, int] = {}

    @property
    def requested(self) -> int:
        """How many were sent since the start."""
        return self.by_reason.total()

    def __len__(self) -> int:
        return len(self._wanted)

    def want(self, node: Node, reason: str) -> None:
        """Note that a node's births are needed again."""
        self._wanted.setdefault(node, reason)

    def satisfied(self, node: Node) -> None:
        """Its birth came."""
        self._wanted.pop(node, None)
        self._unanswered.pop(node, None)

    def due(self, now_ms: int, *, paused: bool = False) -> list[tuple[Node, str]]:
        """Return the nodes to ask now, each with the reason; nothing while the hub is overloaded."""
        self._tokens = min(self._burst, self._tokens + max(0, now_ms - self._filled_ms) * self._per_ms)
        self._filled_ms = now_ms
        if paused or not self._wanted:
            return []
        asked: list[tuple[Node, str]] = []
        for node, reason in list(self._wanted.items()):
            if self._tokens < 1:
                break
            tries = self._unanswered.get(node, 0)
            wait_ms = _UNANSWERED_MS << min(tries - 1, 10) if tries else self._cooldown_ms
            if now_ms - self._asked_ms.get(node, -(1 << 62)) < min(wait_ms, self._cooldown_ms):
                continue
            self._tokens -= 1
            self._asked_ms[node] = now_ms
            self._unanswered[node] = tries + 1
            del self._wanted[node]
            asked.append((node, reason))
        self.by_reason.update(reason for _, reason in asked)
        return asked
