"""The store of roll-ups as the job that makes them and the pages that show them see it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from hub.telemetry.port import Key
from hub.telemetry.rollup import Rollup
from hub.telemetry.tiers import Tier


class RollupRow(NamedTuple):
    """A roll-up of the metric `name` of a device; `datatype` is the newest one it was sent with."""

    key: Key
    name: str
    datatype: int
    rollup: Rollup


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the job is: every window that ends at or before `through_ms` is done; 0 before the first.

    `late` is the cursor of the raw engine's log of late windows, "" before the first.
    """

    through_ms: Mapping[Tier, int]
    late: str = ""


class RollupStore(Protocol):
    """Written by one job (control), read by many; blocks and is called from worker threads.

    Raises `TelemetryError` when the engine cannot do what is asked.
    """

    def write(self, rows: Mapping[Tier, Sequence[RollupRow]], progress: Progress | None = None) -> None:
        """Store rows; `progress`, where given, becomes durable with them or after them, never before.

        Of each (tier, device, start) named, `rows` has every metric there is, and takes the place of all
        that was there. An engine without deletion may leave metrics that are no longer among them.
        """

    def rollups(
        self, tier: Tier, wanted: Sequence[tuple[Key, str | None]], start_ms: int, end_ms: int
    ) -> dict[tuple[Key, str], list[Rollup]]:
        """Return rows whose start is in [start_ms, end_ms), ascending, by (key, name); absent if none.

        A name of None wants all metrics of the device.
        """

    def keys(self) -> Sequence[Key]:
        """Return the devices that have roll-ups."""

    def datatypes(self, key: Key) -> Mapping[str, int]:
        """Return the metrics of a device with their newest datatypes; empty for an unknown one."""

    def progress(self) -> Progress:
        """Return how far the job is; nothing done in an empty store."""

    def delete_before(self, tier: Tier, ts_ms: int) -> int:
        """Drop whole partitions that end at or before `ts_ms`; return how many. RAW drops raw history."""

    def close(self) -> None:
        """Close the engine."""
