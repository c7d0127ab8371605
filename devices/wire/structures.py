"""What a Sparkplug payload contains, as plain Python values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from devices.wire.datatypes import DataType, not_finite


class PayloadError(ValueError):
    """A payload that cannot be read or written; `reason` is a short code that never changes.

    Codes: malformed, bad_text, unknown_datatype, wrong_datatype, bad_dataset, bad_properties, bad_template,
    bad_state.
    """

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(f"{reason}: {text}")
        self.reason = reason
        self.text = text


@dataclass(slots=True)
class MetaData:
    """What a metric says about its value: files in parts, content type, description."""

    is_multi_part: bool | None = None
    content_type: str | None = None
    size: int | None = None
    seq: int | None = None
    file_name: str | None = None
    file_type: str | None = None
    md5: str | None = None
    description: str | None = None


@dataclass(slots=True)
class DataSet:
    """A table: each row has one value a column, of the column's datatype; None is a null cell."""

    columns: list[str]
    types: list[DataType]
    rows: list[list[Any]] = field(default_factory=list)


@dataclass(slots=True)
class Parameter:
    """A named parameter of a template."""

    name: str
    datatype: DataType
    value: Any = None


@dataclass(slots=True)
class Template:
    """A template definition (`ref` None) or an instance of the template named by `ref`."""

    metrics: list[MetricValue] = field(default_factory=list)
    parameters: list[Parameter] = field(default_factory=list)
    ref: str | None = None
    is_definition: bool = False
    version: str | None = None


@dataclass(slots=True)
class MetricValue:
    """One metric of a payload.

    `value` None is Sparkplug's null. `datatype` None means the sender left it out: `value` is then the
    raw protobuf value, to be read with `datatypes.wrap` once the birth's datatype is known.
    `properties` maps names to plain values; nested property sets are dicts, lists of them are lists.
    """

    name: str | None = None
    alias: int | None = None
    datatype: DataType | None = None
    value: Any = None
    ts_ms: int | None = None
    is_historical: bool = False
    is_transient: bool = False
    properties: dict[str, Any] | None = None
    metadata: MetaData | None = None

    @property
    def is_null(self) -> bool:
        """True if the sender reports that there is no value."""
        return self.value is None

    @property
    def is_finite(self) -> bool:
        """False for NaN and infinity, alone or inside an array."""
        return not not_finite(self.value)


@dataclass(slots=True)
class Payload:
    """One Sparkplug message: time of sending (UTC ms), sequence number 0–255 and metrics."""

    ts_ms: int | None = None
    seq: int | None = None
    metrics: list[MetricValue] = field(default_factory=list)
    uuid: str | None = None
    body: bytes | None = None

    def metric(self, name: str) -> MetricValue | None:
        """The first metric of that name, or None."""
        return next((metric for metric in self.metrics if metric.name == name), None)
