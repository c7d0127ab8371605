"""A device in one line: the metrics its kind finds most important, and the name of a drawing."""

from __future__ import annotations

from functools import cache
from typing import Any

from devices.kind import DeviceKind, kinds
from hub.live.documents import Document, Reading

METRICS_OF_UNKNOWN_KIND = 4
UNKNOWN_ICON = "device"
_NEVER = Reading(quality="bad")


def tile(document: Document) -> list[dict[str, Any]]:
    """The kind's tile metrics in its order; of an unknown kind the first four that it reported.

    A metric that the device never reported is null and bad.
    """
    metrics, kind = document["metrics"], known_kind(document.get("kind"))
    names = list(metrics)[:METRICS_OF_UNKNOWN_KIND] if kind is None else kind.tile.metrics
    return [shown(name, metrics.get(name, _NEVER)) for name in names]


def shown(name: str, reading: Document) -> dict[str, Any]:
    """A metric with its current value."""
    return {
        "name": name,
        "value": reading["value"],
        "unit": reading.get("unit"),
        "ts_ms": reading.get("ts_ms"),
        "quality": reading.get("quality", "good"),
        "severity": reading.get("severity"),
    }


def icon(document: Document) -> str:
    """The name of a drawing: the kind's id, `device` for a kind nobody knows."""
    kind = known_kind(document.get("kind"))
    return UNKNOWN_ICON if kind is None else kind.id


def known_kind(kind_id: str | None) -> DeviceKind | None:
    """The kind of that id, if there is one."""
    return _known().get(kind_id or "")


@cache
def _known() -> dict[str, DeviceKind]:
    return dict(kinds())  # looks at the folder: once a process is enough
