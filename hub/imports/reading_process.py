"""Reads one spreadsheet in a process of its own, with a limit to its memory: `-m …reading_process FILE`.

A file made to exhaust memory ends this process and not the hub. It prints frames (length, MessagePack): what
the file is, then rows in batches `[[row, [cell, …]], …]`, at the end nothing or a trouble.
"""

from __future__ import annotations

import csv
import datetime as dt
import resource
import struct
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
from python_calamine import CalamineError, CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

from hub.imports.archive import open_zip
from hub.imports.cells import Cell
from hub.imports.encoding import decoded_lines, find_encoding, find_separator
from hub.sheets import FileTrouble

MAX_ROWS = 300_000
MAX_COLUMNS = 64
MAX_CELL_CHARACTERS = 10_000
MAX_MEMORY_BYTES = 3 << 30
OUT_OF_MEMORY = 3
_BATCH_ROWS = 1_000
_OLD_EXCEL = b"\xd0\xcf\x11\xe0"

Row = tuple[int, list[Cell]]


def main() -> int:
    """Reads the file named on the command line and prints its frames."""
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY_BYTES, MAX_MEMORY_BYTES))
    try:
        kind, total, rows = opened(Path(sys.argv[1]))
        _print({"encoding": kind, "total": total})
        batch: list[Row] = []
        for row in bounded(rows):
            batch.append(row)
            if len(batch) == _BATCH_ROWS:
                _print(batch)
                batch = []
        if batch:
            _print(batch)
    except FileTrouble as trouble:
        names = ("code", "message", "fix", "row", "value")
        _print({"trouble": {name: getattr(trouble, name) for name in names}})
    except OSError as error:
        _print({"trouble": {"code": "unreadable", "message": f"the file cannot be read: {error.strerror}",
                            "fix": "look whether it is there, and whose it is"}})  # fmt: skip
    except MemoryError:
        return OUT_OF_MEMORY
    return 0


def opened(path: Path) -> tuple[str, int, Iterator[Row]]:
    """Gives the encoding ("xlsx" for a spreadsheet), the number of rows (about) and the rows from 1 on."""
    with path.open("rb") as file:
        head = file.read(4)
    if not head:
        raise FileTrouble("empty", "the file is empty", "send the file again")
    if head == _OLD_EXCEL:
        raise FileTrouble("old_format", "this is an old .xls file, or one locked by a password",
                          "save it as .xlsx without a password")  # fmt: skip
    if head.startswith(b"PK"):
        return _workbook(path)
    if head == b"%PDF":
        raise FileTrouble("unknown_format", "this is a PDF document", "send a spreadsheet: .xlsx or .csv")
    encoding, lines = find_encoding(path)
    if encoding in ("utf-8", "cp1258") and b"\0" in path.open("rb").read(65536):
        raise FileTrouble("unknown_format", "this is neither a spreadsheet nor text",
                          "send a spreadsheet: .xlsx or .csv")  # fmt: skip
    return encoding, lines, _csv_rows(path, encoding)


def _workbook(path: Path) -> tuple[str, int, Iterator[Row]]:
    with open_zip(path) as archive:
        if "xl/workbook.xml" not in archive.namelist():
            raise FileTrouble("unknown_format", "this zip file is no .xlsx spreadsheet",
                              "send .xlsx or .csv; a OneRoster bundle is a kind of its own")  # fmt: skip
    try:
        book = CalamineWorkbook.from_path(path)
        shown = [
            each.name
            for each in book.sheets_metadata
            if each.typ == SheetTypeEnum.WorkSheet and each.visible == SheetVisibleEnum.Visible
        ]
        for name in shown:
            sheet = book.get_sheet_by_name(name)
            if sheet.total_height:
                rows = sheet.iter_rows()
                first = sheet.start[0] + 1 if sheet.start else 1
                return "xlsx", sheet.total_height, _cells(rows, first)
    except (CalamineError, OSError, ValueError) as wrong:
        raise FileTrouble("damaged", f"the spreadsheet cannot be read: {str(wrong)[:200]}",
                          "open it in a spreadsheet program and save it again") from None  # fmt: skip
    raise FileTrouble("empty", "the spreadsheet has no rows", "fill in its first sheet")


def _cells(rows: Iterable[list[Any]], first: int) -> Iterator[Row]:
    for number, row in enumerate(rows, first):
        yield number, [cell if type(cell) in (str, int, float, bool) else _plain(cell) for cell in row]


def _plain(cell: object) -> Cell:
    if isinstance(cell, dt.datetime):
        return (cell.date() if cell.time() == dt.time() else cell.replace(microsecond=0)).isoformat()
    if isinstance(cell, (dt.date, dt.time)):
        return cell.isoformat()
    return None if cell is None else str(cell)


def _csv_rows(path: Path, encoding: str) -> Iterator[Row]:
    separator = find_separator(decoded_lines(path, encoding))
    csv.field_size_limit(MAX_CELL_CHARACTERS)
    reader = csv.reader(decoded_lines(path, encoding), delimiter=separator)
    while True:
        number = reader.line_num + 1
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error:
            raise FileTrouble("too_long", f"a cell has more than {MAX_CELL_CHARACTERS} characters",
                              "look for a quotation mark that is never closed",
                              row=number) from None  # fmt: skip
        if number == 1 and len(row) == 2 and row[0].lower() == "sep=" and not row[1]:
            continue
        yield number, list(row)


def bounded(rows: Iterable[Row]) -> Iterator[Row]:
    """Gives rows that are not empty; raises `FileTrouble` for more of them, or of columns, than allowed."""
    for count, (number, row) in enumerate(rows):
        if count > MAX_ROWS:
            raise FileTrouble("too_many_rows", f"the file has more than {MAX_ROWS} rows",
                              "divide the file", row=number)  # fmt: skip
        while row and (row[-1] is None or row[-1] == ""):
            row.pop()
        if len(row) > MAX_COLUMNS:
            raise FileTrouble("too_many_columns", f"the row has {len(row)} columns",
                              f"leave at most {MAX_COLUMNS} columns", row=number)  # fmt: skip
        if row:
            yield number, row


def _print(frame: object) -> None:
    data = msgspec.msgpack.encode(frame)
    sys.stdout.buffer.write(struct.pack(">I", len(data)) + data)
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    sys.exit(main())
