"""Encode and decode Sparkplug B payloads, and the few that have a fixed form (NDEATH, rebirth, STATE)."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, TypeAlias

from google.protobuf.message import DecodeError, EncodeError

from devices.wire import sparkplug_b_pb2 as pb
from devices.wire.datatypes import (
    ARRAYS,
    FIELD,
    MASK,
    DataType,
    DatatypeError,
    known,
    pack_array,
    wrap,
)
from devices.wire.structures import DataSet, MetaData, MetricValue, Parameter, Payload, Template

__all__ = [
    "BD_SEQ", "REBIRTH", "DataSet", "HostState", "MetaData", "MetricValue", "Parameter", "Payload",
    "PayloadError", "Template", "bd_seq_metric", "decode_payload", "encode_payload", "ndeath_payload",
    "parse_state", "raw_value", "rebirth_payload", "state_payload",
]  # fmt: skip

BD_SEQ = "bdSeq"
REBIRTH = "Node Control/Rebirth"

_Cell: TypeAlias = (
    pb.Payload.Metric
    | pb.Payload.PropertyValue
    | pb.Payload.DataSet.DataSetValue
    | pb.Payload.Template.Parameter
)


class PayloadError(ValueError):
    """A payload that cannot be read or written; `reason` is a short code that never changes.

    Codes: malformed, bad_text, unknown_datatype, wrong_datatype, bad_dataset, bad_properties, bad_template,
    bad_state.
    """

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(f"{reason}: {text}")
        self.reason = reason
        self.text = text


# ---------------------------------------------------------------- encode


def encode_payload(payload: Payload, *, datatypes: bool = True) -> bytes:
    """Encode a payload; `datatypes=False` leaves them out, as data messages should.

    A metric without datatype gets the one of its Python type (int -> Int64). Raises PayloadError
    if a value does not fit.
    """
    message = pb.Payload()
    try:
        if payload.ts_ms is not None:
            message.timestamp = payload.ts_ms
        if payload.seq is not None:
            message.seq = payload.seq
        if payload.uuid is not None:
            message.uuid = payload.uuid
        if payload.body is not None:
            message.body = payload.body
        for metric in payload.metrics:
            _write_metric(message.metrics.add(), metric, datatypes)
        return message.SerializeToString()
    except DatatypeError as error:
        raise PayloadError("wrong_datatype", str(error)) from error
    except (TypeError, ValueError, EncodeError) as error:
        if isinstance(error, PayloadError):
            raise
        raise PayloadError("malformed", str(error)) from error


def _write_metric(out: pb.Payload.Metric, metric: MetricValue, datatypes: bool) -> None:
    if metric.name is not None:
        out.name = metric.name
    if metric.alias is not None:
        out.alias = metric.alias
    if metric.ts_ms is not None:
        out.timestamp = metric.ts_ms
    datatype = metric.datatype
    if datatype is None and metric.value is not None:
        datatype = _natural(metric.value)
    if datatypes and datatype is not None:
        out.datatype = datatype
    if metric.is_historical:
        out.is_historical = True
    if metric.is_transient:
        out.is_transient = True
    if metric.metadata is not None:
        _write_metadata(out.metadata, metric.metadata)
    if metric.properties is not None:
        _write_properties(out.properties, metric.properties)
    _write_value(out, metric.value, datatype, datatypes)


def _write_value(out: pb.Payload.Metric, value: Any, datatype: DataType | None, datatypes: bool) -> None:
    if value is None or datatype is None:
        out.is_null = True
    elif datatype is DataType.DataSet:
        _write_dataset(out.dataset_value, value)
    elif datatype is DataType.Template:
        _write_template(out.template_value, value, datatypes)
    else:
        _write_plain(out, value, datatype)


def _write_metadata(out: pb.Payload.MetaData, metadata: MetaData) -> None:
    out.SetInParent()
    for item in fields(metadata):
        if (given := getattr(metadata, item.name)) is not None:
            setattr(out, item.name, given)


def _write_plain(out: _Cell, value: Any, datatype: DataType) -> None:
    field = FIELD.get(datatype)
    if field is None:
        raise DatatypeError(f"{datatype.name} is not the datatype of a value")
    if datatype in ARRAYS:
        value = pack_array(value, datatype)
    elif datatype in MASK:
        value = wrap(value, datatype) & (0xFFFF_FFFF if field == "int_value" else 0xFFFF_FFFF_FFFF_FFFF)
    else:
        value = wrap(value, datatype)
    setattr(out, field, value)


def _write_properties(out: pb.Payload.PropertySet, properties: dict[str, Any]) -> None:
    out.SetInParent()
    for key, value in properties.items():
        out.keys.append(key)
        cell = out.values.add()
        if isinstance(value, dict):
            cell.type = DataType.PropertySet
            _write_properties(cell.propertyset_value, value)
        elif isinstance(value, list):
            cell.type = DataType.PropertySetList
            cell.propertysets_value.SetInParent()
            for item in value:
                _write_properties(cell.propertysets_value.propertyset.add(), item)
        elif value is None:
            cell.type = DataType.String
            cell.is_null = True
        else:
            datatype = _natural(value)
            # "Quality" must be an Int32 (tck-id-payloads-propertyset-quality-value-type)
            if datatype is DataType.Int64 and -(2**31) <= value < 2**31:
                datatype = DataType.Int32
            cell.type = datatype
            _write_plain(cell, value, datatype)


def _write_dataset(out: pb.Payload.DataSet, table: DataSet) -> None:
    if len(table.columns) != len(table.types) or any(len(row) != len(table.columns) for row in table.rows):
        raise PayloadError("bad_dataset", "columns, types and rows differ in width")
    out.num_of_columns = len(table.columns)
    out.columns.extend(table.columns)
    out.types.extend(table.types)
    for row in table.rows:
        elements = out.rows.add().elements
        for value, datatype in zip(row, table.types, strict=True):
            cell = elements.add()
            if value is not None:
                _write_plain(cell, value, datatype)


def _write_template(out: pb.Payload.Template, template: Template, datatypes: bool) -> None:
    if template.is_definition == (template.ref is not None):
        raise PayloadError("bad_template", "a definition has no reference, an instance has one")
    out.is_definition = template.is_definition
    if template.ref is not None:
        out.template_ref = template.ref
    if template.version is not None:
        out.version = template.version
    for metric in template.metrics:
        _write_metric(out.metrics.add(), metric, datatypes)
    for parameter in template.parameters:
        cell = out.parameters.add(name=parameter.name, type=parameter.datatype)
        if parameter.value is not None:
            _write_plain(cell, parameter.value, parameter.datatype)


def _natural(value: Any) -> DataType:
    for python_type, datatype in _NATURAL:
        if isinstance(value, python_type):
            return datatype
    raise DatatypeError(f"no datatype for {type(value).__name__}")


_NATURAL: tuple[tuple[type, DataType], ...] = (
    (bool, DataType.Boolean), (int, DataType.Int64), (float, DataType.Double), (str, DataType.String),
    (bytes, DataType.Bytes), (DataSet, DataType.DataSet), (Template, DataType.Template),
)  # fmt: skip


# ---------------------------------------------------------------- decode


def decode_payload(data: bytes) -> Payload:
    """Decode a payload. Raises PayloadError with a reason code; never returns half a payload."""
    try:
        message = pb.Payload.FromString(data)
        return Payload(
            ts_ms=message.timestamp if message.HasField("timestamp") else None,
            seq=message.seq if message.HasField("seq") else None,
            metrics=[_read_metric(metric) for metric in message.metrics],
            uuid=message.uuid if message.HasField("uuid") else None,
            body=message.body if message.HasField("body") else None,
        )
    except DatatypeError as error:
        raise PayloadError("wrong_datatype", str(error)) from error
    except UnicodeDecodeError as error:
        raise PayloadError("bad_text", str(error)) from error
    except DecodeError as error:
        raise PayloadError("malformed", str(error)) from error


def _read_metric(metric: pb.Payload.Metric) -> MetricValue:
    datatype = _datatype(metric.datatype) if metric.HasField("datatype") else None
    value = None if metric.is_null else raw_value(metric)
    if datatype is not None and value is not None:
        value = wrap(value, datatype)
    return MetricValue(
        name=metric.name if metric.HasField("name") else None,
        value=value,
        datatype=datatype,
        ts_ms=metric.timestamp if metric.HasField("timestamp") else None,
        alias=metric.alias if metric.HasField("alias") else None,
        is_historical=metric.is_historical,
        is_transient=metric.is_transient,
        properties=_read_properties(metric.properties) if metric.HasField("properties") else None,
        metadata=_read_metadata(metric.metadata) if metric.HasField("metadata") else None,
    )


def raw_value(cell: _Cell) -> Any:
    """Whichever value field is set, unmasked (integers unsigned); None if none is, or only an extension."""
    field = cell.WhichOneof("value")
    if field is None:
        return None
    value = getattr(cell, field)
    special = _STRUCTURED.get(field)
    return value if special is None else special(value)


def _datatype(number: int) -> DataType | None:
    if number == DataType.Unknown:
        return None  # some libraries write 0 where they mean "left out"
    datatype = known(number)
    if datatype is None:
        raise PayloadError("unknown_datatype", f"datatype {number}")
    return datatype


def _read_metadata(metadata: pb.Payload.MetaData) -> MetaData:
    return MetaData(**{field.name: value for field, value in metadata.ListFields() if not field.is_extension})


def _read_properties(properties: pb.Payload.PropertySet) -> dict[str, Any]:
    if len(properties.keys) != len(properties.values):
        raise PayloadError("bad_properties", f"{len(properties.keys)} keys, {len(properties.values)} values")
    result: dict[str, Any] = {}
    for key, cell in zip(properties.keys, properties.values, strict=True):
        value = None if cell.is_null else raw_value(cell)
        datatype = _datatype(cell.type)
        result[key] = value if datatype is None else wrap(value, datatype)
    return result


def _read_dataset(table: pb.Payload.DataSet) -> DataSet:
    width = len(table.columns)
    if len(table.types) != width or (table.HasField("num_of_columns") and table.num_of_columns != width):
        raise PayloadError("bad_dataset", f"{width} columns, {len(table.types)} types")
    types = [_datatype(number) or DataType.Unknown for number in table.types]
    if DataType.Unknown in types:
        raise PayloadError("bad_dataset", "a column without datatype")
    rows = []
    for row in table.rows:
        if len(row.elements) != width:
            raise PayloadError("bad_dataset", f"a row of {len(row.elements)} in a table of {width}")
        rows.append([wrap(raw_value(cell), kind) for cell, kind in zip(row.elements, types, strict=True)])
    return DataSet(list(table.columns), types, rows)


def _read_template(template: pb.Payload.Template) -> Template:
    parameters = []
    for cell in template.parameters:
        datatype = _datatype(cell.type)
        if datatype is None or not cell.name:
            raise PayloadError("bad_template", "a parameter without name or datatype")
        parameters.append(Parameter(cell.name, datatype, wrap(raw_value(cell), datatype)))
    return Template(
        metrics=[_read_metric(metric) for metric in template.metrics],
        parameters=parameters,
        ref=template.template_ref if template.HasField("template_ref") else None,
        is_definition=template.is_definition,
        version=template.version if template.HasField("version") else None,
    )


_STRUCTURED: dict[str, Callable[[Any], Any]] = {
    "dataset_value": _read_dataset,
    "template_value": _read_template,
    "propertyset_value": _read_properties,
    "propertysets_value": lambda sets: [_read_properties(one) for one in sets.propertyset],
    "extension_value": lambda extension: None,  # nobody has told us what it means
}


# ---------------------------------------------------------------- payloads of a fixed form


def bd_seq_metric(bd_seq: int, ts_ms: int | None = None) -> MetricValue:
    """The metric that ties a death to its birth; Int64, 0–255."""
    return MetricValue(BD_SEQ, datatype=DataType.Int64, value=bd_seq & 0xFF, ts_ms=ts_ms)


def ndeath_payload(bd_seq: int, ts_ms: int | None = None) -> bytes:
    """The will of an edge node: bdSeq alone and no sequence number."""
    return encode_payload(Payload(ts_ms=ts_ms, metrics=[bd_seq_metric(bd_seq)]))


def rebirth_payload(ts_ms: int) -> bytes:
    """The command that asks an edge node for all its births again; commands have no sequence number."""
    wish = MetricValue(REBIRTH, datatype=DataType.Boolean, value=True, ts_ms=ts_ms)
    return encode_payload(Payload(ts_ms=ts_ms, metrics=[wish]))


@dataclass(frozen=True, slots=True)
class HostState:
    """What a host application says about itself; `ts_ms` of will and birth are the same."""

    online: bool
    ts_ms: int


def state_payload(online: bool, ts_ms: int) -> bytes:
    """The STATE message (and, with online False, its will): retained, QoS 1, JSON."""
    return json.dumps({"online": online, "timestamp": ts_ms}, separators=(",", ":")).encode()


def parse_state(data: bytes) -> HostState:
    """Read a STATE message. Raises PayloadError("bad_state", …)."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise PayloadError("bad_state", str(error)) from error
    if not isinstance(document, dict):
        raise PayloadError("bad_state", "not a JSON object")
    online, ts_ms = document.get("online"), document.get("timestamp")
    if type(online) is not bool or type(ts_ms) is not int or ts_ms < 0:
        raise PayloadError("bad_state", "wants online: boolean and timestamp: integer")
    return HostState(online, ts_ms)
