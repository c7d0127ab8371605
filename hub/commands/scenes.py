"""The scenes that every room has, made of what the kinds can be told."""

from dataclasses import dataclass
from typing import TypeAlias

from hub.commands.rules import Plain
from hub.commands.storing import command_of, known_kinds
from hub.wording import said

Step: TypeAlias = tuple[str, str, Plain]
"""(kind, command, value)."""

COOL_C = 26.0


@dataclass(frozen=True, slots=True)
class BuiltIn:
    """A scene of every school."""

    id: str
    name_vi: str
    name_en: str
    steps: tuple[Step, ...]


_START: tuple[Step, ...] = (
    ("relay", "relay-1", True),  # the lights
    ("relay", "relay-2", True),
    ("projector", "power", "on"),
    ("interactive_display", "power", True),
    ("wall_cell", "power", "on"),
    ("air_conditioner", "power", True),
    ("air_conditioner", "setpoint", COOL_C),
)
_END: tuple[Step, ...] = (
    ("projector", "power", "off"),
    ("interactive_display", "power", False),
    ("wall_cell", "power", "standby"),
    ("air_conditioner", "power", False),
    ("relay", "relay-1", False),
    ("relay", "relay-2", False),
)

BUILT_IN: tuple[BuiltIn, ...] = (
    BuiltIn("start_lesson", "Bắt đầu tiết", "Start of a lesson", _START),
    BuiltIn("end_lesson", "Kết thúc tiết", "End of a lesson", _END),
)


def built_in(scene_id: str) -> BuiltIn | None:
    """Gives the scene of that id."""
    return next((each for each in BUILT_IN if each.id == scene_id), None)


def fault_of(kind_id: str, name: str, value: Plain) -> tuple[str, str]:
    """Says what is wrong with telling a kind of device this, and what to do; two empty texts if nothing."""
    kind = known_kinds().get(kind_id)
    if kind is None:
        return said("there is no kind {kind}", kind=repr(kind_id)), "use an id of GET /api/v1/devices/facets"
    names = ", ".join(each.name for each in kind.commands) or "none"
    told = command_of(kind_id, name)
    if told is None:
        return (
            said("a device of kind {kind} has no command {command}", kind=kind_id, command=repr(name)),
            said("use one of {known}", known=names),
        )
    if not told.accepts(value):
        if told.values is not None:
            fix = said("use one of {known}", known=", ".join(map(repr, told.values)))
        elif told.low is not None or told.high is not None:
            fix = said("use a number from {low} to {high}", low=f"{told.low:g}", high=f"{told.high:g}")
        else:
            fix = said("use a value of datatype {datatype}", datatype=told.datatype.name)
        return said(
            "{command} of {kind} does not take {value}", command=name, kind=kind_id, value=repr(value)
        ), fix
    return "", ""
