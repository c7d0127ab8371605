"""Which kinds of device there are, by which protocols they are spoken to, and with what options."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from devices.kind import DeviceKind, kinds
from devices.protocols.options import DriverChoice, Drivers, Options


def supported(language: str) -> dict[str, list[dict[str, Any]]]:
    """Give `{"kinds": [{id, label, protocols, metrics, commands}], "protocols": [{id, tables}]}`.

    A table is `{"of": option or None, "options": [{name, default, description}]}`; a kind added as a file
    is in it as everywhere.
    """
    choices: dict[str, DriverChoice] = {}
    found = []
    for kind in kinds().values():
        spoken = kind.driver.choices if isinstance(kind.driver, Drivers) else ()
        choices |= {choice.protocol: choice for choice in spoken}
        found.append(_kind(kind, language) | {"protocols": [choice.protocol for choice in spoken]})
    protocols = [
        {"id": choice.protocol, "tables": list(_tables(choice.options))} for choice in choices.values()
    ]
    return {"kinds": sorted(found, key=lambda one: str(one["label"]).casefold()), "protocols": protocols}


def _kind(kind: DeviceKind, language: str) -> dict[str, Any]:
    def label(thing: Any) -> str:
        return str(thing.label_vi if language == "vi" else thing.label_en)

    return {
        "id": kind.id,
        "label": label(kind),
        "metrics": [label(metric) for metric in kind.metrics],
        "commands": [label(command) for command in kind.commands],
    }


def _tables(model: type[Options], of: str | None = None) -> Iterator[dict[str, Any]]:
    yield {
        "of": of,
        "options": [
            {
                "name": name,
                "required": field.is_required(),
                "default": None
                if field.is_required()
                else _shown(field.get_default(call_default_factory=True)),
                "description": field.description or "",
            }
            for name, field in model.model_fields.items()
        ],
    }
    for name, field in model.model_fields.items():
        for inner in getattr(field.annotation, "__args__", ()):
            if isinstance(inner, type) and issubclass(inner, Options):
                yield from _tables(inner, name)


def _shown(value: object) -> str:
    if value is None or value == {}:
        return "–"
    if isinstance(value, dict):
        return ", ".join(f"{key} = {one}" for key, one in value.items())
    return str(value).lower() if isinstance(value, bool) else str(value)
