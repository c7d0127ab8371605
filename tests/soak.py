"""Long runs: the demo watched for growth and loss, processes killed, the hub away, codec and ingest fuzzed.

Every part that was asked for runs to its end; a table says what came of each. Exit code 1 if any failed.
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
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from hub.broker import find_mosquitto, unused_port
from hub.probes import mqtt_client
from tests.conftest import Broker
from tests.faults.outage import outage
from tests.faults.rig import Hub, Sender, names

# what may never be other than zero in a demo: nothing there is meant to be lost
LOSSES = ("lost_declared", "inbox_dropped", "quarantined", "records_dropped", "broker_dropped")
GROWTH_BYTES = 40_000_000
GROWTH_SHARE = 0.25
GROWTH_FILES = 20


def name_of(process: psutil.Process) -> str:
    """Names a process by what it was started for."""
    line = process.cmdline()
    for word in ("ingest", "control", "web", "simulate"):
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


def storm(minutes: float) -> list[str]:
    """Repeats the fault tests until the time is over or one fails; every round kills at other moments."""
    end_s, rounds = time.monotonic() + minutes * 60, 0
    what = ["-o", "python_files=test_*.py long_*.py", "tests/faults", "tests/edge_agents/test_full_disk.py"]
    what += ["tests/edge_agents/test_delivery.py"]
    command = [sys.executable, "-m", "pytest", "-q", "-x", *what]
    often = {**os.environ, "FAULT_KILLS": "20"}
    while rounds == 0 or time.monotonic() < end_s:
        if subprocess.run(command, cwd=Path(__file__).parents[1], env=often, check=False).returncode != 0:
            return [f"round {rounds + 1} failed"]
        rounds += 1
    sys.stdout.write(f"{rounds} rounds of faults, nothing acknowledged was lost\n")
    return []


def away(nodes: int, down_s: float) -> list[str]:
    """Stops a hub while so many real agents go on for `down_s`; returns what went wrong after its return."""
    program = find_mosquitto()
    if program is None:
        return ["mosquitto is not installed"]
    with tempfile.TemporaryDirectory(prefix="hub-soak-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # Mosquitto gives up root before it opens files
        broker = Broker(program, folder)
        hub = Hub(broker.url, folder / "hub").start()
        agents = Sender(broker.port, folder / "agents", names(nodes), nodes).start()
        try:
            outcome = outage(broker.port, hub, agents, down_s)
        except AssertionError as error:
            return [str(error)]
        finally:
            for process in (agents.process, hub.process):
                if process is not None and process.running:
                    process.kill()
            broker.kill()
        sys.stdout.write(f"{outcome}\n")
        return outcome.wrong(drained_s=60)


def fuzzed(seconds: int) -> list[str]:
    """Runs every fuzz target for so long."""
    command = [sys.executable, "-m", "tests.fuzz", "--seconds", str(seconds)]
    done = subprocess.run(command, cwd=Path(__file__).parents[1], check=False)
    return ["an input was found that codec or ingest cannot bear"] if done.returncode else []


def watched(minutes: float, schools: int, every_s: float) -> list[str]:
    """Runs the demo and watches it."""
    http_port, mqtt_port = unused_port(), unused_port()
    with tempfile.TemporaryDirectory(prefix="hub-soak-") as folder:
        command = [sys.executable, "-m", "hub.cli", "demo", "--schools", str(schools)]
        command += ["--http-port", str(http_port), "--mqtt-port", str(mqtt_port), "--data-dir", folder]
        demo = psutil.Popen(
            command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"}
        )
        try:
            for line in demo.stdout:
                sys.stdout.write(line)
                if "Ctrl-C" in line:
                    break
            return watch(demo, mqtt_port, minutes, every_s)
        finally:
            demo.terminate()
            demo.wait(60)


def main() -> int:
    """Runs what was asked for, one part after the other; without a choice the demo is watched."""
    parser = argparse.ArgumentParser(prog="./run soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60, help="of watching the demo, or of --faults")
    parser.add_argument("--schools", type=int, default=24)
    parser.add_argument("--every-s", type=float, default=10, help="seconds between two samples")
    parser.add_argument("--faults", action="store_true", help="the fault tests, again and again")
    parser.add_argument("--fuzz-s", type=int, help="fuzz each target for so many seconds")
    parser.add_argument("--outage-s", type=float, help="stop the hub for so long while all agents go on")
    parser.add_argument("--nodes", type=int, default=445, help="agents of --outage-s")
    options = parser.parse_args()
    parts: dict[str, Callable[[], list[str]]] = {}
    if options.fuzz_s:
        parts["fuzz"] = lambda: fuzzed(options.fuzz_s)
    if options.outage_s:
        parts["outage"] = lambda: away(options.nodes, options.outage_s)
    if options.faults:
        parts["faults"] = lambda: storm(options.minutes)
    parts = parts or {"watch": lambda: watched(options.minutes, options.schools, options.every_s)}
    table = []
    for name, run in parts.items():
        began_s = time.monotonic()
        wrong = run()
        table.append((name, time.monotonic() - began_s, wrong))
    for name, took_s, wrong in table:
        sys.stdout.write(f"{name:8} {took_s:7.0f} s  {'; '.join(wrong) or 'ok'}\n")
    return 1 if any(wrong for _, _, wrong in table) else 0


if __name__ == "__main__":
    sys.exit(main())
