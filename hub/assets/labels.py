"""Labels to stick on equipment and doors: sheets of A4 with QR codes, as PDF."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import segno
from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.pdfbase.pdfmetrics import registerFont, stringWidth
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.pdfgen.pathobject import PDFPathObject

MAX_LABELS = 1_000
COLUMNS, ROWS = 3, 8
LABEL_WIDTH, LABEL_HEIGHT = 70 * mm, 37 * mm
PADDING = 5 * mm  # printers cannot reach the edge of the paper
QR_SIZE = 27 * mm
_TOP = (A4[1] - ROWS * LABEL_HEIGHT) / 2
_FONTS = Path(__file__).parent / "fonts"
_PLAIN, _BOLD = "be-vietnam-pro-500", "be-vietnam-pro-700"
# any mask reads alike; trying all eight takes most of the time of a code
_MASK = 2


@dataclass(frozen=True, slots=True)
class Label:
    """One label: where its code leads, a heading, a title of up to two lines, and small lines below."""

    address: str
    heading: str
    title: str
    lines: tuple[str, ...]


def sheets(labels: Sequence[Label], *, title: str, skip: int = 0) -> bytes:
    """Draws labels on sheets of 3 × 8, leaving the first `skip` places of the first sheet empty."""
    _load_fonts()
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=A4, pageCompression=1)
    canvas.setTitle(title)
    for number, label in enumerate(labels, start=skip):
        place = number % (COLUMNS * ROWS)
        if place == 0 and number > skip:
            canvas.showPage()
        row, column = divmod(place, COLUMNS)
        _draw(canvas, label, column * LABEL_WIDTH, A4[1] - _TOP - (row + 1) * LABEL_HEIGHT)
    canvas.save()
    return out.getvalue()


def fitted(text: str, font: str, size: float, width: float, lines: int) -> list[str]:
    """Breaks a text into at most so many lines of this width; what does not fit ends in an ellipsis."""
    _load_fonts()
    words, found = text.split(), list[str]()
    while words and len(found) < lines:
        line = words.pop(0)
        while words and stringWidth(f"{line} {words[0]}", font, size) <= width:
            line += f" {words.pop(0)}"
        if stringWidth(line, font, size) > width and len(found) < lines - 1:
            cut = _longest(line, font, size, width)
            line, rest = line[:cut], line[cut:]
            words.insert(0, rest)
        found.append(line)
    if found and (words or stringWidth(found[-1], font, size) > width):
        last = " ".join((found[-1], *words))
        room = width - stringWidth("…", font, size)
        found[-1] = last[: _longest(last, font, size, room)].rstrip() + "…"
    return found


def _draw(canvas: Canvas, label: Label, x: float, y: float) -> None:
    _draw_code(canvas, label.address, x + PADDING, y + (LABEL_HEIGHT - QR_SIZE) / 2)
    left = x + PADDING + QR_SIZE + 2.5 * mm
    width = LABEL_WIDTH - PADDING - QR_SIZE - 5 * mm
    text = canvas.beginText(left, y + LABEL_HEIGHT - PADDING - 2.5 * mm)
    for words, font, size, lines in (
        (label.heading, _PLAIN, 6.0, 2),
        (label.title, _BOLD, 9.0, 2),
        *((line, _PLAIN, 7.5, 1) for line in label.lines),
    ):
        text.setFont(font, size, leading=size * 1.28)
        for line in fitted(words, font, size, width, lines):
            text.textLine(line)
    canvas.drawText(text)


def _draw_code(canvas: Canvas, address: str, x: float, y: float) -> None:
    code = segno.make(address, micro=False, error="m", boost_error=False, mask=_MASK)
    rows = code.matrix
    count = len(rows)
    canvas.saveState()
    canvas.translate(x, y)
    canvas.scale(QR_SIZE / count, QR_SIZE / count)
    path = _Bars()
    for number, row in enumerate(rows):
        for start, length in _runs(row):
            path.bar(start, count - 1 - number, length)
    canvas.drawPath(path, stroke=0, fill=1)
    canvas.restoreState()


class _Bars(PDFPathObject):  # type: ignore[misc]
    """A path of bars in whole numbers, which need none of the care that fractions take."""

    def bar(self, x: int, y: int, length: int) -> None:
        self._code.append(f"{x} {y} {length} 1 re")


def _runs(row: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Gives start and length of each run of dark modules."""
    start = None
    for at, dark in enumerate((*row, 0)):
        if dark and start is None:
            start = at
        elif not dark and start is not None:
            yield start, at - start
            start = None


def _longest(text: str, font: str, size: float, width: float) -> int:
    """Gives how many letters fit, at least one."""
    fits = len(text)
    while fits > 1 and stringWidth(text[:fits], font, size) > width:
        fits -= 1
    return fits


@cache
def _load_fonts() -> None:
    for name in (_PLAIN, _BOLD):
        registerFont(TTFont(name, _FONTS / f"{name}.ttf"))
