"""What a value costs on disk: a day of some devices, raw and with its roll-ups, in the engine you name.

Values wander as those of rooms do. Without arguments the embedded engine is measured in a folder of its own;
`--telemetry-url` names another, and `--folder` where that engine keeps its files.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from devices.wire.datatypes import DataType
from hub.benchmarks.processes import show
from hub.telemetry.engines import open_reader, open_rollups, open_writer
from hub.telemetry.port import Row
from hub.telemetry.rollup_job import Keep, RollupJob
from hub.telemetry.tiers import DAY_MS, HOUR_MS, Tier, day_start

_EVERY_MS = 10_000
_BATCH_ROWS = 5_000
_METRICS = (
    ("Temperature", DataType.Float, 27.0, 0.1),
    ("Humidity", DataType.Float, 70.0, 0.5),
    ("CO2", DataType.Int32, 600.0, 8.0),
    ("Light", DataType.Int32, 400.0, 10.0),
    ("Power", DataType.Float, 900.0, 5.0),
    ("Energy", DataType.Double, 10.0, 0.01),
    ("Rx", DataType.Int64, 20_000.0, 900.0),
    ("Latency", DataType.Float, 15.0, 1.0),
)


def _rows(writer: Any, devices: int, start_ms: int, end_ms: int, chance: random.Random) -> Iterator[Row]:
    """Yield rows of eight values in the order of time; a value is rounded as a device would send it."""
    known = []
    for number in range(devices):
        series = writer.series((f"S{number // 20:03d}", f"S{number // 20:03d}-a1", f"d{number % 20:02d}"))
        places = bytes(writer.field(series, name, datatype) for name, datatype, _, _ in _METRICS)
        known.append((series, places, [level for _, _, level, _ in _METRICS]))
    for position, at_ms in enumerate(range(start_ms, end_ms, _EVERY_MS), 1):
        for series, places, levels in known:
            values: list[Any] = []
            for index, (_, datatype, _, step) in enumerate(_METRICS):
                levels[index] += chance.gauss(0, step)
                whole = datatype in (DataType.Int32, DataType.Int64)
                values.append(round(levels[index]) if whole else round(levels[index], 1))
            yield Row(series, at_ms + chance.randrange(1000), position, places, values)


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def measure(url: str, token: str, folder: Path, devices: int, hours: int) -> dict[str, Any]:
    """Write, roll up, and give the figures by name."""
    start_ms = day_start(round(time.time() * 1000)) - DAY_MS
    end_ms = start_ms + hours * HOUR_MS
    writer = open_writer(url, token)
    before, written, batch = _size(folder), 0, list[Row]()
    began_s, spent_s = time.monotonic(), 0.0
    for row in _rows(writer, devices, start_ms, end_ms, random.Random(1)):
        batch.append(row)
        if len(batch) == _BATCH_ROWS:
            at_s = time.process_time()
            written += len(batch) - len(writer.write(batch))
            spent_s += time.process_time() - at_s
            batch = []
    written += len(batch) - len(writer.write(batch))
    writer.flush()
    writer.close()
    took_s = time.monotonic() - began_s
    time.sleep(1)
    raw_bytes = _size(folder) - before
    raw, store = open_reader(url, token), open_rollups(url, token)
    keep = Keep(dict.fromkeys(Tier, 3650))
    job = RollupJob(raw, store, keep, lambda: end_ms + DAY_MS + HOUR_MS)
    cpu_s = time.process_time()
    while job.step():
        pass
    rolled_s = time.process_time() - cpu_s
    raw.close()
    store.close()
    values = written * len(_METRICS)
    all_bytes = _size(folder) - before
    return {
        "engine": url.partition(":")[0],
        "values": values,
        "rows": written,
        "raw_bytes_per_value": round(raw_bytes / values, 2),
        "bytes_per_value_with_rollups": round(all_bytes / values, 2),
        "write_cpu_us_per_row": round(spent_s / written * 1e6, 1),
        "values_per_s": round(values / took_s),
        "rollup_cpu_us_per_value": round(rolled_s / values * 1e6, 2),
    }


def command(argv: list[str]) -> int:
    """`hub bench storage [--json]`: measure and print."""
    parser = argparse.ArgumentParser(prog="hub bench storage", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--telemetry-url", help="another engine than the embedded one; use an empty bucket")
    parser.add_argument("--token", default="", help="of that engine")
    parser.add_argument("--folder", type=Path, help="where that engine keeps its files")
    parser.add_argument("--devices", type=int, default=40)
    parser.add_argument("--hours", type=int, default=24)
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="hub-bench-") as name:
        folder = options.folder or Path(name)
        url = options.telemetry_url or f"sqlite:///{name}/telemetry.db"
        figures = measure(url, options.token, folder, options.devices, options.hours)
    show(figures, as_json=options.json)
    return 0
