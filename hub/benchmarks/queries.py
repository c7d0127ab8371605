"""What people wait for while ingest runs at half its sustained rate: charts, many series, the device list.

A month of hours for two hundred devices and two days of hours for all are written into the store
of roll-ups; then the hub's roles run, a load comes in, and the questions are asked over HTTP, one after the
other.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import multiprocessing
import random
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import uvloop

from devices.wire.datatypes import DataType
from hub.benchmarks.ingest import mosquitto
from hub.benchmarks.load import NAMES, Load, Sender, node_ids, prepare
from hub.benchmarks.processes import part, percentile, show, trial_hub, until
from hub.demo_records import prepare as prepare_records
from hub.telemetry.engines import open_rollups
from hub.telemetry.port import Key
from hub.telemetry.rollup import Rollup
from hub.telemetry.rollup_port import Progress, RollupRow
from hub.telemetry.tiers import DAY_MS, HOUR_MS, ROLLED, Tier, window_start

TARGETS_MS = {"chart_30_days": 100, "hourly_mean_500_series": 500, "device_list": 200}
_ACTIVE_NODES, _ACTIVE_DEVICES = 100, 5
_IDLE_NODES, _IDLE_DEVICES = 345, 20
_CHARTED = 200
_SERIES = 500


def _keys() -> list[Key]:
    places = range(_ACTIVE_NODES, _ACTIVE_NODES + _IDLE_NODES)
    return [(*node_ids(index), f"d{device}") for index in places for device in range(_IDLE_DEVICES)]


def _hours(keys: list[Key], start_ms: int, end_ms: int, chance: random.Random) -> Iterator[list[RollupRow]]:
    """Make hourly rows of eight metrics a device, in batches."""
    batch: list[RollupRow] = []
    for at_ms in range(start_ms, end_ms, HOUR_MS):
        for key in keys:
            for name in NAMES:
                value = chance.random() * 100
                row = Rollup(
                    at_ms, 360, value - 1, value + 1, value * 360, value, at_ms + HOUR_MS - 10_000,
                    value * HOUR_MS, HOUR_MS, {}, True,
                )  # fmt: skip
                batch.append(RollupRow(key, name, DataType.Float, row))
        if len(batch) > 100_000:
            yield batch
            batch = []
    if batch:
        yield batch


def write_history(telemetry_url: str, now_ms: int, seed: int) -> None:
    """Fill the hours: two days of everything, a month of some."""
    chance = random.Random(seed)
    keys = _keys()
    end_ms = window_start(Tier.HOUR, now_ms)
    store = open_rollups(telemetry_url)
    try:
        for batch in _hours(keys[:_CHARTED], end_ms - 30 * DAY_MS, end_ms - 2 * DAY_MS, chance):
            store.write({Tier.HOUR: batch})
        for batch in _hours(keys, end_ms - 2 * DAY_MS, end_ms, chance):
            store.write({Tier.HOUR: batch})
        store.write({}, Progress({tier: window_start(tier, now_ms) for tier in ROLLED}))
    finally:
        store.close()


def _send(url: str, load: Load, births: Load, ready: Any, go: Any) -> None:
    idle, prepared = prepare(births), prepare(load)
    ready.set()
    go.wait()
    uvloop.run(Sender(url).send(idle, births, births=True, windowed=False, timeout_s=60))
    uvloop.run(Sender(url).send(prepared, load, births=True, windowed=False, timeout_s=600))


@contextlib.contextmanager
def _loaded(url: str, load: Load) -> Iterator[Any]:
    context = multiprocessing.get_context("spawn")
    ready, go = context.Event(), context.Event()
    births = Load(0, _IDLE_NODES, _IDLE_DEVICES, first_node=_ACTIVE_NODES)
    process = context.Process(target=_send, args=(url, load, births, ready, go), daemon=True)
    process.start()
    ready.wait(300)
    try:
        yield go
    finally:
        process.kill()
        process.join(5)


async def _timed(client: httpx.AsyncClient, method: str, path: str, **what: Any) -> tuple[float, Any]:
    started_s = time.perf_counter()
    answer = await client.request(method, path, **what)
    took_ms = (time.perf_counter() - started_s) * 1000
    answer.raise_for_status()
    return took_ms, answer.json()


async def _ask(client: httpx.AsyncClient, for_s: float, chance: random.Random) -> dict[str, list[float]]:
    """Ask every kind of question in turn for so long; give the times."""
    keys, took = _keys(), {name: list[float]() for name in TARGETS_MS}
    deadline_s = time.monotonic() + for_s
    while time.monotonic() < deadline_s:
        now_ms = round(time.time() * 1000)
        group, node, device = chance.choice(keys[:_CHARTED])
        query = {"start": str(now_ms - 30 * DAY_MS), "end": str(now_ms), "points": "1000"}
        path = f"/api/v1/devices/{group}/{node}/{device}/metrics/{chance.choice(NAMES)}"
        took_ms, chart = await _timed(client, "GET", path, params=query)
        if len(chart["items"]) < 600:
            raise SystemExit(f"the chart has {len(chart['items'])} points")
        took["chart_30_days"].append(took_ms)

        name = chance.choice(NAMES)
        wanted = [
            {"group": g, "node": n, "device": d, "metric": name} for g, n, d in chance.sample(keys, _SERIES)
        ]
        body = {"series": wanted, "start": str(now_ms - DAY_MS), "end": str(now_ms), "step": "1h"}
        took_ms, answer = await _timed(client, "POST", "/api/v1/telemetry/query", json=body)
        if len(answer["items"]) < _SERIES:
            raise SystemExit(f"the answer has {len(answer['items'])} series")
        took["hourly_mean_500_series"].append(took_ms)

        listing = chance.choice(
            ({"limit": "100"}, {"q": "bench 2 d1", "limit": "200"}, {"sort": "severity", "limit": "200"},
             {"presence": "born", "sort": "name", "limit": "500"})
        )  # fmt: skip
        took_ms, answer = await _timed(client, "GET", "/api/v1/devices", params=listing)
        took["device_list"].append(took_ms)
        await asyncio.sleep(chance.uniform(0, 0.1))
    return took


async def measure(options: argparse.Namespace, folder: Path, mqtt_url: str) -> dict[str, Any]:
    """Run everything; give the figures by name."""
    hub = trial_hub(folder, mqtt_url)
    await prepare_records(hub.settings, 24, 1)
    write_history(hub.settings.telemetry_url, round(time.time() * 1000), options.seed)
    total = round(options.rate_per_s * (options.for_s + 20))
    load = Load(total, _ACTIVE_NODES, _ACTIVE_DEVICES, rate_per_s=options.rate_per_s)
    with _loaded(mqtt_url, load) as go:
        async with contextlib.AsyncExitStack() as stack:
            for role in ("ingest", "control", "web"):
                stack.enter_context(part(folder, role, "serve", "--role", role, **hub.environment))
            client = await stack.enter_async_context(hub.client(timeout_s=30))
            await until(client, "the hub", "/readyz")
            go.set()
            devices = _IDLE_NODES * _IDLE_DEVICES + _ACTIVE_NODES * _ACTIVE_DEVICES
            await until(client, "the load", "/api/v1/status", devices=devices)
            await asyncio.sleep(5)
            before = (await client.get("/api/v1/status")).json()
            took = await _ask(client, options.for_s, random.Random(options.seed))
            after = (await client.get("/api/v1/status")).json()
    figures: dict[str, Any] = {}
    for name, times in took.items():
        figures |= {
            f"{name}_p50_ms": round(percentile(times, 0.5), 1),
            f"{name}_p95_ms": round(percentile(times, 0.95), 1),
        }
    messages = sum(shard["messages"] for shard in after["ingest"].values())
    messages -= sum(shard["messages"] for shard in before["ingest"].values())
    return figures | {
        "asked": len(took["device_list"]),
        "devices": devices,
        "payloads_per_s": round(messages / ((after["ts_ms"] - before["ts_ms"]) / 1000)),
    }


def command(argv: list[str]) -> int:
    """`hub bench queries [--json]`: measure and print; exit code 1 when a target is missed."""
    parser = argparse.ArgumentParser(prog="hub bench queries", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--rate-per-s", type=float, default=13_000, help="payloads a second meanwhile")
    parser.add_argument("--for-s", type=float, default=40)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="hub-bench-") as name, mosquitto(Path(name)) as (url, _):
        figures = asyncio.run(measure(options, Path(name), url))
    figures["missed"] = [name for name, most in TARGETS_MS.items() if figures[f"{name}_p95_ms"] >= most]
    show(figures, as_json=options.json)
    return 1 if figures["missed"] else 0
