"""The whole province on one machine: memory, a cold start, and all agents back at once.

Mosquitto, the hub's roles and simulated schools run as processes of their own. Every figure is read from
outside: memory from the kernel, completeness from the wall's own stream, backlog from the nodes' outboxes.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import psutil

from hub.benchmarks.ingest import mosquitto
from hub.benchmarks.processes import memory_mb, part, show, trial_hub, until
from hub.broker import unused_port
from hub.demo_records import prepare

MEMORY_TARGET_MB = 400
COLD_START_TARGET_S = 10
DRAIN_TARGET_S = 60
REBIRTHS_OVER_NODES = 1.05
_ROLES = ("ingest", "control", "web")


class Province:
    """A hub with its broker and schools; parts can be ended and started again."""

    def __init__(self, options: argparse.Namespace, folder: Path) -> None:
        self.options, self.folder = options, folder
        self.mqtt_port = unused_port()
        self.mqtt_url = f"mqtt://127.0.0.1:{self.mqtt_port}"
        self.hub: dict[str, psutil.Process] = {}
        self.trial = trial_hub(folder, self.mqtt_url)

    async def prepare(self) -> None:
        """Fill the records with all schools."""
        await prepare(self.trial.settings, self.options.schools, self.options.seed)

    def start_hub(self, stack: contextlib.ExitStack) -> None:
        """Start every role in a process of its own."""
        self.hub = {
            role: stack.enter_context(
                part(self.folder, role, "serve", "--role", role, **self.trial.environment)
            )
            for role in _ROLES
        }

    def start_schools(self, stack: contextlib.ExitStack, devices: int) -> psutil.Process:
        """Start the schools, each with so many devices."""
        options = self.options
        arguments = ["simulate", "--schools", str(options.schools), "--mqtt-url", self.mqtt_url]
        arguments += ["--devices-per-school", str(devices), "--seed", str(options.seed)]
        arguments += ["--data-dir", str(self.folder / "schools"), "--connect-per-s", "100"]
        arguments += ["--changes-per-s", str(options.changes_per_s), "--alarm-every", "2000"]
        return stack.enter_context(part(self.folder, "schools", *arguments))


async def wall_picture(client: httpx.AsyncClient) -> dict[str, Any]:
    """Read the first picture of the wall's stream."""
    async with client.stream("GET", "/api/v1/wall/main/stream") as answer:
        answer.raise_for_status()
        event = ""
        async for line in answer.aiter_lines():
            if line.startswith("event:"):
                event = line[6:].strip()
            elif line.startswith("data:") and event == "snapshot":
                picture: dict[str, Any] = json.loads(line[5:])
                return picture
    return {}


async def nodes(client: httpx.AsyncClient) -> AsyncIterator[dict[str, Any]]:
    """Yield every node of the API, page after page."""
    cursor: str | None = None
    while True:
        query = {"limit": "500"} | ({"cursor": cursor} if cursor else {})
        page = (await client.get("/api/v1/nodes", params=query)).json()
        for item in page["items"]:
            yield item
        cursor = page["next_cursor"]
        if cursor is None:
            return


async def complete_wall_s(client: httpx.AsyncClient, schools: int, devices: int, started_s: float) -> float:
    """Give the seconds from `started_s` until the wall knows every school and every device."""
    known: tuple[int, int] = (0, 0)
    while time.monotonic() - started_s < 120:
        with contextlib.suppress(httpx.HTTPError):
            picture = await wall_picture(client)
            states = [school["state"] for school in picture.get("schools", [])]
            known = (
                sum(state != "unknown" for state in states),
                picture["figures"]["devices_total"] if picture else 0,
            )
            if known[0] >= schools and known[1] >= devices:
                return time.monotonic() - started_s
        await asyncio.sleep(0.1)
    raise SystemExit(f"the wall knew {known[0]} schools and {known[1]} devices after 120 s")


async def _outboxes(client: httpx.AsyncClient) -> dict[str, tuple[int, int, bool]]:
    """Give every node's newest position heard, the one stored through, and whether it is there."""
    return {
        node["node"]: (
            (node.get("outbox") or {}).get("position", 0),
            (node.get("outbox") or {}).get("stored", 0),
            node["presence"]["state"] == "born",
        )
        async for node in nodes(client)
    }


async def drained_s(
    client: httpx.AsyncClient, before: dict[str, tuple[int, int, bool]], produced: int, rate_per_s: float
) -> float:
    """Give the seconds until every node is back and what was produced meanwhile is stored.

    `produced` payloads came into being while the hub heard none; no more may wait than two seconds bring.
    """
    started_s = time.monotonic()
    away, waiting, gained = 0, 0, 0
    while time.monotonic() - started_s < 300:
        with contextlib.suppress(httpx.HTTPError, KeyError):
            now = await _outboxes(client)
            away = sum(not there for _, _, there in now.values()) + len(before.keys() - now.keys())
            waiting = sum(max(0, position - stored) for position, stored, _ in now.values())
            gained = sum(stored for _, stored, _ in now.values()) - sum(row[1] for row in before.values())
            if not away and waiting <= 2 * rate_per_s and gained >= 0.97 * produced:
                return time.monotonic() - started_s
        await asyncio.sleep(0.5)
    raise SystemExit(f"after 300 s {away} nodes were away, {waiting} waited, {gained} of {produced} stored")


