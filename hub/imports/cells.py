"""Cells become values and values become cells; headings are understood with or without diacritics; pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any, TypeAlias

from hub.folding import folded
from hub.sheets import CODE_CHARACTERS, Column

Cell: TypeAlias = str | int | float | bool | None

_EXCEL_BEGINS = date(1899, 12, 30)
_KEPT_CELLS = 10_000
"""So many different cells of a column are remembered with what they mean: most columns repeat few."""

_YEARS = range(1900, 2201)
_FORMULA_ERRORS = frozenset(("#REF!", "#N/A", "#NAME?", "#VALUE!", "#DIV/0!", "#NULL!", "#NUM!"))
_ISO = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})(?:[T ][\d:.]+Z?)?")
_LOCAL = re.compile(r"(\d{1,2})[/.\-](\d{1,2})[/.\-](\d{4})(?: [\d:]+)?")
_GROUPED = re.compile(r"-?\d{1,3}(?:([.,\s\u00a0])\d{3})(?:\1\d{3})*")
_WHOLE = re.compile(r"-?\d{1,15}(?:[.,]0*)?")
_RISKY = re.compile(r"'*[=+\-@\t\r]")
_ESCAPED = re.compile(r"'+[=+\-@\t\r]")
_BAD = re.compile("[\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f-\\x9f\\ud800-\\udfff\\ufffd]")
_LISTED = re.compile(r"[;,|/]")


class CellError(ValueError):
    """A cell that is not what its column holds; `code` is stable."""

    def __init__(self, code: str, message: str, fix: str) -> None:
        super().__init__(message)
        self.code, self.message, self.fix = code, message, fix


def text_of(cell: Cell) -> str:
    """Gives a cell as one line of composed text without what neutralised a formula; raises `CellError`."""
    if type(cell) is not str:
        if cell is None:
            return ""
        if isinstance(cell, bool):
            return "TRUE" if cell else "FALSE"
        if isinstance(cell, float):
            return str(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else repr(cell)
        return str(cell)
    text = cell.strip()
    if text.isascii() and text.isprintable():
        if text[:1] == "#" and text in _FORMULA_ERRORS:
            raise CellError("formula", "the cell holds the error of a formula",
                            "correct the formula in the spreadsheet, or write its value")  # fmt: skip
    else:
        text = _composed(text)
    return text[1:] if text[:1] == "'" and _ESCAPED.match(text) else text


def _composed(text: str) -> str:
    text = unicodedata.normalize("NFC", text)
    if bad := _BAD.search(text):
        if bad[0] >= "\ud800":
            raise CellError("mixed_encoding", "a letter here is not in the encoding of the rest of the file",
                            "save the file again as UTF-8, and look at this cell")  # fmt: skip
        raise CellError("control_character", "the cell holds a control character",
                        "type the text again")  # fmt: skip
    return " ".join(text.split()) if not text.isprintable() else text


def neutralised(text: str, *, in_spreadsheet: bool) -> str:
    """Makes text that no spreadsheet program takes for a formula; `text_of` gives it back as it was.

    A text cell of XLSX is never a formula: there only what looks neutralised already gets one more mark.
    """
    pattern = _ESCAPED if in_spreadsheet else _RISKY
    return "'" + text if pattern.match(text) else text


def reader_of(column: Column) -> Callable[[Cell], Any]:
    """Makes the function that gives a cell's value, None if it is empty, or raises `CellError`."""
    return _READERS[column.type](column)


def _text(column: Column) -> Callable[[Cell], Any]:
    longest = CODE_CHARACTERS if column.type == "code" else column.max_characters
    code = column.type == "code"
    known: dict[Cell, str | None] = {None: None, "": None}

    def read(cell: Cell) -> str | None:
        # 1, 1.0 and True are one key, and three texts
        if type(cell) is str and cell in known:
            return known[cell]
        text = text_of(cell)
        if len(text) > longest:
            raise CellError("too_long", f"the text has {len(text)} characters", f"write at most {longest}")
        if code and (" " in text or "/" in text):
            raise CellError("bad_code", "a code has no spaces and no slash",
                            "write letters, digits, hyphens, dots")  # fmt: skip
        if type(cell) is str and len(known) < _KEPT_CELLS:
            known[cell] = text or None
        return text or None

    return read


