"""What agents and the hub say to each other, as one versioned JSON Schema made from the kinds.

It describes decoded payloads: Sparkplug's protobuf as its own JSON mapping shows it, the live mirror's
documents, and the messages of devices on a room's broker.
"""

from __future__ import annotations

from typing import Any

from devices.kind import DeviceKind, Metric, kinds
from devices.protocols.mqtt_json.dialects import CART, HEADSET, TABLET
from devices.wire.datatypes import FLOATS, NUMERIC, DataType

VERSION = "1.0.0"
"""Major: what conformed does not any more. Minor: more is said. Patch: only words."""
_ID = r"[^/+#\u0000]+"
_NODE, _DEVICE = r"N(?:BIRTH|DEATH|DATA|CMD)", r"D(?:BIRTH|DEATH|DATA|CMD)"
_TOPIC = rf"^spBv1\.0/{_ID}/(?:{_NODE}/{_ID}|{_DEVICE}/{_ID}/{_ID})$"
_TIME = {"type": "integer", "minimum": 0, "description": "UTC, milliseconds since 1970-01-01"}


def document() -> dict[str, Any]:
    """The schema (draft 2020-12); `$defs` has a part for each kind of message and of device."""
    known = kinds()
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:smart-classroom:contract:{VERSION}",
        "title": "Smart-classroom hub: topics and payloads",
        "version": VERSION,
        "$ref": "#/$defs/message",
        "$defs": {
            "topic": {
                "type": "string",
                "pattern": _TOPIC,
            },
            "message": {
                "type": "object",
                "required": ["topic", "payload"],
                "properties": {"topic": {"$ref": "#/$defs/topic"}, "payload": {"$ref": "#/$defs/payload"}},
            },
            "payload": {
                "type": "object",
                "required": ["timestamp", "metrics"],
                "properties": {
                    "timestamp": _TIME,
                    "seq": {"type": "integer", "minimum": 0, "maximum": 255},
                    "metrics": {"type": "array", "items": {"$ref": "#/$defs/metric"}},
                },
            },
            "metric": {
                "type": "object",
                "anyOf": [{"required": ["name"]}, {"required": ["alias"]}],
                "properties": {
                    "name": {"type": "string", "minLength": 1},
                    "alias": {"type": "integer", "minimum": 0},
                    "timestamp": _TIME,
                    "datatype": {"enum": [one.name for one in DataType if one is not DataType.Unknown]},
                    "is_historical": {"type": "boolean"},
                    "value": {},
                },
            },
            "kinds": {one.id: _kind(one) for one in known.values()},
            "classroom": {
                "vr_headset": _keys(known["vr_headset"], HEADSET),
                "ar_tablet": _keys(known["ar_tablet"], TABLET),
                "tablet_cart": _keys(known["tablet_cart"], CART),
            },
        },
    }


def _kind(one: DeviceKind) -> dict[str, Any]:
    return {
        "type": "object",
        "title": one.label_en,
        "properties": {metric.name: _metric(metric) for metric in one.metrics},
        "x-commands": {command.metric: command.datatype.name for command in one.commands},
    }


def _metric(metric: Metric) -> dict[str, Any]:
    said: dict[str, Any] = {"title": metric.label_en, "x-datatype": metric.datatype.name}
    if metric.unit:
        said["x-unit"] = metric.unit
    if metric.datatype in NUMERIC:
        said["type"] = ["number" if metric.datatype in FLOATS else "integer", "null"]
        said |= {
            key: bound
            for key, bound in (("minimum", metric.low), ("maximum", metric.high))
            if bound is not None
        }
    elif metric.datatype is DataType.Boolean:
        said["type"] = ["boolean", "null"]
    else:
        said["type"] = ["string", "null"]
        if metric.states:
            said["enum"] = [*metric.states, None]
    return said


def _keys(kind: DeviceKind, keys: Any) -> dict[str, Any]:
    found = {key: kind.metric(name) for key, (name, _) in keys.items()}
    return {
        "type": "object",
        "properties": {key: _metric(one) for key, one in found.items() if one is not None},
    }