def _rebirths(status: dict[str, Any]) -> int:
    return sum(shard["rebirths_requested"] for shard in status["ingest"].values())


async def measure(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Run everything; give the figures by name."""
    province = Province(options, folder)
    await province.prepare()
    figures: dict[str, Any] = {"schools": options.schools, "payloads_per_s": options.changes_per_s}
    async with province.trial.client() as client:
        with contextlib.ExitStack() as stack:
            figures |= await _measured(province, client, stack)
    return figures


async def _measured(
    province: Province, client: httpx.AsyncClient, stack: contextlib.ExitStack
) -> dict[str, Any]:
    options, folder = province.options, province.folder
    figures: dict[str, Any] = {}
    broker = stack.enter_context(contextlib.ExitStack())
    broker.enter_context(mosquitto(folder, province.mqtt_port))
    hub = stack.enter_context(contextlib.ExitStack())
    province.start_hub(hub)
    await until(client, "the hub", "/readyz")
    grown: list[tuple[int, float]] = []
    for devices in (options.devices // 2, options.devices):
        schools = stack.enter_context(contextlib.ExitStack())
        simulated = province.start_schools(schools, devices)
        status = await _settled(client, options)
        used = memory_mb(province.hub)
        grown.append((status["devices"], sum(used.values())))
        if devices != options.devices:
            schools.close()
    figures |= {
        "devices": status["devices"],
        "hub_memory_mb": round(grown[-1][1]),
        "hub_memory_by_role_mb": used,
        "memory_per_1000_devices_mb": round(
            (grown[1][1] - grown[0][1]) / max(1, grown[1][0] - grown[0][0]) * 1000, 2
        ),
        "schools_memory_mb": round(simulated.memory_info().rss / 1e6),
    }

    hub.close()
    started_s = time.monotonic()
    province.start_hub(hub)
    took_s = await complete_wall_s(client, options.schools, status["devices"], started_s)
    figures["cold_start_s"] = round(took_s, 1)

    await until(client, "the province", "/api/v1/status", nodes_online=options.schools)
    before = _rebirths((await client.get("/api/v1/status")).json())
    outboxes = await _outboxes(client)
    broker.close()
    await asyncio.sleep(options.outage_s)
    broker.enter_context(mosquitto(folder, province.mqtt_port))
    produced = round(options.outage_s * options.changes_per_s)
    took_s = await drained_s(client, outboxes, produced, options.changes_per_s)
    figures |= {"backlog_payloads": produced, "drained_s": round(took_s, 1)}
    after = (await client.get("/api/v1/status")).json()
    figures |= {
        "outage_s": options.outage_s,
        "rebirths_requested": _rebirths(after) - before,
        "rebirths_allowed": round(options.schools * REBIRTHS_OVER_NODES),
        "hub_memory_after_mb": round(sum(memory_mb(province.hub).values())),
    }
    return figures


async def _settled(client: httpx.AsyncClient, options: argparse.Namespace) -> dict[str, Any]:
    """Wait until every node is there and the number of devices rests; give the status."""
    await until(client, "the province", "/api/v1/status", nodes_online=options.schools)
    devices = -1
    while True:
        await asyncio.sleep(options.settle_s)
        status: dict[str, Any] = (await client.get("/api/v1/status")).json()
        if status["devices"] == devices:
            return status
        devices = status["devices"]


def missed(figures: dict[str, Any]) -> list[str]:
    """Name the figures that missed their targets."""
    targets = {
        "hub_memory_mb": MEMORY_TARGET_MB,
        "cold_start_s": COLD_START_TARGET_S,
        "drained_s": DRAIN_TARGET_S,
        "rebirths_requested": figures["rebirths_allowed"],
    }
    return [name for name, most in targets.items() if figures[name] > most]


def command(argv: list[str]) -> int:
    """`hub bench province [--json]`: measure and print; exit code 1 when a target is missed."""
    parser = argparse.ArgumentParser(prog="hub bench province", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--schools", type=int, default=445)
    parser.add_argument("--devices", type=int, default=20, help="devices of every school")
    parser.add_argument("--changes-per-s", type=float, default=500, help="payloads a second of all schools")
    parser.add_argument("--outage-s", type=float, default=60, help="how long the broker is away")
    parser.add_argument("--settle-s", type=float, default=20)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="hub-bench-") as name:
        figures = asyncio.run(measure(options, Path(name)))
    figures["missed"] = missed(figures)
    show(figures, as_json=options.json)
    return 1 if figures["missed"] else 0
