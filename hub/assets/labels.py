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
_TEXT_WIDTH = LABEL_WIDTH - PADDING - QR_SIZE - 5 * mm
_SCALES = (1.6, 1.45, 1.3, 1.15, 1.0, 0.9)
_LEADING, _BELOW = 1.28, 0.28  # the font's own height of a line, and how much of it lies below the letters
_SMALLEST = 4.5
_LEAST_GAP, _MOST_GAP = 1 * mm, 4 * mm
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
    foot = y + (LABEL_HEIGHT - QR_SIZE) / 2
    _draw_code(canvas, label.address, x + PADDING, foot)
    lines, gap = set_out(label)
    at = foot + QR_SIZE
    for line in lines:
        at -= line.height + gap * line.opens
        canvas.setFont(line.font, line.size)
        canvas.drawString(x + PADDING + QR_SIZE + 2.5 * mm, at + line.size * _BELOW, line.words)


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a label as it is set; `opens` is 1 for the first of a group below another."""

    words: str
    font: str
    size: float
    opens: int

    @property
    def height(self) -> float:
        """What the line takes with the letters' own depth and the marks of Vietnamese capitals."""
        return self.size * _LEADING


def set_out(label: Label) -> tuple[list[Line], float]:
    """Gives a label's lines as large as they fit beside the code, and the gap between its groups.

    Only at the smallest size words are cut.
    """
    _load_fonts()
    for scale in _SCALES:
        lines = _lines(label, scale)
        free = QR_SIZE - sum(line.height for line in lines)
        gaps = sum(line.opens for line in lines)
        cut = any(line.words.endswith("…") for line in lines)
        if scale == _SCALES[-1] or (free >= gaps * _LEAST_GAP and not cut):
            break
    return lines, max(0.0, min(free / gaps if gaps else 0.0, _MOST_GAP))


def _lines(label: Label, scale: float) -> list[Line]:
    parts = [(label.heading, _PLAIN, 6.0 * scale, 2, 0), (label.title, _BOLD, 9.0 * scale, 3, 1)]
    parts += [
        (line, _PLAIN, _size_of(line, 7.5 * scale), 1, int(number == 0))
        for number, line in enumerate(label.lines)
    ]
    return [
        Line(line, font, size, opens * (place == 0))
        for words, font, size, most, opens in parts
        for place, line in enumerate(fitted(words, font, size, _TEXT_WIDTH, most))
    ]


def _size_of(line: str, most: float) -> float:
    """Gives the size at which a line is as wide as there is room: a tag cut short is none."""
    return float(max(_SMALLEST, min(most, 0.999 * _TEXT_WIDTH / stringWidth(line, _PLAIN, 1.0))))


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
