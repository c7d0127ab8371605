"""What a foreign agent does wrong on the wire: rules over what is heard, without I/O.

Rules marked `must` are the contract (what breaks one is quarantined, or costs values); `should` is comfort.
Source: Eclipse Sparkplug 3.0.0, and docs/agents.md for what the hub adds to it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from devices.kind import DeviceKind
from devices.wire.datatypes import DataType, wrap
from devices.wire.payloads import BD_SEQ, REBIRTH, MetricValue, Payload, PayloadError, decode_payload
from devices.wire.topics import MessageType, TopicError, parse_topic

Level = Literal["must", "should"]
RULES: Mapping[str, tuple[Level, str]] = {
    "topic": ("must", "a topic has the form spBv1.0/group/type/node[/device]"),
    "payload": ("must", "a payload is a Sparkplug B protobuf that can be read whole"),
    "timestamp": ("must", "a payload bears the time of its sending, UTC in milliseconds"),
    "clock": ("should", "the sender's clock is right within a minute"),
    "birth_first": ("must", "NBIRTH comes before everything of a node, DBIRTH before everything of a device"),
    "birth_seq": ("must", "NBIRTH has the sequence number 0"),
    "seq": ("must", "each message but NDEATH has the next sequence number, 255 is followed by 0"),
    "bd_seq": ("must", "NBIRTH and NDEATH have the metric bdSeq, and that of a death is its birth's"),
    "rebirth": ("must", "NBIRTH declares Node Control/Rebirth as a Boolean"),
    "declared": (
        "must",
        "births name every metric with its datatype; data uses only names or aliases of those",
    ),
    "datatype": ("must", "a metric keeps the datatype of its birth, and has that of its kind"),
    "alias": ("must", "an alias stands for one metric of a node and its devices"),
    "retained": ("must", "nothing but STATE is retained"),
    "qos": ("should", "births and data have QoS 0"),
    "kind": ("should", "a DBIRTH says Properties/Kind, one that the hub knows; else the device is unmanaged"),
    "range": ("should", "values of a known kind are within its range, texts among its words"),
    "outbox": ("should", "data bears Outbox/Epoch and Outbox/Position, so that none is lost unseen"),
}
"""Every rule by its code: how much it matters, and what it asks."""
CLOCK_OFF_MS = 60_000


@dataclass(frozen=True, slots=True)
class Finding:
    """One rule that was broken by one sender; `times` how often, `detail` of the first time."""

    rule: str
    level: Level
    sender: str
    detail: str
    times: int


@dataclass(slots=True)
class _Sender:
    seq: int | None = None
    bd_seq: int | None = None
    born: bool = False
    aliases: dict[int, tuple[str, str]] = field(default_factory=dict)
    devices: dict[str, _Declared] = field(default_factory=dict)


@dataclass(slots=True)
class _Declared:
    metrics: dict[str, DataType | None] = field(default_factory=dict)
    kind: DeviceKind | None = None


class Conformance:
    """Hears messages and remembers what was wrong with them. `finished` gives the findings."""

    def __init__(self, kinds: Mapping[str, DeviceKind]) -> None:
        self.messages = 0
        self._kinds = kinds
        self._senders: dict[tuple[str, str], _Sender] = {}
        self._found: dict[tuple[str, str], tuple[str, int]] = {}

    def hear(self, topic: str, data: bytes, now_ms: int, *, qos: int = 0, retain: bool = False) -> None:
        """Take one message of the namespace; commands and STATE are others' business."""
        try:
            parsed = parse_topic(topic)
        except TopicError as error:
            self._note("topic", topic, str(error))
            return
        kind = parsed.message_type
        if kind is MessageType.STATE or kind.is_command:
            return
        self.messages += 1
        where = "/".join(part for part in (parsed.group, parsed.node, parsed.device) if part)

        def note(rule: str, detail: str) -> None:
            self._note(rule, where, f"{kind.value}: {detail}")

        if retain:
            note("retained", "it is retained")
        if qos and kind is not MessageType.NDEATH:
            note("qos", f"QoS {qos}")
        try:
            payload = decode_payload(data)
        except PayloadError as error:
            note("payload", str(error))
            return
        sender = self._senders.setdefault((parsed.group, parsed.node), _Sender())
        if kind is MessageType.NDEATH:
            self._death(sender, payload, note)
            return
        self._time(payload, now_ms, note)
        self._order(sender, kind, payload, note)
        device = parsed.device or ""
        if kind in (MessageType.NBIRTH, MessageType.DBIRTH):
            self._birth(sender, device, payload, note)
        elif kind is MessageType.DDEATH:
            if device not in sender.devices:
                note("birth_first", "no DBIRTH before")
        else:
            self._data(sender, device, payload, note)

    def finished(self) -> list[Finding]:
        """What was found, the worst and most frequent first."""
        found = [
            Finding(rule, RULES[rule][0], sender, detail, times)
            for (rule, sender), (detail, times) in self._found.items()
        ]
        return sorted(found, key=lambda one: (one.level != "must", -one.times, one.rule, one.sender))

    def _note(self, rule: str, sender: str, detail: str) -> None:
        first, times = self._found.get((rule, sender), (detail, 0))
        self._found[rule, sender] = (first, times + 1)

    @staticmethod
    def _death(sender: _Sender, payload: Payload, note: Callable[[str, str], None]) -> None:
        said = [metric.value for metric in payload.metrics if metric.name == BD_SEQ]
        if not said:
            note("bd_seq", "no metric bdSeq")
        elif sender.born and sender.bd_seq is not None and said[0] != sender.bd_seq:
            note("bd_seq", f"{said[0]}, the birth's was {sender.bd_seq}")
        sender.born, sender.seq = False, None
        sender.devices.clear()

    @staticmethod
    def _time(payload: Payload, now_ms: int, note: Callable[[str, str], None]) -> None:
        if payload.ts_ms is None:
            note("timestamp", "no timestamp")
        elif abs(payload.ts_ms - now_ms) > CLOCK_OFF_MS:
            note("clock", f"{(payload.ts_ms - now_ms) / 1000:+.0f} s off")

    @staticmethod
    def _order(
        sender: _Sender, kind: MessageType, payload: Payload, note: Callable[[str, str], None]
    ) -> None:
        seq, before = payload.seq, sender.seq
        sender.seq = seq
        if seq is None or not 0 <= seq <= 255:
            note("seq", "no sequence number" if seq is None else f"{seq} is beyond 255")
        elif kind is MessageType.NBIRTH:
            if seq != 0:
                note("birth_seq", f"{seq} instead of 0")
        elif before is not None and seq != (before + 1) % 256:
            note("seq", f"{seq} after {before}")

    def _birth(
        self, sender: _Sender, device: str, payload: Payload, note: Callable[[str, str], None]
    ) -> None:
        names = {str(metric.name): metric for metric in payload.metrics if metric.name}
        if device and not sender.born:
            note("birth_first", "no NBIRTH before")
        if not device:
            sender.born = True
            sender.devices.clear()
            sender.aliases.clear()
            counter = names.get(BD_SEQ)
            sender.bd_seq = counter.value if counter is not None else None
            if sender.bd_seq is None:
                note("bd_seq", "no metric bdSeq")
            rebirth = next((one for name, one in names.items() if name.lower() == REBIRTH.lower()), None)
            if rebirth is None or rebirth.datatype is not DataType.Boolean:
                note("rebirth", "not declared")
        declared = sender.devices[device] = _Declared()
        if device:
            said = names.get("Properties/Kind")
            declared.kind = self._kinds.get(said.value) if said and isinstance(said.value, str) else None
            if declared.kind is None:
                note("kind", f"Properties/Kind = {said.value!r}" if said else "no Properties/Kind")
        for metric in payload.metrics:
            if not metric.name or metric.datatype is None:
                note("declared", f"{metric.name or 'a metric without a name'} without datatype")
                continue
            declared.metrics[metric.name] = metric.datatype
            if metric.alias is not None:
                owner = sender.aliases.setdefault(metric.alias, (device, metric.name))
                if owner != (device, metric.name):
                    note("alias", f"{metric.alias} is {metric.name} and {owner[1]}")
            self._value(declared, metric.name, metric, note)

    def _data(self, sender: _Sender, device: str, payload: Payload, note: Callable[[str, str], None]) -> None:
        declared = sender.devices.get(device)
        if declared is None:
            note("birth_first", "no birth before; ask for one with --rebirth")
            return
        present = {metric.name for metric in payload.metrics}
        if not {"Outbox/Epoch", "Outbox/Position"} <= present:
            note("outbox", "no position")
        for metric in payload.metrics:
            owner, name = (
                sender.aliases.get(metric.alias, ("", None)) if metric.alias is not None else ("", None)
            )
            name = metric.name or (name if owner == device else None)
            if name is None or (name not in declared.metrics and not name.startswith("Outbox/")):
                note("declared", f"{name or f'alias {metric.alias}'} is not in the birth")
                continue
            wanted = declared.metrics.get(name)
            if metric.datatype not in (None, wanted) and wanted is not None:
                note("datatype", f"{name} is {metric.datatype!r}, its birth said {wanted!r}")
                continue
            self._value(declared, name, metric, note)

    @staticmethod
    def _value(declared: _Declared, name: str, metric: MetricValue, note: Callable[[str, str], None]) -> None:
        known = declared.kind.metric(name) if declared.kind else None
        if known is None:
            return
        datatype = metric.datatype or declared.metrics.get(name)
        if datatype is not known.datatype:
            note("datatype", f"{name} is {datatype!r}, the kind's is {known.datatype!r}")
            return
        value = metric.value if metric.datatype or metric.value is None else wrap(metric.value, datatype)
        if value is None:
            return
        words = known.states if isinstance(value, str) else None
        if not known.plausible(value) or (words is not None and value not in words):
            note("range", f"{name} = {value!r}")
