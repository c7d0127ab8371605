"""What the API takes and gives about tickets."""

from typing import Annotated

from pydantic import BaseModel, Field

from hub.tickets.rules import Level, Priority, State

_STORABLE = r"^[^\x00]*$"
Title = Annotated[str, Field(min_length=1, max_length=200, pattern=_STORABLE)]
Words = Annotated[str, Field(max_length=4000, pattern=_STORABLE)]
Code = Annotated[str, Field(min_length=1, max_length=64, pattern=_STORABLE)]
Name = Annotated[str, Field(min_length=1, max_length=255, pattern=_STORABLE)]
Number = Annotated[int, Field(ge=1, le=2**63 - 1)]
Moment = Annotated[int, Field(ge=0, le=10**15, description="UTC epoch ms")]


class DeviceName(BaseModel, extra="forbid"):
    """A device by its address on the wire."""

    group: Name
    node: Name
    device: Name


class TicketIn(BaseModel, str_strip_whitespace=True, extra="forbid"):
    """A fault and where it is: a unit, a room of it, a device or an asset, from which the rest is known."""

    title: Title
    text: Words = ""
    unit: Code | None = None
    room: Code | None = None
    device: DeviceName | None = None
    asset_id: Number | None = None
    priority: Priority = Priority.NORMAL
    due_ms: Moment | None = None


class TicketChange(BaseModel, str_strip_whitespace=True, extra="forbid"):
    """What is to be different; a new priority sets a new due time, unless one is given."""

    title: Title | None = None
    text: Words | None = None
    priority: Priority | None = None
    due_ms: Moment | None = None


class Said(BaseModel, str_strip_whitespace=True, extra="forbid"):
    """What somebody has to say to a step."""

    text: Words = ""


class Comment(Said):
    """Something to say about a ticket."""

    text: Annotated[Words, Field(min_length=1)]


class Assignment(Said):
    """Who is to mend it: an id of `GET /tickets/assignable`."""

    assignee: Number


class Person(BaseModel):
    """An account that tickets are given to."""

    id: int
    name: str


class Assignable(Person):
    """Somebody who may be given tickets of a unit, with the roles that say so."""

    username: str
    roles: list[str]


class People(BaseModel):
    """All who may be given tickets of a unit; they come on one page."""

    items: list[Assignable]
    next_cursor: None = None


class TicketOut(BaseModel):
    """A ticket as it stands."""

    id: int
    number: str
    title: str
    text: str
    unit: str
    unit_name: str
    room: str | None
    device: DeviceName | None
    asset_id: int | None
    asset_tag: str | None
    priority: Priority
    state: State
    level: Level
    assignee: Person | None
    raised_by: str
    created_ms: int
    due_ms: int
    escalated_ms: int | None
    resolved_ms: int | None
    changed_ms: int
    overdue: bool


class Happened(BaseModel):
    """One step in a ticket's life, with its state and level afterwards."""

    at_ms: int
    by: str
    event: str
    text: str
    state: State
    level: Level


class TicketDetail(TicketOut):
    """A ticket and everything that happened to it, oldest first."""

    events: list[Happened]


class Counts(BaseModel):
    """Tickets of each state; those under way also by priority and level, and how many are late."""

    unit: str | None
    name: str
    total: int = 0
    active: int = 0
    overdue: int = 0
    states: dict[State, int]
    priorities: dict[Priority, int]
    levels: dict[Level, int]


class Period(BaseModel):
    """What happened in [since, until)."""

    since_ms: int
    until_ms: int
    raised: int
    resolved: int
    resolved_in_time: int
    escalated: dict[Level, int]


class Summary(Counts):
    """A unit with all below it, each unit directly below it, and what happened in the time asked for."""

    children: list[Counts]
    period: Period | None = None
