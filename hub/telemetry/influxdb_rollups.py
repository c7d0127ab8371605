"""Roll-ups in InfluxDB: a measurement a tier, one point a metric and window."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import orjson

from hub import clock
from hub.telemetry import influxdb_catalog
from hub.telemetry.influxdb_address import Address
from hub.telemetry.influxdb_catalog import Catalog
from hub.telemetry.influxdb_lines import (
    NS_PER_MS,
    condition,
    escaped,
    identifier,
    literal,
    quoted,
    safe,
    tags,
    unsafe,
)
from hub.telemetry.influxdb_posting import BATCH_LINES, Line, Posting
from hub.telemetry.influxdb_questions import Questions
from hub.telemetry.port import Key, Series, TelemetryError
from hub.telemetry.rollup import Rollup
from hub.telemetry.rollup_port import Progress, RollupRow
from hub.telemetry.tiers import ROLLED, Tier

_ROLLED = "rolled"
_COLUMNS = (
    "count", "least", "greatest", "numbers", "sum", "last", "last_ms", "weighted", "covered_ms", "states",
    "held",
)  # fmt: skip
_WANTED_A_QUESTION = 50
_LARGEST = 1.7976931348623157e308


class InfluxRollups:
    """Written by one job, read by many; opens nothing before it is asked."""

    def __init__(self, address: Address, now_ms: Callable[[], int] = clock.now_ms) -> None:
        self._address = address
        self._now_ms = now_ms
        self._stamp = 0
        own = address.rollups
        buckets = {tier: f"{own}_{tier.value}" if own else address.bucket for tier in ROLLED}
        buckets[Tier.RAW] = address.bucket
        self._questions = {tier: Questions(replace(address, bucket=each)) for tier, each in buckets.items()}
        self._posting = {tier: Posting(replace(address, bucket=buckets[tier])) for tier in ROLLED}
        # what outlives all windows stands with the longest of them
        self._books = self._questions[Tier.DAY]
        self._catalog = Catalog(self._books, _ROLLED)
        self._series: dict[Key, Series] = {}

    def write(
        self,
        rows: Mapping[Tier, Sequence[RollupRow]],
        progress: Progress | None = None,
        *,
        replaced: Mapping[Tier, Sequence[tuple[Key, int]]] | None = None,
    ) -> None:
        """Store rows, then how far the job is. Windows cannot be emptied here: `replaced` is not needed."""
        met = {self._declared(row) for each in rows.values() for row in each}
        news, known = self._catalog.lines(met, self._now_ms(), self._next_stamp)
        for tier, each in rows.items():
            self._post(tier, [_line(tier, row) for row in each])
        self._post(Tier.DAY, [Line(*new) for new in news])
        self._catalog.confirm(known)
        if progress is not None:
            stamp = self._next_stamp()
            through = ",".join(f"through_{tier.value}={progress.through_ms.get(tier, 0)}i" for tier in ROLLED)
            text = f"progress {through},late={quoted(progress.late)} {stamp}"
            self._post(Tier.DAY, [Line(text, stamp)])

    def _post(self, tier: Tier, lines: list[Line]) -> None:
        for at in range(0, len(lines), BATCH_LINES):
            # refused are windows beyond the bucket's retention, which would be gone anyway
            self._posting[tier].write(lines[at : at + BATCH_LINES])

    def _next_stamp(self) -> int:
        self._stamp = max(self._stamp + 1, self._now_ms() * NS_PER_MS)
        return self._stamp

    def _declared(self, row: RollupRow) -> Series:
        series = self._series.get(row.key)
        if series is None:
            series = self._series[row.key] = Series(row.key, len(self._series) + 1)
        if (row.name, row.datatype) not in series.fields:
            series.fields.append((row.name, row.datatype))
        return series

    def rollups(
        self, tier: Tier, wanted: Sequence[tuple[Key, str | None]], start_ms: int, end_ms: int
    ) -> dict[tuple[Key, str], list[Rollup]]:
        """Return rows whose start is in [start_ms, end_ms), ascending, by (key, name)."""
        columns = ", ".join(identifier(column) for column in _COLUMNS)
        found: dict[tuple[Key, str], list[Rollup]] = defaultdict(list)
        between = f"time >= {start_ms * NS_PER_MS} AND time < {end_ms * NS_PER_MS}"
        for at in range(0, len(wanted), _WANTED_A_QUESTION):
            places = " OR ".join(
                f"({condition(key)}"
                + ("" if name is None else f' AND "metric" = {literal(safe(name))}')
                + ")"
                for key, name in dict.fromkeys(wanted[at : at + _WANTED_A_QUESTION])
            )
            question = (
                f'SELECT {columns} FROM "{_measurement(tier)}" WHERE ({places}) AND {between}'  # noqa: S608  # quoted
                ' GROUP BY "group", "node", "device", "metric" ORDER BY time ASC'
            )
            for table in self._questions[tier].ask(question):
                group, node, device, name = (
                    unsafe(table.tags[tag]) for tag in ("group", "node", "device", "metric")
                )
                found[(group, node, device), name] += map(_rollup, table.rows)
        return dict(found)

    def keys(self) -> list[Key]:
        """Return the devices that have roll-ups."""
        return list(influxdb_catalog.read(self._books, None, _ROLLED))

    def datatypes(self, key: Key) -> dict[str, int]:
        """Return the metrics of a device with their newest datatypes."""
        known = influxdb_catalog.read(self._books, [key], _ROLLED).get(key, {})
        return {name: datatypes[-1] for name, datatypes in known.items()}

    def progress(self) -> Progress:
        """Return how far the job is."""
        columns = ", ".join(identifier(f"through_{tier.value}") for tier in ROLLED)
        rows = self._books.rows(f'SELECT {columns}, "late" FROM "progress" ORDER BY time DESC LIMIT 1')  # noqa: S608
        if not rows:
            return Progress(dict.fromkeys(ROLLED, 0))
        [[_, *through, late]] = rows
        return Progress(dict(zip(ROLLED, through, strict=True)), late)

    def delete_before(self, tier: Tier, ts_ms: int) -> int:
        """Drop whole shards of the tier's bucket on 1.x, return how many.

        Nothing where the bucket holds other tiers too, or the server does not let us (2 and 3): there the
        bucket's own retention forgets.
        """
        if not self._address.rollups:
            return 0
        questions = self._questions[tier]
        try:
            gone = [shard for shard, end_ms in _shards(questions) if end_ms <= ts_ms]
            for shard in gone:
                questions.rows(f"DROP SHARD {shard}")
        except TelemetryError as error:
            if error.is_permanent or not self._answers(questions):
                raise
            return 0
        return len(gone)

    def _answers(self, questions: Questions) -> bool:
        try:
            questions.rows("SHOW MEASUREMENTS LIMIT 1")
        except TelemetryError:
            return False
        return True

    def close(self) -> None:
        """Close the connections."""
        for questions in self._questions.values():
            questions.close()
        for posting in self._posting.values():
            posting.close()


def _measurement(tier: Tier) -> str:
    return f"rollup_{tier.value}"


def _line(tier: Tier, row: RollupRow) -> Line:
    """Every field is written each time, so that a window written again holds nothing of before."""
    window = row.rollup
    stamp = window.start_ms * NS_PER_MS
    last, states = (quoted(orjson.dumps(each).decode()) for each in (window.last, window.states))
    least, greatest, total, weighted = (
        max(-_LARGEST, min(_LARGEST, value or 0.0)) if not math.isnan(value or 0.0) else 0.0
        for value in (window.min, window.max, window.sum, window.weighted_sum)
    )
    text = (
        f"{_measurement(tier)},{tags(row.key)},metric={escaped(row.name)} count={window.count}i,"
        f"least={float(least)!r},greatest={float(greatest)!r},numbers={'tf'[window.min is None]},"
        f"sum={float(total)!r},last={last},last_ms={window.last_ms}i,weighted={float(weighted)!r},"
        f"covered_ms={window.covered_ms}i,states={states},held={'ft'[window.held]} {stamp}"
    )
    return Line(text, stamp)


def _rollup(columns: list[Any]) -> Rollup:
    stamp, count, least, greatest, numbers, total, last, last_ms, weighted, covered_ms, states, held = columns
    return Rollup(
        start_ms=stamp // NS_PER_MS,
        count=count,
        min=float(least) if numbers else None,  # a whole number comes as an integer
        max=float(greatest) if numbers else None,
        sum=float(total),
        last=orjson.loads(last),
        last_ms=last_ms,
        weighted_sum=float(weighted),
        covered_ms=covered_ms,
        states={} if states == "{}" else orjson.loads(states),
        held=held,
    )


def _shards(questions: Questions) -> Iterator[tuple[int, int]]:
    """The bucket's shards with the ends (ms) of their times, as 1.x tells them."""
    address = questions.address
    for row in questions.rows("SHOW SHARDS"):
        number, database, policy, _, _, end = row[:6]
        if (database, policy) == (address.database, address.policy):
            yield int(number), round(datetime.fromisoformat(end).timestamp() * 1000)
