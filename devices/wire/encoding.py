"""Python values to Sparkplug B bytes."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, TypeAlias

from google.protobuf.message import EncodeError

from devices.wire import sparkplug_b_pb2 as pb
from devices.wire.datatypes import ARRAYS, BASIC, FIELD, MASK, DataType, DatatypeError, pack_array, wrap
from devices.wire.structures import DataSet, MetaData, MetricValue, Payload, PayloadError, Template

_Cell: TypeAlias = (
    pb.Payload.Metric
    | pb.Payload.PropertyValue
    | pb.Payload.DataSet.DataSetValue
    | pb.Payload.Template.Parameter
)


_QUALITIES = (0, 192, 500)
"""Bad, good and stale; source: Sparkplug 3.0, 6.4.7."""


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
    elif datatype is DataType.DataSet and isinstance(value, DataSet):
        _write_dataset(out.dataset_value, value)
    elif datatype is DataType.Template and isinstance(value, Template):
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
    if field is None or datatype in (DataType.DataSet, DataType.Template):
        raise DatatypeError(f"{type(value).__name__} where {datatype.name} was declared")
    if datatype in ARRAYS:
        value = pack_array(value, datatype)
    elif datatype in MASK:
        whole = wrap(value, datatype)
        if whole != value:  # a reader masks, a writer must not: that would be another number
            raise DatatypeError(f"{value} does not fit {datatype.name}")
        value = whole & (0xFFFF_FFFF if field == "int_value" else 0xFFFF_FFFF_FFFF_FFFF)
    else:
        value = wrap(value, datatype)
    setattr(out, field, value)


def _write_properties(out: pb.Payload.PropertySet, properties: Any) -> None:
    if not isinstance(properties, dict):
        raise PayloadError("bad_properties", "a list of property sets has something else in it")
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
            if datatype not in BASIC:
                raise PayloadError("bad_properties", f"{key!r} cannot be of {datatype.name}")
            if key == "Quality" and value not in _QUALITIES:
                raise PayloadError("bad_properties", f"{value!r} is no quality; there are 0, 192 and 500")
            # "Quality" must be an Int32 (tck-id-payloads-propertyset-quality-value-type)
            if datatype is DataType.Int64 and -(2**31) <= value < 2**31:
                datatype = DataType.Int32
            cell.type = datatype
            _write_plain(cell, value, datatype)


def _write_dataset(out: pb.Payload.DataSet, table: DataSet) -> None:
    if len(table.columns) != len(table.types) or any(len(row) != len(table.columns) for row in table.rows):
        raise PayloadError("bad_dataset", "columns, types and rows differ in width")
    if not BASIC.issuperset(table.types):
        raise PayloadError("bad_dataset", "a column is of a basic datatype")
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
        if parameter.datatype not in BASIC or not parameter.name:
            raise PayloadError("bad_template", "a parameter has a name and a basic datatype")
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
