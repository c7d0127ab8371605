"""Rows as InfluxDB's line protocol, and its columns as values again.

One measurement; tags `group`, `node`, `device`; one field a metric. A field's key ends in a class, so that a
metric whose datatype changes never meets a field of another type: `Temperature|f`. One line a row, at
ts_ms in nanoseconds plus the ordinal modulo a million: two changes of one millisecond stay two, and the same
row written twice is one.

A row that is a marker (`port.MARKER`) has its classes in capitals, so that nothing counts it as a sample.

Beside it stand small measurements of our own: `catalog` (the metrics of each device), `day` (the days that
have rows) and `late` (windows to roll up again).
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from devices.wire.datatypes import DataType
from hub.telemetry.port import MARKER, Key, Row, Series, Value

MEASUREMENT = "sample"
CLASSES = "fdiusbn"
MARKED = CLASSES.upper()
"""f 32-bit Float, d Double, i integer of 64 bits, u larger integer in decimals, s text, b Boolean, n null."""

NS_PER_MS = 1_000_000
_INT64 = 1 << 63
_HEX = re.compile(r"%([0-9A-F]{2})")
_UNSAFE = re.compile(r'[%\\"\x00-\x1f\x7f-\x9f]')
_SPECIAL = str.maketrans({",": "\\,", "=": "\\=", " ": "\\ "})
_QUOTED = str.maketrans({"\\": "\\\\", '"': '\\"'})


def safe(name: str) -> str:
    """Write a name without what line protocol cannot quote: those characters as %hex, an empty name as `%`.

    One to one, because a percent sign itself is written as %25.
    """
    return _UNSAFE.sub(lambda found: f"%{ord(found[0]):02X}", name) or "%"


def unsafe(name: str) -> str:
    """Undo `safe`."""
    return "" if name == "%" else _HEX.sub(lambda found: chr(int(found[1], 16)), name)


def identifier(name: str) -> str:
    """Quote a name made by `safe` for InfluxQL."""
    return f'"{name}"'


def literal(text: str) -> str:
    """Quote a text made by `safe` for InfluxQL."""
    return "'" + text.replace("'", "\\'") + "'"


def condition(key: Key) -> str:
    """Return the InfluxQL condition that holds for one device."""
    group, node, device = (literal(safe(part)) for part in key)
    return f'"group" = {group} AND "node" = {node} AND "device" = {device}'


def escaped(name: str) -> str:
    """Write a name as a tag's value or a field's key in line protocol."""
    return safe(name).translate(_SPECIAL)


def tags(key: Key) -> str:
    """Return the tags of a device as line protocol has them, in the order InfluxDB sorts them."""
    group, node, device = map(escaped, key)
    return f"device={device},group={group},node={node}"


class _Head:
    """What all lines of a device share: measurement and tags, and per metric its escaped name."""

    __slots__ = ("marked", "names", "prefix", "series")

    def __init__(self, series: Series) -> None:
        self.series = series
        self.prefix = f"{MEASUREMENT},{tags(series.key)} "
        self.names: list[tuple[str, str]] = []
        self.marked: list[tuple[str, str]] = []

    def grow(self) -> None:
        for name, datatype in self.series.fields[len(self.names) :]:
            stem = escaped(name) + "|"
            number = "f" if datatype == DataType.Float else "d"
            self.marked.append((stem, f"{stem}{number.upper()}="))
            self.names.append((stem, f"{stem}{number}="))


class Lines:
    """Turns rows into lines; remembers the escaped names of every device."""

    def __init__(self) -> None:
        self._heads: dict[int, _Head] = {}

    def of(self, rows: Sequence[Row]) -> list[str]:
        """Return one line a row; "" for a row without values."""
        heads = self._heads
        lines: list[str] = []
        for series, ts_ms, ordinal, indices, values in rows:
            head = heads.get(series.id)
            if head is None:
                head = heads[series.id] = _Head(series)
            names = head.names
            if len(names) < len(series.fields):
                head.grow()
            marked = ordinal & MARKER
            if marked:
                names = head.marked
            fields = [
                names[index][1] + repr(value)
                if type(value) is float and math.isfinite(value)
                else _field(names[index][0], value, marked)
                for index, value in zip(indices, values, strict=True)
            ]
            stamp = ts_ms * NS_PER_MS + ordinal % NS_PER_MS
            lines.append(f"{head.prefix}{','.join(fields)} {stamp}" if fields else "")
        return lines


def _field(name: str, value: Value, marked: int) -> str:
    if value is None or isinstance(value, float):
        kind, text = "n", "t"  # InfluxDB has neither null nor numbers that are not finite
    elif isinstance(value, bool):
        kind, text = "b", "t" if value else "f"
    elif isinstance(value, str):
        kind, text = "s", quoted(value)
    elif -_INT64 <= value < _INT64:
        kind, text = "i", f"{value}i"
    else:
        kind, text = "u", f'"{value}"'
    return f"{name}{kind.upper() if marked else kind}={text}"


def quoted(text: str) -> str:
    """Write a text as a field of line protocol."""
    return f'"{text.translate(_QUOTED)}"'


def value_of(kind: str, stored: bool | int | float | str) -> Value:
    """Undo the class: what a column of class `kind` holds, as the value that was written."""
    if kind in "fdFD":
        return float(stored)
    if kind in "uU":
        return int(stored)
    return None if kind in "nN" else stored