def _integer(column: Column) -> Callable[[Cell], Any]:
    def read(cell: Cell) -> int | None:
        if type(cell) is int:
            number = cell
        elif isinstance(cell, float) and cell.is_integer():
            number = int(cell)
        else:
            text = text_of(cell)
            if not text:
                return None
            if len(text) < 10 and text.isascii() and text.isdigit():
                number = int(text)
            elif _GROUPED.fullmatch(text):
                number = int(re.sub(r"[^\d-]", "", text))
            elif _WHOLE.fullmatch(text):
                number = int(re.split("[.,]", text)[0])
            else:
                raise CellError("not_a_number", "this is not a whole number", "write digits, such as 45")
        if number < 0 <= column.least:
            raise CellError("negative", "the number is less than 0", "write 0 or a number above it")
        if not column.least <= number <= column.most:
            raise CellError("out_of_range", "the number is out of range",
                            f"write a number from {column.least} to {column.most}")  # fmt: skip
        return number

    return read


def _date(_column: Column) -> Callable[[Cell], Any]:
    known: dict[Cell, date | None] = {None: None, "": None}

    def read(cell: Cell) -> date | None:
        if cell in known:
            return known[cell]
        day = day_of(cell)
        if len(known) < _KEPT_CELLS:
            known[cell] = day
        return day

    return read


def day_of(cell: Cell) -> date | None:
    """Gives the day of dd/mm/yyyy, ISO 8601 or an Excel serial number, or raises `CellError`."""
    try:
        text = "" if isinstance(cell, (int, float)) else text_of(cell)
        if isinstance(cell, (int, float)) and not isinstance(cell, bool):
            day = _EXCEL_BEGINS + timedelta(days=int(cell))
        elif not text:
            return None
        elif found := _ISO.fullmatch(text):
            day = date(int(found[1]), int(found[2]), int(found[3]))
        elif found := _LOCAL.fullmatch(text):
            day = date(int(found[3]), int(found[2]), int(found[1]))
        elif re.fullmatch(r"\d{5}", text):
            day = _EXCEL_BEGINS + timedelta(days=int(text))
        else:
            raise CellError("not_a_date", "this is not a date", "write it as 31/12/2025 or 2025-12-31")
    except (ValueError, OverflowError) as wrong:
        if isinstance(wrong, CellError):
            raise
        raise CellError(
            "not_a_date", "there is no such day", "write it as 31/12/2025 or 2025-12-31"
        ) from None
    if day.year not in _YEARS:
        raise CellError(
            "not_a_date", f"the year {day.year} cannot be meant", "write the year with four digits"
        )
    return day


def _choice(column: Column) -> Callable[[Cell], Any]:
    known = {key(word): value for value, words in column.choices.items() for word in (value, *words)}
    seen: dict[Cell, str | None] = {None: None, "": None}

    def one(text: str) -> str:
        found = known.get(key(text))
        if found is None:
            shown = ", ".join(
                f"{words[0]} ({value})" if words else value for value, words in column.choices.items()
            )
            raise CellError("unknown_choice", "this word is not known here", f"write one of {shown}")
        return found

    def read(cell: Cell) -> str | None:
        if cell in seen:
            return seen[cell]
        text = text_of(cell)
        if column.type == "choice":
            value = one(text) if text else None
        else:
            chosen = {one(part) for part in _LISTED.split(text) if part.strip()}
            value = ";".join(each for each in column.choices if each in chosen) or None
        if len(seen) < _KEPT_CELLS:
            seen[cell] = value
        return value

    return read


_READERS: Mapping[str, Callable[[Column], Callable[[Cell], Any]]] = {
    "text": _text,
    "code": _text,
    "integer": _integer,
    "date": _date,
    "choice": _choice,
    "choices": _choice,
}


def key(heading: str) -> str:
    """Gives a heading as headings are compared: no diacritics, case, spaces, signs or remarks in brackets."""
    plain = re.sub(r"\(.*?\)|\[.*?\]|\*", " ", folded(unicodedata.normalize("NFC", heading)))
    return re.sub(r"[\W_]+", "", plain)


def find_columns(columns: Sequence[Column], headings: Sequence[Cell]) -> list[str | None]:
    """Gives for each heading the name of its column, None where it is not known."""
    known = {key(word): each.name for each in columns for word in (*each.also, each.en, each.vi, each.name)}
    found = []
    for heading in headings:
        try:
            found.append(known.get(key(text_of(heading))))
        except CellError:
            found.append(None)
    return found
