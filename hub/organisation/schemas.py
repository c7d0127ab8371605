"""What the API tells about units, rooms and headcounts, and what it takes."""

from datetime import date, time
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from hub.organisation.rules import ChangeKind, RoomType, UnitKind

Code: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
"""Codes stand in addresses and MQTT topics, so that they are plain letters, digits, dots and dashes."""
Name: TypeAlias = Annotated[
    str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True, pattern=r"^[^\x00]*$")
]
Words: TypeAlias = Annotated[
    str, StringConstraints(max_length=400, strip_whitespace=True, pattern=r"^[^\x00]*$")
]
Level: TypeAlias = Literal["MN", "TH", "THCS", "THPT"]


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid")


class UnitOut(BaseModel):
    """A unit as it is named and placed on the day asked for; `valid_to` is not included."""

    code: str
    name: str
    kind: str
    levels: list[str]
    district: str | None
    parent: str | None
    valid_from: date | None
    valid_to: date | None
    address: str = ""
    phone: str = ""


class AlarmCounts(BaseModel):
    """Open alarms by severity."""

    critical: int = 0
    major: int = 0
    minor: int = 0


class Status(BaseModel):
    """How everything in a unit is now; `worst` is the severity of the worst open alarm, or none."""

    schools: int = 0
    rooms: int = 0
    devices: int = 0
    online: int = 0
    offline: int = 0
    alarms: AlarmCounts = AlarmCounts()
    worst: str = "none"


class ChildOut(UnitOut):
    """A unit below another, with the number of units directly below it; `status` is null for another day."""

    children: int
    status: Status | None


class Step(BaseModel):
    """A unit on the way from the root."""

    code: str
    name: str
    kind: str


class Belonging(BaseModel):
    """A parent, from a day to a day (not included); null is open."""

    code: str
    name: str
    valid_from: date | None
    valid_to: date | None


class NameOut(BaseModel):
    """A name, from a day to a day (not included); null is open."""

    name: str
    valid_from: date | None
    valid_to: date | None


class Relative(BaseModel):
    """A unit that another went into, or came out of."""

    code: str
    name: str
    kind: str
    on: date


class UnitDetail(UnitOut):
    """A unit with its way from the root, and everything it was and belonged to."""

    path: list[Step]
    parents: list[Belonging]
    names: list[NameOut]
    successors: list[Relative]
    predecessors: list[Relative]
    children: int
    status: Status | None


class UnitIn(_In):
    """A new unit."""

    code: Code
    name: Name
    kind: UnitKind
    levels: list[Level] = []
    parent: Code | None = None
    valid_from: date | None = None
    district: Code | None = None
    address: Words = ""
    phone: Annotated[str, StringConstraints(max_length=64)] = ""


class UnitPatch(_In):
    """What of a unit may simply be corrected; everything else is a change with a date."""

    levels: list[Level] | None = None
    address: Words | None = None
    phone: Annotated[str, StringConstraints(max_length=64)] | None = None


class PartIn(_In):
    """A unit that comes out of a split: a new one, or with its code alone one that exists."""

    code: Code
    name: Name | None = None
    kind: UnitKind | None = None
    levels: list[Level] | None = None
    parent: Code | None = None
    district: Code | None = None


class ChangeIn(_In):
    """A change of the tree on a day.

    rename: unit, name · move: unit, parent · end: unit · begin: unit, name, unit_kind, levels, parent,
    district · merge: units into a unit that goes on, with a new name if there is one · split: a unit into
    parts; it goes on if it is one of them. `rooms` says which room goes to which unit, `children` which unit
    below goes where; a merger takes all there are.
    """

    kind: ChangeKind
    on: date
    unit: Code | None = None
    units: Annotated[list[Code], Field(max_length=200)] = []
    name: Name | None = None
    parent: Code | None = None
    into: Code | Annotated[list[PartIn], Field(max_length=50)] | None = None
    rooms: Annotated[dict[Code, Code], Field(max_length=1000)] = {}
    children: Annotated[dict[Code, Code], Field(max_length=1000)] = {}
    unit_kind: UnitKind | None = None
    levels: list[Level] | None = None
    district: Code | None = None
    dry_run: bool = False


