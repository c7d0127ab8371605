"""Sparkplug B bytes to Python values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from google.protobuf.message import DecodeError

from devices.wire import sparkplug_b_pb2 as pb
from devices.wire.datatypes import DataType, DatatypeError, known, wrap
from devices.wire.structures import DataSet, MetaData, MetricValue, Parameter, Payload, PayloadError, Template
from devices.wire.templates import flatten

_Cell: TypeAlias = (
    pb.Payload.Metric
    | pb.Payload.PropertyValue
    | pb.Payload.DataSet.DataSetValue
    | pb.Payload.Template.Parameter
)


def decode_payload(data: bytes, *, flat: bool = False) -> Payload:
    """Decode a payload. Raises PayloadError with a reason code; never returns half a payload.

    `flat`: members in place of template instances, as the hub names them.
    """
    try:
        message = pb.Payload.FromString(data)
        metrics = flatten(message.metrics, keep_definitions=True) if flat else message.metrics
        return Payload(
            ts_ms=message.timestamp if message.HasField("timestamp") else None,
            seq=message.seq if message.HasField("seq") else None,
            metrics=[_read_metric(metric) for metric in metrics],
            uuid=message.uuid if message.HasField("uuid") else None,
            body=message.body if message.HasField("body") else None,
        )
    except DatatypeError as error:
        raise PayloadError("wrong_datatype", str(error)) from error
    except DecodeError as error:
        reason = "bad_text" if "UTF-8" in str(error) else "malformed"
        raise PayloadError(reason, str(error)) from error


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
