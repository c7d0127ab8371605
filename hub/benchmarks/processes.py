"""Parts of the product as processes of their own, and what they cost."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import psutil

READY_WITHIN_S = 180.0


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
        try:
            yield psutil.Process(process.pid)
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
