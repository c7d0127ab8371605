"""A long run of the demo that watches memory, open files and the hub's own counters of loss.

Ends with exit code 1 when a process grows without end, dies, or the hub counts anything lost.
"""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import psutil

from hub.broker import unused_port
from hub.probes import mqtt_client

# what may never be other than zero in a demo: nothing there is meant to be lost
LOSSES = ("lost_declared", "inbox_dropped", "quarantined", "records_dropped", "broker_dropped")
GROWTH_BYTES = 40_000_000
GROWTH_SHARE = 0.25
GROWTH_FILES = 20


def name_of(process: psutil.Process) -> str:
    """Names a process by what it was started for."""
    line = process.cmdline()
    for word in ("ingest", "control,web", "simulate"):
        if word in line:
            return word
    return Path(line[0]).name if line else "gone"


def grown(series: list[float], allowed: float) -> bool:
    """Says whether the last third lies above the second by more than allowed; the first third is warm-up."""
    third = len(series) // 3
    if third < 2:
        return False
    before, after = statistics.median(series[third : 2 * third]), statistics.median(series[2 * third :])
    return after - before > allowed


def status_of(mqtt_port: int) -> dict[str, Any]:
    """Returns the ingest role's retained status."""

    async def read() -> dict[str, Any]:
        async with mqtt_client(f"mqtt://127.0.0.1:{mqtt_port}", "soak") as client:
            await client.subscribe("hub/status/ingest/0")
            message = await anext(client.messages)
            assert isinstance(message.payload, bytes)
            document: dict[str, Any] = json.loads(message.payload)
            return document

    return asyncio.run(asyncio.wait_for(read(), 30))


def watch(demo: psutil.Popen, mqtt_port: int, minutes: float, every_s: float) -> list[str]:
    """Samples until the time is over; returns what went wrong."""
    memory: dict[tuple[str, int], list[float]] = defaultdict(list)
    files: dict[tuple[str, int], list[float]] = defaultdict(list)
    end_s = time.monotonic() + minutes * 60
    status: dict[str, Any] = {}
    while time.monotonic() < end_s:
        time.sleep(every_s)
        if demo.poll() is not None:
            return [f"the demo ended by itself with exit code {demo.returncode}"]
        for process in demo.children(recursive=True):
            with_key = (name_of(process), process.pid)
            memory[with_key].append(process.memory_info().rss)
            files[with_key].append(process.num_fds())
        status = status_of(mqtt_port)
        sizes = " ".join(f"{name} {series[-1] / 1e6:.0f} MB" for (name, _), series in sorted(memory.items()))
        losses = " ".join(f"{name}={status[name]}" for name in LOSSES)
        sys.stdout.write(f"{status['messages']} messages  {losses}  {sizes}\n")
        sys.stdout.flush()
    wrong = [f"{name} is {status[name]}" for name in LOSSES if status.get(name)]
    if status.get("messages", 0) == 0:
        wrong.append("no message was stored")
    names = [name for name, _ in memory]
    wrong += [f"{name} died and was started again" for name in sorted(set(names)) if names.count(name) > 1]
    for (name, _), series in memory.items():
        if grown(series, max(GROWTH_BYTES, GROWTH_SHARE * series[0])):
            wrong.append(
                f"{name} grows: {series[0] / 1e6:.0f} MB at first, {series[-1] / 1e6:.0f} MB at the end"
            )
    wrong += [
        f"{name} opens more and more files"
        for (name, _), count in files.items()
        if grown(count, GROWTH_FILES)
    ]
    return wrong


def storm(minutes: float) -> int:
    """Repeats the fault tests until the time is over or one fails; every round kills at other moments."""
    end_s, rounds = time.monotonic() + minutes * 60, 0
    command = [sys.executable, "-m", "pytest", "-q", "-x", "tests/faults"]
    while rounds == 0 or time.monotonic() < end_s:
        if subprocess.run(command, cwd=Path(__file__).parents[1], check=False).returncode != 0:
            sys.stdout.write(f"round {rounds + 1} failed\n")
            return 1
        rounds += 1
    sys.stdout.write(f"{rounds} rounds of faults, nothing acknowledged was lost\n")
    return 0


def main() -> int:
    """Runs the demo and watches it."""
    parser = argparse.ArgumentParser(prog="./run soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--schools", type=int, default=24)
    parser.add_argument("--every-s", type=float, default=10, help="seconds between two samples")
    parser.add_argument(
        "--faults", action="store_true", help="kill and restore processes instead of watching"
    )
    options = parser.parse_args()
    if options.faults:
        return storm(options.minutes)
    http_port, mqtt_port = unused_port(), unused_port()
    with tempfile.TemporaryDirectory(prefix="hub-soak-") as folder:
        command = [sys.executable, "-m", "hub.cli", "demo", "--schools", str(options.schools)]
        command += ["--http-port", str(http_port), "--mqtt-port", str(mqtt_port), "--data-dir", folder]
        demo = psutil.Popen(
            command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"}
        )
        try:
            for line in demo.stdout:
                sys.stdout.write(line)
                if "Ctrl-C" in line:
                    break
            wrong = watch(demo, mqtt_port, options.minutes, options.every_s)
        finally:
            demo.terminate()
            demo.wait(60)
    for line in wrong or ["nothing grew and nothing was lost"]:
        sys.stdout.write(line + "\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
