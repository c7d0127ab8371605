"""History as rows of a table, streamed: CSV for people, Parquet for programs, in memory that does not grow.

CSV is UTF-8 with a byte order mark: Excel on Vietnamese Windows reads a file without one in a code page that
has no ễ. Separator and decimal sign are those of programs (`,` and `.`) unless `decimal_comma` asks for what
Vietnamese Excel opens by double click (`;` and `,`). Texts that Excel would run as formulas are made texts.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import orjson

from hub.telemetry.port import Key, TelemetryReader, Value, published
from hub.telemetry.rollup import Rollup
from hub.telemetry.rollup_port import RollupStore
from hub.telemetry.tiers import DAY_MS, WIDTH_MS, Tier

_ABOUT = ("group", "node", "device", "metric", "unit", "ts", "ts_ms")
RAW_COLUMNS = (*_ABOUT, "value", "is_sample")
"""`is_sample` false: a mark of the hub, where a value ends with its device (no value) or goes on."""
TIER_COLUMNS = (*_ABOUT, "count", "min", "max", "mean", "time_mean", "last", "covered_s", "states")
_ROWS_A_PART = 2_000
_ROWS_A_GROUP = 50_000
_RAW_SPAN_MS = DAY_MS
_WINDOWS_A_SPAN = 2_000
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class Exported(NamedTuple):
    """One metric to export."""

    key: Key
    name: str
    unit: str | None


def rows_of(
    raw: TelemetryReader,
    store: RollupStore,
    tier: Tier,
    metrics: Sequence[Exported],
    start_ms: int,
    end_ms: int,
) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of metrics (those of one device together) in [start, end), in time order of a metric."""
    by_device: dict[Key, list[Exported]] = {}
    for metric in metrics:
        by_device.setdefault(metric.key, []).append(metric)
    span_ms = _RAW_SPAN_MS if tier is Tier.RAW else WIDTH_MS[tier] * _WINDOWS_A_SPAN
    for key, of_device in by_device.items():
        wanted: list[tuple[Key, str | None]] = [(key, metric.name) for metric in of_device]
        units = {metric.name: metric.unit for metric in of_device}
        datatypes = store.datatypes(key)
        for from_ms in range(start_ms, end_ms, span_ms):
            to_ms = min(end_ms, from_ms + span_ms)
            if tier is Tier.RAW:
                for samples in raw.samples(from_ms, to_ms, wanted):
                    about = (*key, samples.name, units[samples.name])
                    marks = set(samples.uncounted)
                    for n, (ts_ms, value) in enumerate(zip(samples.times, samples.values, strict=True)):
                        shown = published(value, samples.datatype)
                        yield (*about, _iso(ts_ms), ts_ms, shown, n not in marks)
            else:
                for (_, name), found in store.rollups(tier, wanted, from_ms, to_ms).items():
                    about = (*key, name, units[name])
                    for row in found:
                        yield (
                            *about,
                            _iso(row.start_ms),
                            row.start_ms,
                            *_window(row, datatypes.get(name, 0)),
                        )


def _window(row: Rollup, datatype: int) -> tuple[Value, ...]:
    mean = row.sum / row.count if row.min is not None and row.count else None
    numbers_ms = row.covered_ms - sum(row.states.values())
    time_mean = row.weighted_sum / numbers_ms if numbers_ms > 0 else None
    shown = (published(value, datatype) for value in (row.min, row.max, mean, time_mean, row.last))
    states = orjson.dumps(row.states).decode() if row.states else None
    return (row.count, *shown, row.covered_ms / 1000, states)


def _iso(ts_ms: int) -> str:
    return datetime.fromtimestamp(ts_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def csv_parts(
    columns: Sequence[str], rows: Iterator[tuple[Any, ...]], *, decimal_comma: bool
) -> Iterator[bytes]:
    """Yield a CSV file (RFC 4180) in parts."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=";" if decimal_comma else ",")
    writer.writerow(columns)
    part = "\ufeff"
    for n, row in enumerate(rows, 1):
        writer.writerow([_cell(value, decimal_comma) for value in row])
        if n % _ROWS_A_PART == 0:
            yield (part + text.getvalue()).encode()
            part = ""
            text.seek(0)
            text.truncate()
    yield (part + text.getvalue()).encode()


def _cell(value: Value, decimal_comma: bool) -> Value:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str) and value.startswith(_FORMULA):
        return "'" + value
    if isinstance(value, float) and decimal_comma:
        return repr(value).replace(".", ",")
    return value


class _Sink(io.RawIOBase):
    """Takes what Parquet writes and hands it on; positions are counted, nothing is kept."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._position = 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def write(self, data: Any) -> int:
        part = bytes(data)
        self._parts.append(part)
        self._position += len(part)
        return len(part)

    def taken(self) -> bytes:
        parts, self._parts = self._parts, []
        return b"".join(parts)


def parquet_parts(columns: Sequence[str], rows: Iterator[tuple[Any, ...]]) -> Iterator[bytes]:
    """Yield a Parquet file in parts, a row group at a time.

    Raw values of all types share a file: numbers are in `value`, texts and Booleans in `text` as well.
    """
    # 40 MB of library, wanted by few requests
    import pyarrow as pa  # type: ignore[import-untyped]  # has no stubs
    import pyarrow.parquet as pq  # type: ignore[import-untyped]

    number, text = pa.float64(), pa.string()
    kinds = {
        "ts": pa.timestamp("ms", tz="UTC"),
        "ts_ms": pa.int64(),
        "is_sample": pa.bool_(),
        "count": pa.int64(),
    }
    kinds |= dict.fromkeys(("value", "min", "max", "mean", "time_mean", "last", "covered_s"), number)
    valued = next(name for name in ("value", "last") if name in columns)
    schema = pa.schema([*((name, kinds.get(name, text)) for name in columns), (f"{valued}_text", text)])
    at, stamp, epoch = columns.index(valued), columns.index("ts"), columns.index("ts_ms")
    sink = _Sink()
    with pq.ParquetWriter(pa.PythonFile(sink, mode="w"), schema, compression="zstd") as writer:
        group: list[list[Any]] = [[] for _ in schema]
        for row in rows:
            value = row[at]
            is_text = isinstance(value, bool | str)
            for place, cell in enumerate(row):
                group[place].append(
                    row[epoch] if place == stamp else None if place == at and is_text else cell
                )
            group[-1].append(
                ("true" if value is True else "false" if value is False else value) if is_text else None
            )
            if len(group[0]) >= _ROWS_A_GROUP:
                writer.write_table(_table(pa, group, schema))
                group = [[] for _ in schema]
                yield sink.taken()
        if group[0]:
            writer.write_table(_table(pa, group, schema))
    yield sink.taken()


def _table(pa: Any, group: list[list[Any]], schema: Any) -> Any:
    arrays = [pa.array(cells, type=field.type) for cells, field in zip(group, schema, strict=True)]
    return pa.Table.from_arrays(arrays, schema=schema)
