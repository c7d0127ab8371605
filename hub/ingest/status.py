"""What the ingest role says about itself once a second, retained at `hub/status/ingest/<shard>`."""

from __future__ import annotations

import math
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from hub.ingest.apply import Applier
from hub.ingest.inbox import Inbox
from hub.ingest.journal import Journal
from hub.ingest.mirror import Mirror
from hub.ingest.pipeline import Pipeline
from hub.ingest.rebirth import RebirthRequests
from hub.ingest.records import Records
from hub.ingest.requests import Requests
from hub.ingest.sessions import Directory
from hub.ingest.storing import Storing

try:
    VERSION = version("smart-classroom-hub")
except PackageNotFoundError:  # run from a checkout that was not installed
    VERSION = "0"


_SMOOTHED_MS = 10_000


class Status:
    """Reads the counters of every part; `broker_dropped` is the broker's own."""

    def __init__(
        self,
        shard: str,
        started_ms: int,
        inbox: Inbox,
        pipeline: Pipeline,
        storing: Storing,
        journal: Journal,
        applier: Applier,
        directory: Directory,
        mirror: Mirror,
        rebirths: RebirthRequests,
        records: Records,
        requests: Requests,
    ) -> None:
        self.topic = f"hub/status/ingest/{shard}"
        self.broker_dropped = 0
        self._requests, self._storing = requests, storing
        self._shard, self._started_ms = shard, started_ms
        self._inbox, self._pipeline, self._journal, self._applier = inbox, pipeline, journal, applier
        self._directory, self._mirror, self._rebirths, self._records = directory, mirror, rebirths, records
        self._last = (started_ms, 0)
        self._per_s = 0.0

    def document(self, now_ms: int) -> dict[str, Any]:
        """Return the status now; the rate is smoothed over some ten seconds."""
        before_ms, before = self._last
        if now_ms > before_ms:
            rate = (self._inbox.received - before) * 1000 / (now_ms - before_ms)
            # rooms are polled in beats: the rate of one second flickers between nothing and twice the truth
            self._per_s += (rate - self._per_s) * (1 - math.exp((before_ms - now_ms) / _SMOOTHED_MS))
            self._last = (now_ms, self._inbox.received)
        quarantine = self._applier.quarantine
        return {
            "online": True,
            "shard": self._shard,
            "version": VERSION,
            "started_ms": self._started_ms,
            "ts_ms": now_ms,
            "messages": self._pipeline.messages,
            "values": self._applier.value_count,
            "applied_ms": self._pipeline.applied_ms,
            "messages_per_s": round(self._per_s, 1),
            "duplicates": self._pipeline.duplicates,
            "deferred": self._pipeline.deferred,
            "quarantined": quarantine.total,
            "quarantined_by_reason": dict(quarantine.by_reason.most_common(20)),
            "quarantine_unkept": quarantine.unkept,
            "lost_declared": sum(
                positions.lost
                for node in self._directory.nodes.values()
                for positions in node.positions.values()
            ),
            "shed_live": self._mirror.shed,
            "inbox_messages": len(self._inbox),
            "inbox_dropped": self._inbox.dropped_total,
            "requests_dropped": self._requests.dropped,
            "records_dropped": self._records.dropped,
            "journal_entries": self._journal.entries,
            "journal_lag_entries": self._journal.last_id - self._pipeline.cursor,
            "journal_failure": self._pipeline.journal_failure,
            "live_only": self._pipeline.live_only,
            "store_failure": self._storing.failure,
            "store_queued_rows": self._storing.queued_rows,
            "store_spooled_rows": self._storing.spooled_rows,
            "store_spooled_bytes": self._storing.spooled_bytes,
            "store_refused_rows": self._storing.refused.total(),
            "stored_rows": self._storing.stored_rows,
            "stored_ms": self._storing.stored_ms,
            "records_failure": self._records.failure,
            "rebirths_requested": self._rebirths.requested,
            "rebirths_by_reason": dict(self._rebirths.by_reason),
            "rebirths_waiting": len(self._rebirths),
            "mirror_published": self._mirror.published,
            "nodes": len(self._directory.nodes),
            "devices": self._directory.device_count,
            "broker_dropped": self.broker_dropped,
        }
