"""How soon a command is observed, how long a group to thousands takes, and whether telemetry waits for it.

`hub bench commands --json` runs ingest, control and web as processes of their own beside a Mosquitto of its
own, with nodes in this process that answer commands by id as agents do, and at once. A command counts from
the POST until the live mirror shows the wanted value; a group from the POST until every command of it has
succeeded. Telemetry is timed quiet and under the group: from the sending of a changed value until the mirror
shows it. Run it on a machine that does nothing else.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import json
import random
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import orjson
import uvloop

from devices.kind import kinds
from devices.wire.commands import COMMAND_EXPIRES, COMMAND_ID, COMMAND_RESULT
from devices.wire.datatypes import DataType
from devices.wire.decoding import decode_payload
from devices.wire.encoding import encode_payload
from devices.wire.structures import MetricValue, Payload
from hub.benchmarks.ingest import mosquitto
from hub.benchmarks.processes import TrialHub, part, percentile, show, trial_hub, until
from hub.clock import now_ms
from hub.ingest import packets
from hub.ingest.connection import IngestConnection, dial

KIND, COMMAND, METRIC = "interactive_display", "brightness", "Brightness"
PROBED = "wall_cell"  # has the same metric and is not commanded
DEVICES_A_NODE = 50
PROBES, PROBE_EVERY_S = 40, 0.05
COMMAND_P95_LIMIT_MS, GROUP_LIMIT_S, TELEMETRY_RATIO_LIMIT = 1000.0, 60.0, 1.1


class Schools:
    """Nodes with devices that obey; what the mirror shows of them is heard here too."""

    def __init__(self, codes: list[str], devices: int) -> None:
        self.places = [
            (codes[number // DEVICES_A_NODE % len(codes)], number // DEVICES_A_NODE, f"d{number:05}")
            for number in range(devices)
        ]
        self.probe_place = (codes[0], "probe")
        self.shown: dict[str, Any] = {}
        self.waited: dict[tuple[str, Any], asyncio.Future[float]] = {}
        self._seq: dict[str, int] = {}
        self._known: dict[str, tuple[str, str]] = {}
        self._line: IngestConnection

    @contextlib.asynccontextmanager
    async def there(self, url: str) -> AsyncIterator[None]:
        """Connect and be born; gone with the block."""
        self._line, _, _ = await dial(url, self._hear)
        await self._line.open(
            "bench-schools", packets.Will("bench/end", b"", qos=0, retain=False), None, None
        )
        await self._line.subscribe([("spBv1.0/+/DCMD/#", 0), ("spBv1.0/+/NCMD/#", 0), ("hub/live/#", 0)])
        self._members: dict[str, list[str]] = {}
        for school, number, device in self.places:
            self._members.setdefault(f"{school}/{school}-b{number}", []).append(device)
        self._members[f"{self.probe_place[0]}/{self.probe_place[1]}"] = [f"p{n}" for n in range(PROBES)]
        for node in self._members:
            self._birth(node)
        try:
            yield
        finally:
            self._line.close()

    def report(self, node: str, device: str, value: int) -> None:
        """A value of a device changes."""
        self._send("DDATA", node, device, [_m(METRIC, DataType.Int32, value)])

    async def until_shown(self, device: str, value: int) -> float:
        """Wait until the mirror shows a value; give the moment."""
        if self.shown.get(device) == value:
            return time.monotonic()
        waiting = self.waited[device, value] = asyncio.get_running_loop().create_future()
        return await asyncio.wait_for(waiting, 30)

    def _birth(self, node: str) -> None:
        outbox = ("Outbox/Epoch", 1), ("Outbox/Position", 0), ("Outbox/First", 1)
        metrics = [
            _m("bdSeq", DataType.Int64, 0),
            *(_m(name, DataType.Int64, value) for name, value in outbox),
        ]
        metrics.append(_m("Node Control/Rebirth", DataType.Boolean, False))
        self._seq[node] = 0
        self._send("NBIRTH", node, "", metrics)
        kind = PROBED if node == "/".join(self.probe_place) else KIND
        for device in self._members[node]:
            about = ("Kind", kind), ("Room", "P101"), ("Name", device)
            born = kinds()[kind].declare({}, now_ms()) + [
                _m(f"Properties/{name}", DataType.String, v) for name, v in about
            ]
            self._send("DBIRTH", node, device, [*born, _m(COMMAND_RESULT, DataType.String, None)])

    def _send(self, kind: str, node: str, device: str, metrics: list[MetricValue]) -> None:
        ts_ms, seq = now_ms(), self._seq[node]
        for metric in metrics:
            metric.ts_ms = ts_ms
        self._seq[node] = (seq + 1) % 256
        group, _, name = node.partition("/")
        topic = f"spBv1.0/{group}/{kind}/{name}" + (f"/{device}" if device else "")
        self._line.publish(topic, encode_payload(Payload(ts_ms=ts_ms, seq=seq, metrics=metrics)))

    def _hear(self, messages: list[tuple[bytes, bytes]]) -> None:
        at_s = time.monotonic()
        for raw_topic, payload in messages:
            parts = raw_topic.decode().split("/")
            if parts[0] == "hub":
                self._show(payload, at_s)
            elif parts[2] == "DCMD":
                self._obey(f"{parts[1]}/{parts[3]}", parts[4], decode_payload(payload))
            elif decode_payload(payload).metric("Node Control/Rebirth") is not None:
                self._birth(f"{parts[1]}/{parts[3]}")

    def _show(self, payload: bytes, at_s: float) -> None:
        document = orjson.loads(payload) if payload else {}
        if not document.get("device"):
            return
        device, value = document["device"], (document["metrics"].get(METRIC) or {}).get("value")
        self.shown[device] = value
        waiting = self.waited.pop((device, value), None)
        if waiting is not None and not waiting.done():
            waiting.set_result(at_s)

    def _obey(self, node: str, device: str, payload: Payload) -> None:
        about = {metric.name: metric.value for metric in payload.metrics}
        name = str(about.pop(COMMAND_ID, ""))
        about.pop(COMMAND_EXPIRES, None)
        is_new = name not in self._known
        self._known[name] = (device, "done")
        for state in ("taken", "done") if is_new else ("done",):
            said = json.dumps({"id": name, "state": state, "detail": "", "at_ms": now_ms()})
            self._send("DDATA", node, device, [_m(COMMAND_RESULT, DataType.String, said)])
        if is_new:
            self.report(node, device, int(about[METRIC]))


def _m(name: str, datatype: DataType, value: Any) -> MetricValue:
    return MetricValue(name=name, datatype=datatype, value=value)


async def _single(client: httpx.AsyncClient, schools: Schools, count: int) -> list[float]:
    """Milliseconds from POST to the observed change, one command after the other."""
    taken_ms = []
    for number in range(count):
        school, node, device = schools.places[number % len(schools.places)]
        value = number % 90 + 1
        began_s = time.monotonic()
        path = f"/api/v1/devices/{school}/{school}-b{node}/{device}/commands"
        answer = await client.post(path, json={"command": COMMAND, "value": value})
        answer.raise_for_status()
        taken_ms.append(1000 * (await schools.until_shown(device, value) - began_s))
    return taken_ms


async def _telemetry(schools: Schools, taken_ms: list[float]) -> None:
    """Sends values for ever and times them into the mirror."""
    node = "/".join(schools.probe_place)

    async def time_one(device: str, value: int) -> None:
        began_s = time.monotonic()
        schools.report(node, device, value)
        with contextlib.suppress(TimeoutError):
            taken_ms.append(1000 * (await schools.until_shown(device, value) - began_s))

    async with asyncio.TaskGroup() as tasks:
        for number in itertools.count():
            tasks.create_task(time_one(f"p{number % PROBES}", number // PROBES % 99 + 1))
            # never in step with a clock of the hub: in step, every probe would meet the same wait
            await asyncio.sleep(random.uniform(0, 2 * PROBE_EVERY_S))


async def _timed(schools: Schools, during: asyncio.Task[Any]) -> list[float]:
    taken_ms: list[float] = []
    probing = asyncio.create_task(_telemetry(schools, taken_ms))
    try:
        await during
    finally:
        probing.cancel()
        await asyncio.wait({probing})
    return taken_ms


async def _group(client: httpx.AsyncClient, rate_per_s: int) -> dict[str, Any]:
    wanted = {"scope": {}, "kind": KIND, "command": COMMAND, "value": 95, "rate_per_s": rate_per_s}
    began_s = time.monotonic()
    batch = (await client.post("/api/v1/commands/groups", json=wanted)).raise_for_status().json()
    accepted_s = time.monotonic() - began_s
    while batch["state"] == "running":
        await asyncio.sleep(0.25)
        batch = (await client.get(f"/api/v1/commands/groups/{batch['id']}")).raise_for_status().json()
    return {**batch, "taken_s": time.monotonic() - began_s, "accepted_s": accepted_s}


async def _measure(hub: TrialHub, url: str, options: argparse.Namespace) -> dict[str, Any]:
    async with hub.client(timeout_s=120) as client:
        await until(client, "the hub", "/readyz")
        listed = (await client.get("/api/v1/organisation/schools?limit=1000")).json()["items"]
        codes = [each["code"] for each in listed if each["kind"] == "school"]
        schools = Schools(codes, options.devices)
        async with schools.there(url):
            await until(client, "all devices", "/api/v1/status", devices_online=options.devices + PROBES)
            await asyncio.sleep(3)
            single_ms = await _single(client, schools, options.commands)
            await asyncio.sleep(2)
            quiet_ms = await _timed(schools, asyncio.create_task(asyncio.sleep(options.quiet)))
            group = asyncio.create_task(_group(client, options.rate))
            busy_ms = await _timed(schools, group)
            batch = group.result()
    quiet, busy = percentile(quiet_ms, 0.95), percentile(busy_ms, 0.95)
    return {
        "command_p50_ms": round(percentile(single_ms, 0.5)),
        "command_p95_ms": round(percentile(single_ms, 0.95)),
        "group_devices": batch["total"],
        "group_succeeded": batch["succeeded"],
        "group_accepted_s": round(batch["accepted_s"], 2),
        "group_s": round(batch["taken_s"], 1),
        "telemetry_p50_ms": round(percentile(quiet_ms, 0.5)),
        "telemetry_p95_ms": round(quiet),
        "telemetry_p50_under_group_ms": round(percentile(busy_ms, 0.5)),
        "telemetry_p95_under_group_ms": round(busy),
        "telemetry_p95_ratio": round(busy / quiet, 2),
    }


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Measure; return the figures by name."""
    with tempfile.TemporaryDirectory(prefix="hub-bench-") as name, mosquitto(Path(name)) as (url, _):
        folder = Path(name)
        hub = trial_hub(folder, url)
        with contextlib.ExitStack() as parts:
            for role in ("ingest", "control", "web"):
                parts.enter_context(part(folder, role, "serve", "--role", role, **hub.environment))
            figures = uvloop.run(_measure(hub, url, options))
    within = (
        figures["command_p95_ms"] < COMMAND_P95_LIMIT_MS
        and figures["group_s"] < GROUP_LIMIT_S
        and figures["telemetry_p95_ratio"] < TELEMETRY_RATIO_LIMIT
        and figures["group_succeeded"] == figures["group_devices"]
    )
    return {**figures, "within_limits": within}


def command(argv: list[str]) -> int:
    """`hub bench commands [--json]`: measure and print; 1 if it takes longer than it may."""
    parser = argparse.ArgumentParser(prog="hub bench commands", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--devices", type=int, default=5000)
    parser.add_argument("--commands", type=int, default=100, help="single commands, one after the other")
    parser.add_argument("--rate", type=int, default=200, help="commands of the group a second")
    parser.add_argument("--quiet", type=float, default=20, help="seconds of telemetry without commands")
    options = parser.parse_args(argv)
    figures = run(options)
    show(figures, as_json=options.json)
    return 0 if figures["within_limits"] else 1
