"""Templates made flat: every member of an instance becomes a metric of its own, such as `Motor/Temperature`.

A template's parameters become metrics too, `Motor/Parameters/Serial`. Works on protobuf messages, so that a
reader who needs speed pays only for what really holds a template. Source: Sparkplug 3.0, 6.4.13 "Template".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from devices.wire.datatypes import DataType
from devices.wire.sparkplug_b_pb2 import Payload
from devices.wire.structures import PayloadError

PREFIX = "_types_/"
"""What many put before a definition's name and leave out where they refer to it."""

MAX_DEPTH = 16
MAX_MEMBERS = 5_000

Definitions = Mapping[str, Payload.Template]


def definitions_in(metrics: Iterable[Payload.Metric]) -> dict[str, Payload.Template]:
    """The template definitions of an NBIRTH, by the name that instances refer to."""
    return {
        metric.name.removeprefix(PREFIX): metric.template_value
        for metric in metrics
        if metric.HasField("template_value") and metric.template_value.is_definition
    }


def flatten(
    metrics: Iterable[Payload.Metric],
    definitions: Definitions | None = None,
    names: Mapping[int, str] | None = None,
    *,
    keep_definitions: bool = False,
) -> list[Payload.Metric]:
    """The same metrics with the members of instances in place of the instances, and without definitions.

    With `definitions` (births) members and datatypes that an instance left out are filled in, as null.
    `names` finds the name of an instance that comes by its alias alone. Raises PayloadError("bad_template").
    """
    flat = _Flat(definitions or {})
    for metric in metrics:
        if not metric.HasField("template_value") or (
            keep_definitions and metric.template_value.is_definition
        ):
            flat.out.append(metric)
        elif not metric.template_value.is_definition:
            name = metric.name or (names or {}).get(metric.alias, "")
            if not name:
                raise PayloadError("bad_template", "an instance has neither a name nor a known alias")
            flat.instance(name, metric, metric.template_value, ())
    return flat.out


class _Flat:
    def __init__(self, definitions: Definitions) -> None:
        self.out: list[Payload.Metric] = []
        self._definitions = definitions

    def instance(
        self, path: str, metric: Payload.Metric, template: Payload.Template, within: tuple[str, ...]
    ) -> None:
        """Append the members and parameters of one instance; `within` names the templates around it."""
        ref = template.template_ref.removeprefix(PREFIX)
        if len(within) >= MAX_DEPTH:
            raise PayloadError("bad_template", f"templates nested deeper than {MAX_DEPTH}")
        defined = self._definitions.get(ref)
        kinds = {member.name: member for member in defined.metrics} if defined is not None else {}
        given = set()
        for member in template.metrics:
            given.add(member.name)
            cell = Payload.Metric()
            cell.CopyFrom(member)
            if not cell.HasField("timestamp") and metric.HasField("timestamp"):
                cell.timestamp = metric.timestamp
            if metric.is_historical:
                cell.is_historical = True
            if not cell.HasField("datatype") and member.name in kinds:
                cell.datatype = kinds[member.name].datatype
            self._member(path, cell, (*within, ref))
        for name, member in kinds.items():
            if name not in given:
                blank = Payload.Metric(name=name, datatype=member.datatype, is_null=True)
                blank.timestamp = metric.timestamp
                if member.HasField("template_value") and member.template_value.template_ref not in within:
                    blank.template_value.template_ref = member.template_value.template_ref
                self._member(path, blank, (*within, ref))
        self._parameters(path, metric, template, defined)

    def _member(self, path: str, cell: Payload.Metric, within: tuple[str, ...]) -> None:
        if cell.name:
            cell.name = f"{path}/{cell.name}"
        if cell.HasField("template_value"):
            self.instance(cell.name or path, cell, cell.template_value, within)
        elif cell.datatype != DataType.Template:
            self._append(cell)

    def _parameters(
        self,
        path: str,
        metric: Payload.Metric,
        template: Payload.Template,
        defined: Payload.Template | None,
    ) -> None:
        default = {one.name: one for one in defined.parameters} if defined is not None else {}
        for name, one in {**default, **{one.name: one for one in template.parameters}}.items():
            cell = Payload.Metric(name=f"{path}/Parameters/{name}", datatype=one.type)
            cell.timestamp = metric.timestamp
            field = one.WhichOneof("value")
            if field is None or field == "extension_value":
                cell.is_null = True
            else:
                setattr(cell, field, getattr(one, field))
            self._append(cell)

    def _append(self, cell: Payload.Metric) -> None:
        if len(self.out) >= MAX_MEMBERS:
            raise PayloadError("bad_template", f"more than {MAX_MEMBERS} members")
        self.out.append(cell)
