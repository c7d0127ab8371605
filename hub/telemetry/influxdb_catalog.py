"""Which metrics each device has, kept in the bucket: InfluxDB knows only all fields of the measurement."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

import orjson

from hub.telemetry.influxdb_lines import condition, quoted, tags, unsafe
from hub.telemetry.influxdb_questions import Questions
from hub.telemetry.port import Key, Series

Metrics: TypeAlias = dict[str, list[int]]
"""Datatypes of every metric in the order they came, the newest last."""

RAW = "catalog"
_DAY_MS = 86_400_000


def read(
    questions: Questions, keys: Sequence[Key] | None = None, measurement: str = RAW
) -> dict[Key, Metrics]:
    """Return the metrics of these devices, or of all."""
    if keys is not None and not keys:
        return {}
    where = "" if keys is None else f" WHERE {' OR '.join(f'({condition(key)})' for key in keys)}"
    question = f'SELECT last("fields") FROM "{measurement}"{where} GROUP BY "group", "node", "device"'  # noqa: S608  # quoted
    found: dict[Key, Metrics] = {}
    for table in questions.ask(question):
        key = (unsafe(table.tags["group"]), unsafe(table.tags["node"]), unsafe(table.tags["device"]))
        for _, text in table.rows:
            found[key] = orjson.loads(text)
    return found


class Catalog:
    """The writer's side: says what is new, and once a day everything, so that retention forgets nothing."""

    def __init__(self, questions: Questions, measurement: str = RAW) -> None:
        self._questions, self._measurement = questions, measurement
        self._known: dict[Key, Metrics] | None = None
        self._written: dict[int, tuple[int, int]] = {}

    def lines(
        self, series: Iterable[Series], now_ms: int, next_stamp: Callable[[], int]
    ) -> tuple[list[tuple[str, int]], dict[int, tuple[int, int]]]:
        """Return lines to write with their times (ns), and what to `confirm` when they are written."""
        if self._known is None:
            self._known = read(self._questions, None, self._measurement)
        lines: list[tuple[str, int]] = []
        state: dict[int, tuple[int, int]] = {}
        today = now_ms // _DAY_MS
        for each in series:
            fields = each.fields[:]
            if self._written.get(each.id) == (len(fields), today):
                continue
            metrics = self._known.setdefault(each.key, {})
            for name, datatype in fields:
                datatypes = metrics.setdefault(name, [])
                if datatype not in datatypes:
                    datatypes.append(datatype)
            stamp, text = next_stamp(), quoted(orjson.dumps(metrics).decode())
            lines.append((f"{self._measurement},{tags(each.key)} fields={text} {stamp}", stamp))
            state[each.id] = (len(fields), today)
        return lines, state

    def confirm(self, state: dict[int, tuple[int, int]]) -> None:
        """Take note that lines were written."""
        self._written.update(state)
