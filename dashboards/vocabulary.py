"""What device kinds, their metrics and their states are called, for pages that show raw values."""

from __future__ import annotations

from typing import Any

from devices.kind import Metric, kinds


def vocabulary(language: str) -> dict[str, dict[str, Any]]:
    """Give `{kind: {"label", "tile": [name], "metrics": {name: {"label", "decimals", "states"}}}}`.

    A kind added as a file is found here as everywhere; a metric of no kind is shown under its own name.
    """
    return {
        name: {
            "label": kind.label_vi if language == "vi" else kind.label_en,
            "tile": list(kind.tile.metrics),
            "metrics": {metric.name: _metric(metric, language) for metric in kind.metrics},
        }
        for name, kind in kinds().items()
    }


def _metric(metric: Metric, language: str) -> dict[str, Any]:
    vietnamese = language == "vi"
    states = {str(key): said[0] if vietnamese else said[1] for key, said in (metric.states or {}).items()}
    return {
        "label": metric.label_vi if vietnamese else metric.label_en,
        "decimals": metric.decimals,
        "states": states,
    }
