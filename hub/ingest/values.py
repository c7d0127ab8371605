"""The values in a payload: read, checked, compared with limits, made current and made history."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from devices.wire.datatypes import DatatypeError, not_finite, wrap
from devices.wire.payloads import raw_value
from devices.wire.sparkplug_b_pb2 import Payload
from devices.wire.structures import PayloadError
from devices.wire.templates import flatten
from hub.alarms.rules import AlarmBook
from hub.ingest.effects import QuarantineGate
from hub.ingest.model import Device, Node, Slot
from hub.ingest.rebirth import RebirthRequests
from hub.ingest.sessions import BirthError
from hub.telemetry.port import Row, Value, published

CLOCK_TOLERANCE_MS = 60_000
_OLDEST_MS = 2 * 366 * 86_400_000
_NO_TIME_MS = 1 << 53  # the year 287396: not a clock that is wrong, but no clock at all
_TEXT_LIMIT = 2000
_OF_THE_SENDER = ("Outbox/", "Properties/", "Simulation/")


class Values:
    """Takes the metrics of payloads; `rows` gathers history, `dirty` the devices that changed."""

    def __init__(self, book: AlarmBook, rebirths: RebirthRequests, quarantine: QuarantineGate) -> None:
        self.rows: list[Row] = []
        self.dirty: dict[Device, None] = {}
        self.count = 0
        self._book = book
        self._rebirths = rebirths
        self._quarantine = quarantine

    def take(  # noqa: C901  # one pass over the hottest data of the hub; calls would cost a third more
        self,
        device: Device,
        metrics: Sequence[Payload.Metric],
        sent_ms: int,
        received_ms: int,
        ordinal: int,
        *,
        store: bool,
        live: bool,
    ) -> None:
        """The hot loop: every metric of one payload, each checked, compared and kept."""
        slots, skew_ms = device.slots, device.node.skew_ms
        if device.templates:
            metrics = _without_templates(device, metrics)
        places: list[int] = []
        values: list[Value] = []
        groups: dict[int, tuple[list[int], list[Value]]] = {}
        ts_ms, stamp = sent_ms, -1
        problem: BirthError | None = None
        for metric in metrics:
            slot = slots.get(metric.name)
            owner = device
            field = metric.WhichOneof("value")
            value: Any
            if slot is not None and field == slot.field:
                value = getattr(metric, field)
                usual = not slot.numeric or slot.low <= value <= slot.high
            else:
                usual = False
            if not usual:
                try:
                    if slot is None:
                        owner, slot = self._unnamed(device, metric)
                        if slot is None:
                            continue
                    value = self._converted(slot, metric)
                except BirthError as error:  # one bad metric does not cost its neighbours
                    problem = error
                    continue
            assert slot is not None
            if (given := metric.timestamp) != stamp:
                stamp = given
                ts_ms = given + skew_ms
                if not given or not received_ms - _OLDEST_MS < ts_ms < received_ms + CLOCK_TOLERANCE_MS:
                    ts_ms = sent_ms
                places, values = groups.setdefault(ts_ms, ([], []))
            if live:
                watch = slot.watch
                if watch is not None and value is not None:
                    quiet = (
                        value == slot.value
                        if watch.discrete
                        else watch.quiet_low <= value <= watch.quiet_high
                    )
                    if not quiet:
                        self._book.observe(watch, published(value, slot.datatype), ts_ms, received_ms)
                slot.value = value
                slot.ts_ms = ts_ms
            if owner is device:
                places.append(slot.place)
                values.append(value)
            elif store:
                self.rows.append(Row(owner.series, ts_ms, ordinal, indices_of([slot.place]), [value]))
        if store:
            for ts_ms, (places, values) in groups.items():
                if places:
                    self.count += len(values)
                    self.rows.append(Row(device.series, ts_ms, ordinal, indices_of(places), values))
        if live:
            self.dirty[device] = None
        if problem is not None:
            raise problem

    def _unnamed(self, device: Device, metric: Payload.Metric) -> tuple[Device, Slot | None]:
        """A metric whose name the device's birth did not declare: an alias, our own, or an error."""
        name = metric.name
        if not name and metric.HasField("alias"):
            found = device.node.aliases.get(metric.alias)
            if found is not None:
                return found
            if metric.alias in device.node.aliases:
                raise BirthError(f"ambiguous_alias: {metric.alias} was declared for two metrics")
            self._rebirths.want(device.node, "unknown_alias")
            raise BirthError(f"unknown_alias: {metric.alias}")
        if name == "bdSeq" or name.startswith(_OF_THE_SENDER) or name.casefold().startswith("node control/"):
            return device, None
        if not name:
            raise BirthError("no_name: a metric has neither name nor alias")
        self._rebirths.want(device.node, "unknown_metric")
        raise BirthError(f"unknown_metric: {name[:100]!r} was not declared at birth")

    def _converted(self, slot: Slot, metric: Payload.Metric) -> Value:
        """The value of a metric that is null, in another field than usual, or out of its datatype's range."""
        if metric.is_null or metric.WhichOneof("value") is None:
            return None
        if metric.HasField("datatype") and metric.datatype and metric.datatype != slot.datatype:
            raise BirthError(
                f"wrong_datatype: {slot.name!r} was born as {slot.datatype}, came as {metric.datatype}"
            )
        try:
            value = wrap(raw_value(metric), slot.datatype)
        except DatatypeError as error:
            raise BirthError(f"wrong_datatype: {slot.name!r}: {error}") from error
        except PayloadError as error:
            raise BirthError(f"{error.reason}: {slot.name!r}: {error.text}") from error
        if not_finite(value):
            self._quarantine.count("not_finite")
            return None
        return value if isinstance(value, bool | int | float | str) else _text(value)

    def sent_ms(self, payload: Payload, node: Node, received_ms: int) -> int:
        """When the payload was sent, by the hub's clock; a wrong clock is measured, corrected and flagged."""
        sent_ms = payload.timestamp
        if not 0 < sent_ms < _NO_TIME_MS:
            return received_ms
        ahead_ms = received_ms - sent_ms
        if -CLOCK_TOLERANCE_MS < ahead_ms < CLOCK_TOLERANCE_MS:
            node.skew_ms = 0
            return sent_ms
        if abs(ahead_ms - node.skew_ms) > 5_000:
            node.skew_ms = ahead_ms
        return sent_ms + node.skew_ms


