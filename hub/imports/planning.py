"""What a file would do: each row is new, a change, the same, or wrong; pure but for who listens."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, TypeAlias

import msgspec

from hub.imports.cells import Cell, CellError, find_columns, reader_of
from hub.sheets import Action, Change, FileTrouble, Key, Sheet, Trouble, Values

KEPT_ROWS = 2_000
"""So many rows of each action are kept to be shown; all are counted."""

Readers: TypeAlias = Sequence[tuple[int, str, Callable[[Cell], Any], bool]]
"""Of each column of a file: where it is, its name, what reads its cells, and whether they must be filled."""

_HEADING_WITHIN = 20
_SHOWN_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class Planned:
    """A row of the file and what it would do."""

    file: str
    row: int
    action: Action
    key: str
    changes: list[dict[str, Any]]
    problems: list[dict[str, Any]]

    @property
    def warned(self) -> bool:
        """Tells whether there is a warning."""
        return any(problem["warning"] for problem in self.problems)


@dataclass(slots=True)
class Plan:
    """The sum of a sheet's rows: counts, what to write, rows to show, and who was heard of."""

    sheet: Sheet
    counts: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(("rows", "new", "changed", "same", "errors", "warnings"), 0)
    )
    changes: list[Change] = field(default_factory=list)
    shown: list[Planned] = field(default_factory=list)
    touched: set[tuple[str, str]] = field(default_factory=set)
    memory: dict[Any, Any] = field(default_factory=dict)
    _digest: Any = field(default_factory=lambda: hashlib.blake2b(digest_size=16))
    _encoder: msgspec.msgpack.Encoder = field(default_factory=msgspec.msgpack.Encoder)
    _kept: dict[str, int] = field(default_factory=dict)
    _rows: dict[Key, int] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """Names what would change: equal for two readings that would write the same."""
        return str(self._digest.hexdigest())

    def shows_more(self, action: Action) -> bool:
        """Tells whether a further row of an action, without a warning, would be kept."""
        return self._kept.get(action, 0) < KEPT_ROWS

    def note(self, planned: Planned) -> None:
        """Counts a row, and keeps it if there are few like it."""
        self.counts["rows"] += planned.row > 0
        if planned.action != "same" or planned.problems:
            self.counts["warnings"] += planned.warned
            kind = planned.action if not planned.warned else f"{planned.action} warned"
            if self._kept.setdefault(kind, 0) < KEPT_ROWS:
                self._kept[kind] += 1
                self.shown.append(planned)
        self.counts[_COUNTED[planned.action]] += 1

    def count(self, action: Action) -> None:
        """Counts a row without problems that is not shown."""
        self.counts["rows"] += 1
        self.counts[_COUNTED[action]] += 1

    def add(self, change: Change, row: int) -> None:
        """Takes up a change of a row."""
        self.changes.append(change)
        self._rows[change.key] = row
        self._digest.update(self._encoder.encode((change.before is None, change.values)))

    def row_of(self, key: Key) -> int:
        """Gives the row in which a change stands."""
        return self._rows.get(key, 0)


_COUNTED: Mapping[Action, str] = {"new": "new", "change": "changed", "same": "same", "error": "errors"}


@dataclass(slots=True)
class Whole:
    """What a whole file would do: a plan for each sheet in it, in the order of writing."""

    plans: list[Plan]
    encoding: str
    ready: list[Sequence[Any]] | None = None
    """What each plan writes, once `prepare` has made it."""

    @property
    def summary(self) -> dict[str, int]:
        """The counts of all plans together."""
        return {name: sum(plan.counts[name] for plan in self.plans) for name in self.plans[0].counts}

    @property
    def digest(self) -> str:
        """Names what would change."""
        return "".join(plan.digest for plan in self.plans)[:64]


def make_plan(
    sheet: Sheet,
    file: str,
    rows: Iterable[tuple[int, Sequence[Cell]]],
    existing: Mapping[Key, Values],
    facts: Any,
    tell: Callable[[int], None] = lambda done: None,
) -> Plan:
    """Reads rows against what is there; raises `FileTrouble` if they have no usable heading."""
    plan = Plan(sheet)
    remaining = iter(rows)
    heading_row, headings = _heading(sheet, remaining)
    names = _columns(sheet, heading_row, headings)
    unknown = [str(text) for text, name in zip(headings, names, strict=True) if name is None and text]
    if unknown:
        trouble = Trouble(None, ", ".join(unknown), "these columns are not known and are left out",
                          "write headings as in the template", "unknown_column", warning=True)  # fmt: skip
        plan.counts["warnings"] += 1
        plan.shown.append(Planned(file, heading_row, "same", "", [], [shown(trouble)]))
    read = [
        (index, name, reader_of(column), column.required)
        for index, name in enumerate(names)
        if name is not None
        for column in sheet.columns
        if column.name == name
    ]
    seen: dict[Key, int] = {}
    for done, (number, cells) in enumerate(remaining, 1):
        _plan_row(plan, file, number, cells, read, existing, facts, seen)
        if not done % 500:
            tell(done)
    _together(plan, file, facts)
    return plan


