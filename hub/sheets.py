"""What a sheet is: its columns, what is there already, how a row is checked, and how changes are written.

Each feature that takes part has a `sheet.py` with a `Sheet`; reading, planning, progress and exports are
alike for all of them. What a sheet exports is what it compares with: an export brought in again changes
nothing.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias

if TYPE_CHECKING:  # the process that reads files needs neither, and starts in a third of the time
    from sqlalchemy.ext.asyncio import AsyncSession

    from hub.web.principal import PermissionName, Schools

Values: TypeAlias = dict[str, Any]
"""A row: text, whole number, day or None by the name of its column; several choices are one text."""

Key: TypeAlias = tuple[Any, ...]
Action: TypeAlias = Literal["new", "change", "same", "error"]
ColumnType: TypeAlias = Literal["text", "code", "integer", "date", "choice", "choices"]
Tell: TypeAlias = Callable[[int], None]
"""Is told how many changes have been written so far."""

CODE_CHARACTERS = 64


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its name in files, its labels, and what its cells hold.

    `choices` gives each value with the words that also mean it; `also` are other headings understood.
    """

    name: str
    vi: str
    en: str
    type: ColumnType = "text"
    required: bool = False
    example: str = ""
    choices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    also: tuple[str, ...] = ()
    max_characters: int = 500
    least: int = 0
    most: int = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is wrong with a cell, or only looks so (`warning`), and what to do; `code` is stable."""

    column: str | None
    value: object
    message: str
    fix: str
    code: str
    warning: bool = False


class FileTrouble(Exception):
    """A file that cannot be read at all: why, where, and what to do."""

    def __init__(
        self, code: str, message: str, fix: str, *, row: int | None = None, value: object = None
    ) -> None:
        super().__init__(message)
        self.code, self.message, self.fix, self.row, self.value = code, message, fix, row, value


@dataclass(frozen=True, slots=True)
class Change:
    """A row that is new (`before` is None) or differs from what is there."""

    key: Key
    values: Values
    before: Values | None


@dataclass(frozen=True, slots=True)
class By:
    """Who imports, and when."""

    name: str
    account_id: int | None
    scope: Schools
    own: Mapping[PermissionName, Schools]
    now_ms: int
    today: date


class Sheet(ABC):
    """A kind of rows that can be brought in and given out."""

    id: ClassVar[str]
    vi: ClassVar[str]
    en: ClassVar[str]
    permission: ClassVar[PermissionName]
    columns: ClassVar[Sequence[Column]]
    key: ClassVar[tuple[str, ...]]
    any_case: ClassVar[frozenset[str]] = frozenset()
    """Columns of the key that are the same in any case, and are kept as first written."""

    def key_of(self, values: Values) -> Key:
        """Gives what makes a row the same one."""
        if not self.any_case:
            return tuple([values.get(name) for name in self.key])
        return tuple(
            [
                value.lower() if name in self.any_case and (value := values.get(name)) else values.get(name)
                for name in self.key
            ]
        )

    def exact_key_of(self, values: Values) -> Key:
        """Gives the key of a row that is told from another by case alone: there are such from olden times."""
        return (*[values.get(name) for name in self.key], None)

    def complete(self, values: Values, facts: Any) -> None:  # noqa: B027  # most have nothing to do
        """Writes codes of other things as they were first written; pure."""

    def prepare(self, values: Values, seen: dict[Any, Any]) -> None:  # noqa: B027  # most have nothing to do
        """Completes a row before its key is taken; `seen` is kept from row to row of a file; pure."""

    async def facts(self, session: AsyncSession, by: By) -> Any:
        """Gives what rows are checked against, read once a file."""
        return None

    @abstractmethod
    def existing(self, session: AsyncSession, scope: Schools) -> AsyncIterator[Values]:
        """Gives what is there within the scope, as rows of all columns in the order of the key."""

    @abstractmethod
    def check(self, values: Values, before: Values | None, facts: Any) -> Iterable[Trouble]:
        """Tells what is wrong with a row whose cells are well formed; pure."""

    def check_together(self, changes: Sequence[Change], facts: Any) -> Iterator[tuple[Key, Trouble]]:
        """Tells what is wrong with rows only because of other rows of the file; pure."""
        return iter(())

    def ready(self, changes: Sequence[Change], engine: str, by: By) -> Sequence[Any]:
        """Makes of changes what `apply` writes, as far as that goes before there is a transaction; pure."""
        return changes

    @abstractmethod
    async def apply(self, session: AsyncSession, changes: Sequence[Any], by: By, tell: Tell) -> None:
        """Writes what `ready` made into the session's transaction."""

    def touched(self, values: Values) -> Iterable[tuple[str, str]]:
        """Names the (school, domain) pairs about which a row says something."""
        return ()


def outside(column: str, value: object) -> Trouble:
    """Says that a unit is not the importer's; one that does not exist sounds the same."""
    return Trouble(column, value, "there is no such unit, or it is not yours to change",
                   "write the code of a unit of yours", "outside")  # fmt: skip


def emptied(values: Values) -> Values:
    """Gives a stored row as files have it: what is empty is None."""
    return {name: None if value == "" else value for name, value in values.items()}


def merged(change: Change, columns: Sequence[Column]) -> Values:
    """Gives all columns of a change: what the file does not say stays as it was, or empty."""
    before = change.before or {}
    return {each.name: change.values.get(each.name, before.get(each.name)) for each in columns}
