"""The equipment register as the API takes and gives it."""

from datetime import date
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from hub.assets.rules import TAG

Status: TypeAlias = Literal["in_use", "spare", "repair", "lost", "disposed"]
Condition: TypeAlias = Literal["good", "fair", "poor", "broken"]
EventKind: TypeAlias = Literal[
    "created",
    "changed",
    "moved",
    "repair",
    "returned",
    "disposed",
    "linked",
    "unlinked",
    "document",
    "counted",
]

Code = Annotated[str, Field(min_length=1, max_length=64)]
Name = Annotated[str, Field(min_length=1, max_length=200)]
Short = Annotated[str, Field(max_length=128)]
Words = Annotated[str, Field(max_length=200)]
Text = Annotated[str, Field(max_length=2000)]
Tag = Annotated[str, Field(pattern=f"^{TAG.pattern}$")]
Price = Annotated[int, Field(ge=0, le=10**15)]
Day = Annotated[date, Field(ge=date(1900, 1, 1), le=date(2200, 1, 1))]


class DeviceKey(BaseModel):
    """A device of the hub, by its address."""

    model_config = ConfigDict(extra="forbid")

    group: Annotated[str, Field(min_length=1, max_length=255)]
    node: Annotated[str, Field(min_length=1, max_length=255)]
    device: Annotated[str, Field(min_length=1, max_length=255)]


class Doubt(BaseModel):
    """Something of a record that may be a slip: which field, why, and the tags of equipment alike."""

    field: str
    code: Literal["double_serial", "in_the_future"]
    tags: list[str]


class AssetOut(BaseModel):
    """A piece of equipment; `missing` names what a complete record still needs.

    `doubts` is what may be a slip; it is not looked for in lists.
    """

    id: int
    tag: str
    type: str | None
    name: str
    serial: str | None
    maker: str | None
    model: str | None
    school: str
    school_name: str
    room: str | None
    acquired: date | None
    fund_source: str | None
    supplier: str | None
    price_vnd: int | None
    warranty_until: date | None
    status: Status | None
    condition: Condition | None
    device: DeviceKey | None
    missing: list[str]
    complete: bool
    note: str
    changed_ms: int
    seen_ms: int | None
    doubts: list[Doubt] = []


class AssetPage(BaseModel):
    """A page of the register; `total` is how many the filters let through: not `counted`, more than that."""

    items: list[AssetOut]
    next_cursor: str | None = None
    total: int
    counted: bool = True


class _Described(BaseModel):
    model_config = ConfigDict(extra="forbid")

    type: Annotated[str | None, Field(max_length=32)] = None
    serial: Short | None = None
    maker: Words | None = None
    model: Words | None = None
    acquired: Day | None = None
    fund_source: Words | None = None
    supplier: Words | None = None
    price_vnd: Price | None = None
    warranty_until: Day | None = None
    condition: Condition | None = None
    device: DeviceKey | None = None


class AssetIn(_Described):
    """A new piece of equipment; without a tag it gets one."""

    tag: Tag | None = None
    name: Name
    school: Code
    room: Code | None = None
    status: Literal["in_use", "spare", "repair", "lost"] | None = "in_use"
    note: Text = ""


class AssetPatch(_Described):
    """What to change; what is left out stays, null empties. Room and school change by a move."""

    name: Name = ""
    status: Literal["in_use", "spare", "lost"] | None = None
    note: Text = ""


class MoveIn(BaseModel):
    """Where it goes, since when (today if left out), and why."""

    model_config = ConfigDict(extra="forbid")

    school: Code | None = None
    room: Code | None = None
    on: Day | None = None
    text: Text = ""


class RemarkIn(BaseModel):
    """A remark for the history."""

    model_config = ConfigDict(extra="forbid")

    text: Text = ""


class DisposeIn(BaseModel):
    """When it was disposed of (today if left out) and why."""

    model_config = ConfigDict(extra="forbid")

    on: Day | None = None
    reason: Annotated[str, Field(min_length=1, max_length=2000)]


class EventOut(BaseModel):
    """Something that happened; `on` is the day it holds from, `at_ms` when it was written down."""

    id: int
    kind: EventKind
    on: date
    at_ms: int
    by: str
    school: str
    room: str | None
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    text: str


