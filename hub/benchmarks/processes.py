"""Parts of the product as processes of their own, what they cost, and how the figures are printed."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

from hub.broker import unused_port
from hub.settings import Settings, load_settings

READY_WITHIN_S = 180.0
_TOKEN = "benchmark"  # noqa: S105  # of a hub that lives for minutes on loopback


@dataclass(frozen=True, slots=True)
class TrialHub:
    """A hub with data and a port of its own: its settings, and the environment that gives roles the same."""

    settings: Settings
    environment: Mapping[str, str]

    @property
    def address(self) -> str:
        """Where its pages and API are."""
        return f"http://127.0.0.1:{self.settings.http_port}"

    def client(self, timeout_s: float = 20) -> httpx.AsyncClient:
        """Open a client with the right to see everything."""
        bearer = {"Authorization": f"Bearer {_TOKEN}"}
        # the hub closes what is idle for 5 s: a request at that very moment would fail
        limits = httpx.Limits(keepalive_expiry=2)
        return httpx.AsyncClient(
            base_url=self.address, headers=bearer, timeout=timeout_s, limits=limits, trust_env=False
        )


def trial_hub(folder: Path, mqtt_url: str) -> TrialHub:
    """Make room for a hub below `folder`; nothing of it runs yet."""
    data_dir, http_port = folder / "data", unused_port()
    data_dir.mkdir()
    environment = {
        "HUB_CONFIG": "",
        "HUB_HTTP_PORT": str(http_port),
        "HUB_MQTT_URL": mqtt_url,
        "HUB_DATA_DIR": str(data_dir),
        "HUB_DEMO": "true",
        "HUB_DEMO_TOKEN": _TOKEN,
        "HUB_LOG_LEVEL": "warning",
    }
    settings = load_settings(data_dir=data_dir, mqtt_url=mqtt_url, http_port=http_port)
    return TrialHub(settings, environment)


@contextlib.contextmanager
def part(folder: Path, name: str, *arguments: str, **environment: str) -> Iterator[psutil.Process]:
    """Run `hub <arguments>`; its output goes to a file."""
    with (folder / f"{name}.log").open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "hub.cli", *arguments],
            env={**os.environ, **environment},
            stdout=output,
            stderr=output,
        )
        with ended(process):
            yield psutil.Process(process.pid)


@contextlib.contextmanager
def ended(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """End a process with the block, by force if it does not follow within 30 s."""
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


async def until(
    client: httpx.AsyncClient, what: str, path: str, within_s: float = READY_WITHIN_S, **least: float
) -> dict[str, Any]:
    """Ask until every named figure has reached its least value; give the last answer."""
    deadline_s = time.monotonic() + within_s
    said: dict[str, Any] = {}
    while time.monotonic() < deadline_s:
        with contextlib.suppress(httpx.TransportError):
            answer = await client.get(path)
            if answer.is_success:
                said = answer.json() if least else {}
                if all((said.get(name) or 0) >= value for name, value in least.items()):
                    return said
        await asyncio.sleep(0.2)
    raise SystemExit(f"{what} was not ready within {within_s:g} s; last: {said}")


def percentile(figures: list[float], share: float) -> float:
    """Give the figure that `share` of all do not exceed."""
    ordered = sorted(figures)
    return ordered[min(len(ordered) - 1, round(share * (len(ordered) - 1)))]


def cpu_s(processes: Mapping[str, psutil.Process]) -> dict[str, float]:
    """Give the seconds of CPU that each has used so far."""
    spent = {}
    for name, process in processes.items():
        times = process.cpu_times()
        spent[name] = float(times.user + times.system)
    return spent


def memory_mb(processes: Mapping[str, psutil.Process]) -> dict[str, float]:
    """Give the memory of each: pages of its own, and its share of those it has in common (PSS)."""
    return {name: round(process.memory_full_info().pss / 1e6, 1) for name, process in processes.items()}


def show(figures: Mapping[str, object], *, as_json: bool) -> None:
    """Print the figures: one JSON object, or a line each."""
    if as_json:
        sys.stdout.write(json.dumps(figures) + "\n")
        return
    for name, value in figures.items():
        shown = f"{value:>14,}" if isinstance(value, int | float) else str(value)
        sys.stdout.write(f"{name:28} {shown}\n")
