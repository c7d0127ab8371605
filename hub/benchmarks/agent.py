"""What an edge agent costs: memory and CPU with sixty devices of five kinds, each polled once a second.

The devices speak their protocols over real sockets from a process of their own (`hub simulate room`). The
agent is the real one in another, with its outbox on disk and a Mosquitto of its own; what acknowledges it
once a second stands for the hub. Measured after a warm-up, over a while, in CPU time. With `--simulated` the
devices are in the agent itself and change at every poll: what is left is the way from poll to broker.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psutil
import uvloop

from devices.kind import kinds
from devices.wire.sparkplug_b_pb2 import Payload
from hub.benchmarks.ingest import mosquitto
from hub.benchmarks.processes import cpu_s, part, show
from hub.ingest import packets
from hub.ingest.connection import dial

GROUP, NODE = "BENCH-001", "BENCH-001-a1"
KINDS = ("projector", "interactive_display", "ups", "air_conditioner", "network_switch")
"""PJLink, Samsung MDC, NUT, Modbus and SNMP."""
LIMITS = {"sockets": (80.0, 5.0), "simulated": (60.0, 3.0)}
"""Memory (MB) and CPU (percent of a core) that the agent may take."""
_EPOCH, _POSITION, _STORED = "Outbox/Epoch", "Outbox/Position", "Outbox/Stored"


def config(mqtt_url: str, devices: int, interval_s: float) -> str:
    """The agent's configuration: devices of all kinds in turn, each with a change at every poll."""
    lines = [
        f'[agent]\ngroup = "{GROUP}"\nnode = "{NODE}"\nsimulated = true\n',
        f'[mqtt]\nurl = "{mqtt_url}"\n',
        '[outbox]\npath = "outbox.db"\n',
    ]
    ids = sorted(kinds())
    lines += [
        f'[[devices]]\nid = "d{number:03d}"\nkind = "{ids[number % len(ids)]}"\nseed = {number}\nroom = "-"\n'
        f'driver = "simulated"\npoll_s = {interval_s:g}\noptions = {{ restless = true }}\n'
        for number in range(devices)
    ]
    return "\n".join(lines)