class PlanStep(BaseModel):
    """One thing that a change does to a unit."""

    unit: str
    what: str
    before: Any
    after: Any


class ChangeOut(BaseModel):
    """What a change does, or did; without an id it was only tried."""

    id: int | None
    plan: list[PlanStep]
    applied: bool


class LoggedChange(BaseModel):
    """A change of the tree as it was asked for and what it did."""

    id: int
    at_ms: int
    by: str
    kind: str
    on: date
    units: list[str]
    request: dict[str, Any]
    plan: list[PlanStep]


class Opening(BaseModel):
    """Days of the week (1 is Monday) and hours, local time, on which a room is open."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    days: Annotated[list[Annotated[int, Field(ge=1, le=7)]], Field(min_length=1, max_length=7)]
    from_: Annotated[time, Field(alias="from")]
    to: time


class RoomStatus(BaseModel):
    """How the devices of a room are now."""

    devices: int = 0
    online: int = 0
    offline: int = 0
    alarms: AlarmCounts = AlarmCounts()
    worst: str = "none"


class RoomOut(BaseModel):
    """A room of a school."""

    school: str
    code: str
    name: str
    type: str
    seats: int | None
    site: str | None = None
    building: str | None = None
    floor: str = ""
    opening: list[dict[str, Any]] = []
    valid_from: date | None = None
    valid_to: date | None = None
    status: RoomStatus = RoomStatus()


class RoomPatch(_In):
    """What to change of a room; what is left out stays."""

    name: Words | None = None
    type: RoomType | None = None
    seats: Annotated[int, Field(ge=0, le=10_000)] | None = None
    site: Code | None = None
    building: Code | None = None
    floor: Annotated[str, StringConstraints(max_length=16)] | None = None
    opening: Annotated[list[Opening], Field(max_length=21)] | None = None
    valid_to: date | None = None


class RoomIn(RoomPatch):
    """A new room."""

    school: Code
    code: Code


class SiteIn(_In):
    """A place where a school has buildings; the code says which."""

    school: Code
    code: Code
    name: Words | None = None
    address: Words | None = None


class SiteOut(BaseModel):
    """A place where a school has buildings."""

    school: str
    code: str
    name: str
    address: str


class BuildingIn(_In):
    """A building of a school; the code says which."""

    school: Code
    code: Code
    name: Words | None = None
    site: Code | None = None
    floors: Annotated[int, Field(ge=0, le=200)] | None = None


class BuildingOut(BaseModel):
    """A building of a school."""

    school: str
    code: str
    name: str
    site: str | None
    floors: int | None


class CountsIn(_In):
    """What a school counted on a day."""

    as_of: date
    pupils: Annotated[int, Field(ge=0, le=1_000_000)]
    pupils_with_id: Annotated[int, Field(ge=0, le=1_000_000)]
    teachers: Annotated[int, Field(ge=0, le=100_000)]
    teachers_with_record: Annotated[int, Field(ge=0, le=100_000)]
    source: Words = ""


class CountsOut(BaseModel):
    """Headcounts of a unit and everything in it: counts only.

    Percentages are null where nothing is counted and never rounded up; `met` needs all of both, everywhere.
    """

    unit: str
    name: str
    pupils: int | None
    pupils_with_id: int | None
    teachers: int | None
    teachers_with_record: int | None
    percent_pupils: float | None
    percent_teachers: float | None
    met_pupils: bool | None
    met_teachers: bool | None
    met: bool | None
    schools: int
    reported: int
    as_of: date | None
    source: str


class CountsPage(BaseModel):
    """Headcounts of a unit's children, or of the schools one may see, and of all of them together."""

    items: list[CountsOut]
    totals: CountsOut
    next_cursor: str | None = None