def _without_templates(device: Device, metrics: Sequence[Payload.Metric]) -> list[Payload.Metric]:
    """The metrics with members in place of template instances; an instance without value has none at all."""
    names = device.templates
    plain: list[Payload.Metric] = []
    for metric in metrics:
        name = names.get(metric.name or metric.alias)
        if name is None or metric.HasField("template_value"):
            plain.append(metric)
        else:
            members = (slot for slot in device.slots if slot.startswith(f"{name}/"))
            plain += [Payload.Metric(name=slot, is_null=True, timestamp=metric.timestamp) for slot in members]
    return flatten(plain, names={key: name for key, name in names.items() if isinstance(key, int)})


def _text(value: Any) -> str:
    """What has no single value, as text: bytes in hex, tables, arrays and templates as JSON."""
    if isinstance(value, bytes):
        return value[: _TEXT_LIMIT // 2].hex()
    text = orjson.dumps(value, default=_hex, option=orjson.OPT_NON_STR_KEYS).decode()
    return text if len(text) <= _TEXT_LIMIT else f"{text[:_TEXT_LIMIT]}…"


def _hex(value: Any) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)


def indices_of(places: list[int]) -> bytes | tuple[int, ...]:
    """Put the places of a row into the shape that `Row` wants."""
    try:
        return bytes(places)
    except ValueError:
        return tuple(places)
