"""From bytes to what a person can read: names and datatypes out of births seen; pure.

A message is a plain dictionary, as the API and `hub tail --json` give it: ts_ms (when it came), topic, type,
group, node, device, seq, sent_ms, bytes, problem, and metrics with name, alias, datatype, value, ts_ms,
is_historical, is_null.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, TypeAlias

from devices.wire.datatypes import DataType, DatatypeError, name_of, wrap
from devices.wire.decoding import decode_payload
from devices.wire.payloads import parse_state
from devices.wire.structures import DataSet, MetricValue, Payload, PayloadError, Template
from devices.wire.topics import MessageType, Topic, TopicError, parse_topic

Message: TypeAlias = dict[str, Any]

BIRTHS = frozenset({MessageType.NBIRTH, MessageType.DBIRTH})
MAX_NODES = 2_000
MAX_DECLARED = 20_000
_LONGEST_TEXT = 4_000


class Births:
    """What births declared: the name behind an alias, and datatypes; the eldest node is forgotten."""

    def __init__(self, max_nodes: int = MAX_NODES) -> None:
        self._max_nodes = max_nodes
        self._nodes: dict[tuple[str, str], _Declared] = {}

    def learn(self, topic: Topic, metrics: Iterable[MetricValue]) -> None:
        """Take over a birth."""
        key = topic.group, topic.node
        if topic.message_type is MessageType.NBIRTH or key not in self._nodes:
            self._nodes.pop(key, None)
            if len(self._nodes) >= self._max_nodes:
                del self._nodes[next(iter(self._nodes))]
            self._nodes[key] = _Declared()
        self._nodes[key].declare(topic.device, metrics)

    def name(self, topic: Topic, alias: int | None) -> str | None:
        """The name a node gave to an alias; None if no birth said so."""
        known = self._nodes.get((topic.group, topic.node))
        return known.names.get(alias) if known is not None and alias is not None else None

    def datatype(self, topic: Topic, name: str | None) -> DataType | None:
        """The datatype a metric was born with."""
        known = self._nodes.get((topic.group, topic.node))
        return known.types.get((topic.device, name)) if known is not None and name is not None else None


class _Declared:
    def __init__(self) -> None:
        self.names: dict[int, str] = {}
        self.types: dict[tuple[str | None, str], DataType] = {}

    def declare(self, device: str | None, metrics: Iterable[MetricValue]) -> None:
        for metric in metrics:
            if metric.name and len(self.types) < MAX_DECLARED:
                if metric.alias is not None:
                    self.names[metric.alias] = metric.name
                if metric.datatype is not None:
                    self.types[device, metric.name] = metric.datatype


def topic_of(text: str) -> Topic | None:
    """The topic read, or None if it is not Sparkplug's."""
    try:
        return parse_topic(text)
    except TopicError:
        return None


def read_message(text: str, topic: Topic | None, raw: bytes, received_ms: int, births: Births) -> Message:
    """Decode one message; what cannot be read is said in `problem`. Births teach `births`."""
    message: Message = {
        "ts_ms": received_ms,
        "topic": text,
        "type": topic.message_type.value if topic else "",
        "group": topic.group if topic else "",
        "node": topic.node if topic else "",
        "device": topic.device if topic else None,
        "seq": None,
        "sent_ms": None,
        "bytes": len(raw),
        "metrics": [],
        "problem": None,
    }
    try:
        if topic is None:
            parse_topic(text)  # for its reason
        elif topic.message_type is MessageType.STATE:
            state = parse_state(raw)
            message["sent_ms"] = state.ts_ms
            online = MetricValue("online", datatype=DataType.Boolean, value=state.online, ts_ms=state.ts_ms)
            message["metrics"] = [_shown(online)]
        else:
            _fill(message, topic, _decoded(raw), births)
    except (TopicError, PayloadError) as error:
        message["problem"] = str(error) if isinstance(error, PayloadError) else f"bad_topic: {error}"
    return message


def _decoded(raw: bytes) -> Payload:
    try:
        return decode_payload(raw, flat=True)
    except PayloadError as error:
        if error.reason != "bad_template":
            raise
        return decode_payload(raw)  # an instance that comes by its alias alone, or too deep a one


def _fill(message: Message, topic: Topic, payload: Payload, births: Births) -> None:
    if topic.message_type in BIRTHS:
        births.learn(topic, payload.metrics)
    message["seq"], message["sent_ms"] = payload.seq, payload.ts_ms
    for metric in payload.metrics:
        metric.name = metric.name or births.name(topic, metric.alias)
        if metric.datatype is None and (born := births.datatype(topic, metric.name)) is not None:
            try:
                metric.value = wrap(metric.value, born)
                metric.datatype = born
            except DatatypeError as error:
                message["problem"] = f"wrong_datatype: {metric.name}: {error}"
        message["metrics"].append(_shown(metric))


def _shown(metric: MetricValue) -> dict[str, Any]:
    return {
        "name": metric.name,
        "alias": metric.alias,
        "datatype": name_of(metric.datatype) if metric.datatype is not None else None,
        "value": _plain(metric.value),
        "ts_ms": metric.ts_ms,
        "is_historical": metric.is_historical,
        "is_null": metric.is_null,
    }


def _plain(value: Any) -> Any:
    """The value as JSON can say it: bytes in hex, tables and templates as objects, NaN by its name."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, bytes):
        value = value[:_LONGEST_TEXT].hex()
    if isinstance(value, str) and len(value) > _LONGEST_TEXT:
        return value[:_LONGEST_TEXT] + "…"
    if isinstance(value, DataSet):
        return {"columns": value.columns, "types": [name_of(each) for each in value.types],
                "rows": [[_plain(cell) for cell in row] for row in value.rows]}  # fmt: skip
    if isinstance(value, Template):
        return {
            "definition" if value.is_definition else "template": value.ref or value.version,
            "members": {str(each.name or each.alias): _plain(each.value) for each in value.metrics},
            "parameters": {each.name: _plain(each.value) for each in value.parameters},
        }
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    return value
