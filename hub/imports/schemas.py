"""Imports, sources and their state as the API takes and gives them."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

State = Literal["reading", "checked", "applying", "applied", "failed", "discarded"]
KindName = Literal["units", "rooms", "equipment", "users", "counts", "oneroster"]


class ColumnOut(BaseModel):
    """A column of a sheet; `words` are its choices in Vietnamese, which files may hold as well."""

    name: str
    labels: dict[str, str]
    required: bool
    type: str
    example: str
    choices: list[str]
    words: dict[str, str] = {}


class KindOut(BaseModel):
    """A kind of file that can be brought in; `allowed` is whether by who asks."""

    id: str
    label: str
    labels: dict[str, str]
    columns: list[ColumnOut]
    allowed: bool = True


class ImportOut(BaseModel):
    """An import: what it is, how far, what it would change or has changed; `waiting` are before it."""

    id: int
    kind: str
    unit: str | None
    file: str
    size: int
    encoding: str
    state: State
    done: int
    total: int
    waiting: int
    summary: dict[str, int]
    problem: dict[str, Any] | None
    by: str
    created_ms: int
    finished_ms: int | None


class ImportRowOut(BaseModel):
    """A row of an import's file."""

    file: str
    row: int
    action: Literal["new", "change", "same", "error"]
    key: str
    changes: list[dict[str, Any]]
    problems: list[dict[str, Any]]


class SourceIn(BaseModel):
    """A folder below the hub's incoming folder, or an address, to be looked at by the clock."""

    model_config = ConfigDict(extra="forbid")

    kind: KindName
    unit: str = Field(max_length=64)
    location: str = Field(min_length=1, max_length=1000)
    every_s: int = Field(3600, ge=60, le=30 * 86_400)
    name: str = Field(min_length=1, max_length=100)


class SourcePatch(BaseModel):
    """What to change of a source."""

    model_config = ConfigDict(extra="forbid")

    location: str | None = Field(None, min_length=1, max_length=1000)
    every_s: int | None = Field(None, ge=60, le=30 * 86_400)
    name: str | None = Field(None, min_length=1, max_length=100)
    enabled: bool | None = None


class SourceOut(BaseModel):
    """A source and how it fares."""

    id: int
    name: str
    kind: str
    unit: str
    location: str
    every_s: int
    enabled: bool
    next_ms: int
    failures: int
    last_try_ms: int | None
    last_success_ms: int | None
    error: str
    import_id: int | None


class DomainOut(BaseModel):
    """A school's data of one domain."""

    domain: str
    last_success_ms: int | None
    lag_s: int | None
    fresh: bool
    error: str


class SchoolSyncOut(BaseModel):
    """A school with its domains."""

    school: str
    name: str
    domains: list[DomainOut]
    fresh: bool


class StaleOut(BaseModel):
    """A school of which nothing came in lately."""

    code: str
    name: str


class DomainCoverage(BaseModel):
    """How many schools are fresh in a domain."""

    domain: str
    last_success_ms: int | None
    fresh: int
    total: int


class CoverageOut(BaseModel):
    """How many schools share data (T08, T13); `percent` is 100 only if it is all of them."""

    fresh: int
    total: int
    percent: float | None
    met: bool | None
    stale: list[StaleOut]
    domains: list[DomainCoverage]
