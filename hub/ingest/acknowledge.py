"""Tells each node how far its outbox is durable here: coalesced, at most once a second a node."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from devices.wire.sparkplug_b_pb2 import Payload
from hub.ingest.decode import EPOCH
from hub.ingest.model import Node

STORED = "Outbox/Stored"
_UINT64 = 8
_INTERVAL_MS = 1000
_EPOCHS_PER_NODE = 16


def stored_payload(epoch: int, through: int, now_ms: int) -> bytes:
    """Build the NCMD that says: of this epoch, everything through this position is durable."""
    payload = Payload(timestamp=now_ms)
    payload.metrics.add(name=EPOCH, datatype=_UINT64, long_value=epoch, timestamp=now_ms)
    payload.metrics.add(name=STORED, datatype=_UINT64, long_value=through, timestamp=now_ms)
    return payload.SerializeToString()


class Acknowledgements:
    """Remembers the newest durable position of each node and sends it when its turn has come."""

    def __init__(self, publish: Callable[[str, bytes], None]) -> None:
        self.sent = 0
        self._publish = publish
        self._due: dict[Node, dict[int, int]] = {}
        self._sent_ms: dict[Node, int] = {}

    def durable(self, positions: Iterable[tuple[Node, int, int]]) -> None:
        """Note (node, epoch, through) that a commit has made durable."""
        for node, epoch, through in positions:
            epochs = self._due.setdefault(node, {})
            epochs[epoch] = through  # a clone beside its original has an epoch of its own, and both wait
            if len(epochs) > _EPOCHS_PER_NODE:
                del epochs[next(iter(epochs))]

    def send_due(self, now_ms: int) -> None:
        """Send what may be sent now."""
        due = [node for node in self._due if now_ms - self._sent_ms.get(node, 0) >= _INTERVAL_MS]
        for node in due:
            self._sent_ms[node] = now_ms
            for epoch, through in self._due.pop(node).items():
                self.sent += 1
                self._publish(f"spBv1.0/{node.group}/NCMD/{node.id}", stored_payload(epoch, through, now_ms))