def _heading(sheet: Sheet, rows: Iterable[tuple[int, Sequence[Cell]]]) -> tuple[int, Sequence[Cell]]:
    """Finds the row of headings among the first: titles may stand above it."""
    first: tuple[int, Sequence[Cell]] | None = None
    wanted = {column.name for column in sheet.columns if column.required}
    for passed, (number, cells) in enumerate(rows, 1):
        first = first or (number, cells)
        if wanted <= set(find_columns(sheet.columns, cells)):
            return number, cells
        if passed == _HEADING_WITHIN:
            break
    if first is None:
        raise FileTrouble("empty", "the file has no rows", "fill in the template")
    found = {name for name in find_columns(sheet.columns, first[1]) if name}
    missing = ", ".join(column.name for column in sheet.columns if column.name in wanted - found)
    raise FileTrouble("missing_column", f"there is no row of headings with {missing}",
                      "write headings as in the template", row=first[0],
                      value=", ".join(str(cell) for cell in first[1])[:_SHOWN_CHARACTERS])  # fmt: skip


def _columns(sheet: Sheet, row: int, headings: Sequence[Cell]) -> list[str | None]:
    names = find_columns(sheet.columns, headings)
    for name in names:
        if name is not None and names.count(name) > 1:
            raise FileTrouble("double_column", f"two columns are {name}", "leave one of them",
                              row=row, value=name)  # fmt: skip
    return names


def _values(cells: Sequence[Cell], read: Readers) -> tuple[Values, list[Trouble]]:
    values: Values = {}
    troubles: list[Trouble] = []
    width = len(cells)
    for index, name, reader, required in read:
        try:
            # csv and spreadsheets leave out what is empty at the end of a row
            value = reader(cells[index]) if index < width else None
        except CellError as wrong:
            troubles.append(Trouble(name, cells[index], wrong.message, wrong.fix, wrong.code))
            value = None
        else:
            if value is None and required:
                troubles.append(Trouble(name, "", "this cell may not be empty", "fill it in", "required"))
        values[name] = value
    return values, troubles


def _plan_row(
    plan: Plan,
    file: str,
    number: int,
    cells: Sequence[Cell],
    read: Readers,
    existing: Mapping[Key, Values],
    facts: Any,
    seen: dict[Key, int],
) -> None:
    sheet = plan.sheet
    values, troubles = _values(cells, read)
    if not troubles:
        sheet.complete(values, facts)
        sheet.prepare(values, plan.memory)
    key, before = _known(sheet, values, existing)
    written = [values.get(name) for name in sheet.key]
    formed = not troubles
    # a row that is wrong for another reason still is the one that a later row repeats
    if (formed or None not in written) and (first := seen.setdefault(key, number)) != number:
        same = f"row {first} is about the same"
        troubles.append(Trouble(sheet.key[-1], written[-1], same, "leave one of them", "duplicate"))
    whole = values if before is None else {**before, **values}
    if formed:
        troubles += sheet.check(whole, before, facts)
    problems = [shown(trouble) for trouble in troubles] if troubles else []
    if any(not trouble.warning for trouble in troubles):
        plan.note(Planned(file, number, "error", _label(written), [], problems))
        return
    action: Action = "new"
    if before is not None:
        action = "change" if any(before.get(name) != value for name, value in values.items()) else "same"
    plan.touched.update(sheet.touched(whole))
    if action != "same":
        plan.add(Change(key, values, before), number)
    if problems or (action != "same" and plan.shows_more(action)):
        changes = _differences(values, before)
        plan.note(Planned(file, number, action, _label(written), changes, problems))
    else:
        plan.count(action)


def _known(sheet: Sheet, values: Values, existing: Mapping[Key, Values]) -> tuple[Key, Values | None]:
    """Gives a row's key and what is there under it; the row gets the key as it was first written."""
    if not sheet.any_case:
        key = sheet.key_of(values)
        return key, existing.get(key)
    exact = sheet.exact_key_of(values)
    key = exact if exact in existing else sheet.key_of(values)
    before = existing.get(key)
    if before is not None:
        values.update((name, before[name]) for name in sheet.key)
    return key, before


def _label(key: Iterable[Any]) -> str:
    return " ".join(str(part) for part in key if part is not None)


def _differences(values: Values, before: Values | None) -> list[dict[str, Any]]:
    if before is None:
        return [
            {"column": name, "before": None, "after": plain(value)}
            for name, value in values.items()
            if value is not None
        ]
    return [
        {"column": name, "before": plain(before.get(name)), "after": plain(value)}
        for name, value in values.items()
        if before.get(name) != value
    ]


def _together(plan: Plan, file: str, facts: Any) -> None:
    """Rows that are wrong only beside others become errors after all."""
    wrong: dict[Key, list[Trouble]] = {}
    for key, trouble in plan.sheet.check_together(plan.changes, facts):
        wrong.setdefault(key, []).append(trouble)
    for change in [each for each in plan.changes if each.key in wrong]:
        row = plan.row_of(change.key)
        plan.counts["new" if change.before is None else "changed"] -= 1
        plan.counts["rows"] -= 1
        plan.shown = [each for each in plan.shown if each.row != row]
        plan.note(
            Planned(file, row, "error", _label(change.key), [], [shown(each) for each in wrong[change.key]])
        )
    plan.changes = [each for each in plan.changes if each.key not in wrong]


def shown(trouble: Trouble) -> dict[str, Any]:
    """Gives a trouble as the API tells it; long values are cut."""
    value = plain(trouble.value)
    return {
        "column": trouble.column,
        "value": value[:_SHOWN_CHARACTERS] if isinstance(value, str) else value,
        "message": trouble.message,
        "fix": trouble.fix,
        "code": trouble.code,
        "warning": trouble.warning,
    }


def plain(value: object) -> Any:
    """Gives a value as JSON has it."""
    return value.isoformat() if isinstance(value, date) else value
