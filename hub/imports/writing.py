"""Writes sheets, strictly and one part at a time: CSV and XLSX with any number of rows in little memory."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import date
from typing import Any
from xml.sax.saxutils import escape

from hub.imports.cells import neutralised
from hub.sheets import Column, Values

PART_BYTES = 1 << 18
_EXCEL_BEGINS = date(1899, 12, 30)
_XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_DAY_STYLE, _HEADING_STYLE, _TEXT_STYLE = 1, 2, 3
_FRAME = {
    "[Content_Types].xml": f'{_XML}<Types xmlns="{_PACKAGE}/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/><Override PartName="/xl/styles.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.styles+xml"/><Override PartName="/xl/worksheets/sheet1.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/></Types>',  # noqa: E501
    "_rels/.rels": f'{_XML}<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="r1" Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>',  # noqa: E501
    "xl/_rels/workbook.xml.rels": f'{_XML}<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="r1" Type="{_OFFICE}/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="r2" Type="{_OFFICE}/styles" Target="styles.xml"/></Relationships>',  # noqa: E501
    "xl/styles.xml": f'{_XML}<styleSheet xmlns="{_MAIN}"><numFmts count="1"><numFmt numFmtId="164" formatCode="dd/mm/yyyy"/></numFmts><fonts count="2"><font><sz val="11"/><name val="Calibri"/></font><font><b/><sz val="11"/><name val="Calibri"/></font></fonts><fills count="2"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill></fills><borders count="1"><border/></borders><cellStyleXfs count="1"><xf/></cellStyleXfs><cellXfs count="4"><xf/><xf numFmtId="164" applyNumberFormat="1"/><xf fontId="1" applyFont="1"/><xf numFmtId="49" applyNumberFormat="1"/></cellXfs></styleSheet>',  # noqa: E501
}


async def csv_parts(columns: Sequence[Column], rows: AsyncIterator[Values]) -> AsyncIterator[bytes]:
    """Gives a CSV file in parts: UTF-8 with a mark, commas, field names, ISO dates, formulas neutralised."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([column.name for column in columns])
    first = True
    async for values in rows:
        writer.writerow([_csv_cell(values.get(column.name)) for column in columns])
        if text.tell() >= PART_BYTES:
            yield (b"\xef\xbb\xbf" if first else b"") + text.getvalue().encode()
            text.seek(0)
            text.truncate()
            first = False
    yield (b"\xef\xbb\xbf" if first else b"") + text.getvalue().encode()


def _csv_cell(value: Any) -> str:
    if value is None:
        return ""
    return neutralised(value, in_spreadsheet=False) if isinstance(value, str) else str(value)


async def xlsx_parts(
    columns: Sequence[Column], rows: AsyncIterator[Values], title: str, headings: Sequence[str] = ()
) -> AsyncIterator[bytes]:
    """Gives a workbook of one sheet in parts; texts are text cells, never formulas, days are dates."""
    out = _Unseekable()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, xml in _FRAME.items():
            archive.writestr(name, xml)
        name = escape(title[:31], {'"': "&quot;"})
        book = f'<sheets><sheet name="{name}" sheetId="1" r:id="r1"/></sheets>'
        archive.writestr(
            "xl/workbook.xml", f'{_XML}<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}">{book}</workbook>'
        )
        with archive.open("xl/worksheets/sheet1.xml", "w", force_zip64=True) as sheet:
            widths = "".join(
                f'<col min="{n}" max="{n}" width="{max(12, min(40, len(column.vi) + 4))}" customWidth="1"/>'
                for n, column in enumerate(columns, 1)
            )
            pane = '<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/>'
            view = f'<sheetViews><sheetView workbookViewId="0">{pane}</sheetView></sheetViews>'
            sheet.write(f'{_XML}<worksheet xmlns="{_MAIN}">{view}<cols>{widths}</cols><sheetData>'.encode())
            names = headings or [column.name for column in columns]
            sheet.write(_row([_text(name, _HEADING_STYLE) for name in names]))
            pending: list[bytes] = []
            async for values in rows:
                pending.append(_row([_xlsx_cell(values.get(column.name)) for column in columns]))
                if len(pending) == 500:
                    sheet.write(b"".join(pending))
                    pending = []
                    if out.waiting >= PART_BYTES:
                        yield out.taken()
            sheet.write(b"".join(pending) + b"</sheetData></worksheet>")
    yield out.taken()


def _row(cells: Iterable[str]) -> bytes:
    return f"<row>{''.join(cells)}</row>".encode()


def _xlsx_cell(value: Any) -> str:
    if value is None:
        return "<c/>"
    if isinstance(value, str):
        return _text(neutralised(value, in_spreadsheet=True), _TEXT_STYLE)
    if isinstance(value, date):
        return f'<c s="{_DAY_STYLE}"><v>{(value - _EXCEL_BEGINS).days}</v></c>'
    return f"<c><v>{value}</v></c>"


def _text(text: str, style: int) -> str:
    if not text.isprintable():
        text = "".join(letter for letter in text if letter >= " " or letter in "\n\t")
    return f'<c t="inlineStr" s="{style}"><is><t xml:space="preserve">{escape(text)}</t></is></c>'


class _Unseekable(io.RawIOBase):
    """Collects what a zip file writes until it is taken."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self.waiting = 0

    def writable(self) -> bool:
        """Says yes."""
        return True

    def write(self, data: Any) -> int:
        """Keeps bytes."""
        self._parts.append(bytes(data))
        self.waiting += len(data)
        return len(data)

    def taken(self) -> bytes:
        """Gives and forgets what is there."""
        whole = b"".join(self._parts)
        self._parts, self.waiting = [], 0
        return whole


async def rows_of(values: Iterable[Values]) -> AsyncIterator[Values]:
    """Gives rows that are at hand as rows that come."""
    for each in values:
        yield each