class Acknowledger:
    """Answers once a second what it has heard through, as the hub does; counts positions and values."""

    def __init__(self) -> None:
        self.payloads = 0
        self.values = 0
        self.births = 0
        self._epoch = self._through = 0
        self._beyond: set[int] = set()
        self._news = False

    def hear(self, messages: list[tuple[bytes, bytes]]) -> None:
        """Take PUBLISH packets from the reader."""
        for topic, raw in messages:
            kind = topic.split(b"/")[2]
            if kind in (b"NBIRTH", b"DBIRTH"):
                self.births += 1
            if kind not in (b"NDATA", b"DDATA"):
                continue
            metrics = Payload.FromString(raw).metrics
            if len(metrics) < 2 or metrics[0].name != _EPOCH:
                continue
            self._news = True
            if metrics[0].long_value != self._epoch:
                self._epoch, self._through = metrics[0].long_value, 0
                self._beyond.clear()
            position = metrics[1].long_value
            if position <= self._through or position in self._beyond:
                continue
            self._beyond.add(position)
            self.payloads += kind == b"DDATA"
            self.values += len(metrics) - 2
            while self._through + 1 in self._beyond:
                self._through += 1
                self._beyond.remove(self._through)

    def answer(self) -> bytes | None:
        """The NCMD to send now, if anything came since the last one."""
        if not self._news:
            return None
        self._news = False
        payload = Payload(timestamp=time.time_ns() // 1_000_000)
        payload.metrics.add(name=_EPOCH, datatype=8, long_value=self._epoch)
        payload.metrics.add(name=_STORED, datatype=8, long_value=self._through)
        return packets.publish(f"spBv1.0/{GROUP}/NCMD/{NODE}", payload.SerializeToString())


@contextlib.asynccontextmanager
async def _acknowledging(url: str) -> AsyncIterator[Acknowledger]:
    heard = Acknowledger()
    connection, _, _ = await dial(url, heard.hear)
    await connection.open("bench-hub", packets.Will("bench/hub", b"", qos=0, retain=False), None, None)
    await connection.subscribe([(f"spBv1.0/{GROUP}/#", 0)])

    async def answer() -> None:
        while True:
            await asyncio.sleep(1)
            if (raw := heard.answer()) is not None:
                connection.send_raw(raw)

    answering = asyncio.create_task(answer())
    try:
        yield heard
    finally:
        answering.cancel()
        connection.close()


async def _measure(url: str, agent: psutil.Process, options: argparse.Namespace) -> dict[str, float | int]:
    async with _acknowledging(url) as heard:
        deadline_s = time.monotonic() + 30
        while heard.births < 1 + options.devices:
            if time.monotonic() > deadline_s:
                raise SystemExit(f"the agent gave {heard.births} births in 30 s; see its log")
            await asyncio.sleep(0.1)
        await asyncio.sleep(options.warm_up)
        payloads, values = heard.payloads, heard.values
        began_s, spent_s = time.monotonic(), cpu_s({"agent": agent})["agent"]
        largest = 0
        while time.monotonic() < began_s + options.seconds:
            await asyncio.sleep(0.5)
            largest = max(largest, agent.memory_info().rss)
        taken_s = time.monotonic() - began_s
        spent_s = cpu_s({"agent": agent})["agent"] - spent_s
        changes = (heard.payloads - payloads) / taken_s
        return {
            "devices": options.devices,
            "changes_per_s": round(changes, 1),
            "values_per_s": round((heard.values - values) / taken_s, 1),
            "memory_mb": round(largest / 1e6, 1),
            "cpu_percent": round(100 * spent_s / taken_s, 2),
            "cpu_us_per_change": round(1e6 * spent_s / taken_s / max(changes, 0.001)),
            "seconds": round(taken_s, 1),
        }


@contextlib.contextmanager
def _agent_file(folder: Path, url: str, options: argparse.Namespace) -> Iterator[Path]:
    """The agent's configuration, and the devices that it needs as long as the block lasts."""
    file = folder / "agent.toml"
    if options.simulated:
        file.write_text(config(url, options.devices, options.interval), encoding="utf-8")
        yield file
        return
    room = ["simulate", "room", "--kinds", ",".join(KINDS), "--devices", str(options.devices // len(KINDS))]
    room += ["--write-config", str(file), "--group", GROUP, "--node", NODE, "--mqtt-url", url]
    with part(folder, "room", *room, "--poll-s", f"{options.interval:g}") as process:
        deadline_s = time.monotonic() + 60
        while not file.exists():
            if time.monotonic() > deadline_s or not process.is_running():
                raise SystemExit("the room did not open:\n" + (folder / "room.log").read_text())
            time.sleep(0.1)
        yield file


def run(options: argparse.Namespace) -> dict[str, float | int | bool]:
    """Measure; return the figures by name."""
    with (
        tempfile.TemporaryDirectory(prefix="hub-bench-") as name,
        mosquitto(Path(name)) as (url, _),
        _agent_file(Path(name), url, options) as file,
        part(Path(name), "agent", "agent", "--config", str(file)) as agent,
    ):
        figures = uvloop.run(_measure(url, agent, options))
    memory_mb, cpu_percent = LIMITS["simulated" if options.simulated else "sockets"]
    within = figures["memory_mb"] < memory_mb and figures["cpu_percent"] < cpu_percent
    return {**figures, "within_limits": within}


def command(argv: list[str]) -> int:
    """`hub bench agent [--json]`: measure and print; 1 if it costs more than it may."""
    parser = argparse.ArgumentParser(prog="hub bench agent", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--devices", type=int, default=60)
    parser.add_argument("--simulated", action="store_true", help="devices in the agent, not on sockets")
    parser.add_argument("--interval", type=float, default=1.0, help="seconds between two polls of a device")
    parser.add_argument("--warm-up", type=float, default=5.0, help="seconds before measuring")
    parser.add_argument("--seconds", type=float, default=30.0, help="seconds of measuring")
    options = parser.parse_args(argv)
    figures = run(options)
    show(figures, as_json=options.json)
    return 0 if figures["within_limits"] else 1
