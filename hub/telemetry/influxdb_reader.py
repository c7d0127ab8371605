"""Reads telemetry from InfluxDB: by steps in the engine where it can, sample by sample where it must."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from devices.wire.datatypes import DataType
from hub import clock
from hub.telemetry import influxdb_catalog as catalog
from hub.telemetry.influxdb_address import Address
from hub.telemetry.influxdb_lines import (
    CLASSES,
    MARKED,
    MEASUREMENT,
    NS_PER_MS,
    condition,
    identifier,
    safe,
    unsafe,
    value_of,
)
from hub.telemetry.influxdb_questions import Questions
from hub.telemetry.port import MARKER, Aggregate, Key, Point, Samples, Value, published
from hub.telemetry.steps import Mark, aggregated
from hub.telemetry.tiers import DAY_MS, step_start

_MAX_MS = (1 << 63) // NS_PER_MS - 1
_KINDS = CLASSES + MARKED
_DEVICES_A_QUESTION = 50
_SETTLE_MS = 5_000
_CHECK_S = 1.5


class InfluxReader:
    """Held by the web and control roles; opens nothing before the first question."""

    def __init__(
        self, address: Address, now_ms: Callable[[], int] = clock.now_ms, settle_ms: int = -1
    ) -> None:
        self._questions = Questions(address)
        self._now_ms = now_ms
        # a line of the late log may arrive so long after the moment it is stamped with
        self._settle_ms = settle_ms if settle_ms >= 0 else round(address.timeout_s * 1000) + _SETTLE_MS

    def check(self) -> None:
        """Ask for next to nothing; raises `TelemetryError` that says why the engine cannot be used."""
        for _ in self._questions.ask(
            'SELECT "seen" FROM "day" ORDER BY time DESC LIMIT 1', timeout_s=_CHECK_S
        ):
            pass

    def query(
        self,
        key: Key,
        name: str,
        start_ms: int,
        end_ms: int,
        step_ms: int | None,
        aggregate: Aggregate,
        limit: int,
    ) -> list[Point]:
        """Return points of [start, end) in time order, at most `limit`."""
        where = f"{condition(key)} AND {_between(start_ms, end_ms)}"
        if step_ms is None:
            marks = self._marks(f"{_select(name)} WHERE {where} ORDER BY time ASC LIMIT {limit}")
            return [Point(ts_ms, value) for ts_ms, value, _ in marks][:limit]
        points = self._stepped(name, where, step_ms, aggregate, limit)
        if points is None:
            marks = self._marks(f"{_select(name)} WHERE {where} ORDER BY time ASC")
            points = aggregated(marks, step_ms, aggregate, limit)
        return points

    def latest(self, key: Key, name: str, before_ms: int) -> Point | None:
        """Return the newest value before `before_ms`, looking back over all days kept."""
        where = f"{condition(key)} AND {_between(0, before_ms)}"
        marks = list(self._marks(f"{_select(name)} WHERE {where} ORDER BY time DESC LIMIT 1"))
        return Point(*marks[-1][:2]) if marks else None

    def _marks(self, question: str) -> Iterator[Mark]:
        """Yield the points of a question made by `_select`."""
        for table in self._questions.ask(question):
            for stamp, *columns in table.rows:
                for kind, stored in zip(_KINDS, columns, strict=True):
                    if stored is not None:
                        value = value_of(kind, stored)
                        shown = published(value, DataType.Float) if kind in "fF" else value
                        yield stamp // NS_PER_MS, shown, MARKER if kind in MARKED else 0

    def _stepped(
        self, name: str, where: str, step_ms: int, aggregate: Aggregate, limit: int
    ) -> list[Point] | None:
        """Let the engine aggregate; None where values of several classes, or of one it cannot, are met."""
        field = {kind: identifier(f"{safe(name)}|{kind}") for kind in CLASSES}
        columns = [f"count({field[kind]})" for kind in CLASSES]
        columns += [f"min({field['i']})", f"max({field['i']})"]
        how = "last" if aggregate is Aggregate.COUNT else aggregate.value
        columns += [f"{how}({field[kind]})" for kind in "fdi"] + [f"last({field[kind]})" for kind in "sb"]
        columns = [f"{column} AS c{n}" for n, column in enumerate(columns)]
        # the engine counts steps from the epoch; ours of whole hours begin with the province's day
        offset_ms = step_start(0, step_ms) % step_ms
        points: list[Point] = []
        for start, *row in self._questions.rows(
            f'SELECT {", ".join(columns)} FROM "{MEASUREMENT}" WHERE {where}'  # noqa: S608  # quoted above
            f" GROUP BY time({step_ms}ms, {offset_ms}ms) fill(none) ORDER BY time ASC LIMIT {limit}"
        ):
            counts = {kind: row[n] or 0 for n, kind in enumerate(CLASSES)}
            met = [kind for kind, count in counts.items() if count and kind != "n"]
            value: Value = None
            if aggregate is Aggregate.COUNT:
                value = sum(counts[kind] for kind in met)
            elif met:
                [kind, *others] = met
                if others or kind == "u" or (kind == "b" and aggregate is not Aggregate.LAST):
                    return None
                low, high = row[len(CLASSES)] or 0, row[len(CLASSES) + 1] or 0
                if aggregate is Aggregate.MEAN and max(-low, high) * counts["i"] >= 1 << 63:
                    return None  # the engine's sum of integers would overflow
                value = row[len(CLASSES) + 2 + "fdisb".index(kind)]
                if kind in "fd" or (kind == "i" and aggregate is not Aggregate.LAST):
                    value = float(value) if isinstance(value, int | float) else value
                value = published(value, DataType.Float) if kind == "f" else value
            points.append(Point(start // NS_PER_MS, value))
        return points

    def samples(
        self, start_ms: int, end_ms: int, wanted: Sequence[tuple[Key, str | None]] | None = None
    ) -> Iterator[Samples]:
        """Yield the values in [start, end), one device after the other."""
        names: dict[Key, set[str | None]] = {}
        for key, name in wanted or ():
            names.setdefault(key, set()).add(name)
        present = {str(row[0]) for row in self._questions.rows(f'SHOW FIELD KEYS FROM "{MEASUREMENT}"')}
        if wanted is None:
            known = catalog.read(self._questions)
            yield from self._samples(list(known), known, names, present, start_ms, end_ms)
            return
        keys = list(names)
        for at in range(0, len(keys), _DEVICES_A_QUESTION):
            part = keys[at : at + _DEVICES_A_QUESTION]
            known = catalog.read(self._questions, part)
            yield from self._samples(part, known, names, present, start_ms, end_ms)

    def _samples(
        self,
        keys: list[Key],
        known: dict[Key, catalog.Metrics],
        names: dict[Key, set[str | None]],
        present: set[str],
        start_ms: int,
        end_ms: int,
    ) -> Iterator[Samples]:
        for at in range(0, len(keys), _DEVICES_A_QUESTION):
            asked: list[tuple[Key, list[tuple[str, int, str]]]] = []
            for key in keys[at : at + _DEVICES_A_QUESTION]:
                wanted = names.get(key, {None})
                columns = [
                    (name, datatypes[-1], kind)
                    for name, datatypes in known.get(key, {}).items()
                    if None in wanted or name in wanted
                    for kind in _KINDS
                    if f"{safe(name)}|{kind}" in present
                ]
                if columns:
                    asked.append((key, columns))
            if asked:
                yield from self._answered(asked, _between(start_ms, end_ms))

    def _answered(
        self, asked: list[tuple[Key, list[tuple[str, int, str]]]], between: str
    ) -> Iterator[Samples]:
        """Ask for several devices at once; yield the columns of each when its answer is complete."""
        statements = []
        for key, columns in asked:
            fields = ", ".join(identifier(f"{safe(name)}|{kind}") for name, _, kind in columns)
            statements.append(
                f'SELECT {fields} FROM "{MEASUREMENT}" WHERE {condition(key)} AND {between} ORDER BY time ASC'  # noqa: S608
            )
        at, items = 0, dict[str, Samples]()
        for table in self._questions.ask("; ".join(statements)):
            if table.statement != at:
                yield from items.values()
                at, items = table.statement, {}
            key, columns = asked[at]
            for stamp, *row in table.rows:
                ts_ms = stamp // NS_PER_MS
                for (name, datatype, kind), stored in zip(columns, row, strict=True):
                    if stored is None:
                        continue
                    item = items.get(name)
                    if item is None:
                        item = items[name] = Samples(key, name, datatype, [], [], [])
                    if kind in MARKED:
                        item.uncounted.append(len(item.times))
                    item.times.append(ts_ms)
                    item.values.append(value_of(kind, stored))
        yield from items.values()

    def late(self, after: str, most: int) -> tuple[list[tuple[Key, int]], str]:
        """Return late windows after the cursor, which is the time (ns) of the last one seen."""
        before = (self._now_ms() - self._settle_ms) * NS_PER_MS
        cursor = int(after) if re.fullmatch(r"\d{1,19}", after) else 0
        rows = self._questions.rows(
            'SELECT "window", "group", "node", "device" FROM "late"'  # noqa: S608  # numbers alone are put in
            f" WHERE time > {cursor} AND time <= {before} ORDER BY time ASC LIMIT {most}"
        )
        found = [((unsafe(row[2]), unsafe(row[3]), unsafe(row[4])), int(row[1])) for row in rows]
        return found, str(rows[-1][0]) if rows else after

    def oldest_ms(self) -> int | None:
        """Return the start of the oldest day there is."""
        rows = self._questions.rows('SELECT "seen" FROM "day" ORDER BY time ASC LIMIT 1')
        return rows[0][0] // NS_PER_MS // DAY_MS * DAY_MS if rows else None

    def close(self) -> None:
        """Close the connections."""
        self._questions.close()


def _select(name: str) -> str:
    columns = ", ".join(identifier(f"{safe(name)}|{kind}") for kind in _KINDS)
    return f'SELECT {columns} FROM "{MEASUREMENT}"'  # noqa: S608  # names are made safe and quoted


def _between(start_ms: int, end_ms: int) -> str:
    start, end = (max(-_MAX_MS, min(_MAX_MS, ms)) * NS_PER_MS for ms in (start_ms, end_ms))
    return f"time >= {start} AND time < {end}"
