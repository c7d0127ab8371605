"""How much the ingest role sustains, beside what its own reader gets when it only counts.

One run, one machine, one Mosquitto: first the reader alone, then the whole role with journal, state and
history on disk. Every payload must be acknowledged, applied and found in the telemetry file afterwards.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import multiprocessing
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import psutil
import uvloop

from hub.benchmarks.load import VALUES, Load, Sender, prepare
from hub.benchmarks.processes import ended, show
from hub.broker import find_mosquitto, loopback_config, unused_port
from hub.database import migrate
from hub.ingest import packets
from hub.ingest.connection import dial


@contextlib.contextmanager
def mosquitto(folder: Path, port: int | None = None) -> Iterator[tuple[str, psutil.Process]]:
    """Run a broker of our own on loopback, on a free port where none is named."""
    program = find_mosquitto()
    if program is None:
        raise SystemExit("this benchmark needs Mosquitto: apt-get install mosquitto")
    port = port or unused_port()
    config = folder / "mosquitto.conf"
    config.write_text(loopback_config(port))
    with (folder / "mosquitto.log").open("w") as output:
        process = subprocess.Popen([program, "-c", config], stdout=output, stderr=output)
    try:
        time.sleep(0.5)
        yield f"mqtt://127.0.0.1:{port}", psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(10)


@contextlib.contextmanager
def ingest_role(url: str, folder: Path) -> Iterator[psutil.Process]:
    """Run `hub serve --role ingest` as its own process."""
    environment = {
        **os.environ,
        "HUB_MQTT_URL": url,
        "HUB_DATA_DIR": str(folder / "data"),
        "HUB_LOG_LEVEL": "warning",
        "HUB_CONFIG": "",
    }
    command = [sys.executable, "-m", "hub.cli", "serve", "--role", "ingest"]
    process = subprocess.Popen(command, env=environment)
    with ended(process):
        yield psutil.Process(process.pid)


def _send(url: str, load: Load, windowed: bool, ready: Any, go: Any, result: Any, timeout_s: float) -> None:
    prepared = prepare(load)
    ready.set()
    go.wait()
    send = Sender(url).send(prepared, load, births=windowed, windowed=windowed, timeout_s=timeout_s)
    result.put(uvloop.run(send))


@contextlib.contextmanager
def _sender(url: str, load: Load, *, windowed: bool, timeout_s: float = 300) -> Iterator[tuple[Any, Any]]:
    context = multiprocessing.get_context("spawn")
    ready, go, result = context.Event(), context.Event(), context.Queue()
    process = context.Process(
        target=_send, args=(url, load, windowed, ready, go, result, timeout_s), daemon=True
    )
    process.start()
    ready.wait(120)
    try:
        yield go, result
    finally:
        process.join(5)
        process.kill()


async def _count(url: str, go: Any, total: int) -> float:
    """Messages per second that the reader delivers when nothing is done with them."""
    seen = 0
    first_s = last_s = 0.0

    def deliver(messages: list[tuple[bytes, bytes]]) -> None:
        nonlocal seen, first_s, last_s
        last_s = time.perf_counter()
        first_s = first_s or last_s
        seen += len(messages)

    connection, _, _ = await dial(url, deliver)
    await connection.open("bench-count", packets.Will("bench/count", b"", qos=0, retain=False), None, None)
    await connection.subscribe([("spBv1.0/#", 0)])
    go.set()
    quiet_s = 0.0
    while seen < total and quiet_s < 3:
        before = seen
        await asyncio.sleep(0.25)
        quiet_s = 0 if seen > before else quiet_s + 0.25
    connection.close()
    return seen / (last_s - first_s) if last_s > first_s else 0


async def _status_until(url: str, rows: int, timeout_s: float) -> dict[str, Any]:
    """Wait until the role says that it has stored that many rows; return what it says."""
    status: dict[str, Any] = {}

    def deliver(messages: list[tuple[bytes, bytes]]) -> None:
        status.update(orjson.loads(messages[-1][1]))

    connection, _, _ = await dial(url, deliver)
    await connection.open("bench-status", packets.Will("bench/status", b"", qos=0, retain=False), None, None)
    await connection.subscribe([("hub/status/ingest/0", 0)])
    deadline_s = time.monotonic() + timeout_s
    while time.monotonic() < deadline_s and (
        status.get("stored_rows", -1) < rows or not status.get("online")
    ):
        await asyncio.sleep(0.1)
    connection.close()
    return status


def _rows(path: Path) -> int:
    with contextlib.closing(sqlite3.connect(path)) as db:
        tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE name LIKE 'sample%'")]
        return sum(db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables)  # noqa: S608  # our own names


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def run(load: Load, ceiling_payloads: int) -> dict[str, float | int]:
    """Measure; return the figures by name."""
    with tempfile.TemporaryDirectory(prefix="hub-bench-") as name, mosquitto(Path(name)) as (url, broker):
        folder = Path(name)
        with _sender(url, Load(ceiling_payloads, load.nodes, load.devices), windowed=False) as (go, _):
            ceiling = uvloop.run(_count(url, go, ceiling_payloads))
        uvloop.run(migrate(f"sqlite+aiosqlite:///{folder}/data/hub.db"))
        with ingest_role(url, folder) as role, _sender(url, load, windowed=True) as (go, result):
            uvloop.run(_status_until(url, 0, 30))
            hub_s, broker_s = _cpu_s(role), _cpu_s(broker)
            go.set()
            started_s = result.get(timeout=300)
            status = uvloop.run(_status_until(url, load.payloads, 60))
            hub_s, broker_s = _cpu_s(role) - hub_s, _cpu_s(broker) - broker_s
            memory_mb = role.memory_info().rss / 1e6
        rows = _rows(folder / "data" / "telemetry.db")
        bytes_per_value = (folder / "data" / "telemetry.db").stat().st_size / (load.payloads * VALUES)
    taken_s = status["stored_ms"] / 1000 - started_s
    rate = load.payloads / taken_s
    return {
        "messages_per_s": round(rate),
        "values_per_s": round(rate * VALUES),
        "ceiling_messages_per_s": round(ceiling),
        "ratio": round(rate / ceiling, 3),
        "cpu_ratio": round(hub_s / broker_s, 2),
        "lost": load.payloads - rows,
        "hub_cpu_us_per_message": round(hub_s / load.payloads * 1e6, 1),
        "broker_cpu_us_per_message": round(broker_s / load.payloads * 1e6, 1),
        "hub_memory_mb": round(memory_mb),
        "bytes_per_value": round(bytes_per_value, 1),
        "payloads": load.payloads,
        "nodes": load.nodes,
        "quarantined": status["quarantined"],
        "rebirths_requested": status["rebirths_requested"],
        "broker_dropped": status["broker_dropped"],
    }


def command(argv: list[str]) -> int:
    """`hub bench ingest [--json]`: measure and print."""
    parser = argparse.ArgumentParser(prog="hub bench ingest", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--payloads", type=int, default=400_000)
    parser.add_argument("--ceiling-payloads", type=int, default=400_000)
    parser.add_argument("--nodes", type=int, default=100)
    parser.add_argument("--devices", type=int, default=5)
    options = parser.parse_args(argv)
    load = Load(options.payloads, options.nodes, options.devices)
    figures = run(load, options.ceiling_payloads)
    show(figures, as_json=options.json)
    return 0 if figures["lost"] == 0 else 1
