"""A device in one line: the metrics its kind finds most important, and the name of a drawing."""

from __future__ import annotations

from functools import cache

from devices.kind import DeviceKind, kinds
from hub.live.rules import Document
from hub.live.schemas import CurrentMetric

METRICS_OF_UNKNOWN_KIND = 4
UNKNOWN_ICON = "device"


def tile(document: Document) -> list[CurrentMetric]:
    """The kind's tile metrics in its order; of an unknown kind the first four that it reported.

    A metric that the device never reported is null and bad.
    """
    metrics, kind = document["metrics"], _kind(document.get("kind"))
    if kind is None:
        return [CurrentMetric(name=name, **metrics[name]) for name in list(metrics)[:METRICS_OF_UNKNOWN_KIND]]
    return [
        CurrentMetric(name=name, **metrics.get(name, {"value": None, "quality": "bad"}))
        for name in kind.tile.metrics
    ]


def icon(document: Document) -> str:
    """The name of a drawing: the kind's id, `device` for a kind nobody knows."""
    kind = _kind(document.get("kind"))
    return UNKNOWN_ICON if kind is None else kind.id


@cache
def _known() -> dict[str, DeviceKind]:
    return dict(kinds())  # looks at the folder: once a process is enough


def _kind(kind_id: str | None) -> DeviceKind | None:
    return _known().get(kind_id or "")
