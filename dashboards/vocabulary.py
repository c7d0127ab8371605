"""What device kinds, their metrics, states and commands are called, for pages that show raw values."""

from __future__ import annotations

from typing import Any

from devices.kind import Command, DeviceKind, Metric, kinds
from devices.wire.datatypes import NUMERIC, DataType


def vocabulary(language: str) -> dict[str, dict[str, Any]]:
    """Give `{kind: {"label", "tile": [name], "metrics": {name: {…}}, "commands": [{…}]}}`.

    Metrics have label, decimals and states; commands what is needed to make a control of each.

    A kind added as a file is found here as everywhere; a metric of no kind is shown under its own name.
    """
    return {
        name: {
            "label": kind.label_vi if language == "vi" else kind.label_en,
            "tile": list(kind.tile.metrics),
            "metrics": {metric.name: _metric(metric, language) for metric in kind.metrics},
            "commands": [_command(kind, command, language) for command in kind.commands],
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


def _command(kind: DeviceKind, command: Command, language: str) -> dict[str, Any]:
    metric = kind.metric(command.metric)
    plain = command.datatype is DataType.Boolean
    return {
        "name": command.name,
        "metric": command.metric,
        "label": command.label_vi if language == "vi" else command.label_en,
        "type": "boolean" if plain else "number" if command.datatype in NUMERIC else "text",
        "values": list(command.values) if command.values is not None else [True, False] if plain else None,
        "low": command.low,
        "high": command.high,
        "unit": metric.unit if metric else None,
        "decimals": metric.decimals if metric else 0,
        "disruptive": list(command.disruptive),
    }