class DocumentOut(BaseModel):
    """A file about an asset."""

    id: int
    name: str
    media_type: str
    size: int
    sha256: str
    at_ms: int
    by: str


class Labelled(BaseModel):
    """A word of a fixed list in both languages."""

    id: str
    label_vi: str
    label_en: str


class TypeOut(Labelled):
    """A type of equipment, the kinds of device it covers, and whether pupils learn informatics at it."""

    kinds: list[str]
    computer: bool


class TypesOut(BaseModel):
    """The fixed lists of the register: they are short and come on one page."""

    items: list[TypeOut]
    statuses: list[Labelled]
    conditions: list[Labelled]
    required: list[str]
    next_cursor: None = None


class Facet(BaseModel):
    """A choice of a filter and how many it would show, under all filters but its own."""

    id: str
    label_vi: str
    label_en: str
    count: int | None


class FacetsOut(BaseModel):
    """How many there are of each choice.

    Where words fit very many assets they are not `counted`: counts are null, and the choices are those
    that there are without these words.
    """

    types: list[Facet]
    statuses: list[Facet]
    districts: list[Facet]
    complete: dict[Literal["true", "false"], int | None]
    missing: dict[str, int | None]
    linked: dict[Literal["true", "false"], int | None]
    counted: bool = True


class CompletenessOut(BaseModel):
    """How much of a unit's equipment has a complete record (T11); what is disposed of does not count."""

    unit: str | None
    name: str
    kind: str | None
    total: int
    complete: int
    percent: float | None
    target_percent: int
    met: bool | None
    missing: dict[str, int]


class CompletenessTree(CompletenessOut):
    """The same with the units right below it."""

    children: list[CompletenessOut]


class LabOut(BaseModel):
    """A computer lab; `shortfall` is seats without a working computer, null where seats are not known."""

    room: str
    name: str
    seats: int | None
    computers: int
    working: int
    shortfall: int | None


class ComputersOut(BaseModel):
    """The computers of a school (M01); they work if their device is online or, unlinked, if in use."""

    school: str
    name: str
    pupils: int | None
    computers: int
    working: int
    pupils_per_computer: float | None
    labs: list[LabOut]
    shortfall: int


class StocktakeIn(BaseModel):
    """What is to be counted: a whole school, or one room of it."""

    model_config = ConfigDict(extra="forbid")

    school: Code
    room: Code | None = None


class SeenIn(BaseModel):
    """A label that was read, by tag or asset; `client_id` makes sending it again harmless."""

    model_config = ConfigDict(extra="forbid")

    tag: Annotated[str | None, Field(min_length=1, max_length=64)] = None
    asset_id: Annotated[int | None, Field(ge=1, le=2**53)] = None
    room: Code | None = None
    condition: Condition | None = None
    client_id: Annotated[str, Field(min_length=1, max_length=64)]


class TakeBackIn(BaseModel):
    """A label that was read by mistake, by tag or asset."""

    model_config = ConfigDict(extra="forbid")

    tag: Annotated[str | None, Field(min_length=1, max_length=64)] = None
    asset_id: Annotated[int | None, Field(ge=1, le=2**53)] = None


StockCounts: TypeAlias = dict[Literal["expected", "seen", "missing", "unexpected", "moved"], int]


class StocktakeOut(BaseModel):
    """A counting; the numbers of one that runs are those it would end with now."""

    id: int
    school: str
    school_name: str
    room: str | None
    started_ms: int
    started_by: str
    finished_ms: int | None
    finished_by: str | None
    counts: StockCounts


class LineOut(BaseModel):
    """One asset, or a label that is not the school's (`asset_id` null), and what became of it."""

    tag: str
    asset_id: int | None
    name: str | None
    type: str | None
    room: str | None
    seen_room: str | None


class StocktakeDetail(StocktakeOut):
    """A counting with its lines; `expected` is what the register says should be there."""

    expected: list[LineOut]
    seen: list[LineOut]
    missing: list[LineOut]
    unexpected: list[LineOut]
    moved: list[LineOut]


class ScanOut(BaseModel):
    """What the reading of a label came to; `asset` is null for one that is not the school's."""

    outcome: Literal["seen", "moved", "unexpected"]
    tag: str
    asset: AssetOut | None
    again: bool
